"""How much people may use, and how much they have: counted from the turns, so that it always fits.

What failed before its run began is not charged. What waits or runs counts as its messages already.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    bindparam,
    delete,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import State
from bridge.store.dialects.upsert import insert_or_update
from bridge.store.operators.tables import chat_tallies, quotas, tallies
from bridge.store.tables import facts, turns


class Scope(StrEnum):
    """To whom a quota applies."""

    PERSON = "person"
    CHAT = "chat"
    ALL = "all"


class Unit(StrEnum):
    """What is counted."""

    MESSAGES = "messages"
    TOKENS = "tokens"


class Period(StrEnum):
    """How long one amount lasts; both begin at midnight UTC."""

    DAY = "day"
    MONTH = "month"

    def began(self, now: float) -> float:
        """Return when the current one began (Unix seconds)."""
        day = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return (day if self is Period.DAY else day.replace(day=1)).timestamp()

    def ends(self, now: float) -> float:
        """Return when it ends (Unix seconds)."""
        if self is Period.DAY:
            return self.began(now) + 86400
        first = datetime.fromtimestamp(self.began(now), UTC)
        month = first.month % 12 + 1
        return first.replace(year=first.year + (month == 1), month=month).timestamp()


@dataclass(frozen=True)
class Quota:
    """An amount that may be used."""

    scope: Scope
    subject: str
    """An id, a role (`operator`), or empty: everybody."""
    unit: Unit
    period: Period
    amount: int


@dataclass(frozen=True)
class Used:
    """What was used in a period."""

    messages: int
    tokens: int

    def of(self, unit: Unit) -> int:
        """Return how much of a unit."""
        return self.messages if unit is Unit.MESSAGES else self.tokens


def charged() -> ColumnElement[bool]:
    """Return whether a turn counts: not when it failed before Coze began to work on it."""
    return or_(turns.c.state != State.FAILED, turns.c.run_id.is_not(None))


async def listed(tx: AsyncConnection) -> Sequence[Quota]:
    """Return all quotas."""
    rows = (await tx.execute(select(quotas).order_by(quotas.c.scope, quotas.c.subject))).all()
    return [_quota(row) for row in rows]


async def rules(tx: AsyncConnection, name: str) -> tuple[str, Sequence[Quota]]:
    """Return a fact, empty when there is none, and all quotas: in one statement."""
    rows = (await tx.execute(_rules(), {"fact_name": name})).all()
    return rows[0].fact or "", [_quota(row) for row in rows if row.scope is not None]


def _quota(row: Row[Any]) -> Quota:
    return Quota(
        scope=Scope(row.scope),
        subject=row.subject,
        unit=Unit(row.unit),
        period=Period(row.period),
        amount=row.amount,
    )


@cache
def _rules() -> Select[Any]:
    """Return the statement for `rules`; made once, since each question asks it."""
    named = facts.c.name == bindparam("fact_name")
    value = select(facts.c.value).where(named).scalar_subquery().label("fact")
    one = select(literal(1).label("one")).subquery()
    query = select(value, quotas).select_from(one.outerjoin(quotas, true()))
    return query.order_by(quotas.c.scope, quotas.c.subject)


async def allow(tx: AsyncConnection, quota: Quota) -> None:
    """Set an amount."""
    changes = {"amount": quota.amount}
    await tx.execute(insert_or_update(tx, quotas, asdict(quota), changes))


async def lift(tx: AsyncConnection, quota: Quota) -> bool:
    """Remove an amount; False when there was none."""
    done = await tx.execute(
        delete(quotas).where(
            quotas.c.scope == quota.scope,
            quotas.c.subject == quota.subject,
            quotas.c.unit == quota.unit,
            quotas.c.period == quota.period,
        )
    )
    return done.rowcount == 1


async def used(
    tx: AsyncConnection,
    scope: Scope,
    subject: int,
    period: Period,
    now: float | None = None,
    *,
    chat_id: int = 0,
) -> Used:
    """Return what a person, a chat or everybody (`subject` does not count then) has used.

    A channel shares with all others what people write under channels' names in the chat.
    """
    began = period.began(time.time() if now is None else now)
    where: list[ColumnElement[bool]] = [turns.c.created_at >= began, charged()]
    if scope is Scope.PERSON and subject < 0 and subject != chat_id:
        channels = (turns.c.sender_id < 0, turns.c.sender_id != chat_id)
        where += [turns.c.chat_id == chat_id, *channels]
    elif scope is Scope.PERSON:
        where.append(turns.c.sender_id == subject)
    if scope is Scope.CHAT:
        where.append(turns.c.chat_id == subject)
    total = (
        func.coalesce(func.sum(turns.c.messages), 0),
        func.coalesce(func.sum(turns.c.tokens_in + turns.c.tokens_out), 0),
    )
    row = (await tx.execute(select(*total).where(*where))).one()
    more = await _deleted(tx, scope, subject, began)
    return Used(int(row[0]) + more.messages, int(row[1]) + more.tokens)


async def _deleted(tx: AsyncConnection, scope: Scope, subject: int, began: float) -> Used:
    """Return what was used in turns that were deleted since."""
    table = chat_tallies if scope is Scope.CHAT else tallies
    where = [table.c.day >= datetime.fromtimestamp(began, UTC).date().isoformat()]
    if scope is not Scope.ALL:
        where.append((table.c.chat_id if scope is Scope.CHAT else table.c.person_id) == subject)
    total = (
        func.coalesce(func.sum(table.c.messages), 0),
        func.coalesce(func.sum(table.c.tokens), 0),
    )
    row = (await tx.execute(select(*total).where(*where))).one()
    return Used(int(row[0]), int(row[1]))


@dataclass(frozen=True)
class Exceeded:
    """A quota that is used up."""

    quota: Quota
    renews: float
    """When (Unix seconds)."""


async def exceeded(
    tx: AsyncConnection,
    there: Sequence[Quota],
    person_id: int,
    chat_id: int,
    *,
    operator: bool,
    now: float | None = None,
) -> Exceeded | None:
    """Return which of the quotas keeps somebody from asking one more message; None when none does.

    Of several it is the one that renews last: before that, nothing is allowed.
    """
    now = time.time() if now is None else now
    found: Exceeded | None = None
    for quota in counting(there, person_id, chat_id, operator=operator):
        subject = {Scope.PERSON: person_id, Scope.CHAT: chat_id}.get(quota.scope, 0)
        spent = await used(tx, quota.scope, subject, quota.period, now, chat_id=chat_id)
        if spent.of(quota.unit) < quota.amount:
            continue
        if found is None or quota.period.ends(now) > found.renews:
            found = Exceeded(quota, quota.period.ends(now))
    return found


def counting(
    there: Sequence[Quota], person_id: int, chat_id: int, *, operator: bool
) -> Sequence[Quota]:
    """Return which quotas count for somebody in a chat: one's own before everybody's. Pure.

    Operators are bound only by what was set for their role or for themselves.
    """
    found: dict[tuple[Scope, Unit, Period], Quota] = {}
    for quota in there:
        own = {Scope.PERSON: str(person_id), Scope.CHAT: str(chat_id)}.get(quota.scope, "")
        ranks = {own: 3} | ({"operator": 2} if operator else {"": 1})
        rank = ranks.get(quota.subject, 0)
        key = (quota.scope, quota.unit, quota.period)
        before = ranks.get(found[key].subject, 0) if key in found else 0
        if rank > before and not (operator and quota.subject == "" and quota.scope is Scope.ALL):
            found[key] = quota
    return [*found.values()]
