"""Cut a rendered text into posts: at a place where a reader would turn the page. Pure.

A cut depends only on the text before it, so that a post that is full does not change while the
answer grows behind it.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

from bridge.telegram.canvas import Entity, Rendered, trimmed, units

LIMIT = 3900
"""UTF-16 units of a post; the server takes 4096, the rest is room for a closing line."""
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
_JOINED = re.compile(
    "[\u0300-\u036f\u200d\ufe00-\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U0001f1e6-\U0001f1ff]"
)


def posts(whole: Rendered, limit: int = LIMIT) -> tuple[Rendered, ...]:
    """The posts that show the whole, each at most `limit` units and `MOST_ENTITIES` entities."""
    return tuple(_with_fewer(part) for part in _parts(whole, limit) if part.text)


def _parts(whole: Rendered, limit: int) -> Iterator[Rendered]:
    if units(whole.text) <= limit:
        yield whole
        return
    ends = list(accumulate(1 + (char > "\uffff") for char in whole.text))
    start = 0
    while start < len(whole.text):
        offset = ends[start - 1] if start else 0
        last = bisect_right(ends, offset + limit)
        end = last if last == len(ends) else _cut(whole, ends, start, last)
        yield _slice(whole, ends, start, end)
        start = end


def _cut(whole: Rendered, ends: list[int], start: int, last: int) -> int:
    """The best index to cut at in (start, last]; the coarsest boundary that fills half a post."""
    window = whole.text[start:last]
    for boundary in _BOUNDARIES:
        places = [found.end() for found in boundary.finditer(window)]
        for place in reversed(places):
            if place < len(window) // 2:
                break
            end = start + place
            if not _inside_small(whole, ends[end - 1]):
                return end
    end = last
    while end > start + 1 and (whole.text[end - 1] == "\u200d" or _JOINED.match(whole.text[end])):
        end -= 1
    return end


def _inside_small(whole: Rendered, offset: int) -> bool:
    """Whether an offset lies inside an entity that should stay in one piece."""
    return any(
        entity.offset < offset < entity.offset + entity.length and entity.length <= _SMALL
        for entity in whole.entities
        if entity.type != "pre"
    )


def _slice(whole: Rendered, ends: list[int], start: int, end: int) -> Rendered:
    low = ends[start - 1] if start else 0
    high = ends[end - 1]
    clipped = (_clip(entity, low, high) for entity in whole.entities)
    part = Rendered(whole.text[start:end], tuple(entity for entity in clipped if entity))
    return trimmed(part)


def _clip(entity: Entity, low: int, high: int) -> Entity | None:
    """The piece of an entity between two offsets: a code block goes on in the next post."""
    begin, end = max(entity.offset, low), min(entity.offset + entity.length, high)
    if begin >= end:
        return None
    return Entity(entity.type, begin - low, end - begin, entity.url, entity.language)


def _with_fewer(part: Rendered) -> Rendered:
    """At most `MOST_ENTITIES`, which the server enforces in silence; emphasis goes first."""
    if len(part.entities) <= MOST_ENTITIES:
        return part
    kept = [entity for entity in part.entities if entity.type not in _EMPHASIS]
    emphasis = [entity for entity in part.entities if entity.type in _EMPHASIS]
    kept = [*kept[:MOST_ENTITIES], *emphasis[: max(0, MOST_ENTITIES - len(kept))]]
    kept.sort(key=lambda entity: (entity.offset, -entity.length))
    return Rendered(part.text, tuple(kept))
