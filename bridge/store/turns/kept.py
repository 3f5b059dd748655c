"""Answers that wait for what their person writes next: the topic they belong to takes no messages."""

from collections.abc import Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import ChatKey, State
from bridge.store import chats
from bridge.store.tables import turns, unwritable_chats
from bridge.store.turns.rows import of_chat


async def oldest(tx: AsyncConnection, topics: Sequence[ChatKey]) -> int | None:
    """Return the turn whose answer has waited longest in topics of one chat; None when none does."""
    if not topics:
        return None
    query = select(turns.c.id).where(
        turns.c.chat_id == topics[0].chat_id,
        turns.c.thread_id.in_([one.thread_id for one in topics]),
        turns.c.state == State.RUNNING,
        turns.c.final.is_not(None),
    )
    found: int | None = (await tx.execute(query.order_by(turns.c.id).limit(1))).scalar_one_or_none()
    return found


async def forget(tx: AsyncConnection, person_id: int) -> None:
    """Forget the answers that wait for somebody."""
    gone = select(unwritable_chats.c.thread_id).where(unwritable_chats.c.chat_id == person_id)
    theirs = (turns.c.chat_id == person_id, turns.c.thread_id > 0, turns.c.thread_id.in_(gone))
    waits = (turns.c.state == State.RUNNING, turns.c.final.is_not(None))
    await tx.execute(delete(turns).where(*theirs, *waits))


async def move(tx: AsyncConnection, topics: Sequence[ChatKey], to: ChatKey) -> bool:
    """Let the oldest such answer be shown elsewhere in its chat; the conversation of its topic ends.

    False when there is none, or something runs there just now: the next message asks again.
    """
    turn_id = await oldest(tx, topics)
    busy = select(turns.c.id).where(*of_chat(to), turns.c.state == State.RUNNING)
    if turn_id is None or (await tx.execute(busy)).first() is not None:
        return False
    await chats.ensure_chat(tx, to)
    was: int = (
        await tx.execute(select(turns.c.thread_id).where(turns.c.id == turn_id))
    ).scalar_one()
    await tx.execute(
        update(turns)
        .where(turns.c.id == turn_id)
        .values(thread_id=to.thread_id, moved_from=was, posts=[])
    )
    await chats.clear_conversation(tx, ChatKey(to.chat_id, was))
    return True
