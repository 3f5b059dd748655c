"""Read what decides about an update: what is known of its chat and of who acts there, in one statement."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Select, bindparam, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import ChatKey
from bridge.preferences import Preferences
from bridge.store.chats import chosen, read_preferences
from bridge.store.operators.access import Access
from bridge.store.operators.tables import access
from bridge.store.tables import chats


@dataclass(frozen=True)
class Known:
    """What the store knows of a chat and of who acts there."""

    chat: Access | None
    """What was decided about the chat; None when nobody has asked yet."""
    sender: Access | None
    """The same of who acts there."""
    channels: bool
    """Whether posts under channels' names are answered there."""
    chosen: Preferences
    """What the chat has chosen; a topic, with its forum's choices."""


async def read_known(tx: AsyncConnection, key: ChatKey, person_id: int) -> Known:
    """Return what is known of a chat and of a person who acts there; in private, the chat is the person."""
    who = key.chat_id if key.private else person_id
    values = {"chat": key.chat_id, "thread": key.thread_id, "person": who}
    row = (await tx.execute(_query(), values)).one()
    return Known(
        chat=Access(row.chat_state) if row.chat_state is not None else None,
        sender=Access(row.person_state) if row.person_state is not None else None,
        channels=bool(row.channels),
        chosen=read_preferences(row).over(read_preferences(row, "forum")),
    )


@cache
def _query() -> Select[Any]:
    """Select one row, whatever is known; made once, since every update asks it."""
    chat, thread, person = (
        bindparam(one, type_=BigInteger) for one in ("chat", "thread", "person")
    )
    there, theirs = access.alias("there"), access.alias("theirs")
    here, forum = chats.alias("here"), chats.alias("forum")
    one = select(literal(1).label("one")).subquery()
    return (
        select(
            there.c.state.label("chat_state"),
            there.c.channels,
            theirs.c.state.label("person_state"),
            *chosen(here),
            *chosen(forum, "forum"),
        )
        .select_from(one)
        .outerjoin(there, there.c.chat_id == chat)
        .outerjoin(theirs, theirs.c.chat_id == person)
        .outerjoin(here, (here.c.chat_id == chat) & (here.c.thread_id == thread))
        .outerjoin(forum, (forum.c.chat_id == chat) & (forum.c.thread_id == 0))
    )
