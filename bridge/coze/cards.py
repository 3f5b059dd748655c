"""Cards that an agent answers with: what of them can be said in words. Pure.

A chatflow's question or input node comes as a card whose JSON holds another JSON in a string
(`x_properties.workflow_card_info`); the agent's own cards hold a template and its values.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from bridge.coze.events import Json, object_of, objects_of, read_object, text_of

_DEEPEST = 6
MOST_OPTIONS = 8
_TITLES = ("title", "question", "text", "content", "description", "name")


@dataclass(frozen=True)
class Card:
    """The words of a card."""

    text: str
    options: tuple[str, ...] = ()
    """What the person may choose from."""


def read_card(content: str) -> Card | None:
    """The words of a card's JSON; None when it has none that a person could read."""
    card = read_object(content)
    if card is None:
        return None
    flow = read_object(text_of(object_of(card, "x_properties"), "workflow_card_info"))
    if flow is not None:
        inner = object_of(flow, "question_card_data") or object_of(flow, "input_card_data")
        return _card(inner)
    return _card(object_of(card, "data") or read_object(text_of(card, "data")) or {})


def _card(inner: Json) -> Card | None:
    lines = list(dict.fromkeys(_words(inner, _DEEPEST)))
    options = _options(inner)
    text = "\n\n".join(line for line in lines if line not in set(options))
    return Card(text, options[:MOST_OPTIONS]) if text else None


def _options(inner: Json) -> tuple[str, ...]:
    return tuple(
        found
        for item in objects_of(inner, "options")
        if (found := text_of(item, "name") or text_of(item, "text") or text_of(item, "title"))
    )


def _words(part: Json, deep: int) -> Iterator[str]:
    for name in _TITLES:
        if words := text_of(part, name).strip():
            yield words
    if deep:
        for found in part.values():
            inner = found if isinstance(found, list) else [found]
            for item in inner:
                if isinstance(item, dict):
                    yield from _words(item, deep - 1)
