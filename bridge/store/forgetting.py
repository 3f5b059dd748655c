"""What is deleted: at somebody's wish, and what is too old."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import ChatKey, State
from bridge.store.tables import chats, choices, members, people, tallies, turns

_OPEN = (State.WAITING, State.RUNNING)


@dataclass(frozen=True)
class Receipt:
    """What was deleted."""

    turns: int
    conversations: Sequence[str]
    """The ids of the conversations at Coze that are to be deleted there."""


async def forget_person(tx: AsyncConnection, person_id: int) -> Receipt:
    """Delete what is kept of somebody: their turns, their chat's memory and choices, their name.

    How much they have used stays, as numbers, so that no quota begins anew. What was decided about
    their access stays, too: else who was let out could come back.
    """
    key = ChatKey(person_id)
    theirs = (turns.c.sender_id == person_id, turns.c.state.not_in(_OPEN))
    await _tally(tx, person_id)
    done = await tx.execute(delete(turns).where(*theirs))
    conversations = await _conversations(tx, person_id)
    await tx.execute(delete(members).where(members.c.member_id == person_id))
    await tx.execute(delete(choices).where(choices.c.chat_id == key.chat_id))
    own = (chats.c.chat_id == key.chat_id,)
    still = select(turns.c.id).where(turns.c.chat_id == key.chat_id)
    if (await tx.execute(still)).first() is None:
        await tx.execute(delete(chats).where(*own))
    else:
        await tx.execute(update(chats).where(*own).values(conversation_id=None))
    await tx.execute(delete(people).where(people.c.person_id == person_id))
    return Receipt(done.rowcount, conversations)


async def _conversations(tx: AsyncConnection, person_id: int) -> Sequence[str]:
    found = [
        *(
            await tx.execute(select(chats.c.conversation_id).where(chats.c.chat_id == person_id))
        ).scalars(),
        *(
            await tx.execute(
                select(members.c.conversation_id).where(members.c.member_id == person_id)
            )
        ).scalars(),
    ]
    return [one for one in found if one]


async def _tally(tx: AsyncConnection, person_id: int | None, before: float | None = None) -> None:
    """Keep as numbers what was used, by day."""
    where: list[ColumnElement[bool]] = [turns.c.state.not_in([State.FAILED, *_OPEN])]
    where += [turns.c.sender_id == person_id] if person_id is not None else []
    where += [turns.c.created_at < before] if before is not None else []
    query = select(
        turns.c.sender_id, turns.c.created_at, turns.c.messages, turns.c.tokens_in,
        turns.c.tokens_out,
    ).where(*where)  # fmt: skip
    sums: dict[tuple[int, str], list[int]] = {}
    for row in (await tx.execute(query)).all():
        day = datetime.fromtimestamp(row.created_at, UTC).date().isoformat()
        used = sums.setdefault((row.sender_id, day), [0, 0])
        used[0] += row.messages
        used[1] += row.tokens_in + row.tokens_out
    for (sender_id, day), (messages, tokens) in sums.items():
        entry = insert(tallies).values(
            person_id=sender_id, day=day, messages=messages, tokens=tokens
        )
        more = {
            "messages": tallies.c.messages + messages,
            "tokens": tallies.c.tokens + tokens,
        }
        await tx.execute(
            entry.on_conflict_do_update(index_elements=["person_id", "day"], set_=more)
        )


async def retire(tx: AsyncConnection, days: float) -> int:
    """Delete turns that are older than so many days, but what a quota still counts; how many."""
    before = time.time() - days * 86400
    old = (turns.c.created_at < before, turns.c.state.not_in(_OPEN), ~turns.c.lingers)
    count = (await tx.execute(select(func.count()).select_from(turns).where(*old))).scalar_one()
    if count:
        await _tally(tx, None, before)
        await tx.execute(delete(turns).where(*old))
    month_ago = datetime.fromtimestamp(time.time() - 62 * 86400, UTC).date().isoformat()
    await tx.execute(delete(tallies).where(tallies.c.day < month_ago))
    return int(count)
