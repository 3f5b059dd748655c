"""Read what a card says: its words, what may be chosen, what may be filled in. Pure.

A chatflow's question or input node comes as a card whose JSON holds another JSON in a string
(`x_properties.workflow_card_info`, with keys in PascalCase); coze-studio's agents write those nodes
with `content_type` and `content` at the top; an agent's own cards hold a template and its values.
Keys are read in any case.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from bridge.coze.events import Json, object_of, read_json, text_of

_DEEPEST = 6
MOST_OPTIONS = 8
_TITLES = ("title", "question", "text", "content", "description", "name")


_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{80,}={0,2}")


def is_for_machines(text: str) -> bool:
    """Return whether a text is JSON or encoded bytes, which no person should have to read."""
    bare = text.strip("\ufeff \t\r\n")
    if bare.startswith(("{", "[", '"')) and isinstance(read_json(bare), (dict, list, str)):
        return True
    return bare.startswith("data:") or _BASE64.fullmatch(bare) is not None


@dataclass(frozen=True)
class Card:
    """What a card says."""

    text: str
    options: tuple[str, ...] = ()
    """What the person may choose from."""
    fields: tuple[str, ...] = ()
    """The names of what the person may fill in."""


def read_card(content: str) -> Card | None:
    """Return what a card's JSON says; None when nothing in it is for a person to read."""
    read = _folded(read_json(content), _DEEPEST)
    if isinstance(read, list):
        return _form(read)
    if not isinstance(read, dict):
        return None
    card = cast(Json, read)
    flow = _folded(_inner(object_of(card, "x_properties"), "workflow_card_info"), _DEEPEST)
    if isinstance(flow, dict):
        return _flow_card(cast(Json, flow))
    kind = text_of(card, "content_type")
    if kind in ("option", "form_schema"):
        inner = _folded(_inner(card, "content"), _DEEPEST)
        return _form(inner) if isinstance(inner, list) else _card(_as_object(inner))
    return _card(_as_object(_folded(_inner(card, "data"), _DEEPEST)))


def _flow_card(flow: Json) -> Card | None:
    asked = _inner(flow, "input_card_data")
    if isinstance(asked, list):
        return _form(asked)
    return _card(object_of(flow, "question_card_data") or _as_object(asked))


def _inner(content: Json, key: str) -> object:
    """Return a member that is JSON, or JSON in a string."""
    found = content.get(key)
    return read_json(found) if isinstance(found, str) else found


def _as_object(found: object) -> Json:
    return cast(Json, found) if isinstance(found, dict) else {}


def _folded(found: object, deep: int) -> object:
    """Return the same with keys in small letters; what lies too deep is left out."""
    if isinstance(found, Mapping):
        return {
            str(key).casefold(): _folded(value, deep - 1) for key, value in found.items() if deep
        }
    if isinstance(found, list):
        return [_folded(item, deep - 1) for item in found if deep]
    return found


def _card(inner: Json) -> Card | None:
    lines = list(dict.fromkeys(_words(inner, _DEEPEST)))
    options = _options(inner)
    offered = set(options)
    text = "\n\n".join(line for line in lines if line not in offered)
    return Card(text, options[:MOST_OPTIONS]) if text or options else None


def _options(inner: Json) -> tuple[str, ...]:
    offered = inner.get("options")
    found = []
    for item in offered if isinstance(offered, list) else ():
        words = item if isinstance(item, str) else ""
        if isinstance(item, dict):
            words = text_of(item, "name") or text_of(item, "text") or text_of(item, "title")
        found += [words] if words.strip() else []
    return tuple(found)


def _form(items: list[object]) -> Card | None:
    """Return an input node: the names of its fields, with what is said about each."""
    named = [
        (name, " ".join(text_of(item, "description").split()))
        for item in items
        if isinstance(item, dict) and (name := " ".join(text_of(item, "name").split()))
    ]
    lines = [f"- `{name.replace('`', '')}`{f': {said}' if said else ''}" for name, said in named]
    return Card("\n".join(lines), fields=tuple(name for name, _ in named)) if named else None


def _words(part: Json, deep: int) -> Iterator[str]:
    for name in _TITLES:
        words = text_of(part, name).strip()
        if words and not is_for_machines(words):
            yield words
    if deep:
        for found in part.values():
            inner = found if isinstance(found, list) else [found]
            for item in inner:
                if isinstance(item, dict):
                    yield from _words(item, deep - 1)
