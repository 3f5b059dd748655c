"""Turns: each change of state is one row changed, and the row count says whether we were first."""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Text, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import ChatKey, Message, Part, Sender, State, Turn, before
from bridge.store.chats import CHOSEN, meet, read_preferences
from bridge.store.tables import chats, choices, turns

OFFER_SECONDS = 90 * 86400.0
EDIT_SECONDS = 600.0
"""How long after it was written a question may be edited, and its words are kept for that."""

RECENT_TURNS = 100
"""How far back in a chat words are looked for; older ones are forgotten already."""


async def wait(tx: AsyncConnection, message: Message) -> None:
    """Let a message wait for its answer: in the chat's waiting turn, or in a new one."""
    await meet(tx, message.chat)
    part = {"message_id": message.id, "text": message.text}
    waiting = await _open(tx, message.chat, State.WAITING)
    if waiting is None:
        await _insert(tx, message.chat, message.sender, [part], [])
    else:
        # A turn that was to be tried again into its old posts gets new ones: they stand below.
        await _set(tx, waiting.id, parts=[*waiting.parts, part], posts=[])


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
    await _insert(tx, key, sender, last.parts, last.posts)
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
    query = _with_chat().where(*_of(key), turns.c.state.in_([State.RUNNING, State.WAITING]))
    found = (_turn(row) for row in (await tx.execute(query)).all())
    return {turn.state: turn for turn in found}


async def drop_waiting(tx: AsyncConnection, key: ChatKey) -> bool:
    """Stop the chat's waiting turn before it ran; False when none waited."""
    row = await _open(tx, key, State.WAITING)
    return row is not None and await settle(tx, row.id, State.STOPPED)


async def asking(tx: AsyncConnection, turn: Turn, conversation_id: str) -> Turn:
    """Write down that the question goes out now: from here on it is never asked again.

    Returns the turn as it is asked: its text may have been edited since it was claimed.
    """
    written = await tx.execute(
        update(turns)
        .where(turns.c.id == turn.id)
        .values(asked=True, conversation_id=conversation_id)
        .returning(turns.c.parts)
    )
    parts = _parts(written.scalar_one())
    return replace(turn, asked=True, conversation_id=conversation_id, parts=parts)


async def ask_anew(tx: AsyncConnection, turn_id: int) -> None:
    """Let a running turn begin again with its edited text: as a new run, into the same posts."""
    await _set(tx, turn_id, asked=False, run_id=None, mark=secrets.token_hex(12))


async def not_asked(tx: AsyncConnection, turn_id: int) -> None:
    """Write down that the question certainly did not arrive: it may be asked again."""
    await _set(tx, turn_id, asked=False)


async def began(tx: AsyncConnection, turn_id: int, run_id: str, conversation_id: str) -> None:
    """Write down the run."""
    await _set(tx, turn_id, run_id=run_id, conversation_id=conversation_id)


async def posted(tx: AsyncConnection, turn_id: int, posts: Sequence[int]) -> None:
    """Write down the reply's posts."""
    await _set(tx, turn_id, posts=list(posts))


async def settle(
    tx: AsyncConnection,
    turn_id: int,
    state: State,
    *,
    code: str | None = None,
    log_id: str | None = None,
    answer_id: str | None = None,
) -> bool:
    """Give the turn its end; False when it had one already."""
    return await _become(
        tx,
        turn_id,
        state,
        settled_at=time.time(),
        trouble_code=code,
        log_id=log_id,
        answer_id=answer_id,
    )


async def answer_of(tx: AsyncConnection, key: ChatKey, turn_id: int) -> tuple[str, str] | None:
    """The conversation and the id at Coze of a turn's answer; None for a forged turn."""
    query = select(turns.c.conversation_id, turns.c.answer_id).where(
        *_of(key), turns.c.id == turn_id
    )
    row = (await tx.execute(query)).one_or_none()
    return (row.conversation_id, row.answer_id) if row and row.answer_id else None


async def edited(tx: AsyncConnection, turn: Turn) -> bool:
    """Whether the words of a turn are others than those that were asked."""
    row = await tx.execute(select(turns.c.parts).where(turns.c.id == turn.id))
    return _parts(row.scalar_one()) != turn.parts


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
        await _set(tx, found.id, parts=parts)
        runs = State(found.state) is State.RUNNING
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


async def left_open(tx: AsyncConnection) -> tuple[Sequence[Turn], Sequence[ChatKey]]:
    """What a stop or crash left: the turns that were running, the chats with one waiting."""
    found = (
        await tx.execute(
            _with_chat()
            .where(turns.c.state.in_([State.RUNNING, State.WAITING]))
            .order_by(turns.c.id)
        )
    ).all()
    interrupted = [_turn(row) for row in found if row.state == State.RUNNING]
    waiting = [ChatKey(row.chat_id, row.thread_id) for row in found if row.state == State.WAITING]
    return interrupted, waiting


async def offer(tx: AsyncConnection, key: ChatKey, texts: Sequence[str]) -> str:
    """Keep questions that go out as buttons; the token stands for them in callback data."""
    token = secrets.token_urlsafe(12)
    await tx.execute(
        insert(choices).values(
            token=token,
            chat_id=key.chat_id,
            thread_id=key.thread_id,
            texts=list(texts),
            created_at=time.time(),
        )
    )
    return token


async def chosen(tx: AsyncConnection, key: ChatKey, token: str, number: int) -> str | None:
    """The question behind a button of this chat; None for a forged or forgotten one.

    Its buttons are used up by that: a second tap asks nothing.
    """
    here = (
        choices.c.token == token,
        choices.c.chat_id == key.chat_id,
        choices.c.thread_id == key.thread_id,
    )
    row = (await tx.execute(select(choices.c.texts).where(*here))).one_or_none()
    if row is None or not 0 <= number < len(row.texts):
        return None
    await tx.execute(delete(choices).where(*here))
    return str(row.texts[number])


async def forget_old_offers(tx: AsyncConnection) -> None:
    """Drop the questions behind buttons that nobody pressed for a long time."""
    await tx.execute(delete(choices).where(choices.c.created_at < time.time() - OFFER_SECONDS))


def _of(key: ChatKey) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return (turns.c.chat_id == key.chat_id, turns.c.thread_id == key.thread_id)


async def _insert(
    tx: AsyncConnection,
    key: ChatKey,
    sender: Sender,
    parts: Sequence[Mapping[str, object]],
    posts: Sequence[int],
) -> None:
    await tx.execute(
        insert(turns).values(
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
    )


async def _open(tx: AsyncConnection, key: ChatKey, state: State) -> Row[Any] | None:
    query = select(turns).where(*_of(key), turns.c.state == state)
    return (await tx.execute(query)).one_or_none()


def _with_chat() -> Select[Any]:
    """Turns with what their chats have chosen."""
    same = (turns.c.chat_id == chats.c.chat_id) & (turns.c.thread_id == chats.c.thread_id)
    return select(turns, *CHOSEN).join(chats, same)


async def _become(tx: AsyncConnection, turn_id: int, state: State, **values: object) -> bool:
    done = await tx.execute(
        update(turns)
        .where(turns.c.id == turn_id, turns.c.state.in_(before(state)))
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
    )


def _parts(stored: Sequence[Mapping[str, object]]) -> tuple[Part, ...]:
    return tuple(Part(int(str(part["message_id"])), str(part["text"])) for part in stored)
