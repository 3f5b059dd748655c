"""Chats and topics that cannot be written to, and groups that become another chat."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, Table, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import ChatKey, State
from bridge.store.coze.tables import conversations
from bridge.store.dialects.upsert import insert_or_ignore, insert_or_update
from bridge.store.erasure import add_up
from bridge.store.operators.access import Access
from bridge.store.operators.quotas import Scope
from bridge.store.operators.tables import access, chat_tallies, quotas, tallies
from bridge.store.tables import (
    chat_migrations,
    chats,
    flood_waits,
    members,
    orphans,
    outbox,
    suggestions,
    turns,
    unwritable_chats,
)


async def unwritable(tx: AsyncConnection) -> Mapping[ChatKey, tuple[str, float]]:
    """Return where nothing can be written, why, and since when (Unix seconds)."""
    rows = (await tx.execute(select(unwritable_chats))).all()
    return {ChatKey(row.chat_id, row.thread_id): (row.why, row.since) for row in rows}


async def close(tx: AsyncConnection, key: ChatKey, why: str, since: float) -> None:
    """Note since when nothing can be written there (Unix seconds)."""
    values = {"why": why, "since": since}
    here = {"chat_id": key.chat_id, "thread_id": key.thread_id}
    await tx.execute(insert_or_update(tx, unwritable_chats, here | values, values))


async def reopen(tx: AsyncConnection, key: ChatKey) -> None:
    """Note that it can be written to again; without a topic, so can all topics that are not closed."""
    await tx.execute(
        delete(unwritable_chats).where(
            unwritable_chats.c.chat_id == key.chat_id, unwritable_chats.c.thread_id == key.thread_id
        )
    )


async def move(tx: AsyncConnection, old: int, new: int) -> Sequence[ChatKey]:
    """Let everything that belongs to a group belong to the supergroup that it became.

    Returns the chats in which something is open. Messages have other ids there: what is not
    answered yet is answered by new posts.
    """
    await tx.execute(insert_or_ignore(tx, chat_migrations, {"old_id": old, "new_id": new}))
    await _make_room(tx, old, new)
    await _move_chats(tx, old, new)
    await _let_decide(tx, old, new)
    for table in (suggestions, conversations):
        await tx.execute(update(table).where(table.c.chat_id == old).values(chat_id=new))
    for table in (flood_waits, access):
        await _rekey(tx, table, old, new)
    await _move_quotas(tx, old, new)
    for table in (outbox, orphans, unwritable_chats):  # what was shut there may be open here
        await tx.execute(delete(table).where(table.c.chat_id == old))
    query = select(turns.c.thread_id).where(
        turns.c.chat_id == new, turns.c.state.in_((State.WAITING, State.RUNNING))
    )
    return [ChatKey(new, thread) for thread in sorted(set((await tx.execute(query)).scalars()))]


async def _move_quotas(tx: AsyncConnection, old: int, new: int) -> None:
    """A group keeps what it may use, and what it has used in turns that were deleted."""
    own = (quotas.c.scope != Scope.ALL, quotas.c.subject == str(old))
    for row in (await tx.execute(select(quotas).where(*own))).all():
        await tx.execute(insert_or_ignore(tx, quotas, row._asdict() | {"subject": str(new)}))
    await tx.execute(delete(quotas).where(*own))
    # In the group's own name its administrators asked.
    await tx.execute(update(turns).where(turns.c.sender_id == old).values(sender_id=new))
    theirs = tallies.c.person_id == old
    for row in (await tx.execute(select(tallies).where(theirs))).all():
        await add_up(tx, tallies.c.person_id, new, row.day, row.messages, row.tokens)
    await tx.execute(delete(tallies).where(theirs))
    mine = chat_tallies.c.chat_id == old
    for row in (await tx.execute(select(chat_tallies).where(mine))).all():
        await add_up(tx, chat_tallies.c.chat_id, new, row.day, row.messages, row.tokens)
    await tx.execute(delete(chat_tallies).where(mine))


async def moved_to(tx: AsyncConnection, old: int) -> int | None:
    """Return the supergroup that a group has become; None when it has not."""
    found = await tx.execute(
        select(chat_migrations.c.new_id).where(chat_migrations.c.old_id == old)
    )
    new: int | None = found.scalar_one_or_none()
    return new


async def _move_chats(tx: AsyncConnection, old: int, new: int) -> None:
    """Chats, members and turns: the older memory goes on, whatever has begun in either chat since.

    A group is heard of once more after its move, as when somebody presses a button of an old post.
    """
    await _keep_older(tx, chats, old, new)
    await _keep_older(tx, members, old, new)
    for turn in (await tx.execute(select(turns).where(turns.c.chat_id == old))).all():
        parts = [{**part, "message_id": 0} for part in turn.parts]
        await tx.execute(
            update(turns).where(turns.c.id == turn.id).values(chat_id=new, parts=parts, posts=[])
        )
    for table in (chats, members):
        await tx.execute(delete(table).where(table.c.chat_id == old))


async def _keep_older(tx: AsyncConnection, table: Table, old: int, new: int) -> None:
    """Copy the rows of a group, over those of the new chat that were made later."""
    for row in (await tx.execute(select(table).where(table.c.chat_id == old))).all():
        values = row._asdict() | {"chat_id": new}
        later = table.c.created_at > row.created_at
        await tx.execute(insert_or_update(tx, table, values, values, where=later))


async def _make_room(tx: AsyncConnection, old: int, new: int) -> None:
    """What was begun in the supergroup before we heard of the move gives way to what is older.

    In a chat one turn runs and one of each person waits: two that met are asked as one.
    """
    for turn in await _all_of(tx, old, State.WAITING):
        await _merge(tx, turn, await _all_of(tx, new, State.WAITING, turn.thread_id))
    for turn in await _all_of(tx, old, State.RUNNING):
        if await _all_of(tx, new, State.RUNNING, turn.thread_id):
            await _ask_later(tx, turn, old, new)


async def _all_of(
    tx: AsyncConnection, chat_id: int, state: State, thread_id: int | None = None
) -> Sequence[Row[Any]]:
    """Return the turns of a group in a state, or only those of a topic."""
    there = () if thread_id is None else (turns.c.thread_id == thread_id,)
    query = select(turns).where(turns.c.chat_id == chat_id, turns.c.state == state, *there)
    return (await tx.execute(query.order_by(turns.c.id))).all()


async def _ask_later(tx: AsyncConnection, turn: Row[Any], old: int, new: int) -> None:
    """Let the words of a running turn wait, as part of what else its asker wrote in either chat."""
    stopped = {"state": State.STOPPED, "settled_at": time.time(), "run_may_continue": turn.asked}
    await tx.execute(update(turns).where(turns.c.id == turn.id).values(**stopped))
    waits = [
        one for key in (old, new) for one in await _all_of(tx, key, State.WAITING, turn.thread_id)
    ]
    own = next((one for one in waits if one.sender_id == turn.sender_id), None)
    parts = [{**part, "message_id": 0} for part in turn.parts]
    if own is not None:
        values = {"parts": [*parts, *own.parts]}
        await tx.execute(update(turns).where(turns.c.id == own.id).values(**values))
        return
    fresh = turn._asdict() | {
        "chat_id": new,
        "state": State.WAITING,
        "parts": parts,
        "posts": [],
        "asked": False,
        "run_id": None,
        "correlation_id": f"{turn.correlation_id}-moved",
        "final": None,
    }
    del fresh["id"]
    await tx.execute(insert(turns).values(**fresh))


async def _merge(tx: AsyncConnection, turn: Row[Any], waits: Sequence[Row[Any]]) -> None:
    """Two questions of one person that wait are one."""
    own = next((one for one in waits if one.sender_id == turn.sender_id), None)
    if own is None:
        return
    values = {"parts": [*turn.parts, *own.parts]}
    await tx.execute(update(turns).where(turns.c.id == turn.id).values(**values))
    stopped = {"state": State.STOPPED, "settled_at": time.time()}
    await tx.execute(update(turns).where(turns.c.id == own.id).values(**stopped))


async def _let_decide(tx: AsyncConnection, old: int, new: int) -> None:
    """What an operator has decided about a group counts, though the new chat has asked since."""
    known = select(access.c.chat_id).where(access.c.chat_id == old)
    if (await tx.execute(known)).first() is not None:
        asked = (access.c.chat_id == new, access.c.state == Access.ASKED)
        await tx.execute(delete(access).where(*asked))


async def _rekey(tx: AsyncConnection, table: Table, old: int, new: int) -> None:
    """Rows that are there already for the new chat are newer, and stay."""
    for row in (await tx.execute(select(table).where(table.c.chat_id == old))).all():
        values = row._asdict() | {"chat_id": new}
        await tx.execute(insert_or_ignore(tx, table, values))
    await tx.execute(delete(table).where(table.c.chat_id == old))
