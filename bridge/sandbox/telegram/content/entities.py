"""Message entities: reading them, and the one arrangement of them that the server keeps. Pure.

Offsets and lengths are UTF-16 code units. Crossing ranges are never an error: they are split or
dropped until everything nests.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from bridge.sandbox.telegram.content.links import WrongLink, checked_link, mentioned_person
from bridge.sandbox.telegram.refusals import bad_request

MOST_ENTITIES = 100

EMPHASIS = ("bold", "italic", "underline", "strikethrough", "spoiler")
CODE = ("code", "pre")
QUOTES = ("blockquote", "expandable_blockquote")
FOUND_BY_SERVER = (
    "mention",
    "hashtag",
    "cashtag",
    "bot_command",
    "url",
    "email",
    "phone_number",
    "bank_card_number",
)
"""A client may send these; the server ignores them and looks for itself."""

_WRITTEN = (*EMPHASIS, *CODE, *QUOTES, "text_link", "text_mention", "custom_emoji", "date_time")
_RANK = {name: rank for rank, name in enumerate((*QUOTES, "pre", "code", "text_link"))} | {
    name: 50 + rank for rank, name in enumerate(EMPHASIS)
}


@dataclass(frozen=True)
class Entity:
    """One range of a text with a meaning."""

    type: str
    offset: int
    length: int
    url: str = ""
    language: str = ""
    user_id: int = 0
    custom_emoji_id: str = ""
    unix_time: int = 0
    date_time_format: str = ""

    @property
    def end(self) -> int:
        """The first UTF-16 unit behind it."""
        return self.offset + self.length

    def at(self, offset: int, end: int) -> Entity:
        """Return the same meaning over another range."""
        return replace(self, offset=offset, length=end - offset)


def read_entities(sent: object) -> list[Entity]:
    """Return what a client sent as `entities`, already decoded; anything but a list counts as nothing.

    Raises Refused for an element that is no entity, an unknown type or a bad argument.
    """
    if not isinstance(sent, list):
        return []
    found = (_read_entity(each) for each in sent)
    return [entity for entity in found if entity is not None]


def _read_entity(sent: object) -> Entity | None:
    if not isinstance(sent, dict):
        raise _unreadable("expected an Object")
    kind = sent.get("type")
    if not isinstance(kind, str) or not kind:
        raise _unreadable('can\'t find field "type"')
    if kind in FOUND_BY_SERVER:
        return None
    if kind not in _WRITTEN:
        raise _unreadable("unsupported type specified")
    entity = Entity(kind, _whole(sent, "offset"), _whole(sent, "length"))
    if kind == "text_link":
        return _link(replace(entity, url=_word(sent, "url")))
    if kind == "text_mention":
        user = sent.get("user")
        if not isinstance(user, dict):
            raise _unreadable('can\'t find field "user"')
        return replace(entity, user_id=_whole(user, "id"))
    if kind == "custom_emoji":
        return replace(entity, custom_emoji_id=_word(sent, "custom_emoji_id"))
    if kind == "date_time":
        form = sent.get("date_time_format")
        shape = form if isinstance(form, str) else ""
        return replace(entity, unix_time=_whole(sent, "unix_time"), date_time_format=shape)
    language = sent.get("language") if kind == "pre" else None
    return replace(entity, language=language if isinstance(language, str) else "")


def _link(entity: Entity) -> Entity:
    person = mentioned_person(entity.url)
    if person is not None:
        return replace(entity, type="text_mention", url="", user_id=person)
    try:
        return replace(entity, url=checked_link(entity.url))
    except WrongLink as reason:
        raise bad_request(f"Entity URL '{entity.url}' is invalid: {reason}") from None


def _whole(fields: dict[str, object], name: str) -> int:
    value = fields.get(name)
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,10}", value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _unreadable(f'can\'t find field "{name}"')
    return value


def _word(fields: dict[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise _unreadable(f'can\'t find field "{name}"')
    return value


def _unreadable(reason: str) -> Exception:
    return bad_request(f"can't parse MessageEntity: {reason}")


def in_order(entities: Iterable[Entity]) -> list[Entity]:
    """Return the entities by offset, then the longer first."""
    return sorted(entities, key=lambda each: (each.offset, -each.length, _RANK.get(each.type, 20)))


def arranged(entities: Iterable[Entity]) -> list[Entity]:
    """Return the entities in order, some split or dropped so that they nest.

    Emphasis nests freely and is split where it would cross; code contains nothing and stands at
    most in a quotation; quotations do not nest; links, mentions and dates
    do not contain each other.
    """
    ordered = in_order(each for each in entities if each.length > 0)
    if _nests(ordered):
        return ordered
    quotes = _without_overlaps(each for each in ordered if each.type in QUOTES)
    solid = _without_overlaps(each for each in ordered if each.type not in (*QUOTES, *EMPHASIS))
    kept = [each for each in solid if not any(_spoils(each, quote) for quote in quotes)]
    frame = in_order([*quotes, *kept])
    emphasis = [each for each in ordered if each.type in EMPHASIS]
    return in_order([*frame, *_split(emphasis, frame)])


def limited(entities: Sequence[Entity]) -> list[Entity]:
    """Return 100 entities at most, beside custom emoji; emphasis is dropped first, from the end."""
    counted = [each for each in entities if each.type != "custom_emoji"]
    if len(counted) <= MOST_ENTITIES:
        return list(entities)
    firm = [each for each in counted if each.type not in EMPHASIS]
    soft = [each for each in counted if each.type in EMPHASIS]
    free = [each for each in entities if each.type == "custom_emoji"]
    return in_order([*[*firm, *soft][:MOST_ENTITIES], *free])


def _nests(ordered: Sequence[Entity]) -> bool:
    around: list[Entity] = []
    for entity in ordered:
        while around and around[-1].end <= entity.offset:
            around.pop()
        if around and entity.end > around[-1].end:
            return False
        if any(not _may_contain(outer, entity) for outer in around):
            return False
        around.append(entity)
    return True


def _may_contain(outer: Entity, inner: Entity) -> bool:
    if outer.type in CODE or outer.type == inner.type:
        return False
    if outer.type in QUOTES:
        return inner.type not in QUOTES
    if outer.type in EMPHASIS:
        return inner.type not in CODE
    return inner.type in EMPHASIS


def _without_overlaps(ordered: Iterable[Entity]) -> list[Entity]:
    kept: list[Entity] = []
    for entity in ordered:
        if not kept or kept[-1].end <= entity.offset:
            kept.append(entity)
    return kept


def _spoils(entity: Entity, quote: Entity) -> bool:
    """Return whether the entity overlaps the quotation without lying inside it."""
    overlaps = entity.offset < quote.end and quote.offset < entity.end
    return overlaps and not (quote.offset <= entity.offset and entity.end <= quote.end)


def _split(emphasis: Sequence[Entity], frame: Sequence[Entity]) -> list[Entity]:
    """Emphasis cut at the borders of everything else, and taken out of code."""
    runs = [run for kind in EMPHASIS for run in _merged(emphasis, kind)]
    borders = {edge for each in frame for edge in (each.offset, each.end)}
    code = [each for each in frame if each.type in CODE]
    pieces: list[Entity] = []
    for run in runs:
        starts = {other.offset for other in runs if other.type != run.type}
        inside = sorted(edge for edge in borders | starts if run.offset < edge < run.end)
        edges = [run.offset, *inside, run.end]
        pieces += [run.at(a, b) for a, b in pairwise(edges)]
    return [
        piece
        for piece in pieces
        if not any(each.offset <= piece.offset < each.end for each in code)
    ]


def _merged(emphasis: Sequence[Entity], kind: str) -> list[Entity]:
    """Ranges of one kind, overlapping and touching ones made one."""
    runs: list[Entity] = []
    for entity in (each for each in emphasis if each.type == kind):
        if runs and entity.offset <= runs[-1].end:
            runs[-1] = runs[-1].at(runs[-1].offset, max(runs[-1].end, entity.end))
        else:
            runs.append(entity)
    return runs
