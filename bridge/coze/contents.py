"""Read what a message of the agent says to a person, by its content type. Pure.

Only text is text: an `object_string` is JSON with texts, pictures and files in it, a card is JSON,
`audio` is base64. None of that is for a person to read, and neither are its deltas.
"""

import re
from dataclasses import dataclass

from bridge.coze.cards import is_for_machines, read_card
from bridge.coze.events import RunMessage, read_json, text_of

TEXT = "text"
_LOOKS_LIKE_JSON = re.compile(r"\A\s*[\[{]|\{\s*\"\w+\"\s*:")
_FENCED = re.compile(r"\A```(?:json)?\s*\n(.*)\n```\Z", re.DOTALL)


_LABEL = str.maketrans({"[": "(", "]": ")", "\\": "/"})
"""A label in brackets holds none of its own."""


@dataclass(frozen=True)
class Said:
    """What a message says."""

    text: str = ""
    """Markdown."""
    options: tuple[str, ...] = ()
    """What the person may choose from."""
    fields: tuple[str, ...] = ()
    """The names of what the person may fill in, one line `name: value` each."""
    unshown: str | None = None
    """What of it cannot be shown: `card`, `audio` or `other`."""

    def __repr__(self) -> str:
        return f"Said({len(self.text)} characters, unshown={self.unshown})"


_LETTERED = re.compile(r"^([A-Z])[.、)）:：]\s*(\S.*)$")
MOST_OPTIONS = 12


def lettered(text: str) -> tuple[str, ...]:
    """Return the options at the end of a question: lines that begin with A, B, C and so on.

    Without cards, that is how the cloud writes the options of a question node.
    """
    found = list[tuple[str, str]]()
    for line in reversed(text.rstrip().splitlines()):
        option = _LETTERED.match(line.strip())
        if option is None:
            break
        found.insert(0, (option[1], option[2].strip()))
    expected = [chr(ord("A") + number) for number in range(len(found))]
    if not 2 <= len(found) <= MOST_OPTIONS or [letter for letter, _ in found] != expected:
        return ()
    return tuple(option for _, option in found)


def read_content(message: RunMessage) -> Said:
    """Return what a whole message says."""
    match message.content_type:
        case "text":
            return Said(message.text)
        case "object_string":
            return _objects(message.text)
        case "card" | "option" | "form_schema":
            return _card(message)
        case "audio":
            return Said(unshown="audio")
        case _:
            return Said(unshown="other")


def _card(message: RunMessage) -> Said:
    content = message.text
    if message.content_type != "card":  # the kind stands outside of the card
        content = f'{{"content_type":"{message.content_type}","content":{content or "null"}}}'
        if read_json(content) is None:
            content = message.text
    card = read_card(content)
    return Said(unshown="card") if card is None else Said(card.text, card.options, card.fields)


def _objects(content: str) -> Said:
    """Texts as they are, pictures and files as links, which go out as in any answer."""
    content = _bare(content)
    items = read_json(content)
    if isinstance(items, dict):
        items = [items]
    if not isinstance(items, list):
        plain = content
        if _LOOKS_LIKE_JSON.search(content) or is_for_machines(content):
            plain = ""
        return Said(plain, unshown=None if plain or not content.strip() else "other")
    parts = list[str]()
    unshown: str | None = None
    for item in items:
        part = _part(item)
        parts += [part] if part else []
        unshown = unshown or (None if part else "other")
    return Said("\n\n".join(parts), unshown=unshown)


def _bare(content: str) -> str:
    """Return a content without what stands around its JSON."""
    bare = content.strip("\ufeff \t\r\n")
    fenced = _FENCED.match(bare)
    return fenced[1] if fenced else bare


def _part(item: object) -> str:
    """One item as Markdown; nothing where there is neither text nor an address."""
    if not isinstance(item, dict):
        return item if isinstance(item, str) and not is_for_machines(item) else ""
    if text_of(item, "type") == "text":
        return text_of(item, "text")
    address = text_of(item, "file_url") or text_of(item, "url")
    if not re.fullmatch(r"https?://[^\s<>]+", address):
        return ""
    name = " ".join(text_of(item, "name").split()) or text_of(item, "type") or "file"
    label = name.translate(_LABEL)
    target = address.replace("\\", "%5C")
    return f"{'!' if text_of(item, 'type') == 'image' else ''}[{label}](<{target}>)"
