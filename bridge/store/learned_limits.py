"""What was found out about Telegram's limits: a rate and a burst for each kind of call."""

from collections.abc import Mapping
from math import inf, isfinite

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import LearnedLimit
from bridge.store.dialects.upsert import insert_or_update
from bridge.store.tables import learned_limits


async def keep(tx: AsyncConnection, limits: Mapping[str, LearnedLimit]) -> None:
    """Write down what is known now, by the names of the kinds."""
    for name, one in limits.items():
        near = one.near if isfinite(one.near) else None
        values = {"rate": one.rate, "burst": one.burst, "near": near}
        await tx.execute(insert_or_update(tx, learned_limits, values | {"name": name}, values))


async def known(tx: AsyncConnection) -> Mapping[str, LearnedLimit]:
    """Return what was written down last."""
    return {
        row.name: LearnedLimit(row.rate, row.burst, inf if row.near is None else row.near)
        for row in (await tx.execute(select(learned_limits))).all()
    }
