"""Cut what is rendered into posts: at a place where a reader would turn the page. Pure.

A cut is decided once and remembered, so that a full post never changes while the reply grows behind
it. It is remembered as the text before it; should that be drawn otherwise later (a table's columns
grow wider), the letters and digits of it are counted instead: formatting adds and removes none.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from bridge.telegram.markdown.text_builder import trimmed
from bridge.telegram.post import Entity, Rendered, units

LIMIT = 3900
"""UTF-16 units of a full post; the server takes 4096, the rest is room for a closing line."""
SLACK = 60
"""Units by which the last post may pass the limit: what stands at a cut is then drawn for good."""
MOST_ENTITIES = 100
_EMPHASIS = {"bold", "italic", "underline", "strikethrough"}
_SMALL = 400
"""Units; an entity up to this is not cut in two but moved to the next post whole."""
_BOUNDARIES = (
    re.compile(r"\n\n+"),
    re.compile(r"\n"),
    re.compile(r"(?<=[。！？；])|(?<=[.!?;])\s+"),
    re.compile(r"\s+|(?<=[，、])"),
)
_JOINED = re.compile("[\u0300-\u036f\u200d\ufe00-\ufe0f\u20e3\U0001f3fb-\U0001f3ff]")
_FLAGS = re.compile("[\U0001f1e6-\U0001f1ff]+\\Z")
"""Flags are pairs of these; only their number says which belong together."""

LONGEST_GRAPHEME = 24


def posts(blocks: Sequence[Rendered], limit: int = LIMIT) -> tuple[Rendered, ...]:
    """Return the posts that show the blocks, each at most `limit` units and `MOST_ENTITIES` entities."""
    return Pages(limit, 0).paginate(blocks)


class Pages:
    """The posts of one reply that grows."""

    def __init__(self, limit: int = LIMIT, slack: int = SLACK) -> None:
        self._limit = limit
        self._slack = slack
        self._begin()

    def _begin(self) -> None:
        self._edition: tuple[int, ...] = ()
        self._full: list[Rendered] = []
        self._past = 0
        """How many blocks are wholly in full posts."""
        self._before = ""
        """What the full posts show of the next block."""
        self._drawn: list[tuple[Rendered, _Window]] = []
        """The blocks of the open post, each with the window that ends with it."""

    def paginate(
        self, blocks: Sequence[Rendered], edition: Sequence[int] = ()
    ) -> tuple[Rendered, ...]:
        """Return the posts that show the blocks now: the full ones as they were, and the open one.

        An `edition` that does not continue the last one says that the reply begins anew.
        """
        if tuple(edition[: len(self._edition)]) != self._edition or self._drawn_otherwise(blocks):
            self._begin()
        self._edition = tuple(edition)
        most = self._limit + self._slack
        while units((window := self._window(blocks, most)).shown.text) > most:
            end = _cut(window.shown, self._limit)
            self._full.append(_with_fewer(_slice(window.shown, 0, end)))
            self._turn(blocks, window, end)
        rest = _with_fewer(trimmed(window.shown))
        return tuple(page for page in (*self._full, rest) if page.text)

    def _drawn_otherwise(self, blocks: Sequence[Rendered]) -> bool:
        """Return whether the full posts no longer show the beginning, by its letters."""
        if self._past >= len(blocks):
            return self._past > len(blocks) or bool(self._before)
        return _behind(blocks[self._past].text, self._before) is None

    def _window(self, blocks: Sequence[Rendered], most: int) -> "_Window":
        """Return what belongs to the open post, and a little more if there is more."""
        window, known = _Window(Rendered(), ()), self._drawn
        self._drawn = []
        for number in range(self._past, len(blocks)):
            block, place = blocks[number], number - self._past
            if place < len(known) and known[place][0] is block:
                window = known[place][1]
            else:
                known = []
                start = (_behind(block.text, self._before) or 0) if number == self._past else 0
                window = window.with_block(block, number, start, start + most + 1)
            self._drawn.append((block, window))
            if len(window.shown.text) > most:
                break
        return window

    def _turn(self, blocks: Sequence[Rendered], window: "_Window", end: int) -> None:
        """Remember that the next post begins at that index of the window."""
        index, number, start = next(one for one in reversed(window.starts) if one[0] < end)
        inside = start + end - index
        if inside >= len(blocks[number].text):
            number, inside = number + 1, 0
        self._past = number
        self._drawn = []
        self._before = blocks[number].text[:inside] if inside else ""


@dataclass(frozen=True)
class _Window:
    """The beginning of what is not in a full post yet."""

    shown: Rendered
    starts: tuple[tuple[int, int, int], ...]
    """Where each block begins: index in the window, the block's number, index in the block."""

    def with_block(self, block: Rendered, number: int, start: int, stop: int) -> "_Window":
        """Return the window with a block, or the part of it between two indices, below the others."""
        part = _slice(block, start, stop, trim=False) if start or stop < len(block.text) else block
        head = _head(block, start) if start else ""
        gap = "\n\n" if self.shown.text else ""
        offset = units(self.shown.text + gap)
        moved = [
            replace(
                one,
                offset=one.offset + offset + (units(head) if one.offset else 0),
                length=one.length + (units(head) if not one.offset else 0),
            )
            for one in part.entities
        ]
        shown = Rendered(self.shown.text + gap + head + part.text, (*self.shown.entities, *moved))
        begins = len(self.shown.text + gap + head)
        return _Window(shown, (*self.starts, (begins, number, start)))


def _head(block: Rendered, start: int) -> str:
    """Return what is repeated above the rest of a block: the head of a table that is cut."""
    offset = units(block.text[:start])
    for one in block.entities:
        if one.header and one.offset < offset < one.offset + one.length:
            return one.header + "\n"
    return ""


def _behind(text: str, before: str) -> int | None:
    """Return the index in a text behind what was shown of it, even if it was drawn otherwise then.

    None when it has other letters now: a comment has vanished, or a formula was understood.
    """
    if text.startswith(before):
        return len(before)
    index = 0
    for letter in filter(str.isalnum, before):
        while index < len(text) and not text[index].isalnum():
            index += 1
        if text[index : index + 1] != letter:
            return None
        index += 1
    tail = before.rstrip()[-8:]
    while index < len(text) and (text[index].isspace() or text[index] in tail):
        if text[index].isalnum():
            break
        index += 1
    return index


def _cut(whole: Rendered, limit: int) -> int:
    """Return the best index to cut at; the coarsest boundary that fills half a post."""
    ends = list(accumulate(1 + (char > "\uffff") for char in whole.text))
    last = bisect_right(ends, limit)
    window = whole.text[:last]
    places = _Places(whole, ends, last)
    for boundary in _BOUNDARIES:
        found = [one.end() for one in boundary.finditer(window)]
        for place in reversed(found):
            if place < len(window) // 2:
                break
            if places.fit(place):
                return place
    return _between_graphemes(whole.text, last)


def _between_graphemes(text: str, last: int) -> int:
    """Return the last index up to `last` that cuts no grapheme, unless one is absurdly long."""
    flags = _FLAGS.search(text, 0, last)
    if flags is not None and _FLAGS.match(text[last]):
        return last - (last - flags.start()) % 2
    for end in range(last, max(1, last - LONGEST_GRAPHEME), -1):
        if text[end - 1] != "\u200d" and not _JOINED.match(text[end]):
            return end
    return last


class _Places:
    """Where a text must not be cut, looked up without going over all of it for each place."""

    def __init__(self, whole: Rendered, ends: Sequence[int], last: int) -> None:
        """`ends` are the offsets behind each character; no place is beyond index `last`."""
        self._text = whole.text[:last]
        self._ends = ends
        reach = ends[last - 1] if last else 0
        self._inside = bytearray(reach + 1)
        """Whether an offset lies inside an entity that should stay in one piece."""
        self._bold: set[tuple[int, int]] = set()
        for one in whole.entities:
            if one.offset > reach:
                continue
            end = one.offset + one.length
            if one.type == "bold":
                self._bold.add((one.offset, end))
            if one.type != "pre" and one.length <= _SMALL:
                within = range(one.offset + 1, min(end, reach + 1))
                self._inside[within.start : within.stop] = b"\1" * len(within)

    def fit(self, place: int) -> bool:
        """Return whether the text may be cut at an index."""
        return not self._inside[self._ends[place - 1]] and not self._below_heading(place)

    def _below_heading(self, place: int) -> bool:
        """Return whether the last line before it is a heading, which belongs to what follows it."""
        end = place
        while end and self._text[end - 1].isspace():
            end -= 1
        begin = self._text.rfind("\n", 0, end) + 1
        if not end:
            return False
        return (self._ends[begin - 1] if begin else 0, self._ends[end - 1]) in self._bold


def _slice(whole: Rendered, start: int, end: int, *, trim: bool = True) -> Rendered:
    """Return the piece of a rendered text between two indices."""
    low = units(whole.text[:start])
    high = low + units(whole.text[start:end])
    clipped = (_clip(entity, low, high) for entity in whole.entities)
    part = Rendered(whole.text[start:end], tuple(entity for entity in clipped if entity))
    return trimmed(part) if trim else part


def _clip(entity: Entity, low: int, high: int) -> Entity | None:
    """Return the piece of an entity between two offsets: a code block goes on in the next post."""
    begin, end = max(entity.offset, low), min(entity.offset + entity.length, high)
    return replace(entity, offset=begin - low, length=end - begin) if begin < end else None


def _with_fewer(part: Rendered) -> Rendered:
    """At most `MOST_ENTITIES`, which the server enforces in silence; emphasis goes first."""
    if len(part.entities) <= MOST_ENTITIES:
        return part
    kept = [entity for entity in part.entities if entity.type not in _EMPHASIS]
    emphasis = [entity for entity in part.entities if entity.type in _EMPHASIS]
    kept = [*kept[:MOST_ENTITIES], *emphasis[: max(0, MOST_ENTITIES - len(kept))]]
    kept.sort(key=lambda entity: (entity.offset, -entity.length))
    return Rendered(part.text, tuple(kept))
