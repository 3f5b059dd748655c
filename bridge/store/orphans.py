"""Orphans: posts that may stand in a chat though another was sent in their place.

A sending that got no answer is repeated at once; the message that it may have made is looked for
afterwards, by this process or the next one.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import ChatKey
from bridge.store.dialects.upsert import insert_or_update
from bridge.store.tables import orphans

KEEP_SECONDS = 86400.0


@dataclass(frozen=True)
class Orphan:
    """A post of which copies may stand."""

    cause: str
    """The name of the post in the outbox."""
    chat: ChatKey
    language: str
    """In which a copy is admitted that cannot be found."""
    after_id: int
    """Of the last message that certainly stands above them; 0 where that is not known."""
    heard_at: float
    """When the last one was in Telegram's hands, as far as we know, in Unix seconds."""
    before_id: int | None = None
    """Of the post that took their place; None while it does not stand."""
    copies: int = 1
    """How many may stand."""


async def add(tx: AsyncConnection, one: Orphan) -> None:
    """Note that a copy more may stand."""
    values = {
        "cause": one.cause,
        "chat_id": one.chat.chat_id,
        "thread_id": one.chat.thread_id,
        "language": one.language,
        "after_id": one.after_id,
        "copies": 1,
        "heard_at": one.heard_at,
    }
    changes = {
        "copies": orphans.c.copies + 1,
        "heard_at": one.heard_at,
        "before_id": None,
    }
    await tx.execute(insert_or_update(tx, orphans, values, changes))


async def replaced(tx: AsyncConnection, cause: str, message_id: int) -> bool:
    """Note which message took their place; False when there are none."""
    done = await tx.execute(
        update(orphans).where(orphans.c.cause == cause).values(before_id=message_id)
    )
    return done.rowcount > 0


async def waiting(tx: AsyncConnection) -> Sequence[Orphan]:
    """Return those that are to be looked for, the oldest first."""
    query = select(orphans).order_by(orphans.c.heard_at)
    return [
        Orphan(
            cause=row.cause,
            chat=ChatKey(row.chat_id, row.thread_id),
            language=row.language,
            after_id=row.after_id,
            heard_at=row.heard_at,
            before_id=row.before_id,
            copies=row.copies,
        )
        for row in (await tx.execute(query)).all()
    ]


async def forget(tx: AsyncConnection, cause: str) -> None:
    """Look for a post no more."""
    await tx.execute(delete(orphans).where(orphans.c.cause == cause))


async def prune(tx: AsyncConnection) -> None:
    """Forget those that could not be looked for in a long time."""
    await tx.execute(delete(orphans).where(orphans.c.heard_at < time.time() - KEEP_SECONDS))
