"""What outlives a process of how fast Telegram may be called: waits that it asked for, limits found out."""

import time
from collections.abc import Mapping
from math import inf, isfinite

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import LearnedLimit
from bridge.store.dialects.upsert import insert_or_update
from bridge.store.tables import flood_waits, learned_limits


async def keep_wait(tx: AsyncConnection, chat_id: int, seconds: float) -> None:
    """Remember that a chat wants silence from now on: who calls all the same is silenced for longer."""
    until = time.time() + seconds
    values = {"chat_id": chat_id, "until": until}
    await tx.execute(insert_or_update(tx, flood_waits, values, {"until": until}))


async def waits_left(tx: AsyncConnection) -> Mapping[int, float]:
    """Return for how many seconds more each chat wants silence; those that are over are forgotten."""
    now = time.time()
    await tx.execute(delete(flood_waits).where(flood_waits.c.until <= now))
    rows = (await tx.execute(select(flood_waits))).all()
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
