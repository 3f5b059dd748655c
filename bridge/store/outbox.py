"""The outbox: a row is written before each call that makes a message, since none can be repeated.

Telegram has no key by which a repeated call would be known, and a bot never hears of its own
messages. So a row without a message's id, found after a crash or a broken connection, says that the
message may stand there all the same.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, exists, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import ChatKey
from bridge.store.dialects.upsert import insert_or_ignore, insert_or_update
from bridge.store.tables import outbox

LOST = 0
"""In place of an id: the message may stand there, and nobody will know where."""
KEEP_SECONDS = 3 * 86400.0
"""As long as the update that caused it may be delivered again."""


@dataclass(frozen=True)
class Sent:
    """What is known of a message that was to be sent."""

    message_id: int | None
    """None: whether it was sent is not known."""
    since: float
    """When it was begun, in Unix seconds."""
    cause: str = ""


@dataclass(frozen=True)
class Notice:
    """A short message that waits to be sent."""

    cause: str
    chat: ChatKey
    near_id: int
    """Of a message that stands above it; 0 for none."""
    asker_id: int
    """Who caused it: theirs go out in order; 0 for nobody."""
    priority: int
    content: Mapping[str, object]
    begun: float | None = None
    """When its sending was begun, in Unix seconds, of which nothing was heard; None when it is
    still due."""

    def __repr__(self) -> str:
        return f"Notice(cause={self.cause!r})"


async def put(tx: AsyncConnection, notice: Notice) -> bool:
    """Let a notice wait to be sent; False when it is known already."""
    values = {
        "cause": notice.cause,
        "chat_id": notice.chat.chat_id,
        "thread_id": notice.chat.thread_id,
        "near_id": notice.near_id,
        "asker_id": notice.asker_id,
        "priority": notice.priority,
        "content": notice.content,
        "due": True,
        "created_at": time.time(),
    }
    return (await tx.execute(insert_or_ignore(tx, outbox, values))).rowcount == 1


async def notices(tx: AsyncConnection) -> Sequence[Notice]:
    """Return what is not sent yet, oldest first."""
    query = select(outbox).where(outbox.c.content.is_not(None), outbox.c.message_id.is_(None))
    return [
        Notice(
            cause=row.cause,
            chat=ChatKey(row.chat_id, row.thread_id),
            near_id=row.near_id,
            asker_id=row.asker_id,
            priority=row.priority,
            content=row.content,
            begun=None if row.due else row.created_at,
        )
        for row in (await tx.execute(query.order_by(outbox.c.id))).all()
    ]


async def begin(tx: AsyncConnection, cause: str) -> bool:
    """Write down that a notice goes out now; False when it is wanted no more."""
    done = await tx.execute(
        update(outbox)
        .where(outbox.c.cause == cause, outbox.c.message_id.is_(None))
        .values(due=False, created_at=time.time())
    )
    return done.rowcount == 1


async def sending(
    tx: AsyncConnection, cause: str, chat: ChatKey, *, anew: bool = False
) -> Sent | None:
    """Write down that a message goes out now, on account of `cause`.

    What is known already, if that says that it may stand there: then it must not be sent, unless
    it was looked for and is sent `anew`.
    """
    values = _begun(cause, chat)
    if (await tx.execute(insert_or_ignore(tx, outbox, values))).rowcount == 1:
        return None
    earlier = await of(tx, cause)
    if earlier is not None and earlier.message_id is None and not anew:
        return earlier
    changes = {"message_id": None, "created_at": values["created_at"]}
    await tx.execute(insert_or_update(tx, outbox, values, changes, key=["cause"]))
    return None


async def begin_first(
    tx: AsyncConnection, cause: str, chat: ChatKey, asked: ColumnElement[bool]
) -> bool | None:
    """Write down that a message goes out now, and return whether what is `asked` is so.

    None where one was begun on account of `cause` before: then nothing is written. One statement.
    """
    entry = insert_or_ignore(tx, outbox, _begun(cause, chat)).returning(asked.label("asked"))
    row = (await tx.execute(entry)).one_or_none()
    return None if row is None else bool(row.asked)


def _begun(cause: str, chat: ChatKey) -> dict[str, object]:
    """Return the row of a message that goes out now."""
    place = {"chat_id": chat.chat_id, "thread_id": chat.thread_id}
    return {"cause": cause, **place, "created_at": time.time()}


def below(chat: ChatKey, message_id: int) -> ColumnElement[bool]:
    """Return the condition that a message of ours stands below that one."""
    known = outbox.alias("known")  # beside the row that may be written in the same statement
    return exists().where(
        known.c.chat_id == chat.chat_id,
        known.c.thread_id == chat.thread_id,
        known.c.message_id > message_id,
    )


async def sent(tx: AsyncConnection, cause: str, message_id: int) -> None:
    """Write down that it stands there."""
    values = {"message_id": message_id, "content": None}
    await tx.execute(update(outbox).where(outbox.c.cause == cause).values(values))


async def note(tx: AsyncConnection, cause: str, chat_id: int, message_id: int) -> None:
    """Write down a message that stands there, and was not begun here."""
    values = {"cause": cause, "chat_id": chat_id, "created_at": time.time()}
    await tx.execute(insert_or_ignore(tx, outbox, values | {"message_id": message_id}))


async def not_sent(tx: AsyncConnection, cause: str) -> None:
    """Write down that it certainly does not; one that stands is left."""
    unsent = outbox.c.message_id.is_(None)
    await tx.execute(delete(outbox).where(outbox.c.cause == cause, unsent))


async def of(tx: AsyncConnection, cause: str) -> Sent | None:
    """Return what is known of the message; None when it was never begun."""
    query = select(outbox.c.message_id, outbox.c.created_at).where(outbox.c.cause == cause)
    row = (await tx.execute(query)).one_or_none()
    return Sent(row.message_id, row.created_at) if row else None


async def beginning(tx: AsyncConnection, lead: str) -> Sequence[Sent]:
    """Return what is known of all messages whose causes begin like this."""
    query = select(outbox.c.cause, outbox.c.message_id, outbox.c.created_at).where(
        outbox.c.cause.startswith(lead, autoescape=True)
    )
    rows = (await tx.execute(query.order_by(outbox.c.id))).all()
    return [Sent(row.message_id, row.created_at, row.cause) for row in rows]


async def lost(tx: AsyncConnection, cause: str, chat_id: int) -> None:
    """Write down that a message may stand in the chat of which nobody will know."""
    name = f"{cause} lost {time.time()}"
    await tx.execute(
        insert(outbox).values(cause=name, chat_id=chat_id, message_id=LOST, created_at=time.time())
    )


async def known(tx: AsyncConnection, chat_id: int) -> Sequence[Sent]:
    """Return what was lately sent into a chat, or may have been."""
    query = select(outbox.c.cause, outbox.c.message_id, outbox.c.created_at).where(
        outbox.c.chat_id == chat_id, ~outbox.c.due
    )
    rows = (await tx.execute(query)).all()
    return [Sent(row.message_id, row.created_at, row.cause) for row in rows]


async def forget_person(tx: AsyncConnection, person_id: int) -> None:
    """Drop what waits to be said to somebody, or on account of what they did."""
    theirs = or_(outbox.c.asker_id == person_id, outbox.c.chat_id == person_id)
    await tx.execute(delete(outbox).where(outbox.c.content.is_not(None), theirs, outbox.c.due))


async def prune(tx: AsyncConnection) -> None:
    """Forget what nothing can ask for any more."""
    await tx.execute(delete(outbox).where(outbox.c.created_at < time.time() - KEEP_SECONDS))
