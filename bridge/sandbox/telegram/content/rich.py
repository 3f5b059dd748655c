"""Rich messages: reading and checking them as strictly as the server is known to. Pure.

The server's own sources for them are not known, so of its refusals only those in the reference are
real: the ones about links, mail addresses and emptiness. The others are worded in its manner.
"""

from __future__ import annotations

from collections.abc import Mapping

from bridge.sandbox.telegram.content.detection import Found, found_in, is_email
from bridge.sandbox.telegram.content.links import WrongLink, checked_link
from bridge.sandbox.telegram.content.rich_markup import from_html, from_markdown
from bridge.sandbox.telegram.content.rich_types import (
    BLOCKS,
    CELL,
    FOUND,
    ITEM,
    ONLY_IN_DRAFTS,
    SHOWN_WORDS,
    SOLID,
    TEXTS,
    WITH_FILES,
    Kind,
    Member,
)
from bridge.sandbox.telegram.content.text import is_blank
from bridge.sandbox.telegram.methods.keyboards import read_action
from bridge.sandbox.telegram.refusals import Refused, bad_request
from bridge.sandbox.telegram.world import Json

MOST_CHARACTERS = 32_768
MOST_BLOCKS = 500
"""Items of lists and rows of tables count, too."""
MOST_COLUMNS = 20
DEEPEST = 16
_ONLY_BLOCKS = BLOCKS.keys() - TEXTS.keys()
_SOURCES = ("markdown", "html", "blocks")


def read_rich(sent: Json, *, draft: bool = False) -> Json:
    """Return a RichMessage out of an InputRichMessage. Raises Refused."""
    given = [name for name in _SOURCES if sent.get(name) is not None]
    if not given:
        raise bad_request("Rich message must be non-empty")
    if len(given) > 1:
        raise _wrong("InputRichMessage", f"only one of {', '.join(given)} may be used")
    if sent.get("media"):
        raise bad_request("The sandbox takes no media in rich messages")
    blocks = _source(given[0], sent[given[0]], draft=draft)
    if not blocks:
        raise bad_request("Rich message must be non-empty")
    reader = _Reader(draft=draft, detects=sent.get("skip_entity_detection") is not True)
    message: Json = {"blocks": reader.blocks(blocks, 1)}
    if reader.characters > MOST_CHARACTERS:
        raise bad_request("Message is too long")
    if not reader.visible:
        raise bad_request("RICH_MESSAGE_CONTENT_REQUIRED")
    return message | {"is_rtl": True} if sent.get("is_rtl") is True else message


def plain_text(rich: object) -> str:
    """Return the words of a rich message, block or text, each block on lines of its own."""
    match rich:
        case str():
            return rich
        case list():
            between = "\n" if any(_is_block(each) for each in rich) else ""
            return between.join(plain_text(each) for each in rich)
        case dict():
            rows = rich.get("cells")
            if isinstance(rows, list):
                return "\n".join("\t".join(plain_text(cell) for cell in row) for row in rows)
            names = ("summary", "text", *SHOWN_WORDS, "blocks", "items", "buttons", "button")
            return "\n".join(plain_text(rich[name]) for name in names if name in rich)
    return ""


def _is_block(part: object) -> bool:
    return isinstance(part, dict) and ("blocks" in part or part.get("type") in _ONLY_BLOCKS)


def _source(name: str, source: object, *, draft: bool) -> list[object]:
    if name == "blocks":
        if not isinstance(source, list):
            raise _wrong("InputRichMessage", "expected an Array of InputRichBlock")
        return source
    if not isinstance(source, str):
        raise _wrong("InputRichMessage", f'field "{name}" must be of type String')
    blocks = from_markdown(source) if name == "markdown" else from_html(source, draft=draft)
    return list(blocks)


class _Reader:
    """Reads one message and counts what is limited."""

    def __init__(self, *, draft: bool, detects: bool) -> None:
        self.characters = 0
        self.visible = False
        self._draft = draft
        self._detects = detects
        self._blocks = 0

    def blocks(self, sent: object, depth: int) -> list[Json]:
        """Read the blocks that were sent, at this depth of nesting. Raises Refused."""
        if not isinstance(sent, list):
            raise _wrong("InputRichBlock", "expected an Array of InputRichBlock")
        return [self._block(each, depth) for each in sent]

    def _block(self, sent: object, depth: int) -> Json:
        self._count(depth)
        kind = _type_of(sent, "InputRichBlock")
        if kind in WITH_FILES:
            raise bad_request(f"The sandbox takes no {kind} in rich messages")
        if kind not in BLOCKS:
            raise _wrong("InputRichBlock", "unsupported type specified")
        if kind in ONLY_IN_DRAFTS and not self._draft:
            raise bad_request("RICH_MESSAGE_THINKING_INVALID")
        self.visible = self.visible or kind == "divider"
        return {"type": kind} | self._members("InputRichBlock", sent, BLOCKS[kind], depth, kind)

    def _count(self, depth: int) -> None:
        self._blocks += 1
        if self._blocks > MOST_BLOCKS:
            raise bad_request("RICH_MESSAGE_BLOCKS_TOO_MUCH")
        if depth > DEEPEST:
            raise bad_request("RICH_MESSAGE_DEPTH_TOO_MUCH")

    def _members(
        self, title: str, sent: object, members: Mapping[str, Member], depth: int, within: str
    ) -> Json:
        """Return the known members of an object, checked; unknown ones are ignored."""
        if not isinstance(sent, dict):
            raise _wrong(title, "expected an Object")
        read: Json = {}
        for name, member in members.items():
            value = sent.get(name)
            if value is None:
                if member.required:
                    raise _wrong(title, f'can\'t find field "{name}"')
                continue
            found = self._value(member.kind, value, depth, within)
            if found is None or (member.among and found not in member.among):
                raise _wrong(title, f'field "{name}" has an invalid value')
            if name in SHOWN_WORDS:
                self._see(str(found))
            read[name] = found
        return read

    def _value(self, kind: Kind, sent: object, depth: int, within: str) -> object:
        """Return what was sent as a value of this kind; None when it is none."""
        match kind:
            case "text":
                return self._text(sent, depth + 1, found=self._detects and within not in NEVER)
            case "string":
                return sent if isinstance(sent, str) else None
            case "integer":
                return sent if isinstance(sent, int) and not isinstance(sent, bool) else None
            case "boolean":
                return sent if isinstance(sent, bool) else None
            case "blocks":
                return self.blocks(sent, depth + 1)
            case "items":
                return self._items(sent, depth)
            case "cells":
                return self._rows(sent, depth)
            case "buttons":
                return self._buttons(sent, depth)

    def _items(self, sent: object, depth: int) -> list[Json] | None:
        if not isinstance(sent, list):
            return None
        items: list[Json] = []
        for each in sent:
            self._count(depth)
            item = self._members("InputRichBlockListItem", each, ITEM, depth, "item")
            value = item.get("value")
            items.append({"label": "•" if value is None else f"{value}.", **item})
        return items

    def _rows(self, sent: object, depth: int) -> list[list[Json]] | None:
        if not isinstance(sent, list) or not all(isinstance(row, list) for row in sent):
            return None
        rows: list[list[Json]] = []
        for row in sent:
            self._count(depth)
            cells = [self._members("RichBlockTableCell", c, CELL, depth, "cell") for c in row]
            if sum(_columns(cell) for cell in cells) > MOST_COLUMNS:
                raise bad_request("RICH_MESSAGE_COLUMNS_TOO_MUCH")
            rows.append(cells)
        return rows

    def _buttons(self, sent: object, depth: int) -> list[Json] | None:
        return [self._button(each, depth) for each in sent] if isinstance(sent, list) else None

    def _button(self, sent: object, depth: int) -> Json:
        if not isinstance(sent, dict) or sent.get("text") is None:
            raise _wrong("RichMessageButton", 'can\'t find field "text"')
        text = self._text(sent["text"], depth + 1, found=False)
        return {"text": text} | read_action(sent, "rich message button")

    def _text(self, sent: object, depth: int, *, found: bool) -> object:
        """Return a RichText; with `found` the server also looks for links and the like in it."""
        if depth > DEEPEST + 1:
            raise bad_request("RICH_MESSAGE_DEPTH_TOO_MUCH")
        if isinstance(sent, str):
            self._see(sent)
            return _with_found(sent) if found else sent
        if isinstance(sent, list):
            deeper = [depth + isinstance(each, list) for each in sent]
            return [
                self._text(each, at, found=found) for each, at in zip(sent, deeper, strict=True)
            ]
        kind = _type_of(sent, "RichText")
        if kind == "button" and isinstance(sent, dict):
            return {"type": kind, "button": self._button(sent.get("button"), depth)}
        if kind == "text_mention" and isinstance(sent, dict):
            return self._mention(sent, depth)
        if kind not in TEXTS:
            raise _wrong("RichText", "unsupported type specified")
        within = kind if found and kind not in SOLID else NEVER[0]
        read = self._members("RichText", sent, TEXTS[kind], depth, within)
        return {"type": kind} | _checked(kind, read)

    def _mention(self, sent: Json, depth: int) -> Json:
        user = sent.get("user")
        if not isinstance(user, dict) or not isinstance(user.get("id"), int):
            raise _wrong("RichText", 'can\'t find field "user"')
        if sent.get("text") is None:
            raise _wrong("RichText", 'can\'t find field "text"')
        text = self._text(sent["text"], depth + 1, found=False)
        return {"type": "text_mention", "text": text, "user": user}

    def _see(self, words: str) -> None:
        self.characters += len(words)
        self.visible = self.visible or not is_blank(words)


NEVER = ("solid", "pre")
"""Where the server does not look for links by itself."""


def _columns(cell: Json) -> int:
    """Return how many columns a cell takes."""
    span = cell.get("colspan", 1)
    if not isinstance(span, int) or span < 1:
        raise _wrong("RichBlockTableCell", 'field "colspan" has an invalid value')
    return span


def _checked(kind: str, read: Json) -> Json:
    """Return a text whose address, if it has one, was accepted."""
    if kind == "email_address" and not is_email(str(read["email_address"])):
        raise bad_request("RICH_MESSAGE_EMAIL_INVALID")
    if kind != "url":
        return read
    link = str(read["url"])
    if link.strip().lower().startswith("mailto:"):
        raise bad_request("RICH_MESSAGE_EMAIL_INVALID")
    try:
        return read | {"url": checked_link(link)}
    except WrongLink:
        raise bad_request("RICH_MESSAGE_URL_INVALID") from None


def _with_found(words: str) -> object:
    """Return a plain text with what the server finds in it; what looks like mail is refused."""
    parts: list[object] = []
    end = 0
    for each in found_in(words):
        if each.type == "email":
            raise bad_request("RICH_MESSAGE_EMAIL_INVALID")
        parts += [words[end : each.start], _found(words, each)]
        end = each.end
    return [part for part in (*parts, words[end:]) if part] if parts else words


def _found(words: str, found: Found) -> Json:
    kind, name = FOUND[found.type]
    covered = words[found.start : found.end]
    return {
        "type": kind,
        "text": covered,
        name: covered.lstrip("@") if kind == "mention" else covered,
    }


def _type_of(sent: object, title: str) -> str:
    if not isinstance(sent, dict):
        raise _wrong(title, "expected an Object")
    kind = sent.get("type")
    if not isinstance(kind, str) or not kind:
        raise _wrong(title, 'can\'t find field "type"')
    return kind


def _wrong(title: str, reason: str) -> Refused:
    return bad_request(f"Can't parse {title}: {reason}")
