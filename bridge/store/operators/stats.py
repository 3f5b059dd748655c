"""What was asked, by how many, at which cost and how fast: read from the turns."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, case, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import State
from bridge.store.tables import turns


@dataclass(frozen=True)
class Bucket:
    """One span of time."""

    began: float
    messages: int
    tokens: int
    failures: int
    estimated: int = 0
    """How many turns of which Coze did not say what they cost."""


@dataclass(frozen=True)
class Stats:
    """A longer span, in buckets."""

    buckets: Sequence[Bucket]
    bucket_seconds: float
    people: int
    chats: int
    first_text: tuple[float, float]
    """Seconds from a question's coming to its first visible text: the median and the 95th percentile;
    0 when nothing was answered."""
    end: tuple[float, float]
    """The same to the end of the answer."""
    errors: Mapping[str, int]
    """Failures by their kind: Coze's code, or `other`."""

    @property
    def messages(self) -> int:
        """How many were asked."""
        return sum(bucket.messages for bucket in self.buckets)

    @property
    def estimated(self) -> bool:
        """Whether a part of what they cost is estimated."""
        return any(bucket.estimated for bucket in self.buckets)

    @property
    def tokens(self) -> int:
        """How many they cost."""
        return sum(bucket.tokens for bucket in self.buckets)


@dataclass(frozen=True)
class Failure:
    """A turn that failed."""

    at: float
    turn_id: int
    chat_id: int
    code: str
    trouble: str
    """What the operator reads: with the cure."""


@dataclass(frozen=True)
class Live:
    """A turn that has no end yet."""

    id: int
    chat_id: int
    thread_id: int
    state: State
    since: float
    shown_at: float | None


async def between(tx: AsyncConnection, began: float, ended: float, count: int) -> Stats:
    """Return the turns that came between two moments (Unix seconds), in so many buckets."""
    width = (ended - began) / count
    within = (turns.c.created_at >= began, turns.c.created_at < ended)
    place = (turns.c.created_at - began) / width
    whole = cast(place, BigInteger)  # SQLite cuts what is behind the point off, PostgreSQL rounds
    number = whole - case((whole > place, 1), else_=0)
    query = (
        select(
            number.label("number"),
            func.sum(turns.c.messages),
            func.sum(turns.c.tokens_in + turns.c.tokens_out),
            func.sum(case((turns.c.state == State.FAILED, 1), else_=0)),
            func.sum(case((turns.c.estimated, 1), else_=0)),
        )
        .where(*within)
        .group_by("number")
    )
    filled = {int(row[0]): row for row in (await tx.execute(query)).all()}
    buckets = [
        Bucket(began + place * width, *(int(value) for value in filled[place][1:]))
        if place in filled
        else Bucket(began + place * width, 0, 0, 0)
        for place in range(count)
    ]
    distinct = (
        func.count(turns.c.sender_id.distinct()),
        func.count(turns.c.chat_id.distinct()),
    )
    people, chats = (await tx.execute(select(*distinct).where(*within))).one()
    firsts = await _sorted(tx, turns.c.shown_at - turns.c.created_at, *within)
    answered = turns.c.state == State.ANSWERED
    ends = await _sorted(tx, turns.c.settled_at - turns.c.created_at, answered, *within)
    codes = select(turns.c.trouble_code).where(turns.c.state == State.FAILED, *within)
    errors = Counter(code or "other" for code in (await tx.execute(codes)).scalars())
    return Stats(
        buckets=buckets,
        bucket_seconds=width,
        people=people,
        chats=chats,
        first_text=_halves(firsts),
        end=_halves(ends),
        errors=dict(errors),
    )


@dataclass(frozen=True)
class Waits:
    """How long people waited in one span of time; None where nobody did."""

    began: float
    first_text: tuple[float, float] | None
    """Seconds: the median and the 95th percentile."""
    end: tuple[float, float] | None


async def waits(tx: AsyncConnection, began: float, ended: float, count: int) -> Sequence[Waits]:
    """Return the waiting in the turns that came between two moments (Unix seconds), in so many spans."""
    width = (ended - began) / count
    query = select(turns.c.created_at, turns.c.shown_at, turns.c.settled_at, turns.c.state).where(
        turns.c.created_at >= began, turns.c.created_at < ended
    )
    firsts: list[list[float]] = [[] for _ in range(count)]
    ends: list[list[float]] = [[] for _ in range(count)]
    for came, shown, settled, state in (await tx.execute(query)).all():
        place = min(count - 1, int((came - began) / width))
        if shown is not None:
            firsts[place].append(shown - came)
        if settled is not None and state == State.ANSWERED:
            ends[place].append(settled - came)
    return [
        Waits(
            began + place * width,
            _halves(sorted(firsts[place])) if firsts[place] else None,
            _halves(sorted(ends[place])) if ends[place] else None,
        )
        for place in range(count)
    ]


async def _sorted(
    tx: AsyncConnection, seconds: ColumnElement[Any], *where: ColumnElement[bool]
) -> Sequence[float]:
    query = select(seconds).where(seconds.is_not(None), *where).order_by(seconds)
    return [*(await tx.execute(query)).scalars()]


def _halves(ordered: Sequence[float]) -> tuple[float, float]:
    return percentile(ordered, 0.5), percentile(ordered, 0.95)


def percentile(ordered: Sequence[float], part: float) -> float:
    """Return the smallest value that so large a part does not exceed; 0 for none. Pure."""
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)] if ordered else 0.0


async def failures(tx: AsyncConnection, most: int) -> Sequence[Failure]:
    """Return the turns that failed last."""
    query = (
        select(turns)
        .where(turns.c.state == State.FAILED, turns.c.trouble.is_not(None))
        .order_by(turns.c.id.desc())
        .limit(most)
    )
    return [
        Failure(
            at=row.settled_at or row.created_at,
            turn_id=row.id,
            chat_id=row.chat_id,
            code=row.trouble_code or "",
            trouble=row.trouble,
        )
        for row in (await tx.execute(query)).all()
    ]


async def live(tx: AsyncConnection) -> Sequence[Live]:
    """Return the turns that wait or run, oldest first."""
    query = (
        select(turns).where(turns.c.state.in_([State.WAITING, State.RUNNING])).order_by(turns.c.id)
    )
    return [
        Live(
            id=row.id,
            chat_id=row.chat_id,
            thread_id=row.thread_id,
            state=State(row.state),
            since=row.created_at,
            shown_at=row.shown_at,
        )
        for row in (await tx.execute(query)).all()
    ]
