"""Turns: each change of state is one row changed, and the row count says whether we were first."""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Text, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import ChatKey, End, Message, Part, Sender, State, Turn, before
from bridge.store.chats import CHOSEN, meet, read_preferences
from bridge.store.ends import dump, load
from bridge.store.tables import chats, turns

EDIT_SECONDS = 600.0
"""How long after it was written a question may be edited, and its words are kept for that."""

MOST_WAITING = 20
"""How many messages of a chat may wait for one answer."""
MOST_LETTERS = 100_000

_OPEN = text("turns.state IN ('waiting', 'running')")
_LINGERS = text("turns.lingers")
"""As in the indexes: SQLite uses those for these very words only."""
RECENT_TURNS = 100
"""How far back in a chat words are looked for; older ones are forgotten already."""


@dataclass(frozen=True)
class Waiting:
    """The chat's turn that waits."""

    turn_id: int
    taken: bool
    """Whether the message is part of it."""


async def wait(tx: AsyncConnection, message: Message, most: int = MOST_WAITING) -> Waiting:
    """Let a message wait for its answer: in the chat's waiting turn, or in a new one.

    It is not taken when `most` messages wait there already.
    """
    await meet(tx, message.chat)
    part = {"message_id": message.id, "text": message.text, "written_at": message.written_at}
    waiting = await _open(tx, message.chat, State.WAITING)
    if waiting is None:
        return Waiting(await _insert(tx, message.chat, message.sender, [part], []), taken=True)
    if len(waiting.parts) >= most or _letters(waiting.parts) > MOST_LETTERS:
        return Waiting(waiting.id, taken=False)
    # A turn that was to be tried again into its old posts gets new ones: they stand below.
    await _set(tx, waiting.id, parts=[*waiting.parts, part], posts=[])
    return Waiting(waiting.id, taken=True)


def _letters(parts: Sequence[Mapping[str, object]]) -> int:
    return sum(len(str(part["text"])) for part in parts)


async def wait_again(tx: AsyncConnection, key: ChatKey, turn_id: int | None = None) -> bool:
    """Let the chat's last settled turn be asked once more, into the same posts.

    False when there is none, when another turn is open, or when it is not the one with that id.
    """
    last = (
        await tx.execute(select(turns).where(*_of(key)).order_by(turns.c.id.desc()).limit(1))
    ).one_or_none()
    if last is None or not State(last.state).settled or not last.parts:
        return False
    if turn_id is not None and turn_id != last.id:
        return False
    sender = Sender(last.sender_id, last.sender_name, last.language)
    parts = [{**part, "written_at": None} for part in last.parts]  # it is asked now
    await _insert(tx, key, sender, parts, last.posts)
    return True


async def claim(tx: AsyncConnection, key: ChatKey) -> Turn | None:
    """Take the chat's waiting turn to run it; None when there is none or one runs already."""
    return await _claim(tx, await _open_turns(tx, key))


async def running_or_claimed(tx: AsyncConnection, key: ChatKey) -> Turn | None:
    """What the chat's lane does next: a turn that runs already, else the waiting one, claimed."""
    found = await _open_turns(tx, key)
    return found.get(State.RUNNING) or await _claim(tx, found)


async def _claim(tx: AsyncConnection, found: Mapping[State, Turn]) -> Turn | None:
    waiting = found.get(State.WAITING)
    if State.RUNNING in found or waiting is None:
        return None
    if not await _become(tx, waiting.id, State.RUNNING):
        return None
    return replace(waiting, state=State.RUNNING)


async def _open_turns(tx: AsyncConnection, key: ChatKey) -> dict[State, Turn]:
    """The chat's turns without an end: at most one of each kind."""
    query = _with_chat().where(*_of(key), _OPEN)
    found = (_turn(row) for row in (await tx.execute(query)).all())
    return {turn.state: turn for turn in found}


async def drop_waiting(tx: AsyncConnection, key: ChatKey) -> bool:
    """Stop the chat's waiting turn before it ran; False when none waited."""
    row = await _open(tx, key, State.WAITING)
    return row is not None and await drop(tx, row.id)


async def asking(tx: AsyncConnection, turn: Turn, conversation_id: str) -> Turn:
    """Write down that the question goes out now: from here on it is never asked again.

    Returns the turn as it is asked: its text may have been edited since it was claimed.
    """
    written = await tx.execute(
        update(turns)
        .where(turns.c.id == turn.id)
        .values(asked=True, conversation_id=conversation_id, edited=False)
        .returning(turns.c.parts)
    )
    parts = _parts(written.scalar_one())
    return replace(turn, asked=True, conversation_id=conversation_id, parts=parts)


async def ask_anew(tx: AsyncConnection, turn_id: int) -> None:
    """Let a running turn begin again with its edited text: as a new run, into the same posts."""
    await _set(
        tx,
        turn_id,
        asked=False,
        run_id=None,
        mark=secrets.token_hex(12),
        edited=False,
        stopping=False,
        final=None,
    )


async def not_asked(tx: AsyncConnection, turn_id: int) -> None:
    """Write down that the question certainly did not arrive: it may be asked again."""
    await _set(tx, turn_id, asked=False)


async def began(tx: AsyncConnection, turn_id: int, run_id: str, conversation_id: str) -> None:
    """Write down the run."""
    await _set(tx, turn_id, run_id=run_id, conversation_id=conversation_id)


async def posted(tx: AsyncConnection, turn_id: int, posts: Sequence[int]) -> None:
    """Write down the reply's posts."""
    await _set(tx, turn_id, posts=list(posts))


async def stopping(tx: AsyncConnection, key: ChatKey, turn_id: int | None) -> bool:
    """Write down that the chat's running turn is to be stopped; False when none runs, or another."""
    which = () if turn_id is None else (turns.c.id == turn_id,)
    done = await tx.execute(
        update(turns)
        .where(*_of(key), _OPEN, turns.c.state == State.RUNNING, turns.c.final.is_(None), *which)
        .values(stopping=True)
    )
    return done.rowcount == 1


async def concluded(tx: AsyncConnection, turn_id: int, end: End) -> bool:
    """Write down how a running turn ends, before it is shown; False when its words were edited."""
    done = await tx.execute(
        update(turns)
        .where(turns.c.id == turn_id, ~turns.c.edited)
        .values(final=dump(end), lingers=end.lingers)
    )
    return done.rowcount == 1


async def settle(tx: AsyncConnection, turn_id: int, end: End) -> bool:
    """Give the turn its end; False when it had one already, or its words were edited."""
    return await _become(
        tx,
        turn_id,
        end.state,
        ~turns.c.edited,
        settled_at=time.time(),
        trouble_code=end.code,
        log_id=end.log_id,
        answer_id=end.picture.answer_id,
        lingers=end.lingers,
        final=None,  # it stands in Telegram now, and need not stand here
    )


async def drop(tx: AsyncConnection, turn_id: int) -> bool:
    """Stop a waiting turn before it ran; False when it runs already."""
    return await _become(
        tx, turn_id, State.STOPPED, turns.c.state == State.WAITING, settled_at=time.time()
    )


async def lingering(tx: AsyncConnection, key: ChatKey, conversation_id: str) -> Sequence[Turn]:
    """The settled turns of a conversation whose runs may still be going there."""
    query = (
        _with_chat()
        .where(*_of(key), _LINGERS, turns.c.conversation_id == conversation_id)
        .order_by(turns.c.id)
    )
    found = (_turn(row) for row in (await tx.execute(query)).all())
    return [turn for turn in found if turn.state.settled]


async def let_go(tx: AsyncConnection, turn_id: int) -> None:
    """Write down that the turn's run is over, or no longer in anybody's way."""
    await _set(tx, turn_id, lingers=False)


async def answer_of(tx: AsyncConnection, key: ChatKey, turn_id: int) -> tuple[str, str] | None:
    """The conversation and the id at Coze of a turn's answer; None for a forged turn."""
    query = select(turns.c.conversation_id, turns.c.answer_id).where(
        *_of(key), turns.c.id == turn_id
    )
    row = (await tx.execute(query)).one_or_none()
    return (row.conversation_id, row.answer_id) if row and row.answer_id else None


async def posts_of(tx: AsyncConnection, key: ChatKey, turn_id: int) -> Sequence[int] | None:
    """The posts of a settled or running turn of the chat; None for a forged one."""
    query = select(turns.c.posts).where(*_of(key), turns.c.id == turn_id)
    row = (await tx.execute(query)).one_or_none()
    return list(row.posts) if row else None


class Edited(Enum):
    """What came of an edited question."""

    NOTHING = "nothing"
    """Nothing of ours is changed by it."""
    WAITS = "waits"
    """It waits to be answered, into the posts that answered it before."""
    RUNS = "runs"
    """Its answer is being written: the turn must begin anew."""


async def edit(tx: AsyncConnection, message: Message) -> tuple[Edited, int | None]:
    """Take up an edited message of a turn; with the id of the turn that runs, if one does."""
    found = await _turn_with(tx, message)
    if found is None:
        return Edited.NOTHING, None
    parts = [
        {**part, "text": message.text} if part["message_id"] == message.id else part
        for part in found.parts
    ]
    if parts == found.parts:
        return Edited.NOTHING, None
    if not State(found.state).settled:
        runs = State(found.state) is State.RUNNING
        await _set(tx, found.id, parts=parts, edited=runs)
        return (Edited.RUNS, found.id) if runs else (Edited.WAITS, None)
    waiting = await _open(tx, message.chat, State.WAITING)
    if waiting is not None:  # it is answered together with what was written since
        await _set(tx, waiting.id, parts=[*parts, *waiting.parts], posts=[])
    else:
        await _insert(tx, message.chat, message.sender, parts, found.posts)
    return Edited.WAITS, None


async def _turn_with(tx: AsyncConnection, message: Message) -> Row[Any] | None:
    """The newest turn that holds the message, among those whose words are still kept."""
    query = (
        select(turns)
        .where(*_of(message.chat), turns.c.sender_id == message.sender.id)
        .order_by(turns.c.id.desc())
        .limit(RECENT_TURNS)
    )
    for row in (await tx.execute(query)).all():
        if any(part["message_id"] == message.id for part in row.parts):
            return row
    return None


async def forget_words(tx: AsyncConnection, key: ChatKey, but: int) -> None:
    """Drop old questions of the chat's settled turns; the last one can always be retried."""
    recent = select(turns.c.id).where(*_of(key)).order_by(turns.c.id.desc()).limit(RECENT_TURNS)
    old = turns.c.settled_at < time.time() - EDIT_SECONDS
    await tx.execute(
        update(turns)
        .where(turns.c.id.in_(recent), turns.c.id != but, old, turns.c.parts.cast(Text) != "[]")
        .values(parts=[])
    )


async def open_chats(tx: AsyncConnection) -> Sequence[ChatKey]:
    """The chats with a turn that has no end yet, those who asked first at the front."""
    query = (
        select(turns.c.chat_id, turns.c.thread_id)
        .where(_OPEN)
        .group_by(turns.c.chat_id, turns.c.thread_id)
        .order_by(func.min(turns.c.id))
    )
    return [ChatKey(row.chat_id, row.thread_id) for row in (await tx.execute(query)).all()]


def _of(key: ChatKey) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return (turns.c.chat_id == key.chat_id, turns.c.thread_id == key.thread_id)


async def _insert(
    tx: AsyncConnection,
    key: ChatKey,
    sender: Sender,
    parts: Sequence[Mapping[str, object]],
    posts: Sequence[int],
) -> int:
    made = await tx.execute(
        insert(turns)
        .values(
            chat_id=key.chat_id,
            thread_id=key.thread_id,
            state=State.WAITING,
            parts=parts,
            sender_id=sender.id,
            sender_name=sender.name,
            language=sender.language,
            mark=secrets.token_hex(12),
            asked=False,
            posts=posts,
            created_at=time.time(),
        )
        .returning(turns.c.id)
    )
    return int(made.scalar_one())


async def _open(tx: AsyncConnection, key: ChatKey, state: State) -> Row[Any] | None:
    query = select(turns).where(*_of(key), turns.c.state == state)
    return (await tx.execute(query)).one_or_none()


def _with_chat() -> Select[Any]:
    """Turns with what their chats have chosen."""
    same = (turns.c.chat_id == chats.c.chat_id) & (turns.c.thread_id == chats.c.thread_id)
    return select(turns, *CHOSEN).join(chats, same)


async def _become(
    tx: AsyncConnection,
    turn_id: int,
    state: State,
    *also: ColumnElement[bool],
    **values: object,
) -> bool:
    done = await tx.execute(
        update(turns)
        .where(turns.c.id == turn_id, turns.c.state.in_(before(state)), *also)
        .values(state=state, **values)
    )
    return done.rowcount == 1


async def _set(tx: AsyncConnection, turn_id: int, **values: object) -> None:
    await tx.execute(update(turns).where(turns.c.id == turn_id).values(**values))


def _turn(row: Row[Any]) -> Turn:
    """A row as the model's turn: the one place where the JSON columns are read."""
    return Turn(
        id=row.id,
        chat=ChatKey(row.chat_id, row.thread_id),
        state=State(row.state),
        parts=_parts(row.parts),
        sender=Sender(row.sender_id, row.sender_name, row.language),
        mark=row.mark,
        conversation_id=row.conversation_id,
        asked=row.asked,
        run_id=row.run_id,
        posts=tuple(int(post) for post in row.posts),
        preferences=read_preferences(row),
        final=load(row.final),
        edited=row.edited,
        stopping=row.stopping,
    )


def _parts(stored: Sequence[Mapping[str, object]]) -> tuple[Part, ...]:
    return tuple(
        Part(int(str(part["message_id"])), str(part["text"]), _time(part.get("written_at")))
        for part in stored
    )


def _time(stored: object) -> float | None:
    return stored if isinstance(stored, float) else None
