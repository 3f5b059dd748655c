"""Invites: links and codes by which people and groups come in without waiting for an operator."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.dialects.upsert import insert_or_ignore
from bridge.store.operators.tables import invite_uses, invites

KEPT_SECONDS = 30 * 86400.0
"""How long one is kept that is over."""


@dataclass(frozen=True)
class Terms:
    """For whom an invite is, and what comes with it."""

    for_groups: bool = False
    uses: int = 1
    """How many people or groups it lets in."""
    seconds: float = 7 * 86400.0
    """How long it counts."""
    agent: str | None = None
    """The key of the agent that answers them; None for the default one."""
    payload: str = ""
    """What the agent is told as the payload of their start."""
    note: str = ""
    """What the audit says of it."""


@dataclass(frozen=True)
class Invite:
    """An invite as operators see it; its code is known to nobody any more."""

    id: int
    terms: Terms
    created_by: int
    until: float
    """In Unix seconds."""
    used: int


class Redemption(Enum):
    """What came of a code."""

    OVER = "over"
    """Used up, too old, withdrawn, or not for such a chat."""
    AGAIN = "again"
    """It has let this chat in before."""
    NEW = "new"


def digest_of(code: str) -> str:
    """Return what is kept of a code: nobody who reads the database can use it."""
    return hashlib.sha256(code.encode()).hexdigest()


async def make(tx: AsyncConnection, code: str, terms: Terms, created_by: int) -> int:
    """Let a code count from now on; the invite's number."""
    now = time.time()
    values = {
        "digest": digest_of(code),
        "for_groups": terms.for_groups,
        "uses": terms.uses,
        "until": now + terms.seconds,
        "agent": terms.agent,
        "payload": terms.payload,
        "note": terms.note,
        "created_by": created_by,
        "created_at": now,
    }
    written = await tx.execute(insert(invites).values(**values).returning(invites.c.id))
    return int(written.scalar_one())


@dataclass(frozen=True)
class Redeemed:
    """What came of a code."""

    what: Redemption
    invite: Invite


async def known(tx: AsyncConnection, codes: Sequence[str]) -> int | None:
    """Return the number of the invite of which one of these is the code."""
    digests = [digest_of(code) for code in codes]
    query = select(invites.c.id).where(invites.c.digest.in_(digests)).limit(1)
    found: int | None = (await tx.execute(query)).scalar_one_or_none()
    return found


async def redeem(tx: AsyncConnection, id_: int, chat_id: int) -> Redeemed:
    """Use an invite for a chat: counted once for each, whatever comes again.

    What was counted stays counted, also when the chat is forgotten.
    """
    row = (await tx.execute(select(invites).where(invites.c.id == id_).with_for_update())).one()
    invite = _read(row)
    if row.withdrawn or row.for_groups != (chat_id < 0):
        return Redeemed(Redemption.OVER, invite)
    before = (invite_uses.c.invite_id == row.id, invite_uses.c.chat_id == chat_id)
    if (await tx.execute(select(invite_uses.c.at).where(*before))).first() is not None:
        return Redeemed(Redemption.AGAIN, invite)
    if row.until < time.time() or row.used >= row.uses:
        return Redeemed(Redemption.OVER, invite)
    values = {"invite_id": row.id, "chat_id": chat_id, "at": time.time()}
    await tx.execute(insert_or_ignore(tx, invite_uses, values))
    counted = update(invites).where(invites.c.id == row.id)
    await tx.execute(counted.values(used=invites.c.used + 1))
    return Redeemed(Redemption.NEW, invite)


async def open_ones(tx: AsyncConnection) -> Sequence[Invite]:
    """Return those that still let somebody in, newest first."""
    counts = (~invites.c.withdrawn, invites.c.until > time.time(), invites.c.used < invites.c.uses)
    query = select(invites).where(*counts).order_by(invites.c.id.desc())
    return [_read(row) for row in (await tx.execute(query)).all()]


async def is_open(tx: AsyncConnection, *, for_groups: bool) -> bool:
    """Return whether people, or groups, may come by a code."""
    return any(one.terms.for_groups is for_groups for one in await open_ones(tx))


async def withdraw(tx: AsyncConnection, id_: int) -> bool:
    """Let an invite count no more; False for one that is not there, or withdrawn already."""
    done = await tx.execute(
        update(invites).where(invites.c.id == id_, ~invites.c.withdrawn).values(withdrawn=True)
    )
    return done.rowcount == 1


async def forget_person(tx: AsyncConnection, person_id: int) -> None:
    """Forget by which invites somebody came; how often each was used stays."""
    await tx.execute(delete(invite_uses).where(invite_uses.c.chat_id == person_id))


async def prune(tx: AsyncConnection) -> None:
    """Forget invites that are over for long."""
    old = select(invites.c.id).where(invites.c.until < time.time() - KEPT_SECONDS)
    await tx.execute(delete(invite_uses).where(invite_uses.c.invite_id.in_(old)))
    await tx.execute(delete(invites).where(invites.c.until < time.time() - KEPT_SECONDS))


def _read(row: Row[Any]) -> Invite:
    seconds = row.until - row.created_at
    terms = Terms(
        for_groups=row.for_groups,
        uses=row.uses,
        seconds=seconds,
        agent=row.agent,
        payload=row.payload,
        note=row.note,
    )
    return Invite(id=row.id, terms=terms, created_by=row.created_by, until=row.until, used=row.used)
