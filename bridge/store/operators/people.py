"""Who has written to the bot."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import Sender
from bridge.store.dialects.upsert import insert_or_update
from bridge.store.operators.access import Access
from bridge.store.operators.tables import access, people
from bridge.store.tables import chats, turns


@dataclass(frozen=True)
class Known:
    """Somebody whom the bot has met."""

    id: int
    name: str
    username: str
    state: Access | None
    last_seen: float
    messages: int = 0
    """How many they have asked in the last thirty days."""


@dataclass(frozen=True)
class Group:
    """A group that the bot is in, or was."""

    id: int
    title: str
    state: Access | None
    last_turn: float | None


async def seen(tx: AsyncConnection, person: Sender, username: str) -> None:
    """Note by which name, and in which language, somebody writes."""
    now = time.time()
    values = {
        "name": person.name,
        "username": username.casefold(),
        "language": person.language,
        "last_seen": now,
    }
    row = {"person_id": person.id, "first_seen": now, **values}
    await tx.execute(insert_or_update(tx, people, row, values))


async def language_of(tx: AsyncConnection, person_id: int) -> str:
    """Return the language of somebody's Telegram; empty when it is not known."""
    query = select(people.c.language).where(people.c.person_id == person_id)
    return str((await tx.execute(query)).scalar_one_or_none() or "")


async def named(tx: AsyncConnection, username: str) -> int | None:
    """Return the id of who has that @username, if they have ever written."""
    query = (
        select(people.c.person_id)
        .where(people.c.username == username.removeprefix("@").casefold())
        .order_by(people.c.last_seen.desc())
        .limit(1)
    )
    found: int | None = (await tx.execute(query)).scalar_one_or_none()
    return found


async def name_of(tx: AsyncConnection, person_id: int) -> str:
    """Return what somebody is called; empty when they never wrote."""
    query = select(people.c.name).where(people.c.person_id == person_id)
    return str((await tx.execute(query)).scalar_one_or_none() or "")


async def search(
    tx: AsyncConnection, words: str, offset: int, most: int
) -> tuple[Sequence[Known], int]:
    """Find people by a part of their name, username or id, who wrote last first; and how many in all."""
    found = _like(words)
    month = turns.c.created_at > time.time() - 30 * 86400
    asked = (
        select(func.coalesce(func.sum(turns.c.messages), 0))
        .where(turns.c.sender_id == people.c.person_id, month)
        .scalar_subquery()
    )
    query = (
        select(people, access.c.state, asked.label("asked"))
        .outerjoin(access, access.c.chat_id == people.c.person_id)
        .where(found)
        .order_by(people.c.last_seen.desc())
        .offset(offset)
        .limit(most)
    )
    rows = (await tx.execute(query)).all()
    count = (await tx.execute(select(func.count()).select_from(people).where(found))).scalar_one()
    return [_known(row) for row in rows], int(count)


def _known(row: Row[Any]) -> Known:
    state = Access(row.state) if row.state else None
    return Known(
        id=row.person_id,
        name=row.name,
        username=row.username,
        state=state,
        last_seen=row.last_seen,
        messages=int(row.asked),
    )


def _like(words: str) -> ColumnElement[bool]:
    flat = words.strip().removeprefix("@")
    if not flat:
        return true()
    id_ = int(flat) if flat.isascii() and flat.isdecimal() and len(flat) < 19 else 0
    # SQLite knows capitals of ASCII only.
    cases = {flat, flat.lower(), flat.upper(), flat.title()}
    return or_(
        func.lower(people.c.name).contains(flat.lower(), autoescape=True),
        *(people.c.name.contains(one, autoescape=True) for one in sorted(cases)),
        people.c.username.contains(flat.casefold(), autoescape=True),
        people.c.person_id == id_,
    )


async def groups(tx: AsyncConnection) -> Sequence[Group]:
    """Return the groups, those that asked last first."""
    last = (
        select(func.max(turns.c.created_at))
        .where(turns.c.chat_id == chats.c.chat_id)
        .scalar_subquery()
    )
    query = (
        select(chats.c.chat_id, chats.c.title, access.c.state, access.c.name, last.label("last"))
        .outerjoin(access, access.c.chat_id == chats.c.chat_id)
        .where(chats.c.chat_id < 0, chats.c.thread_id == 0)
        .order_by(last.desc().nulls_last())
    )
    return [
        Group(
            row.chat_id,
            row.title or row.name or str(row.chat_id),
            Access(row.state) if row.state else None,
            row.last,
        )
        for row in (await tx.execute(query)).all()
    ]


async def everybody(
    tx: AsyncConnection, operators: Collection[int], *, approved_only: bool
) -> Sequence[int]:
    """Return the private chats of all who may use the bot, operators among them."""
    query = select(chats.c.chat_id).where(chats.c.chat_id > 0, chats.c.thread_id == 0)
    query = query.outerjoin(access, access.c.chat_id == chats.c.chat_id)
    if approved_only:
        let_in = access.c.state == Access.ALLOWED
        query = query.where(or_(let_in, chats.c.chat_id.in_([*operators])))
    else:
        shut_out = (Access.DENIED, Access.BLOCKED)
        query = query.where(or_(access.c.state.is_(None), access.c.state.not_in(shut_out)))
    return [*(await tx.execute(query.order_by(chats.c.chat_id))).scalars()]
