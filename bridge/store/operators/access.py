"""Who may use the bridge: people by their private chats, groups by theirs; and who says so."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import ChatKey, Message, Sender
from bridge.store.dialects.upsert import insert_or_ignore, insert_or_update
from bridge.store.operators.tables import access, operators
from bridge.store.tables import operator_codes
from bridge.store.turns.rows import part_of, parts_of

MOST_PARTS = 5
"""How many messages of somebody who waits are kept."""
MOST_WORDS = 400
"""Characters of them that are kept for the card, which shows fewer."""


class Access(StrEnum):
    """Whether a chat may use the bridge."""

    ASKED = "asked"
    ALLOWED = "allowed"
    DENIED = "denied"
    BLOCKED = "blocked"
    """Denied, and not told any more."""


async def of(tx: AsyncConnection, chat_id: int, *, lock: bool = False) -> Access | None:
    """Return what was decided about a chat; None when nobody has asked yet.

    With `lock`, nothing is decided about it until the transaction ends.
    """
    query = select(access.c.state).where(access.c.chat_id == chat_id)
    if lock:
        query = query.with_for_update()
    found = (await tx.execute(query)).scalar_one_or_none()
    return None if found is None else Access(found)


@dataclass(frozen=True)
class Applicant:
    """A person or a group that asks to be let in."""

    name: str
    words: str = field(default="", repr=False)
    """What they wrote first."""


async def who_ask(tx: AsyncConnection) -> Mapping[int, Applicant]:
    """Return the chats about which nothing was decided yet, oldest first."""
    query = select(access).where(access.c.state == Access.ASKED).order_by(access.c.since)
    rows = (await tx.execute(query)).all()
    return {row.chat_id: Applicant(row.name, row.words or "") for row in rows}


async def ask(
    tx: AsyncConnection, chat_id: int, name: str, words: str = "", question: Message | None = None
) -> bool:
    """Write down that a chat asks; False when it has before.

    The `question` of a person is kept until it is decided about them.
    """
    kept = None
    if question is not None:
        kept = {"thread_id": question.chat.thread_id, "parts": [part_of(question)]}
    values = {"chat_id": chat_id, "state": Access.ASKED, "name": name, "since": time.time()}
    values |= {"words": words, "question": kept}
    done = await tx.execute(insert_or_ignore(tx, access, values))
    return done.rowcount == 1


async def add_words(tx: AsyncConnection, question: Message) -> int:
    """Keep a further message of somebody who waits, or what one became; how many are kept then."""
    waits = (access.c.chat_id == question.chat.chat_id, access.c.state == Access.ASKED)
    row = (await tx.execute(select(access).where(*waits))).one_or_none()
    if row is None:
        return 0
    kept = row.question or {"thread_id": question.chat.thread_id, "parts": []}
    parts = [*kept["parts"]]
    places = [place for place, one in enumerate(parts) if one["message_id"] == question.id]
    if places:
        parts[places[0]] = part_of(question)
    elif len(parts) < MOST_PARTS:
        parts.append(part_of(question))
    words = " ".join(str(one["text"]) for one in parts)[:MOST_WORDS]
    values = {"question": {**kept, "parts": parts}, "words": words}
    await tx.execute(update(access).where(*waits).values(values))
    return len(parts)


async def questions_of(tx: AsyncConnection, chat_id: int, language: str) -> Sequence[Message]:
    """Return what somebody asked who still waits to be let in; it is answered in that language."""
    query = select(access).where(access.c.chat_id == chat_id, access.c.state == Access.ASKED)
    row = (await tx.execute(query.with_for_update())).one_or_none()  # no word comes after it
    if row is None or not row.question:
        return ()
    key = ChatKey(chat_id, int(row.question["thread_id"]))
    sender = Sender(chat_id, row.name, language)
    return [
        Message(
            chat=key,
            id=part.message_id,
            sender=sender,
            text=part.text,
            written_at=part.written_at,
            quote=part.quote,
            album=part.album,
            attachments=part.attachments,
            location=part.location,
        )
        for part in parts_of(row.question["parts"])
    ]


async def forget_words(tx: AsyncConnection, before: float) -> None:
    """Forget what those wrote who wait since before then (Unix seconds)."""
    old = access.c.since < before
    await tx.execute(update(access).where(old).values(words=None, question=None))


async def answer_channels(tx: AsyncConnection, chat_id: int, *, wanted: bool) -> bool:
    """Answer posts under channels' names in a group, or not; False for one nothing is known of."""
    done = await tx.execute(
        update(access).where(access.c.chat_id == chat_id).values(channels=wanted)
    )
    return done.rowcount == 1


async def decide(tx: AsyncConnection, chat_id: int, state: Access, name: str, by: int) -> None:
    """Write down what an operator decides; the chat's name is kept from its asking, if it did."""
    values = {"state": state, "decided_by": by, "since": time.time()}
    values |= {"words": None, "question": None}
    row = {"chat_id": chat_id, "name": name, **values}
    await tx.execute(insert_or_update(tx, access, row, values))


async def name_of(tx: AsyncConnection, chat_id: int) -> str:
    """Return what a chat was called when it asked."""
    query = select(access.c.name).where(access.c.chat_id == chat_id)
    return str((await tx.execute(query)).scalar_one_or_none() or chat_id)


async def known_operators(tx: AsyncConnection) -> Mapping[int, bool]:
    """Return who became an operator by the one-time code or by another one (True), and who was removed.

    Who was removed (False) is none, whatever the settings say.
    """
    rows = await tx.execute(select(operators.c.person_id, operators.c.removed))
    return {row.person_id: not row.removed for row in rows}


async def make_operator(tx: AsyncConnection, person_id: int, name: str) -> None:
    """Write down a new operator, about whom nobody has to decide any more."""
    waits = (access.c.chat_id == person_id, access.c.state == Access.ASKED)
    await tx.execute(delete(access).where(*waits))
    await _set_operator(tx, person_id, name, removed=False)


async def remove_operator(tx: AsyncConnection, person_id: int, name: str) -> None:
    """Write down that somebody is an operator no more."""
    await _set_operator(tx, person_id, name, removed=True)


async def _set_operator(tx: AsyncConnection, person_id: int, name: str, *, removed: bool) -> None:
    values = {"removed": removed, "since": time.time(), "name": name}
    await tx.execute(insert_or_update(tx, operators, {"person_id": person_id, **values}, values))


async def add_code(tx: AsyncConnection, digest: str, until: float) -> None:
    """Let a one-time code count until then (Unix seconds)."""
    await tx.execute(insert_or_ignore(tx, operator_codes, {"digest": digest, "until": until}))


async def use_code(tx: AsyncConnection, digest: str) -> bool:
    """Return whether a code counts; then none counts any more."""
    counts = (operator_codes.c.digest == digest, operator_codes.c.until > time.time())
    if (await tx.execute(delete(operator_codes).where(*counts))).rowcount == 0:
        return False
    await forget_codes(tx, all_=True)
    return True


async def forget_codes(tx: AsyncConnection, *, all_: bool) -> None:
    """Forget codes: those whose time is over, or all."""
    over = () if all_ else (operator_codes.c.until < time.time(),)
    await tx.execute(delete(operator_codes).where(*over))
