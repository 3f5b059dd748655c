"""The inbox: a raw update is committed here before Telegram's offset is confirmed."""

import hashlib
import json
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Text, bindparam, case, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.dialects import clock
from bridge.store.dialects.upsert import insert_or_ignore
from bridge.store.tables import inbox, outbox

ASIDE_SECONDS = 7 * 86400.0
"""How long an update that could not be settled is kept for a look by the operator."""
READ_AT_ONCE = 500
FEW = 50
"""So many are read whole, whoever they are for, rather than asked for twice."""
KEEP_SECONDS = 3 * 86400.0
"""Telegram redelivers for 24 hours at most; after that an id need not be remembered."""


CHAT_OF_NEW = case((inbox.c.state == "new", inbox.c.chat_id.cast(Text)))
"""In the order of which chat an update is settled; nothing for one that is not."""


class NumberTaken(Exception):
    """An update that waits to be settled has the number of another one."""


@dataclass(frozen=True)
class Arrived:
    """One raw update that waits to be settled."""

    bot_id: int
    update_id: int
    payload: str
    chat_id: int = 0
    """The chat in whose order it is settled; 0 where that is not known."""

    def __repr__(self) -> str:
        return f"Arrived(update_id={self.update_id})"


async def put(
    tx: AsyncConnection,
    bot_id: int,
    updates: Mapping[int, Mapping[str, object]],
    ignored: Collection[int] = (),
    chats: Mapping[int, int] | None = None,
    rings: Sequence[ColumnElement[Any]] = (),
) -> Sequence[Arrived]:
    """Keep updates by their id and return those that are new, in order, without the `ignored`.

    `chats` says of each in the order of which chat it is settled; `rings` are read of the new rows.

    One that was delivered before is not taken twice. But numbers begin anew (after a week without
    updates, or on a new Bot API server), so one that is known may be given to another update: that
    takes its place. Raises NumberTaken while the other is not settled. Should it break off in
    between, nothing was confirmed to Telegram, and the rest comes again.
    """
    if not updates:
        return []
    received_at = clock.now(tx)
    payloads = {update_id: _payload(content) for update_id, content in updates.items()}
    identities = {update_id: _identity(content) for update_id, content in updates.items()}
    rows = [
        {
            "bot_id": bot_id,
            "update_id": update_id,
            "state": "skipped" if update_id in ignored else "new",
            "payload": None if update_id in ignored else payload,
            "received_at": received_at,
            "identity": identities[update_id],
            "chat_id": (chats or {}).get(update_id, 0),
        }
        for update_id, payload in payloads.items()
    ]
    fresh = await _insert(tx, rows, rings)
    if len(fresh) < len(rows):  # some were known: are they the same ones?
        left = {number: one for number, one in identities.items() if number not in fresh}
        await _make_room(tx, bot_id, left)
        fresh |= await _insert(tx, [row for row in rows if row["update_id"] in left], rings)
    new = sorted(fresh - {*ignored})
    return [Arrived(bot_id, update_id, payloads[update_id]) for update_id in new]


async def _insert(
    tx: AsyncConnection,
    rows: Sequence[Mapping[str, object]],
    rings: Sequence[ColumnElement[Any]],
) -> set[int]:
    """Insert those whose numbers are free, and return these."""
    entry = insert_or_ignore(tx, inbox, rows).returning(inbox.c.update_id, *rings)
    return {*(await tx.execute(entry)).scalars()}


async def _make_room(
    tx: AsyncConnection, bot_id: int, identities: Mapping[int, str | None]
) -> None:
    """Forget other updates that had these numbers, with what was answered on their account."""
    known = await tx.execute(
        select(inbox.c.update_id, inbox.c.identity, inbox.c.state).where(
            inbox.c.bot_id == bot_id, inbox.c.update_id.in_(identities)
        )
    )
    others = [
        row
        for row in known
        if row.identity and identities[row.update_id] not in (None, row.identity)
    ]
    if any(row.state == "new" for row in others):
        raise NumberTaken
    for row in others:
        number = row.update_id
        await tx.execute(delete(inbox).where(inbox.c.bot_id == bot_id, inbox.c.update_id == number))
        causes = [f"bot {bot_id} {word} {number}" for word in ("update", "door", "refused")]
        await tx.execute(
            delete(outbox).where(
                or_(
                    outbox.c.cause.in_(causes),
                    *(outbox.c.cause.like(f"{cause} %") for cause in causes),
                )
            )
        )


_ABOUT = {
    "message": ("chat", "message_id", "date"),
    "edited_message": ("chat", "message_id", "edit_date"),
    "callback_query": ("id",),
    "my_chat_member": ("chat", "date"),
}
"""By what members of an update it is known again."""


def _identity(content: Mapping[str, object]) -> str | None:
    """Return a digest of what an update is about: it stays the same when it is delivered again.

    None for those of which that cannot be told: they are known by their number alone.
    """
    for kind, members in _ABOUT.items():
        found = content.get(kind)
        if not isinstance(found, dict):
            continue
        parts = [found.get(member) for member in members]
        told = [part.get("id") if isinstance(part, dict) else part for part in parts]
        if all(isinstance(one, (int, str)) for one in told):
            return hashlib.sha256(repr([kind, *told]).encode()).hexdigest()[:32]
    return None


def _payload(content: Mapping[str, object]) -> str:
    """Return an update as JSON; one too deep for that keeps its number only, and will be set aside."""
    try:
        return json.dumps(content)
    except RecursionError:
        return "{}"


async def waiting(
    tx: AsyncConnection, bot_id: int, wanted: Callable[[int, int], bool] = lambda number, chat: True
) -> Sequence[Arrived]:
    """Return the updates that wait to be settled, oldest first.

    Those that are `wanted`, by their numbers and chats.
    """
    new = (inbox.c.bot_id == bot_id, inbox.c.state == "new")
    order = (inbox.c.received_at, inbox.c.update_id)
    whole = select(inbox.c.update_id, inbox.c.payload, inbox.c.chat_id).where(*new).order_by(*order)
    rows = (await tx.execute(whole.limit(FEW + 1))).all()
    if len(rows) > FEW:
        marks = select(inbox.c.update_id, inbox.c.chat_id).where(*new).order_by(*order)
        found = await tx.execute(marks)
        numbers = [row.update_id for row in found if wanted(row.update_id, row.chat_id)]
        rows = []
        for begin in range(0, len(numbers), READ_AT_ONCE):
            which = inbox.c.update_id.in_(numbers[begin : begin + READ_AT_ONCE])
            rows += (await tx.execute(whole.where(which))).all()
    return [
        Arrived(bot_id, row.update_id, row.payload, row.chat_id)
        for row in rows
        if wanted(row.update_id, row.chat_id)
    ]


async def is_new(tx: AsyncConnection, arrived: Arrived) -> bool:
    """Return whether the update still waits to be settled."""
    query = select(inbox.c.state).where(
        inbox.c.bot_id == arrived.bot_id, inbox.c.update_id == arrived.update_id
    )
    return (await tx.execute(query)).scalar_one_or_none() == "new"


async def settle(tx: AsyncConnection, arrived: Arrived) -> bool:
    """Mark an update as settled and drop its content; False when that was done before."""
    return await _leave(tx, arrived, state="done", payload=None)


async def skip(tx: AsyncConnection, arrived: Arrived) -> bool:
    """Mark an update as too old to be answered, and drop its content."""
    return await _leave(tx, arrived, state="skipped", payload=None)


async def set_aside(tx: AsyncConnection, arrived: Arrived, error: str) -> bool:
    """Keep an update that could not be settled, with its error, and go on."""
    return await _leave(tx, arrived, state="aside", error=error[:500])


_LEAVING = update(inbox).where(
    inbox.c.bot_id == bindparam("of_bot"),
    inbox.c.update_id == bindparam("of_update"),
    inbox.c.state == "new",
)


async def _leave(tx: AsyncConnection, arrived: Arrived, **values: str | None) -> bool:
    which = {"of_bot": arrived.bot_id, "of_update": arrived.update_id}
    done = await tx.execute(_LEAVING.values(**values), which)
    return done.rowcount == 1


async def prune(tx: AsyncConnection) -> None:
    """Forget settled updates that Telegram cannot deliver again, and those that were set aside."""
    now = time.time()
    for states, seconds in ((("done", "skipped"), KEEP_SECONDS), (("aside",), ASIDE_SECONDS)):
        old = (inbox.c.state.in_(states), inbox.c.received_at < now - seconds)
        await tx.execute(delete(inbox).where(*old))


async def forget_person(tx: AsyncConnection, person_id: int) -> None:
    """Delete what somebody wrote in updates that were set aside."""
    number = re.compile(rf"(?<!\d){person_id}(?!\d)")
    query = select(inbox.c.bot_id, inbox.c.update_id, inbox.c.payload).where(
        inbox.c.state == "aside"
    )
    for row in (await tx.execute(query)).all():
        if number.search(row.payload or ""):  # it may be too broken to be read
            which = (inbox.c.bot_id == row.bot_id, inbox.c.update_id == row.update_id)
            await tx.execute(delete(inbox).where(*which))


async def count(tx: AsyncConnection, state: str) -> int:
    """Return how many updates are in a state: `new`, `done`, `skipped` or `aside`."""
    query = select(func.count()).select_from(inbox).where(inbox.c.state == state)
    return int((await tx.execute(query)).scalar_one())
