"""Chats and where their memory lives at Coze."""

import secrets
import time
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import Chat, ChatKey, Home, Preferences, Reasoning, Streaming
from bridge.store.tables import chats, facts


async def meet(tx: AsyncConnection, key: ChatKey) -> None:
    """Make sure that the chat is known; its Coze `user_id` is made up once."""
    await tx.execute(
        insert(chats)
        .values(
            chat_id=key.chat_id,
            thread_id=key.thread_id,
            user_id=f"tg-{secrets.token_hex(12)}",
            created_at=time.time(),
        )
        .on_conflict_do_nothing()
    )


async def chat(tx: AsyncConnection, key: ChatKey) -> Chat:
    """The chat, met before."""
    row = (await tx.execute(select(chats).where(*_here(key)))).one()
    home = Home(row.agent_id, row.api_base, row.account or "") if row.agent_id else None
    return Chat(key, row.user_id, row.conversation_id, home)


async def move_in(tx: AsyncConnection, key: ChatKey, conversation_id: str, home: Home) -> None:
    """Remember the chat's conversation and where it lives."""
    await _set(
        tx,
        key,
        conversation_id=conversation_id,
        agent_id=home.agent_id,
        api_base=home.api_base,
        account=home.account,
    )


async def move_out(tx: AsyncConnection, key: ChatKey) -> None:
    """Forget the conversation: the next turn makes a new one."""
    await _set(tx, key, conversation_id=None)


async def _set(tx: AsyncConnection, key: ChatKey, **values: str | bool | None) -> None:
    await tx.execute(update(chats).where(*_here(key)).values(**values))


def _here(key: ChatKey) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return (chats.c.chat_id == key.chat_id, chats.c.thread_id == key.thread_id)


async def preferences(tx: AsyncConnection, key: ChatKey) -> Preferences:
    """What the chat has chosen; nothing, when it was never met."""
    row = (await tx.execute(select(*CHOSEN).where(*_here(key)))).one_or_none()
    return read_preferences(row) if row else Preferences()


async def prefer(tx: AsyncConnection, key: ChatKey, chosen: Preferences) -> None:
    """Remember what the chat has chosen."""
    await meet(tx, key)
    await _set(
        tx,
        key,
        reasoning=chosen.reasoning,
        suggestions=chosen.suggestions,
        streaming=chosen.streaming,
        language=chosen.language,
    )


CHOSEN = (
    chats.c.reasoning,
    chats.c.suggestions,
    chats.c.streaming,
    chats.c.language.label("chosen_language"),
)
"""The columns that `read_preferences` needs."""


def read_preferences(row: Any) -> Preferences:
    """What a chat has chosen, of a row that has `CHOSEN`; unknown words count as no choice."""
    return Preferences(
        Reasoning(row.reasoning) if row.reasoning in set(Reasoning) else None,
        row.suggestions,
        Streaming(row.streaming) if row.streaming in set(Streaming) else None,
        row.chosen_language,
    )


async def fact(tx: AsyncConnection, name: str) -> str | None:
    """A small thing remembered across starts."""
    row = (await tx.execute(select(facts.c.value).where(facts.c.name == name))).one_or_none()
    return str(row.value) if row else None


async def remember(tx: AsyncConnection, name: str, value: str) -> None:
    """Remember a small thing across starts."""
    entry = insert(facts).values(name=name, value=value)
    await tx.execute(entry.on_conflict_do_update(index_elements=["name"], set_={"value": value}))
