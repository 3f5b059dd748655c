"""Turns: each change of state is one row changed, and the row count says whether we were first."""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Text, bindparam, case, func, literal, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import ChatKey, CozeIdentity, Outcome, Part, State, Turn, before
from bridge.store.tables import turns
from bridge.store.turns.outcome_json import dump
from bridge.store.turns.rows import change, identity_of, of_chat, parts_of, turn_of, with_chat

EDIT_SECONDS = 600.0
"""How long after it was written a question may be edited, and its words are kept for that."""


OPEN = text("turns.state IN ('waiting', 'running')")
_RUN_MAY_CONTINUE = text("turns.run_may_continue")
"""As in the indexes: SQLite uses those for these very words only."""
TAKEN_SECONDS = 60.0
"""A process that takes a turn up so soon after another one did finds what may have ended that one."""
RECENT_TURNS = 100
"""How far back in a chat words are looked for; older ones are forgotten already."""


async def asker_of(tx: AsyncConnection, key: ChatKey, turn_id: int) -> int | None:
    """Return who asked a turn of the chat; None for a forged one."""
    query = select(turns.c.sender_id).where(*of_chat(key), turns.c.id == turn_id)
    found: int | None = (await tx.execute(query)).scalar_one_or_none()
    return found


async def running(tx: AsyncConnection, key: ChatKey) -> Turn | None:
    """Return the turn that runs in the chat."""
    turn = (await next_of(tx, key)).turn
    return turn if turn is not None and turn.state is State.RUNNING else None


async def running_in(
    tx: AsyncConnection, chat_id: int, conversation_id: str
) -> Sequence[tuple[ChatKey, int]]:
    """Return the turns that run in a conversation of a chat, or of any of its topics."""
    query = select(turns.c.thread_id, turns.c.id).where(
        turns.c.chat_id == chat_id,
        turns.c.state == State.RUNNING,
        turns.c.conversation_id == conversation_id,
    )
    return [(ChatKey(chat_id, row.thread_id), row.id) for row in (await tx.execute(query)).all()]


async def claim(tx: AsyncConnection, key: ChatKey) -> Turn | None:
    """Take the chat's waiting turn to run it; None when there is none or one runs already."""
    turn = (await next_of(tx, key)).turn
    return await claimed(tx, turn) if turn is not None and turn.state is State.WAITING else None


@dataclass(frozen=True)
class NextTurn:
    """What a chat's lane does next."""

    turn: Turn | None
    """It runs already, or waits to be claimed."""
    more: bool = False
    """Whether others are open there, too."""
    chat: CozeIdentity | None = None
    """The chat's memory at Coze; None where nothing was found."""
    lingering: Sequence[Turn] = ()
    """Settled turns of the chat whose runs may still be going on."""
    taken: int | None = None
    """How many processes have taken it up before, if it ran already."""


_HERE = (turns.c.chat_id == bindparam("chat"), turns.c.thread_id == bindparam("thread"))
_UNFINISHED = with_chat().where(*_HERE, or_(OPEN, _RUN_MAY_CONTINUE)).order_by(turns.c.id.desc())


async def next_of(tx: AsyncConnection, key: ChatKey) -> NextTurn:
    """Return what the chat's lane does next: a turn that runs already, else the one that waits."""
    rows = (await tx.execute(_UNFINISHED, {"chat": key.chat_id, "thread": key.thread_id})).all()
    there = [turn_of(row) for row in rows]
    settled = [one for one in reversed(there) if one.state.settled]
    found = {turn.state: turn for turn in there if not turn.state.settled}
    running = found.get(State.RUNNING)
    return NextTurn(
        running or found.get(State.WAITING),
        more=len(there) - len(settled) > 1,
        chat=identity_of(rows[0]) if rows else None,
        lingering=settled,
        taken=next((row.taken for row in rows if running and row.id == running.id), None),
    )


async def claimed(tx: AsyncConnection, turn: Turn) -> Turn:
    """Return a turn that runs from now on, whether or not it did before."""
    if turn.state is State.WAITING:
        await _run(tx, turn)
    return replace(turn, state=State.RUNNING)


async def _run(tx: AsyncConnection, turn: Turn, **values: object) -> tuple[Part, ...]:
    """Let a turn run, with other changes to it; returns its messages. One that has an end keeps it."""
    written = await tx.execute(
        update(turns)
        .where(turns.c.id == turn.id, turns.c.state.in_({State.RUNNING, *before(State.RUNNING)}))
        .values(state=State.RUNNING, **values)
        .returning(turns.c.parts)
    )
    return parts_of(written.scalar_one())


async def take_up(tx: AsyncConnection, turn_id: int) -> int:
    """Count a process that takes a running turn up; returns how many did so soon after each other."""
    now = time.time()
    soon = turns.c.taken_at > now - TAKEN_SECONDS
    taken = case((soon, turns.c.taken + 1), else_=1)
    written = await tx.execute(
        update(turns)
        .where(turns.c.id == turn_id)
        .values(taken=taken, taken_at=now)
        .returning(turns.c.taken)
    )
    return int(written.scalar_one())


async def put_down(tx: AsyncConnection, turn_ids: Sequence[int]) -> None:
    """Count nothing for running turns of a process that ends by itself."""
    if turn_ids:
        these = (turns.c.id.in_(turn_ids), turns.c.state == State.RUNNING)
        await tx.execute(update(turns).where(*these).values(taken=0, taken_at=None))


async def asking(tx: AsyncConnection, turn: Turn, conversation_id: str, agent: str) -> Turn:
    """Write down that the question goes out to an agent now: from here on it is looked up first.

    One that waits is claimed by that. Returns the turn as it is asked: its text may have been edited
    since it was read.
    """
    asked = replace(
        turn, state=State.RUNNING, asked=True, conversation_id=conversation_id, agent=agent
    )
    where = {"conversation_id": conversation_id, "agent": agent}
    return replace(asked, parts=await _run(tx, turn, asked=True, edited=False, **where))


async def ask_anew(
    tx: AsyncConnection, turn_id: int, tokens_in: int, tokens_out: int, *, estimated: bool = False
) -> None:
    """Let a running turn begin again with its edited text: as a new run, into the same posts.

    What the old run has cost stays with the turn.
    """
    await change(
        tx,
        turn_id,
        asked=False,
        run_id=None,
        correlation_id=secrets.token_hex(12),
        edited=False,
        stopping=False,
        final=None,
        **_more(tokens_in, tokens_out, estimated=estimated),
    )


def _more(tokens_in: int, tokens_out: int, *, estimated: bool) -> Mapping[str, object]:
    """Return what a turn has cost besides what it had already."""
    return {
        "tokens_in": turns.c.tokens_in + tokens_in,
        "tokens_out": turns.c.tokens_out + tokens_out,
        "estimated": or_(turns.c.estimated, literal(estimated)),
    }


async def not_asked(tx: AsyncConnection, turn_id: int) -> None:
    """Write down that the question certainly did not arrive: it may be asked again."""
    await change(tx, turn_id, asked=False)


async def began(tx: AsyncConnection, turn_id: int, run_id: str, conversation_id: str) -> None:
    """Write down the run."""
    await change(tx, turn_id, run_id=run_id, conversation_id=conversation_id)


async def written_down(tx: AsyncConnection, turn_id: int, key: str, said: str) -> Turn:
    """Keep what is said in a file of the turn, with its question; returns the turn with it."""
    row = (await tx.execute(with_chat().where(turns.c.id == turn_id))).one()
    parts = [dict(part) for part in row.parts]
    for part in parts:
        files = part.get("attachments", [])
        part["attachments"] = [{**one, "said": said} if one["key"] == key else one for one in files]
    await change(tx, turn_id, parts=parts)
    return replace(turn_of(row), parts=parts_of(parts))


async def posted(tx: AsyncConnection, turn_id: int, posts: Sequence[int]) -> None:
    """Write down the reply's posts; with the first one, people see something."""
    await change(
        tx, turn_id, posts=list(posts), shown_at=func.coalesce(turns.c.shown_at, time.time())
    )


async def stopping(tx: AsyncConnection, key: ChatKey, turn_id: int | None) -> bool:
    """Write down that the chat's running turn is to be stopped; False when none runs, or another."""
    which = () if turn_id is None else (turns.c.id == turn_id,)
    done = await tx.execute(
        update(turns)
        .where(*of_chat(key), OPEN, turns.c.state == State.RUNNING, turns.c.final.is_(None), *which)
        .values(stopping=True)
    )
    return done.rowcount == 1


async def concluded(tx: AsyncConnection, turn_id: int, end: Outcome) -> bool:
    """Write down how a running turn ends, before it is shown; False when its words were edited."""
    done = await tx.execute(
        update(turns)
        .where(turns.c.id == turn_id, ~turns.c.edited)
        .values(final=dump(end), run_may_continue=end.run_may_continue)
    )
    return done.rowcount == 1


async def settle(tx: AsyncConnection, turn_id: int, end: Outcome) -> bool:
    """Give the turn its end; False when it had one already, or its words were edited."""
    done = await tx.execute(
        update(turns)
        .where(turns.c.id == turn_id, turns.c.state.in_(before(end.state)), ~turns.c.edited)
        .values(
            state=end.state,
            settled_at=time.time(),
            trouble_code=end.code,
            log_id=end.log_id,
            answer_id=end.reply_state.answer_id,
            run_may_continue=end.run_may_continue,
            **_more(end.tokens_in, end.tokens_out, estimated=end.estimated),
            trouble=end.trouble,
            final=None,  # it stands in Telegram now, and need not stand here
        )
    )
    return done.rowcount == 1


async def lingering(tx: AsyncConnection, key: ChatKey, conversation_id: str) -> Sequence[Turn]:
    """Return the settled turns of a conversation whose runs may still be going there."""
    query = (
        with_chat()
        .where(*of_chat(key), _RUN_MAY_CONTINUE, turns.c.conversation_id == conversation_id)
        .order_by(turns.c.id)
    )
    found = (turn_of(row) for row in (await tx.execute(query)).all())
    return [turn for turn in found if turn.state.settled]


async def mark_run_over(tx: AsyncConnection, turn_id: int) -> None:
    """Write down that the turn's run is over, or no longer in anybody's way."""
    await change(tx, turn_id, run_may_continue=False)


@dataclass(frozen=True)
class AnswerAtCoze:
    """Where the answer of a turn is kept."""

    agent: str | None
    """The key of the agent that gave it; None for the default one of an earlier release."""
    conversation_id: str
    id: str


async def answer_of(tx: AsyncConnection, key: ChatKey, turn_id: int) -> AnswerAtCoze | None:
    """Return where the answer of a turn is kept; None for a forged turn."""
    query = select(turns.c.agent, turns.c.conversation_id, turns.c.answer_id).where(
        *of_chat(key), turns.c.id == turn_id
    )
    row = (await tx.execute(query)).one_or_none()
    return AnswerAtCoze(*row) if row and row.answer_id else None


async def posts_of(tx: AsyncConnection, key: ChatKey, turn_id: int) -> Sequence[int] | None:
    """Return the posts of a settled or running turn of the chat; None for a forged one."""
    query = select(turns.c.posts).where(*of_chat(key), turns.c.id == turn_id)
    row = (await tx.execute(query)).one_or_none()
    return list(row.posts) if row else None


async def rewritten(tx: AsyncConnection, key: ChatKey, turn_id: int, post: int) -> bool:
    """Return whether a later turn has taken over a post: its buttons are that turn's now."""
    query = select(turns.c.posts).where(*of_chat(key), turns.c.id > turn_id)
    found = (await tx.execute(query.order_by(turns.c.id).limit(RECENT_TURNS))).scalars()
    return any(post in posts for posts in found)


async def failed_before(tx: AsyncConnection, turn: Turn) -> bool:
    """Return whether the last turn before this one in its conversation has failed, too."""
    query = (
        select(turns.c.state)
        .where(
            *of_chat(turn.chat),
            turns.c.conversation_id == turn.conversation_id,
            turns.c.id < turn.id,
        )
        .order_by(turns.c.id.desc())
        .limit(1)
    )
    return (await tx.execute(query)).scalar_one_or_none() == State.FAILED


async def forget_all_words(tx: AsyncConnection, *, since: float = 0.0) -> None:
    """Drop old questions of settled turns that came `since` (Unix seconds).

    Each person's last in a chat stays, and can always be retried. What was said in a group before a
    question goes with all of them.
    """
    later = turns.alias()
    newer = select(later.c.id).where(
        later.c.chat_id == turns.c.chat_id,
        later.c.thread_id == turns.c.thread_id,
        later.c.sender_id == turns.c.sender_id,
        later.c.id > turns.c.id,
    )
    old = (turns.c.created_at >= since, turns.c.settled_at < time.time() - EDIT_SECONDS)
    kept = turns.c.parts.cast(Text) != "[]"
    await tx.execute(update(turns).where(*old, kept, newer.exists()).values(parts=[], heard=None))
    await tx.execute(update(turns).where(*old, turns.c.heard.is_not(None)).values(heard=None))


async def open_chats(tx: AsyncConnection, asker: int | None = None) -> Sequence[ChatKey]:
    """Return the chats with a turn that has no end yet, those who asked first at the front.

    With an `asker`, only where it is theirs.
    """
    theirs = () if asker is None else (turns.c.sender_id == asker,)
    query = (
        select(turns.c.chat_id, turns.c.thread_id)
        .where(OPEN, *theirs)
        .group_by(turns.c.chat_id, turns.c.thread_id)
        .order_by(func.min(turns.c.id))
    )
    return [ChatKey(row.chat_id, row.thread_id) for row in (await tx.execute(query)).all()]


async def chats_of_late(tx: AsyncConnection, seconds: float = 60.0) -> Sequence[int]:
    """Return the ids of chats with an open turn, or with one that was settled within so many seconds."""
    lately = or_(OPEN, turns.c.settled_at > time.time() - seconds)
    return (await tx.execute(select(turns.c.chat_id).where(lately).distinct())).scalars().all()
