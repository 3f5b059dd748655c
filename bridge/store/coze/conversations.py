"""The conversations that a chat, or a member of a group, can go back to."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import AgentAccount, ChatKey, CozeIdentity
from bridge.store import chats
from bridge.store.coze.tables import conversations
from bridge.store.dialects.upsert import insert_or_ignore
from bridge.store.tables import turns

MOST_LISTED = 500
"""Of one chat; nobody turns that many pages."""


@dataclass(frozen=True)
class Conversation:
    """One of a chat's conversations."""

    id: int
    agent: str | None
    """The key of its agent; None for that of a release which knew one only."""
    conversation_id: str
    home: AgentAccount
    title: str
    """Empty where it has none."""
    used_at: float
    """When it was last asked something, or made, in Unix seconds."""
    current: bool

    def __repr__(self) -> str:
        return f"Conversation(id={self.id})"


async def begin(
    tx: AsyncConnection,
    chat: CozeIdentity,
    conversation_id: str,
    home: AgentAccount,
    *,
    agent: str,
    title: str = "",
    titled_by: int = 0,
) -> None:
    """Let a conversation be the current one, and remember it; `titled_by` said the words of the title."""
    await chats.set_conversation(tx, chat, conversation_id, home)
    values = {
        "chat_id": chat.key.chat_id,
        "thread_id": chat.key.thread_id,
        "member_id": chat.member_id,
        "conversation_id": conversation_id,
        "agent": agent,
        "agent_id": home.agent_id,
        "api_base": home.api_base,
        "account": home.account,
        "title": title,
        "titled_by": titled_by,
        "created_at": time.time(),
    }
    await tx.execute(insert_or_ignore(tx, conversations, values))


async def listed(
    tx: AsyncConnection, key: ChatKey, member_id: int = 0, words: str = ""
) -> Sequence[Conversation]:
    """Return the conversations of a chat or a member, last used first, whose titles have the words."""
    rows = (await tx.execute(_query(key, member_id).limit(MOST_LISTED))).all()
    current = await _current(tx, key, member_id)
    wanted = words.casefold().split()
    found = [_read(row, current) for row in rows]
    return sorted(
        (one for one in found if all(word in one.title.casefold() for word in wanted)),
        key=lambda one: -one.used_at,
    )


async def one_of(
    tx: AsyncConnection, key: ChatKey, member_id: int, id_: int
) -> Conversation | None:
    """Return a conversation of the chat or the member; None for anybody else's, or a deleted one."""
    row = (await tx.execute(_query(key, member_id).where(conversations.c.id == id_))).one_or_none()
    return _read(row, await _current(tx, key, member_id)) if row else None


async def current_one(tx: AsyncConnection, key: ChatKey, member_id: int = 0) -> Conversation | None:
    """Return the conversation in which the next question is asked; None before the first one."""
    current = await _current(tx, key, member_id)
    if current is None:
        return None
    named = _query(key, member_id).where(conversations.c.conversation_id == current).limit(1)
    row = (await tx.execute(named)).one_or_none()
    return _read(row, current) if row else None


async def switch(tx: AsyncConnection, key: ChatKey, member_id: int, to: Conversation) -> None:
    """Let a conversation of the chat be the current one again."""
    chat = await chats.chat(tx, key, member_id)
    await chats.set_conversation(tx, chat, to.conversation_id, to.home)


async def rename(tx: AsyncConnection, id_: int, title: str, titled_by: int) -> None:
    """Give a conversation the title that a person wants."""
    done = update(conversations).where(conversations.c.id == id_)
    await tx.execute(done.values(title=title, titled_by=titled_by))


async def remove(tx: AsyncConnection, key: ChatKey, member_id: int, gone: Conversation) -> None:
    """Forget a conversation; where it was the current one, the next question begins another."""
    same = conversations.c.conversation_id == gone.conversation_id
    await tx.execute(delete(conversations).where(*_of(key, member_id), same))
    await chats.leave_conversation(tx, key.chat_id, member_id, gone.conversation_id)


def _query(key: ChatKey, member_id: int) -> Select[Any]:
    last = (
        select(func.max(turns.c.created_at))
        .where(
            turns.c.chat_id == key.chat_id,
            *(() if _holds_all(key) else (turns.c.thread_id == key.thread_id,)),
            turns.c.conversation_id == conversations.c.conversation_id,
        )
        .scalar_subquery()
    )
    used = func.coalesce(last, conversations.c.created_at).label("used_at")
    return (
        select(conversations, used).where(*_of(key, member_id)).order_by(conversations.c.id.desc())
    )


def _of(key: ChatKey, member_id: int) -> Sequence[ColumnElement[bool]]:
    """Those of a chat or a member."""
    topic = () if _holds_all(key) else (conversations.c.thread_id == key.thread_id,)
    return (
        conversations.c.chat_id == key.chat_id,
        *topic,
        conversations.c.member_id == member_id,
    )


def _holds_all(key: ChatKey) -> bool:
    """Return whether a place has the conversations of all topics of its chat: those of one person.

    A topic may be deleted, topics may be switched off, and what is written outside of them may open
    another one: they are found from anywhere, and go on where they are asked for.
    """
    return key.private


async def _current(tx: AsyncConnection, key: ChatKey, member_id: int) -> str | None:
    chat = await chats.known(tx, key, member_id)
    return chat.conversation_id if chat else None


def _read(row: Row[Any], current: str | None) -> Conversation:
    home = AgentAccount(row.agent_id, row.api_base, row.account)
    return Conversation(
        id=row.id,
        agent=row.agent,
        conversation_id=row.conversation_id,
        home=home,
        title=row.title,
        used_at=row.used_at,
        current=row.conversation_id == current,
    )
