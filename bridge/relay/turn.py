"""Answer one turn from its start to its end: the relay in one file.

What happened is written down before the next outside act, so that a crash at any line leaves
something that a restart can finish: `asked` before the question goes out, the run's id as soon
as it is known, the end only when the final text stands in front of the person.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Literal

import structlog

from bridge.coze.client import Coze
from bridge.coze.conversations import create_conversation
from bridge.coze.events import Began, Ended, Event, Run, Status
from bridge.coze.follow import follow, rejoin
from bridge.coze.runs import Question, cancel_run
from bridge.errors import (
    Busy,
    ConversationLost,
    CozeTrouble,
    Happened,
    Retry,
    ServerTrouble,
    Trouble,
)
from bridge.model import Chat, Home, State, Turn
from bridge.relay.progress import Progress
from bridge.relay.reply import Halt, Reply, ReplyImpossible
from bridge.store import chats, turns
from bridge.store.engine import Store

log = structlog.get_logger(__name__)
RUN_ID_SECONDS = 10.0
"""How long a stop waits to hear the id of a run that was just asked for."""

CANCEL_SECONDS = 5.0
LAST_MOMENT_SECONDS = 2.0
"""How long a shutdown lets a question reach Coze that is on its way."""


@dataclass
class _Told:
    """What is known of a turn while it runs."""

    turn: Turn
    progress: Progress = field(default_factory=Progress)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: bool = False
    """Whether the person has stopped it: then nothing is asked any more."""


@dataclass(frozen=True)
class _End:
    """How a turn ended."""

    state: State
    trouble: Trouble | None = None
    answer_id: str | None = None
    """Coze's id of the answer, by which it can be judged."""


class Answering:
    """Answers turns: one agent at one Coze deployment, one store."""

    def __init__(self, coze: Coze, store: Store, home: Home, *, stream: bool = True) -> None:
        self._coze = coze
        self._store = store
        self._home = home
        self._stream = stream

    async def answer(self, turn: Turn, reply: Reply, halt: asyncio.Future[Halt]) -> None:
        """Run the turn and settle it; `halt` ends it early.

        A shutdown leaves the turn running in the store, to be rejoined. Troubles end in a
        sentence for the person; raises StoreTrouble when nothing can be written down any more.
        """
        told = _Told(turn)
        hearing = asyncio.create_task(self._hear(told, reply), name=f"run of turn {turn.id}")
        try:
            awaited: list[asyncio.Future[None] | asyncio.Future[Halt]] = [hearing, halt]
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            if not hearing.done():
                end = await self._halted(told, reply, hearing, halt.result())
            else:
                end = await self._ended(told, reply, hearing)
        except ReplyImpossible:
            await self._cancel(told)
            end = _End(State.FAILED)
        finally:
            await _ended_task(hearing)
        if end is not None:
            await self._settle(told.turn, end)
        elif halt.result() is Halt.EDIT:
            async with self._store.writing() as tx:
                await turns.ask_anew(tx, told.turn.id)

    async def _hear(self, told: _Told, reply: Reply) -> None:
        """Fold the run's events into the progress, and show each new picture."""
        async with aclosing(self._events(told)) as events:
            async for event in events:
                if isinstance(event, Began):
                    await self._note_run(told, event.run)
                told.progress = told.progress.after(event)
                if isinstance(event, Ended) and event.run.failure is not None:
                    raise event.run.failure
                reply.show(told.progress.picture())

    async def _events(self, told: _Told) -> AsyncGenerator[Event, None]:
        """The events of the turn's run: asked once, or rejoined if it was asked before."""
        if told.turn.asked:
            async with aclosing(self._rejoined(told.turn)) as events:
                async for event in events:
                    yield event
            return
        patience = Patience()
        while True:
            question = await self._question(told)
            try:
                async with aclosing(follow(self._coze, question, stream=self._stream)) as events:
                    async for event in events:
                        yield event
                return
            except CozeTrouble as trouble:
                pause = patience.pause(trouble)
                ran = trouble.happened is not Happened.NO or told.turn.run_id is not None
                if ran or pause is None:
                    raise
                await self._forget_asking(told, trouble)
                log.info("asking again", turn=told.turn.id, code=trouble.code, pause=pause)
                await asyncio.sleep(pause)
                if told.stopping:
                    return

    def _rejoined(self, turn: Turn) -> AsyncGenerator[Event, None]:
        question = Question(
            self._home.agent_id, "", turn.conversation_id or "", turn.question, turn.mark
        )
        return rejoin(self._coze, question, turn.run_id)

    async def _question(self, told: _Told) -> Question:
        """The question for Coze, written down as asked."""
        while True:
            async with self._store.writing() as tx:
                chat = await chats.chat(tx, told.turn.chat)
                if chat.conversation_id and chat.home == self._home:
                    turn = await turns.asking(tx, told.turn, chat.conversation_id)
                    break
            await self._take_conversation(chat)
        told.turn = turn
        return Question(
            self._home.agent_id, chat.user_id, chat.conversation_id, turn.question, turn.mark
        )

    async def _take_conversation(self, chat: Chat) -> None:
        """A new conversation for a chat that has none, or has it somewhere else."""
        patience = Patience()
        while True:
            try:
                made = await create_conversation(self._coze, self._home.agent_id)
                break
            except CozeTrouble as trouble:
                pause = patience.pause(trouble)
                if pause is None:
                    raise
                await asyncio.sleep(pause)
        async with self._store.writing() as tx:
            await chats.move_in(tx, chat.key, made.id, self._home)

    async def _forget_asking(self, told: _Told, trouble: CozeTrouble) -> None:
        """Coze certainly did not take the question: it may be asked again."""
        async with self._store.writing() as tx:
            await turns.not_asked(tx, told.turn.id)
            if isinstance(trouble, ConversationLost):
                await chats.move_out(tx, told.turn.chat)
        told.turn = replace(told.turn, asked=False)
        if isinstance(trouble, ConversationLost):
            told.progress = told.progress.with_notice("reply.renewed")

    async def _note_run(self, told: _Told, run: Run) -> None:
        """Write the run down, and the conversation if Coze silently chose another."""
        turn = told.turn
        conversation_id = run.conversation_id or turn.conversation_id or ""
        async with self._store.writing() as tx:
            await turns.began(tx, turn.id, run.id, conversation_id)
            if conversation_id != turn.conversation_id:
                chat = await chats.chat(tx, turn.chat)
                if chat.conversation_id == turn.conversation_id:  # else /new came meanwhile
                    await chats.move_in(tx, turn.chat, conversation_id, self._home)
                told.progress = told.progress.with_notice("reply.renewed")
        told.turn = turn.begun(run.id, conversation_id)
        told.began.set()

    async def _ended(self, told: _Told, reply: Reply, hearing: asyncio.Task[None]) -> _End:
        """The run is over, well or not: say so for good."""
        try:
            await hearing
        except Trouble as trouble:
            log.warning("turn failed", turn=told.turn.id, trouble=str(trouble))
            await reply.finish(told.progress.broken_off(trouble.sentence))
            return _End(State.FAILED, trouble)
        if told.progress.ended is Status.CANCELED:
            await reply.finish(told.progress.broken_off("reply.stopped"))
            return _End(State.STOPPED)
        picture = told.progress.finished()
        await reply.finish(picture)
        return _End(State.ANSWERED, answer_id=picture.answer_id)

    async def _halted(
        self, told: _Told, reply: Reply, hearing: asyncio.Task[None], halt: Halt
    ) -> _End | None:
        """End early. Coze is told first, and the stream closed then: that is its order."""
        if halt is Halt.SHUTDOWN:
            await _heard_of(told, hearing, LAST_MOMENT_SECONDS)
            await _ended_task(hearing)
            if (
                told.progress.picture().answers or not told.turn.posts
            ):  # else an earlier start's text stays
                await reply.finish(told.progress.broken_off("reply.interrupted", can_retry=False))
            return None
        told.stopping = True
        await _heard_of(told, hearing, RUN_ID_SECONDS)
        await self._cancel(told)
        await _ended_task(hearing)
        if halt is Halt.EDIT:
            return None
        await reply.finish(told.progress.broken_off("reply.stopped"))
        return _End(State.STOPPED)

    async def _cancel(self, told: _Told) -> None:
        """Cancel the run at Coze; when that fails, the run merely ends by itself."""
        turn = told.turn
        if turn.run_id is None or turn.conversation_id is None:
            return
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                await cancel_run(self._coze, turn.conversation_id, turn.run_id)
        except (CozeTrouble, TimeoutError) as trouble:
            log.warning("could not cancel", turn=turn.id, trouble=str(trouble))

    async def _settle(self, turn: Turn, end: _End) -> None:
        """Give the turn its end; one whose question was edited meanwhile begins anew instead."""
        trouble = end.trouble
        async with self._store.writing() as tx:
            if await turns.edited(tx, turn):
                await turns.ask_anew(tx, turn.id)
                return
            await turns.settle(
                tx,
                turn.id,
                end.state,
                code=str(trouble.code) if trouble and trouble.code is not None else None,
                log_id=trouble.log_id if trouble else None,
                answer_id=end.answer_id,
            )
            await turns.forget_words(tx, turn.chat, but=turn.id)
        log.info("turn settled", turn=turn.id, state=end.state.value)


class Patience:
    """How often and how long to wait before asking again, by what went wrong."""

    def __init__(self) -> None:
        self._tries: dict[type[CozeTrouble], int] = {}

    def pause(self, trouble: CozeTrouble) -> float | None:
        """Seconds to wait before the next try; None when it is no use."""
        kind = type(trouble)
        tries = self._tries[kind] = self._tries.get(kind, 0) + 1
        if trouble.retry is Retry.ONCE:
            return 0.0 if tries == 1 else None
        if trouble.retry is not Retry.WAIT:
            return None
        pauses = _PAUSES.get(kind, _USUAL)
        return pauses[tries - 1] if tries <= len(pauses) else None


_USUAL = (1.0, 2.0, 4.0, 8.0)
_PAUSES: dict[type[CozeTrouble], tuple[float, ...]] = {
    Busy: (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0),  # an answer may take a minute
    ServerTrouble: (1.0, 2.0),
}


async def _heard_of(told: _Told, hearing: asyncio.Task[None], seconds: float) -> None:
    """Wait until the run's id is known, if its question is on its way."""
    if told.turn.run_id is not None or not told.turn.asked:
        return
    began = asyncio.create_task(told.began.wait())
    await asyncio.wait({began, hearing}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    await _ended_task(began)


async def _ended_task(task: asyncio.Task[None] | asyncio.Task[Literal[True]]) -> None:
    """Cancel a task and wait until it is gone; what it raised was or will be read elsewhere."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
