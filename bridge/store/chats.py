"""Chats and where their memory lives at Coze."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict, fields
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Table, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import AboutChat, AgentAccount, ChatKey, CozeIdentity
from bridge.preferences import Answers, Memory, Preferences, Reasoning, Speech, Streaming
from bridge.store.dialects.upsert import insert_or_ignore, insert_or_update
from bridge.store.tables import chats, facts, members


async def ensure_chat(tx: AsyncConnection, key: ChatKey) -> None:
    """Make sure that the chat is known; its Coze `user_id` is made up once."""
    await tx.execute(
        insert_or_ignore(
            tx,
            chats,
            {
                "chat_id": key.chat_id,
                "thread_id": key.thread_id,
                "user_id": f"tg-{secrets.token_hex(12)}",
                "created_at": time.time(),
            },
        )
    )


async def chat(tx: AsyncConnection, key: ChatKey, member_id: int = 0) -> CozeIdentity:
    """Return the chat, met before; with a member's id, their own place in it, made when it is new."""
    if member_id:
        await _meet_member(tx, key, member_id)
    found = await known(tx, key, member_id)
    if found is None:
        raise LookupError("the chat was never met")
    return found


async def known(tx: AsyncConnection, key: ChatKey, member_id: int = 0) -> CozeIdentity | None:
    """Return the chat, or a member's place in it; None where it was never met."""
    table, here = _place(key, member_id)
    row = (await tx.execute(select(*memory(table)).where(*here))).one_or_none()
    return None if row is None else read_memory(row, key, member_id)


_MEMORY = ("user_id", "conversation_id", "agent_id", "api_base", "account")


def memory(table: FromClause) -> Sequence[ColumnElement[Any]]:
    """Return the columns that `read_memory` needs, of the chats' table or the members'."""
    return [table.c[name].label(f"memory_{name}") for name in _MEMORY]


def read_memory(row: Any, key: ChatKey, member_id: int = 0) -> CozeIdentity:
    """Return where the memory of a chat or of a member lives, of a row that has its `memory`.

    An agent's own id may be empty.
    """
    home = None
    if row.memory_agent_id is not None:
        account = row.memory_account or ""
        home = AgentAccount(row.memory_agent_id, row.memory_api_base or "", account)
    return CozeIdentity(
        key=key,
        member_id=member_id,
        user_id=row.memory_user_id,
        conversation_id=row.memory_conversation_id,
        home=home,
    )


async def _meet_member(tx: AsyncConnection, key: ChatKey, member_id: int) -> None:
    await tx.execute(
        insert_or_ignore(
            tx,
            members,
            {
                "chat_id": key.chat_id,
                "thread_id": key.thread_id,
                "member_id": member_id,
                "user_id": f"tg-{secrets.token_hex(12)}",
                "created_at": time.time(),
            },
        )
    )


async def set_conversation(
    tx: AsyncConnection, chat: CozeIdentity, conversation_id: str, home: AgentAccount
) -> None:
    """Remember the chat's conversation, or its member's, and where it lives."""
    table, here = _place(chat.key, chat.member_id)
    moved = {
        "conversation_id": conversation_id,
        "agent_id": home.agent_id,
        "api_base": home.api_base,
        "account": home.account,
    }
    await tx.execute(update(table).where(*here).values(**moved))


async def clear_conversation(tx: AsyncConnection, key: ChatKey, member_id: int = 0) -> None:
    """Forget the conversation: the next turn makes a new one."""
    table, here = _place(key, member_id)
    await tx.execute(update(table).where(*here).values(conversation_id=None))


async def leave_conversation(
    tx: AsyncConnection, chat_id: int, member_id: int, conversation_id: str
) -> None:
    """Forget a conversation wherever it is the current one of a chat's topics, or of a member there."""
    table = members if member_id else chats
    mine = (members.c.member_id == member_id,) if member_id else ()
    here = (table.c.chat_id == chat_id, table.c.conversation_id == conversation_id, *mine)
    await tx.execute(update(table).where(*here).values(conversation_id=None))


def _place(key: ChatKey, member_id: int) -> tuple[Table, Sequence[ColumnElement[bool]]]:
    """Return the table and the row with the memory of a chat, or of one of its members."""
    if not member_id:
        return chats, _here(key)
    here = (members.c.chat_id == key.chat_id, members.c.thread_id == key.thread_id)
    return members, (*here, members.c.member_id == member_id)


def _here(key: ChatKey) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return (chats.c.chat_id == key.chat_id, chats.c.thread_id == key.thread_id)


async def preferences(tx: AsyncConnection, key: ChatKey) -> Preferences:
    """Return what the chat itself has chosen; nothing, when it was never met."""
    row = (await tx.execute(select(*chosen(chats)).where(*_here(key)))).one_or_none()
    return read_preferences(row) if row else Preferences()


async def counting(tx: AsyncConnection, key: ChatKey) -> Preferences:
    """Return what counts in a chat: what it has chosen, else what its forum has."""
    own = await preferences(tx, key)
    return own.over(await preferences(tx, key.whole)) if key.thread_id else own


async def about(tx: AsyncConnection, key: ChatKey) -> AboutChat:
    """Return what is known of a chat besides its messages; a topic is called like its group."""
    query = select(chats.c.title, chats.c.start_payload).where(*_here(key.whole))
    row = (await tx.execute(query)).one_or_none()
    return AboutChat(row.title or "", row.start_payload or "") if row else AboutChat()


async def set_start_payload(tx: AsyncConnection, key: ChatKey, payload: str) -> None:
    """Remember what the link carried by which somebody came; the chat is known already."""
    await tx.execute(update(chats).where(*_here(key)).values(start_payload=payload))


async def set_title(tx: AsyncConnection, key: ChatKey, title: str) -> None:
    """Remember what a group is called."""
    await ensure_chat(tx, key)
    await tx.execute(update(chats).where(*_here(key)).values(title=title))


async def name_topic(tx: AsyncConnection, key: ChatKey, *, nameless: bool, title: str = "") -> None:
    """Remember whether a topic of a private chat lacks a name of its own, or which one it was given."""
    await ensure_chat(tx, key)
    values = {"nameless_topic": nameless} | ({"title": title} if title else {})
    await tx.execute(update(chats).where(*_here(key)).values(**values))


async def is_nameless(tx: AsyncConnection, key: ChatKey) -> bool:
    """Return whether nobody has given a topic its name."""
    found = await tx.execute(select(chats.c.nameless_topic).where(*_here(key)))
    return bool(found.scalar_one_or_none())


async def topic_title(tx: AsyncConnection, key: ChatKey) -> str:
    """Return the name that a person gave a topic of their private chat; empty without one."""
    if not (key.private and key.thread_id):
        return ""
    given = select(chats.c.title).where(*_here(key), ~chats.c.nameless_topic)
    return str((await tx.execute(given)).scalar() or "")


async def prefer(tx: AsyncConnection, key: ChatKey, chosen: Preferences) -> None:
    """Remember what the chat has chosen."""
    await ensure_chat(tx, key)
    await tx.execute(update(chats).where(*_here(key)).values(**asdict(chosen)))


_CHOICES = [field.name for field in fields(Preferences)]


def chosen(table: FromClause, lead: str = "chosen") -> Sequence[ColumnElement[Any]]:
    """Return the columns of the chats' table that `read_preferences` needs, named after `lead`."""
    return [table.c[name].label(f"{lead}_{name}") for name in _CHOICES]


def read_preferences(row: Any, lead: str = "chosen") -> Preferences:
    """Return what a chat has chosen, of a row that has `chosen`; unknown words count as no choice."""
    found = {name: getattr(row, f"{lead}_{name}") for name in _CHOICES}
    for name, kind in _KINDS.items():
        found[name] = kind(found[name]) if found[name] in set(kind) else None
    return Preferences(**found)


_KINDS: dict[str, type[StrEnum]] = {
    "reasoning": Reasoning,
    "streaming": Streaming,
    "answers": Answers,
    "memory": Memory,
    "speech": Speech,
}


async def fact(tx: AsyncConnection, name: str) -> str | None:
    """Return a small thing remembered across starts."""
    row = (await tx.execute(select(facts.c.value).where(facts.c.name == name))).one_or_none()
    return str(row.value) if row else None


async def remember(tx: AsyncConnection, name: str, value: str) -> None:
    """Remember a small thing across starts."""
    await tx.execute(insert_or_update(tx, facts, {"name": name, "value": value}, {"value": value}))
