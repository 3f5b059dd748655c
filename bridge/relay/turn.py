"""Answer one turn from its claim until its end is settled; `asking` asks the agent.

What happened is written down before the next outside act, so that a crash at any line leaves
something that a restart can finish: `asked` before the question goes out, the run's id as soon
as it is known, the end before it is shown, and its being settled when it stands in front of the
person.
"""

import asyncio
import time
from collections.abc import Callable, Collection
from contextlib import aclosing
from dataclasses import replace
from typing import Literal

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.coze.events import Began, Delta, Status
from bridge.errors import Happened, NotShown, StoreTrouble, Trouble
from bridge.errors.coze import CozeTrouble, RunFailed
from bridge.metrics import Metrics
from bridge.model import Outcome, ReplyState, State, Turn
from bridge.relay import costs
from bridge.relay.agents import Agents
from bridge.relay.asking import Asking
from bridge.relay.prompt import prompt_of
from bridge.relay.protocols import Reply, ReplyImpossible, StopReason
from bridge.relay.run_in_progress import RunInProgress
from bridge.store.engine import Store
from bridge.store.turns import lifecycle
from bridge.store.turns.lifecycle import NextTurn

log = structlog.get_logger(__name__)
RUN_ID_SECONDS = 10.0
"""How long a stop waits to hear the id of a run that was just asked for."""

RUN_SECONDS = 900.0
"""How long a run may take in any case."""
STILL_SECONDS = 30.0
"""After so long without anything to read, people are told that the agent is still at it."""
BREATHS = 50
"""Events after which others get their turn."""
SHOW_SECONDS = 0.02
CANCEL_SECONDS = 5.0
LAST_MOMENT_SECONDS = 2.0
"""How long a shutdown lets a question reach Coze that is on its way."""


class Answering:
    """Answers turns by the agents that there are."""

    def __init__(
        self,
        store: Store,
        agents: Agents,
        *,
        ended: Callable[[Outcome, Trouble | None, str], None] = lambda end, trouble, agent: None,
        metrics: Metrics | None = None,
        titles: bool = True,
    ) -> None:
        """`ended` hears of every end, with the trouble if there was one, and of the agent's key."""
        self._heard_end = ended
        self._metrics = metrics or Metrics()
        self._store = store
        self._agents = agents
        self._asking = Asking(store, agents, titles=titles)

    @property
    def retrying(self) -> Collection[int]:
        """Turns whose question did not reach Coze so far, and is tried again."""
        return self._asking.retrying

    async def claim(self, tx: AsyncConnection, turn: Turn, found: NextTurn) -> Turn:
        """Claim a turn that was found in its chat, and write down with that what is about to be done."""
        return await self._asking.claim(tx, turn, found)

    async def answer(self, turn: Turn, reply: Reply, halt: asyncio.Future[StopReason]) -> bool:
        """Run the turn and settle it; `halt` ends it early. Returns whether it is settled.

        A shutdown leaves the turn running in the store, to be rejoined. Troubles end in a
        sentence for the person; raises StoreTrouble when nothing can be written down any more, and
        ReplyLater when the end must wait to be shown.
        """
        run = self._begun(turn, reply)
        if turn.edited:  # while nobody was there to begin anew
            await self._cancel(run)
            await self._begin_anew(run)
            return False
        end = turn.final or await self._end_of(run, reply, halt)
        if end is not None:
            settled = await self._conclude(run, end, reply)
            self._heard_end(end, run.trouble, run.agent.key)
            return settled
        if halt.result() is StopReason.EDIT:
            await self._begin_anew(run)
        return False

    def _begun(self, turn: Turn, reply: Reply) -> RunInProgress:
        asked = turn.asked or turn.run_id is not None
        agent = self._agents.of(turn.agent) if asked else self._agents.default
        return RunInProgress(turn, reply, agent)

    async def _end_of(
        self, run: RunInProgress, reply: Reply, halt: asyncio.Future[StopReason]
    ) -> Outcome | None:
        if run.turn.stopping:  # the wish came to an earlier process
            await self._cancel(run)
            return _end(run, State.STOPPED, run.progress.broken_off("reply.stopped"))
        return await self._run(run, reply, halt)

    async def _run(
        self, run: RunInProgress, reply: Reply, halt: asyncio.Future[StopReason]
    ) -> Outcome | None:
        """Hear the run to its end; None when the turn has none yet."""
        hearing = asyncio.create_task(self._hear(run), name=f"run of turn {run.turn.id}")
        try:
            await self._wait(run, hearing, halt)
            if halt.done() and not hearing.done():
                return await self._halted(run, reply, hearing, halt.result())
            if not hearing.done():
                return await self._cut(run, hearing, "reply.too_slow")
            if run.too_long:
                return await self._cut(run, hearing, "reply.too_long")
            return await self._ended(run, hearing)
        except ReplyImpossible:
            await self._cancel(run)
            return _end(run, State.FAILED, run.progress.broken_off("reply.stopped"))
        finally:
            await _ended_task(hearing)
            run.show_no_more()

    async def _wait(
        self, run: RunInProgress, hearing: asyncio.Task[None], halt: asyncio.Future[StopReason]
    ) -> None:
        """Wait until either is done, or the run has had its time; meanwhile say that it goes on."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + RUN_SECONDS
        awaited: list[asyncio.Future[None] | asyncio.Future[StopReason]] = [hearing, halt]
        while (left := deadline - loop.time()) > 0:
            before = run.progress
            await asyncio.wait(
                awaited, timeout=min(left, STILL_SECONDS), return_when=asyncio.FIRST_COMPLETED
            )
            if hearing.done() or halt.done():
                return
            if run.progress is before and not before.reply_state().answers:
                run.say("status.still")

    async def _cut(self, run: RunInProgress, hearing: asyncio.Task[None], why: str) -> Outcome:
        """End a run that does not end by itself, and say so."""
        log.warning("run cut off", turn=run.turn.id, why=why)
        await self._cancel(run)
        await _ended_task(hearing)
        return _end(run, State.STOPPED, run.progress.broken_off(why))

    async def _hear(self, run: RunInProgress) -> None:
        """Fold the run's events into the progress, and show each new state."""
        loop, shown, count = asyncio.get_running_loop(), 0.0, 0
        async with aclosing(self._asking.events(run)) as events:
            async for event in events:
                count += 1
                if count % BREATHS == 0:  # thousands may have come at once
                    await asyncio.sleep(0)
                if isinstance(event, Began):
                    await self._asking.note_run(run, event.run)
                run.heard(event)
                if loop.time() - shown >= SHOW_SECONDS or not isinstance(event, Delta):
                    shown = loop.time()
                    run.show()
                else:  # a state of a long answer is dear, and people see one a second
                    run.show_soon(SHOW_SECONDS)
                if run.too_long:
                    return

    async def _ended(self, run: RunInProgress, hearing: asyncio.Task[None]) -> Outcome:
        """Return how it ends when the run is over, well or not."""
        try:
            await hearing
        except StoreTrouble:
            raise
        except Trouble as raised:
            trouble = raised.without(prompt_of(run.turn)).with_names(run.agent.names)
            if run.progress.all_given:  # such as the model that suggests what to ask next
                log.warning("run failed after its answer", turn=run.turn.id, trouble=str(trouble))
                return _end(run, State.ANSWERED, run.progress.finished())
            log.warning("turn failed", turn=run.turn.id, trouble=str(trouble))
            run.failed(trouble)
            if trouble.happened is not Happened.NO and not run.over:
                await self._cancel(run)  # its answer would come too late for anybody
            sentence = await self._sentence(run.turn, trouble)
            return _end(run, State.FAILED, run.progress.broken_off(sentence), trouble)
        if run.progress.ended is Status.CANCELED:
            return _end(run, State.STOPPED, run.progress.broken_off("reply.stopped"))
        return _end(run, State.ANSWERED, run.progress.finished())

    async def _sentence(self, turn: Turn, trouble: Trouble) -> str:
        """Return what the person reads: where run after run fails, that a new conversation may help."""
        if not isinstance(trouble, RunFailed) or turn.conversation_id is None:
            return trouble.sentence
        async with self._store.reading() as tx:
            again = await lifecycle.failed_before(tx, turn)
        return "trouble.run" if again else trouble.sentence

    async def _halted(
        self, run: RunInProgress, reply: Reply, hearing: asyncio.Task[None], halt: StopReason
    ) -> Outcome | None:
        """End early. Coze is told first, and the stream closed then: that is its order."""
        if halt is StopReason.SHUTDOWN:
            await _heard_of(run, hearing, LAST_MOMENT_SECONDS)
            if run.turn.asked and not run.agent.client.capabilities.recovery:
                await self._cancel(run)
                if hearing.done():  # it came to its end meanwhile
                    return await self._ended(run, hearing)
                await _ended_task(hearing)
                return _end(run, State.FAILED, run.progress.broken_off("trouble.cut"))
            await _ended_task(hearing)
            if (
                run.progress.reply_state().answers or not run.turn.posts
            ):  # else an earlier start's text stays
                await reply.finish(run.progress.broken_off("reply.interrupted", can_retry=False))
            return None
        run.stop()
        await _heard_of(run, hearing, RUN_ID_SECONDS)
        await self._cancel(run)
        await _ended_task(hearing)
        if halt is StopReason.EDIT:
            return None
        return _end(run, State.STOPPED, run.progress.broken_off("reply.stopped"))

    async def _cancel(self, run: RunInProgress) -> None:
        """Cancel the run at Coze; when that fails, the run merely ends by itself."""
        turn = run.turn
        if not turn.asked or turn.conversation_id is None:
            return
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                over = await run.agent.client.cancel(run.question(), turn.run_id)
        except (CozeTrouble, TimeoutError) as trouble:
            log.warning("cancelling the run failed", turn=turn.id, trouble=str(trouble))
        else:
            if over:
                run.cancelled()

    async def conclude(self, turn: Turn, end: Outcome, reply: Reply) -> bool:
        """Write the end down, show it, and settle the turn; an edited one begins anew: then False."""
        return await self._conclude(self._begun(turn, reply), end, reply)

    async def _conclude(self, run: RunInProgress, end: Outcome, reply: Reply) -> bool:
        turn = run.turn
        if turn.final is None:
            async with self._store.writing(of=turn.chat.chat_id) as tx:
                if not await lifecycle.concluded(tx, turn.id, end):
                    await lifecycle.ask_anew(tx, turn.id, end.tokens_in, end.tokens_out)
                    return False
        try:
            await reply.finish(end.reply_state)
        except ReplyImpossible as impossible:  # nobody is there to read it
            end = _never_shown(turn, end, impossible)
        end = await costs.with_cost(run, end)
        async with self._store.writing(of=turn.chat.chat_id) as tx:
            if not await lifecycle.settle(tx, turn.id, end):
                cost = (end.tokens_in, end.tokens_out)
                await lifecycle.ask_anew(tx, turn.id, *cost, estimated=end.estimated)
                return False
        tokens, seconds = (end.tokens_in, end.tokens_out), time.time() - turn.came_at
        self._metrics.settled(end.state.value, end.code, tokens, seconds, run.agent.label)
        facts = {
            "turn": turn.id,
            "chat": turn.chat.chat_id,
            "seconds": round(turn.late(time.time()), 1),
            "run": turn.run_id,
            "code": end.code,
            "log_id": end.log_id,
            "tokens_in": end.tokens_in,
            "tokens_out": end.tokens_out,
            "estimated": end.estimated,
        }
        log.info(f"turn {end.state}", **{name: one for name, one in facts.items() if one})
        return True

    async def _begin_anew(self, run: RunInProgress) -> None:
        """Let the turn be asked again; what the run cost that was broken off counts."""
        cost = await costs.broken_off(run, run.progress.text)
        async with self._store.writing(of=run.turn.chat.chat_id) as tx:
            await lifecycle.ask_anew(
                tx, run.turn.id, cost.tokens_in, cost.tokens_out, estimated=cost.estimated
            )


def _end(
    run: RunInProgress, state: State, reply_state: ReplyState, trouble: Trouble | None = None
) -> Outcome:
    """Return how the turn ends, with what the trouble leaves behind."""
    turn, cost = run.turn, costs.reported(run.progress.usage)
    if not run.agent.client.capabilities.feedback:
        reply_state = replace(reply_state, answer_id=None)
    happened = trouble is None or trouble.happened is not Happened.NO
    if run.rejoined and not reply_state.answers:  # the posts of an earlier process say more
        reply_state = replace(reply_state, keeps=len(turn.posts))
    return Outcome(
        state,
        reply_state,
        code=str(trouble.code) if trouble and trouble.code is not None else None,
        log_id=trouble.log_id if trouble else None,
        run_may_continue=turn.asked and happened and not run.over,
        tokens_in=cost.tokens_in,
        tokens_out=cost.tokens_out,
        trouble=run.agent.said(trouble) if trouble else None,
    )


def _never_shown(turn: Turn, end: Outcome, impossible: ReplyImpossible) -> Outcome:
    """Return the end of a turn of which nothing could be shown: that is no answer."""
    if not impossible.nothing_stands or end.state is not State.ANSWERED:
        return end
    why = impossible.why or "the chat is closed to the bot"
    trouble = NotShown("Showing the answer", why)
    log.warning("answer not shown", turn=turn.id, chat=turn.chat.chat_id, why=why)
    return replace(end, state=State.FAILED, trouble=str(trouble))


async def _heard_of(run: RunInProgress, hearing: asyncio.Task[None], seconds: float) -> None:
    """Wait until the run's id is known, if its question is on its way."""
    if run.turn.run_id is not None or not run.turn.asked:
        return
    if not run.agent.client.capabilities.recovery:
        return  # its id is ours, and known already
    began = asyncio.create_task(run.began.wait())
    await asyncio.wait({began, hearing}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    await _ended_task(began)


async def _ended_task(task: asyncio.Task[None] | asyncio.Task[Literal[True]]) -> None:
    """Cancel a task and wait until it is gone; what it raised was or will be read elsewhere."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
