"""Chats in which Telegram wants silence: who calls there all the same, also after a restart, is
silenced for longer."""

import time
from collections.abc import Mapping

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.dialects.upsert import insert_or_update
from bridge.store.tables import flood_waits


async def keep(tx: AsyncConnection, chat_id: int, seconds: float) -> None:
    """Remember that a chat wants silence from now on."""
    until = time.time() + seconds
    values = {"chat_id": chat_id, "until": until}
    await tx.execute(insert_or_update(tx, flood_waits, values, {"until": until}))


async def left(tx: AsyncConnection) -> Mapping[int, float]:
    """Return for how many seconds more each chat wants silence; those that are over are forgotten."""
    now = time.time()
    await tx.execute(delete(flood_waits).where(flood_waits.c.until <= now))
    rows = (await tx.execute(select(flood_waits))).all()
    return {row.chat_id: row.until - now for row in rows}
