"""What outlives a process of how fast Telegram may be called: waits that it asked for, limits found out."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import inf, isfinite
from typing import Any

from sqlalchemy import Float, Integer, bindparam, case, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningUpdate

from bridge.model import LearnedLimit
from bridge.store.dialects import clock
from bridge.store.dialects.upsert import insert_or_ignore, insert_or_update
from bridge.store.tables import flood_waits, learned_limits, send_budgets

AT_ONCE = 1.0
"""Calls of a bot that may go at once where several processes call: on top of its rate in a second."""


@dataclass(frozen=True)
class Wanted:
    """What a process asks of the budget that all processes of a bot share."""

    calls: int
    """That it would make now."""
    limit: LearnedLimit
    """What it has found out."""
    version: int
    """Of the limit that it was told last: if it is the newest, its own counts."""
    pause: float = 0.0
    """Seconds for which Telegram wants silence of the whole bot."""


@dataclass(frozen=True)
class Reserved:
    """What it gets."""

    wait: float
    """Seconds until the first of its calls may go; the others follow at the limit's rate."""
    calls: int
    """How many were reserved so far, by all."""
    limit: LearnedLimit
    version: int


async def keep_wait(tx: AsyncConnection, chat_id: int, seconds: float) -> None:
    """Remember that a chat wants silence from now on: who calls all the same is silenced for longer.

    Those that are over are forgotten.
    """
    now = time.time()
    until = now + seconds
    await tx.execute(delete(flood_waits).where(flood_waits.c.until <= now))
    values = {"chat_id": chat_id, "until": until}
    await tx.execute(insert_or_update(tx, flood_waits, values, {"until": until}))


async def waits_left(tx: AsyncConnection) -> Mapping[int, float]:
    """Return for how many seconds more each chat wants silence."""
    now = time.time()
    rows = await tx.execute(select(flood_waits).where(flood_waits.c.until > now))
    return {row.chat_id: row.until - now for row in rows}


async def keep_limits(tx: AsyncConnection, limits: Mapping[str, LearnedLimit]) -> None:
    """Write down a rate and a burst for each kind of call, by the names of the kinds."""
    for name, one in limits.items():
        near = one.near if isfinite(one.near) else None
        values = {"rate": one.rate, "burst": one.burst, "near": near}
        await tx.execute(insert_or_update(tx, learned_limits, values | {"name": name}, values))


async def known_limits(tx: AsyncConnection) -> Mapping[str, LearnedLimit]:
    """Return what was written down last."""
    return {
        row.name: LearnedLimit(row.rate, row.burst, inf if row.near is None else row.near)
        for row in (await tx.execute(select(learned_limits))).all()
    }


async def reserve(tx: AsyncConnection, bot_id: int, kind: str, wanted: Wanted) -> Reserved:
    """Reserve calls of a kind, one after the other for all processes of a bot, in the server's time."""
    limit = wanted.limit
    near = limit.near if isfinite(limit.near) else None
    learned = {"rate": limit.rate, "burst": limit.burst, "near": near}
    asked = {"of_bot": bot_id, "of_kind": kind, "wanted": wanted.calls, "told": wanted.version}
    asked |= {f"own_{name}": value for name, value in learned.items()} | {"pause": wanted.pause}
    change = _reserving(tx.dialect.name, pausing=wanted.pause > 0)
    row = (await tx.execute(change, asked)).one_or_none()
    if row is None:
        first = {"bot_id": bot_id, "kind": kind, "free_at": 0.0, "calls": 0, "version": 0}
        await tx.execute(insert_or_ignore(tx, send_budgets, first | learned))
        row = (await tx.execute(change, asked)).one()
    found = LearnedLimit(row.rate, row.burst, inf if row.near is None else row.near)
    wait = max(0.0, float(row.ahead) - wanted.calls / row.rate)
    return Reserved(wait, row.calls, found, row.version)


@cache
def _reserving(dialect: str, *, pausing: bool) -> ReturningUpdate[Any]:
    """Return the statement that reserves calls; made once, since each call to Telegram waits for it.

    The rate of whoever was told the newest version counts.
    """
    table = send_budgets
    own = {name: bindparam(f"own_{name}", type_=Float) for name in ("rate", "burst", "near")}
    calls, pause = bindparam("wanted", type_=Integer), bindparam("pause", type_=Float)
    newest = table.c.version == bindparam("told", type_=Integer)
    kept = {name: case((newest, value), else_=table.c[name]) for name, value in own.items()}
    now = clock.now_of(dialect)
    earliest = now + pause if pausing else now - AT_ONCE / kept["rate"]
    begin = case((table.c.free_at > earliest, table.c.free_at), else_=earliest)
    changed = newest & (table.c.rate != own["rate"])
    return (
        update(table)
        .where(table.c.bot_id == bindparam("of_bot"), table.c.kind == bindparam("of_kind"))
        .values(
            free_at=begin + calls / kept["rate"],
            calls=table.c.calls + calls,
            version=table.c.version + case((changed, 1), else_=0),
            **kept,
        )
        .returning(table, (table.c.free_at - now).label("ahead"))
    )
