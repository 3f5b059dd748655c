"""What is deleted: at somebody's wish, and what is too old."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Column, ColumnElement, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import AgentAccount, ChatKey, State
from bridge.store import inbox, outbox
from bridge.store.coze.tables import conversations
from bridge.store.dialects.upsert import insert_or_update
from bridge.store.operators import invites
from bridge.store.operators.quotas import charged
from bridge.store.operators.tables import access, audit, chat_tallies, operators, people, tallies
from bridge.store.tables import chats, members, suggestions, turns
from bridge.store.turns import kept

_OPEN = (State.WAITING, State.RUNNING)


@dataclass(frozen=True)
class Receipt:
    """What was deleted."""

    turns: int
    conversations: Sequence["ConversationHeld"]
    """The conversations that are to be deleted where they are kept."""
    user_ids: Sequence[str]
    """By which agents knew them."""


@dataclass(frozen=True)
class ConversationHeld:
    """A conversation and who keeps it: the key of its agent, or what it belongs to."""

    id: str
    agent: str | None
    home: AgentAccount | None


async def forget_person(tx: AsyncConnection, person_id: int) -> Receipt:
    """Delete what is kept of somebody: their turns, their chat's memory and choices, their name.

    How much they have used stays, as numbers, so that no quota begins anew. What was decided about
    their access stays, too: else who was let out could come back.
    """
    key = ChatKey(person_id)
    theirs = (turns.c.sender_id == person_id, turns.c.state.not_in(_OPEN))
    held = await _conversations(tx, person_id)
    user_ids = await _user_ids(tx, person_id)
    await _forget_conversations(tx, person_id)
    await kept.forget(tx, person_id)
    await _tally(tx, *theirs)
    where = [*(await tx.execute(select(turns.c.chat_id).where(*theirs).distinct())).scalars()]
    done = await tx.execute(delete(turns).where(*theirs))
    await _forget_name(tx, person_id)
    await tx.execute(delete(members).where(members.c.member_id == person_id))
    await tx.execute(delete(suggestions).where(suggestions.c.chat_id.in_([key.chat_id, *where])))
    # What was overheard names nobody by number: it goes wherever it is not being asked just now.
    overheard = (turns.c.heard.is_not(None), turns.c.state != State.RUNNING)
    await tx.execute(update(turns).where(*overheard).values(heard=None))
    await inbox.forget_person(tx, person_id)
    await outbox.forget_person(tx, person_id)
    await invites.forget_person(tx, person_id)
    own = (chats.c.chat_id == key.chat_id,)
    still = select(turns.c.id).where(turns.c.chat_id == key.chat_id)
    if (await tx.execute(still)).first() is None:
        await tx.execute(delete(chats).where(*own))
    else:
        await tx.execute(update(chats).where(*own).values(conversation_id=None))
    await tx.execute(delete(people).where(people.c.person_id == person_id))
    return Receipt(done.rowcount, held, user_ids)


async def _conversations(tx: AsyncConnection, person_id: int) -> Sequence[ConversationHeld]:
    """Return the conversations that are only theirs, also those that `/new` or another agent ended."""
    earlier = or_(turns.c.chat_id == person_id, turns.c.member_id == person_id)
    asked = select(turns.c.conversation_id, turns.c.agent).where(earlier).distinct()
    asked = asked.order_by(turns.c.agent.nulls_first())  # who is named keeps it
    found = {
        row.conversation_id: ConversationHeld(row.conversation_id, row.agent, None)
        for row in (await tx.execute(asked)).all()
    }
    theirs = or_(conversations.c.chat_id == person_id, conversations.c.member_id == person_id)
    for row in (await tx.execute(select(conversations).where(theirs))).all():
        home = AgentAccount(row.agent_id, row.api_base, row.account)
        found[row.conversation_id] = ConversationHeld(row.conversation_id, None, home)
    for table, whose in (
        (chats, chats.c.chat_id == person_id),
        (members, members.c.member_id == person_id),
    ):
        for row in (await tx.execute(select(table).where(whose))).all():
            if row.agent_id is not None:
                home = AgentAccount(row.agent_id, row.api_base or "", row.account or "")
                found[row.conversation_id] = ConversationHeld(row.conversation_id, None, home)
    return [found[one] for one in sorted(one for one in found if one)]


async def _forget_conversations(tx: AsyncConnection, person_id: int) -> None:
    theirs = or_(conversations.c.chat_id == person_id, conversations.c.member_id == person_id)
    await tx.execute(delete(conversations).where(theirs))
    among_others = conversations.c.titled_by == person_id
    await tx.execute(update(conversations).where(among_others).values(title="", titled_by=0))


async def _user_ids(tx: AsyncConnection, person_id: int) -> Sequence[str]:
    own = select(chats.c.user_id).where(chats.c.chat_id == person_id)
    among_others = select(members.c.user_id).where(members.c.member_id == person_id)
    return [*(await tx.execute(own.union(among_others))).scalars()]


async def _forget_name(tx: AsyncConnection, person_id: int) -> None:
    """Of what operators decided about them, only the number stays."""
    number = str(person_id)
    await tx.execute(
        update(access)
        .where(access.c.chat_id == person_id)
        .values(name=number, words=None, question=None)
    )
    await tx.execute(
        update(operators).where(operators.c.person_id == person_id).values(name=number)
    )
    await tx.execute(update(audit).where(audit.c.subject == number).values(detail=""))


async def _tally(tx: AsyncConnection, *which: ColumnElement[bool]) -> None:
    """Keep as numbers what was used in turns that are deleted now, by day."""
    query = select(
        turns.c.sender_id, turns.c.chat_id, turns.c.created_at, turns.c.messages,
        turns.c.tokens_in, turns.c.tokens_out,
    ).where(charged(), *which)  # fmt: skip
    sums: dict[tuple[Column[int], int, str], list[int]] = {}
    for row in (await tx.execute(query)).all():
        day = datetime.fromtimestamp(row.created_at, UTC).date().isoformat()
        for column, id_ in (
            (tallies.c.person_id, row.sender_id),
            (chat_tallies.c.chat_id, row.chat_id),
        ):
            used = sums.setdefault((column, id_, day), [0, 0])
            used[0] += row.messages
            used[1] += row.tokens_in + row.tokens_out
    for (column, id_, day), (messages, tokens) in sums.items():
        await add_up(tx, column, id_, day, messages, tokens)


async def add_up(
    tx: AsyncConnection, column: Column[int], id_: int, day: str, messages: int, tokens: int
) -> None:
    """Add to the tally of a person or a chat, by its column."""
    table = column.table
    values = {column.name: id_, "day": day, "messages": messages, "tokens": tokens}
    more = {"messages": table.c.messages + messages, "tokens": table.c.tokens + tokens}
    await tx.execute(insert_or_update(tx, table, values, more, key=[column.name, "day"]))


async def retire(tx: AsyncConnection, days: float) -> int:
    """Delete turns that are older than so many days, but what a quota still counts; how many."""
    before = time.time() - days * 86400
    old = (turns.c.created_at < before, turns.c.state.not_in(_OPEN), ~turns.c.run_may_continue)
    await _retire_conversations(tx, before)
    count = (await tx.execute(select(func.count()).select_from(turns).where(*old))).scalar_one()
    if count:
        await _tally(tx, *old)
        await tx.execute(delete(turns).where(*old))
    month_ago = datetime.fromtimestamp(time.time() - 62 * 86400, UTC).date().isoformat()
    for table in (tallies, chat_tallies):
        await tx.execute(delete(table).where(table.c.day < month_ago))
    return int(count)


async def _retire_conversations(tx: AsyncConnection, before: float) -> None:
    """Forget conversations, with their titles, in which nothing was asked since then (Unix seconds)."""
    current = (
        select(table.c.conversation_id).where(table.c.conversation_id.is_not(None))
        for table in (chats, members)
    )
    used = select(turns.c.conversation_id).where(
        turns.c.created_at >= before, turns.c.conversation_id.is_not(None)
    )
    unused = (conversations.c.created_at < before, conversations.c.conversation_id.not_in(used))
    left = (conversations.c.conversation_id.not_in(one) for one in current)
    await tx.execute(delete(conversations).where(*unused, *left))
    titled = (*unused, conversations.c.title != "")  # current ones: the next question goes on there
    await tx.execute(update(conversations).where(*titled).values(title="", titled_by=0))
    recent = select(turns.c.id).where(
        turns.c.chat_id == chats.c.chat_id,
        turns.c.thread_id == chats.c.thread_id,
        turns.c.created_at >= before,
    )
    topics = (chats.c.chat_id > 0, chats.c.thread_id > 0, chats.c.created_at < before)
    await tx.execute(update(chats).where(*topics, ~recent.exists()).values(title=None))
