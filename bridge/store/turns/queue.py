"""Questions that wait: who asks what, in which turn, and what an edit does to it."""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import ChatKey, Line, Message, Part, Sender, State, Turn
from bridge.store import outbox
from bridge.store.chats import ensure_chat
from bridge.store.tables import chats, turns
from bridge.store.turns.lifecycle import OPEN, RECENT_TURNS, asker_of
from bridge.store.turns.rows import change, of_chat, part_of, parts_of

MOST_WAITING = 20
"""How many messages of a chat may wait for one answer."""
MOST_LETTERS = 100_000
AT_ONCE_SECONDS = 2.0
"""What a person writes so soon after a question belongs to it; Telegram's dates are whole seconds."""


@dataclass(frozen=True)
class Waiting:
    """The chat's turn that waits."""

    turn_id: int
    taken: bool
    """Whether the message is part of it."""
    behind: bool = False
    """Whether others are answered first."""


async def wait(
    tx: AsyncConnection,
    message: Message,
    most: int = MOST_WAITING,
    *,
    heard: Sequence[Line] = (),
    member_id: int = 0,
) -> Waiting:
    """Let a message wait for its answer: in the sender's waiting turn, or in a new one.

    It is not taken when `most` messages wait in the chat already. A turn keeps what was
    `heard` before its messages, and a new one belongs to a member's conversation if there is one.
    """
    there = await _open_there(tx, message.chat)
    waits = [row for row in there if row.state == State.WAITING]
    own = next((row for row in waits if row.sender_id == message.sender.id), None)
    parts = [part for row in waits for part in row.parts]
    behind = any(own is None or row.id < own.id for row in there)
    full = len(parts) >= most or _letters(parts) > MOST_LETTERS
    if full or (own is not None and len(own.parts) >= _most_of_one(message.chat, most)):
        return Waiting((own or waits[-1]).id, taken=False)
    lines = [asdict(line) for line in heard]
    if own is None:
        more = {"heard": lines or None, "member_id": member_id}
        made = await _insert(tx, message.chat, message.sender, [part_of(message)], [], **more)
        return Waiting(made, taken=True, behind=behind)
    # A turn that was to be tried again into its old posts gets new ones: they stand below.
    all_heard = [*(own.heard or ()), *lines] or None
    await _put(tx, own.id, [*own.parts, part_of(message)], posts=[], heard=all_heard)
    return Waiting(own.id, taken=True, behind=behind)


_OPEN_OF_MET = (
    select(turns)
    .select_from(
        chats.outerjoin(
            turns,
            and_(turns.c.chat_id == chats.c.chat_id, turns.c.thread_id == chats.c.thread_id, OPEN),
        )
    )
    .where(chats.c.chat_id == bindparam("chat"), chats.c.thread_id == bindparam("thread"))
)


async def _open_there(tx: AsyncConnection, key: ChatKey) -> Sequence[Row[Any]]:
    """Return the open turns of a chat, which is met by that if it was not known."""
    rows = (await tx.execute(_OPEN_OF_MET, {"chat": key.chat_id, "thread": key.thread_id})).all()
    if not rows:
        await ensure_chat(tx, key)
    return [row for row in rows if row.id is not None]


async def join(tx: AsyncConnection, message: Message, most: int = MOST_WAITING) -> bool:
    """Add what belongs to the sender's waiting turn though it does not speak to us by itself.

    That is the rest of an album, and what follows at once upon what they asked.
    """
    own = await _waiting_of(tx, message.chat, message.sender.id)
    if own is None or not own.parts or len(own.parts) >= _most_of_one(message.chat, most):
        return False
    if _letters(own.parts) > MOST_LETTERS:
        return False
    last = parts_of(own.parts)[-1]
    same_album = bool(message.album) and message.album == last.album
    if not same_album and (not _at_once(last, message) or _to_another(message)):
        return False
    await _put(tx, own.id, [*own.parts, part_of(message)])
    return True


def _most_of_one(key: ChatKey, most: int) -> int:
    """Return how many messages of one person may wait: in a group, others need room, too."""
    return most if key.private else max(1, most // 2)


def _at_once(last: Part, message: Message) -> bool:
    if last.written_at is None or message.written_at is None:
        return False
    return 0 <= message.written_at - last.written_at <= AT_ONCE_SECONDS


def _to_another(message: Message) -> bool:
    """Return whether it answers what somebody else wrote."""
    return message.quote is not None and message.quote.author not in ("", message.sender.name)


def _letters(parts: Sequence[Mapping[str, object]]) -> int:
    return sum(len(str(part["text"])) for part in parts)


async def wait_again(
    tx: AsyncConnection, key: ChatKey, turn_id: int | None = None, asker: int | None = None
) -> bool:
    """Let a settled turn be asked once more, into the same posts.

    It is the last one of its asker, or of anybody when no `asker` is given. False when there is
    none, when another turn of theirs is open, or when it is not the one with that id.
    """
    if turn_id is not None:
        asker = await asker_of(tx, key, turn_id)
        if asker is None:
            return False
    theirs = () if asker is None else (turns.c.sender_id == asker,)
    query = select(turns).where(*of_chat(key), *theirs).order_by(turns.c.id.desc()).limit(1)
    last = (await tx.execute(query)).one_or_none()
    if last is None or not State(last.state).settled or not last.parts:
        return False
    if turn_id is not None and turn_id != last.id:
        return False
    sender = Sender(last.sender_id, last.sender_name, last.language)
    parts = [{**part, "written_at": None} for part in last.parts]  # it is asked now
    more = {"heard": last.heard, "member_id": last.member_id}
    await _insert(tx, key, sender, parts, last.posts, **more)
    return True


async def asker(
    tx: AsyncConnection, key: ChatKey, turn_id: int | None = None, asker_id: int | None = None
) -> Sender | None:
    """Return whose turn would be asked once more; None for a forged one, or when there is none."""
    which = () if turn_id is None else (turns.c.id == turn_id,)
    theirs = () if asker_id is None else (turns.c.sender_id == asker_id,)
    query = select(turns).where(*of_chat(key), *which, *theirs).order_by(turns.c.id.desc())
    row = (await tx.execute(query.limit(1))).one_or_none()
    if row is None:
        return None
    in_groups_name = row.sender_id == key.chat_id and not key.private
    return Sender(row.sender_id, row.sender_name, row.language, is_admin=in_groups_name)


async def drop_waiting(
    tx: AsyncConnection, key: ChatKey, asker: int | None = None
) -> Sequence[int]:
    """Stop what waits in the chat before it ran, or only one person's; the messages' ids."""
    theirs = () if asker is None else (turns.c.sender_id == asker,)
    done = await tx.execute(
        update(turns)
        .where(*of_chat(key), turns.c.state == State.WAITING, *theirs)
        .values(state=State.STOPPED, settled_at=time.time())
        .returning(turns.c.parts)
    )
    return [part.message_id for parts in done.scalars() for part in parts_of(parts)]


async def waits(tx: AsyncConnection, key: ChatKey, asker: int) -> bool:
    """Return whether a question of somebody's waits in the chat."""
    return await _waiting_of(tx, key, asker) is not None


class Edited(Enum):
    """What came of an edited question."""

    NOTHING = "nothing"
    """Nothing of ours is changed by it."""
    WAITS = "waits"
    """It waits to be answered, into the posts that answered it before."""
    RUNS = "runs"
    """Its answer is being written: the turn must begin anew."""


async def anew(tx: AsyncConnection, message: Message) -> bool:
    """Return whether an edited message would be asked once more: it does not wait, and has other words."""
    found = await _turn_with(tx, message)
    if found is None or State(found.state) is State.WAITING:
        return False
    return _edited(found, message) is not None


async def knows(tx: AsyncConnection, message: Message) -> bool:
    """Return whether a message was ever part of a question, as far as words are kept."""
    return await _turn_with(tx, message) is not None


async def edit(
    tx: AsyncConnection, message: Message, most: int = MOST_WAITING
) -> tuple[Edited, int | None]:
    """Take up an edited message of a turn; with the id of the turn that runs, if one does.

    One for which there is no room in what waits changes nothing.
    """
    found = await _turn_with(tx, message)
    if found is None:
        return Edited.NOTHING, None
    parts = _edited(found, message)
    if parts is None:
        return Edited.NOTHING, None
    if not State(found.state).settled:
        runs = State(found.state) is State.RUNNING
        asked_again = runs and found.asked
        counts = {"messages": turns.c.messages + 1} if asked_again else {}
        await change(tx, found.id, parts=parts, edited=runs, **counts)
        return (Edited.RUNS, found.id) if runs else (Edited.WAITS, None)
    waiting = await _waiting_of(tx, message.chat, message.sender.id)
    if waiting is not None:  # it is answered together with what was written since
        together = [*parts, *waiting.parts]
        if len(together) > most or _letters(together) > MOST_LETTERS:
            return Edited.NOTHING, None
        await _put(tx, waiting.id, together, posts=[])
    else:
        more = {"heard": found.heard, "member_id": found.member_id}
        await _insert(tx, message.chat, message.sender, parts, found.posts, **more)
    return Edited.WAITS, None


def _edited(turn: Row[Any], message: Message) -> list[Mapping[str, object]] | None:
    """Return the turn's messages with the edited one; None when its words are as they were."""
    parts = [
        {**part, "text": message.text} if part["message_id"] == message.id else part
        for part in turn.parts
    ]
    return None if parts == turn.parts else parts


async def _turn_with(tx: AsyncConnection, message: Message) -> Row[Any] | None:
    """Return the newest turn that holds the message, among those whose words are still kept."""
    query = (
        select(turns)
        .where(*of_chat(message.chat), turns.c.sender_id == message.sender.id)
        .order_by(turns.c.id.desc())
        .limit(RECENT_TURNS)
    )
    for row in (await tx.execute(query)).all():
        if any(part["message_id"] == message.id for part in row.parts):
            return row
    return None


async def _insert(
    tx: AsyncConnection,
    key: ChatKey,
    sender: Sender,
    parts: Sequence[Mapping[str, object]],
    posts: Sequence[int],
    **more: object,
) -> int:
    made = await tx.execute(
        insert(turns)
        .values(
            chat_id=key.chat_id,
            thread_id=key.thread_id,
            state=State.WAITING,
            parts=parts,
            messages=len(parts),
            sender_id=sender.id,
            sender_name=sender.name,
            language=sender.language,
            correlation_id=secrets.token_hex(12),
            asked=False,
            posts=posts,
            created_at=time.time(),
            **more,
        )
        .returning(turns.c.id)
    )
    return int(made.scalar_one())


async def _put(
    tx: AsyncConnection, turn_id: int, parts: Sequence[Mapping[str, object]], **more: object
) -> None:
    """Let a waiting turn have these messages."""
    await change(tx, turn_id, parts=parts, messages=len(parts), **more)


async def _waiting_of(tx: AsyncConnection, key: ChatKey, asker: int) -> Row[Any] | None:
    of_them = (turns.c.state == State.WAITING, turns.c.sender_id == asker)
    return (await tx.execute(select(turns).where(*of_chat(key), *of_them))).one_or_none()


async def shown(tx: AsyncConnection, turn: Turn) -> int:
    """Return the id of the message that shows a turn's question; 0 where there is none any more."""
    part = turn.parts[-1]
    if not part.shown_by:
        return part.message_id
    sent = await outbox.of(tx, part.shown_by)
    return (sent.message_id if sent else None) or 0


def asked_after(turn: Turn) -> ColumnElement[bool]:
    """Return the condition that something was asked in a turn's chat after it."""
    return exists().where(*of_chat(turn.chat), turns.c.id > turn.id)
