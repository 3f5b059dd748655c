"""What is wrong now and was told to the operators, so that a restart does not tell it again."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.dialects.upsert import insert_or_ignore
from bridge.store.operators.tables import alarms


@dataclass(frozen=True)
class Alarm:
    """Something that is wrong."""

    kind: str
    what: str
    """For the operator: what happened, and what to do."""
    since: float


async def begin(tx: AsyncConnection, kind: str, what: str) -> bool:
    """Note that it goes wrong now; False when that is known."""
    values = {"kind": kind, "what": what, "since": time.time()}
    done = await tx.execute(insert_or_ignore(tx, alarms, values))
    return done.rowcount == 1


async def end(tx: AsyncConnection, kind: str) -> Alarm | None:
    """Note that it is over; return what it was, or None when nothing was wrong."""
    done = await tx.execute(delete(alarms).where(alarms.c.kind == kind).returning(alarms))
    row = done.one_or_none()
    return Alarm(row.kind, row.what, row.since) if row else None


async def current(tx: AsyncConnection) -> Sequence[Alarm]:
    """Return all that is wrong now, oldest first."""
    rows = (await tx.execute(select(alarms).order_by(alarms.c.since))).all()
    return [Alarm(row.kind, row.what, row.since) for row in rows]
