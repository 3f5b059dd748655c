"""Who may use the bridge: people by their private chats, groups by theirs; and who says so."""

import time
from collections.abc import Collection, Mapping
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.tables import access, operators


class Access(StrEnum):
    """Whether a chat may use the bridge."""

    ASKED = "asked"
    ALLOWED = "allowed"
    DENIED = "denied"
    BLOCKED = "blocked"
    """Denied, and not told any more."""


async def of(tx: AsyncConnection, chat_id: int) -> Access | None:
    """What was decided about a chat; None when nobody has asked yet."""
    query = select(access.c.state).where(access.c.chat_id == chat_id)
    found = (await tx.execute(query)).scalar_one_or_none()
    return None if found is None else Access(found)


async def who_ask(tx: AsyncConnection) -> Mapping[int, str]:
    """The chats about which nothing was decided yet, with their names, oldest first."""
    query = select(access).where(access.c.state == Access.ASKED).order_by(access.c.since)
    return {row.chat_id: row.name for row in (await tx.execute(query)).all()}


async def ask(tx: AsyncConnection, chat_id: int, name: str) -> None:
    """Write down that a chat asks, unless it has before."""
    values = {"chat_id": chat_id, "state": Access.ASKED, "name": name, "since": time.time()}
    await tx.execute(insert(access).values(**values).on_conflict_do_nothing())


async def decide(tx: AsyncConnection, chat_id: int, state: Access, name: str, by: int) -> None:
    """Write down what an operator decides; the chat's name is kept from its asking, if it did."""
    values = {"state": state, "decided_by": by, "since": time.time()}
    entry = insert(access).values(chat_id=chat_id, name=name, **values)
    await tx.execute(entry.on_conflict_do_update(index_elements=["chat_id"], set_=values))


async def name_of(tx: AsyncConnection, chat_id: int) -> str:
    """What a chat was called when it asked."""
    query = select(access.c.name).where(access.c.chat_id == chat_id)
    return str((await tx.execute(query)).scalar_one_or_none() or chat_id)


async def known_operators(tx: AsyncConnection) -> Collection[int]:
    """Who became an operator by the one-time code."""
    return set((await tx.execute(select(operators.c.person_id))).scalars())


async def make_operator(tx: AsyncConnection, person_id: int, name: str) -> None:
    """Write down a new operator."""
    entry = insert(operators).values(person_id=person_id, name=name, since=time.time())
    await tx.execute(entry.on_conflict_do_nothing())
