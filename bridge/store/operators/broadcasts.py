"""Messages to everybody: who gets it is written down first, then each delivery before it is made."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.operators.tables import broadcasts, deliveries

KEEP_SECONDS = 90 * 86400.0


class Delivery(StrEnum):
    """What became of one message of a broadcast."""

    DUE = "due"
    SENDING = "sending"
    DELIVERED = "delivered"
    BLOCKED = "blocked"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Broadcast:
    """A message to everybody."""

    id: int
    operator_id: int
    text: str
    post_id: int | None

    def __repr__(self) -> str:
        return f"Broadcast(id={self.id})"


async def preview(tx: AsyncConnection, operator_id: int, text: str) -> int:
    """Keep a message that its operator has to confirm; its id."""
    made = await tx.execute(
        insert(broadcasts)
        .values(operator_id=operator_id, text=text, state="preview", created_at=time.time())
        .returning(broadcasts.c.id)
    )
    return int(made.scalar_one())


async def begin(
    tx: AsyncConnection, broadcast_id: int, operator_id: int, chat_ids: Sequence[int], post_id: int
) -> bool:
    """Confirm it for these people. False when it was confirmed before, or is another operator's."""
    done = await tx.execute(
        update(broadcasts)
        .where(
            broadcasts.c.id == broadcast_id,
            broadcasts.c.operator_id == operator_id,
            broadcasts.c.state == "preview",
        )
        .values(state="sending", post_id=post_id)
    )
    if done.rowcount != 1:
        return False
    rows = [
        {"broadcast_id": broadcast_id, "chat_id": chat_id, "state": Delivery.DUE}
        for chat_id in chat_ids
    ]
    if rows:
        await tx.execute(insert(deliveries), rows)
    return True


async def cancel(tx: AsyncConnection, broadcast_id: int, operator_id: int) -> bool:
    """Send it to nobody else. False when it was over, or is another's."""
    done = await tx.execute(
        update(broadcasts)
        .where(
            broadcasts.c.id == broadcast_id,
            broadcasts.c.operator_id == operator_id,
            broadcasts.c.state.in_(["preview", "sending"]),
        )
        .values(state="cancelled", text="")
    )
    return done.rowcount == 1


async def current(tx: AsyncConnection) -> Broadcast | None:
    """Return the oldest one that is being sent."""
    query = (
        select(broadcasts).where(broadcasts.c.state == "sending").order_by(broadcasts.c.id).limit(1)
    )
    row = (await tx.execute(query)).one_or_none()
    if row is None:
        return None
    return Broadcast(row.id, row.operator_id, row.text, row.post_id)


async def state_of(tx: AsyncConnection, broadcast_id: int) -> str:
    """Return where it stands."""
    query = select(broadcasts.c.state).where(broadcasts.c.id == broadcast_id)
    return str((await tx.execute(query)).scalar_one_or_none() or "")


async def doubt(tx: AsyncConnection, broadcast_id: int) -> None:
    """Note as unknown what an earlier process was sending when it died."""
    await tx.execute(
        update(deliveries)
        .where(deliveries.c.broadcast_id == broadcast_id, deliveries.c.state == Delivery.SENDING)
        .values(state=Delivery.UNKNOWN)
    )


async def claim(tx: AsyncConnection, broadcast_id: int, most: int) -> Sequence[int]:
    """Claim some who have not got it yet: from here on it is being sent to them, and by nobody else."""
    due = (
        select(deliveries.c.chat_id)
        .where(deliveries.c.broadcast_id == broadcast_id, deliveries.c.state == Delivery.DUE)
        .order_by(deliveries.c.chat_id)
        .limit(most)
    )
    done = await tx.execute(
        update(deliveries)
        .where(
            deliveries.c.broadcast_id == broadcast_id,
            deliveries.c.state == Delivery.DUE,
            deliveries.c.chat_id.in_(due),
        )
        .values(state=Delivery.SENDING)
        .returning(deliveries.c.chat_id)
    )
    return sorted(done.scalars())


async def mark(tx: AsyncConnection, broadcast_id: int, chat_id: int, state: Delivery) -> None:
    """Write down what becomes of one message."""
    await tx.execute(
        update(deliveries)
        .where(deliveries.c.broadcast_id == broadcast_id, deliveries.c.chat_id == chat_id)
        .values(state=state)
    )


async def report(tx: AsyncConnection, broadcast_id: int) -> Mapping[Delivery, int]:
    """Return how many are in each state."""
    query = (
        select(deliveries.c.state, func.count())
        .where(deliveries.c.broadcast_id == broadcast_id)
        .group_by(deliveries.c.state)
    )
    found = Counter[Delivery]()
    for state, count in (await tx.execute(query)).all():
        found[Delivery(state)] += int(count)
    return found


async def finish(tx: AsyncConnection, broadcast_id: int) -> None:
    """Finish it and drop its words: everybody got it, as far as that can be."""
    await tx.execute(
        update(broadcasts).where(broadcasts.c.id == broadcast_id).values(state="done", text="")
    )


async def prune(tx: AsyncConnection) -> None:
    """Forget the words of what was never confirmed, and who got what long ago."""
    now = time.time()
    await tx.execute(
        update(broadcasts)
        .where(broadcasts.c.state == "preview", broadcasts.c.created_at < now - 86400)
        .values(state="cancelled", text="")
    )
    old = select(broadcasts.c.id).where(
        broadcasts.c.created_at < now - KEEP_SECONDS, broadcasts.c.state != "sending"
    )
    await tx.execute(delete(deliveries).where(deliveries.c.broadcast_id.in_(old)))
