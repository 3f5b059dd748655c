"""What the server makes of a text before anybody sees it. Pure.

Checked for UTF-8 and size, cleaned, trimmed, counted, and its entities moved along, arranged and
completed with what the server finds by itself.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bridge.sandbox.telegram.content.detection import found_in
from bridge.sandbox.telegram.content.entities import EMPHASIS, QUOTES, Entity, arranged, limited
from bridge.sandbox.telegram.refusals import bad_request

MOST_BYTES = 32768
MOST_CHARACTERS = 4096
"""Unicode code points, after cleaning and trimming."""
MOST_CAPTION_CHARACTERS = 1024

_REMOVED = re.compile("[\r\u2028-\u202e\u0333\u033f\u030a]")
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f]")
_BLANK = re.compile(
    "[ \n\u00a0\u1680\u180e\u2000-\u200f\u202f\u205f\u2800\u3000\ufffc\ufeff"
    "\U000e0000-\U000e007f]*\\Z"
)


@dataclass(frozen=True)
class Formatted:
    """A text as it is stored and shown, with its entities in order."""

    text: str
    entities: tuple[Entity, ...] = ()


class _Units:
    """Positions of a text's code points, counted in UTF-16 units."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0]
        for character in text:
            self.starts.append(self.starts[-1] + (2 if character > "\uffff" else 1))

    @property
    def total(self) -> int:
        return self.starts[-1]

    def index(self, unit: int) -> int:
        """Return the code point that begins at this unit; -1 inside a surrogate pair."""
        at = bisect_left(self.starts, unit)
        return at if self.starts[at] == unit else -1


def utf16_length(text: str) -> int:
    """Return a text's length in UTF-16 code units."""
    return len(text) + sum(character > "\uffff" for character in text)


def is_blank(text: str) -> bool:
    """Return whether nothing in it can be seen."""
    return _BLANK.match(text) is not None


def check_size(text: str) -> None:
    """Refuse what is not UTF-8 or is over 32768 bytes, before anything is parsed."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise bad_request("Strings must be encoded in UTF-8") from None
    if size > MOST_BYTES:
        raise bad_request("Text is too long")


def formatted(
    raw: str, entities: Sequence[Entity] = (), *, may_be_empty: bool = False
) -> Formatted:
    """Return the text as the server keeps it, of any length; see `check_length`.

    Raises Refused for bad UTF-8, for more than 32768 bytes, for entities that begin or end
    outside the text or inside a character, and, unless `may_be_empty`, when nothing visible is
    left.
    """
    check_size(raw)
    _check_lengths(entities)
    placed = [each for each in entities if each.length > 0]
    _check_bounds(raw, placed)
    text, placed = _cleaned(raw, placed)
    placed = arranged(placed)
    text, placed = _trimmed(text, placed)
    if is_blank(text):
        if may_be_empty:
            return Formatted("")
        raise bad_request("Text must be non-empty")
    kept = limited(arranged(placed))
    return Formatted(text, tuple(_with_found(text, kept)))


def check_length(text: str, most: int = MOST_CHARACTERS) -> None:
    """Refuse more than `most` code points."""
    if len(text) > most:
        raise bad_request("Message is too long")


def _check_lengths(entities: Iterable[Entity]) -> None:
    for entity in entities:
        if not 0 <= entity.offset <= 1_000_000:
            raise bad_request(f"Receive an entity with incorrect offset {entity.offset}")
        if not 0 <= entity.length <= 1_000_000:
            raise bad_request(f"Receive an entity with incorrect length {entity.length}")


def _check_bounds(text: str, entities: Sequence[Entity]) -> None:
    if not entities:
        return
    units = _Units(text)
    for entity in sorted(entities, key=lambda each: each.offset):
        if entity.offset >= units.total:
            raise bad_request(
                f"Entity begins after the end of the text at UTF-16 offset {entity.offset}"
            )
        if units.index(entity.offset) < 0:
            raise bad_request(
                "Entity begins in a middle of a UTF-16 symbol at byte offset "
                f"{_byte_before(units, entity.offset)}"
            )
        if entity.end > units.total:
            raise bad_request(
                f"Entity beginning at UTF-16 offset {entity.offset} ends after the end of the "
                f"text at UTF-16 offset {entity.end}"
            )
        if units.index(entity.end) < 0:
            raise bad_request(
                f"Entity beginning at UTF-16 offset {entity.offset} ends in a middle of a UTF-16 "
                f"symbol at byte offset {_byte_before(units, entity.end)}"
            )


def _byte_before(units: _Units, unit: int) -> int:
    return len(units.text[: units.index(unit - 1)].encode())


def _cleaned(text: str, entities: Sequence[Entity]) -> tuple[str, list[Entity]]:
    """Control characters become spaces, some characters go, and entities follow."""
    clean = _CONTROL.sub(" ", text.replace("\r", ""))
    clean = _REMOVED.sub("", clean)
    if not entities or len(clean) == len(text):
        return clean, list(entities)
    before = _Units(text)
    gone = [before.starts[match.start()] for match in _REMOVED.finditer(text)]

    def moved(unit: int) -> int:
        return unit - bisect_left(gone, unit)  # each of them is one unit long

    return clean, [each.at(moved(each.offset), moved(each.end)) for each in entities]


def _trimmed(text: str, entities: Sequence[Entity]) -> tuple[str, list[Entity]]:
    """Trailing spaces and newlines go; leading ones only up to the first entity."""
    text = text.rstrip(" \n")
    total = utf16_length(text)
    short = [each.at(each.offset, min(each.end, total)) for each in entities if each.offset < total]
    leading = len(text) - len(text.lstrip(" \n"))
    shift = min([leading, *[each.offset for each in short]])
    moved = [each.at(each.offset - shift, each.end - shift) for each in short]
    return text[shift:], [each for each in moved if each.length > 0]


def _with_found(text: str, entities: list[Entity]) -> list[Entity]:
    """Return what the server finds by itself, except inside code, links and other solid ranges."""
    found = found_in(text)
    if not found:
        return entities
    units = _Units(text)
    solid = [each for each in entities if each.type not in (*EMPHASIS, *QUOTES)]
    automatic = [
        Entity(
            each.type, units.starts[each.start], units.starts[each.end] - units.starts[each.start]
        )
        for each in found
    ]
    free = [
        each
        for each in automatic
        if not any(other.offset < each.end and each.offset < other.end for other in solid)
    ]
    return arranged([*entities, *free])
