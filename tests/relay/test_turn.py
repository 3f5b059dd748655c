"""One turn from its claim to its end, against a script of events and a real store."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from fast import run_fast
from scripted import (
    HERE,
    ScriptedCoze,
    ScriptedReply,
    a_store,
    agents_of,
    began,
    ended,
    message,
    says,
)
from sqlalchemy import select

from bridge.coze.events import Status
from bridge.errors import Happened
from bridge.errors.coze import Busy, Interrupted, NotTaken, RunFailed, Unreachable
from bridge.model import Outcome, State, Turn
from bridge.relay.protocols import ReplyImpossible, ReplyLater, StopReason
from bridge.relay.turn import RUN_SECONDS, Answering
from bridge.store.engine import Store
from bridge.store.tables import turns
from bridge.store.turns import lifecycle, queue


@dataclass
class Stage:
    store: Store
    halt: asyncio.Future[StopReason]

    async def claimed(self) -> Turn:
        async with self.store.writing() as tx:
            turn = (await lifecycle.next_of(tx, HERE)).turn
            assert turn is not None
            return await lifecycle.claimed(tx, turn)

    async def row(self) -> dict[str, object]:
        async with self.store.writing() as tx:  # with what goes with the next transaction
            return dict((await tx.execute(select(turns))).one()._mapping)

    async def answer(self, coze: ScriptedCoze, reply: ScriptedReply | None = None) -> ScriptedReply:
        """Answer what waits, and give the reply."""
        shown = reply or ScriptedReply()
        await Answering(self.store, agents_of(coze)).answer(await self.claimed(), shown, self.halt)
        return shown


@asynccontextmanager
async def staged(path: Path) -> AsyncIterator[Stage]:
    async with a_store(path) as store:
        async with store.writing() as tx:
            await queue.wait(tx, message(1, "why?"))
        yield Stage(store, asyncio.get_running_loop().create_future())


def staged_test(body: Callable[[Stage], object]) -> Callable[[Path], None]:
    """Run a test on a stage whose seconds are short."""

    def test(tmp_path: Path) -> None:
        async def journey() -> None:
            async with staged(tmp_path) as stage:
                await body(stage)  # type: ignore[misc]

        run_fast(journey(), speed=500)

    test.__name__ = getattr(body, "__name__", "test")
    return test


@staged_test
async def test_an_answer_is_written_down_before_each_step(stage: Stage) -> None:
    seen = []

    async def look() -> None:
        row = await stage.row()
        seen.append((row["state"], row["asked"], row["run_id"]))

    reply = await stage.answer(ScriptedCoze([look, began(), look, says("Because."), ended()]))
    assert seen == [("running", True, None), ("running", True, "74")]
    assert reply.final is not None
    assert (reply.final.text, reply.final.over) == ("Because.", True)
    row = await stage.row()
    assert (row["state"], row["final"], row["run_may_continue"]) == ("answered", None, False)


@staged_test
async def test_a_busy_conversation_is_waited_for_and_then_left(stage: Stage) -> None:
    busy = [Busy("Asking the agent", "another run is going")]
    coze = ScriptedCoze(*[busy] * 11, [began(), says("Late."), ended()])
    begun = asyncio.get_running_loop().time()
    reply = await stage.answer(coze)
    assert asyncio.get_running_loop().time() - begun > 55
    assert coze.called.count("create") == 2  # the old conversation is left to the other run
    assert reply.final is not None
    assert reply.final.notices == ("reply.renewed",)
    assert (await stage.row())["state"] == "answered"


@staged_test
async def test_a_question_that_was_not_taken_is_asked_once_more(stage: Stage) -> None:
    not_taken = NotTaken("Asking the agent", "HTTP 502", happened=Happened.NO)
    coze = ScriptedCoze([not_taken], [began(), says("Now."), ended()])
    await stage.answer(coze)
    assert len(coze.asked) == 2
    assert (await stage.row())["state"] == "answered"


@staged_test
async def test_a_question_that_was_asked_before_a_crash_is_rejoined(stage: Stage) -> None:
    turn = await stage.claimed()
    async with stage.store.writing() as tx:
        await lifecycle.asking(tx, turn, "738", "42")
        await lifecycle.began(tx, turn.id, "74", "738")
    coze = ScriptedCoze(
        retrieve={"id": "74", "conversation_id": "738", "status": "completed"},
        list=[{"id": "1", "role": "assistant", "type": "answer", "content": "Kept."}],
    )
    reply = await stage.answer(coze)
    assert coze.asked == []
    assert reply.final is not None
    assert reply.final.text == "Kept."


@staged_test
async def test_a_stop_waits_for_the_runs_id_and_cancels_it(stage: Stage) -> None:
    async def stop() -> None:
        stage.halt.set_result(StopReason.STOP)
        await asyncio.sleep(3)

    coze = ScriptedCoze([stop, began(), says("Never read."), asyncio.Event().wait])
    reply = await stage.answer(coze)
    assert "cancel" in coze.called
    assert reply.final is not None
    assert reply.final.note == "reply.stopped"
    row = await stage.row()
    assert (row["state"], row["run_may_continue"]) == ("stopped", False)


@staged_test
async def test_an_edit_has_the_turn_asked_anew(stage: Stage) -> None:
    async def edit() -> None:
        stage.halt.set_result(StopReason.EDIT)
        await asyncio.Event().wait()

    reply = await stage.answer(ScriptedCoze([began(), says("Old."), edit]))
    assert reply.final is None
    row = await stage.row()
    assert (row["state"], row["asked"], row["run_id"]) == ("running", False, None)


@staged_test
async def test_a_shutdown_leaves_the_turn_to_the_next_process(stage: Stage) -> None:
    async def shut_down() -> None:
        stage.halt.set_result(StopReason.SHUTDOWN)
        await asyncio.Event().wait()

    reply = await stage.answer(ScriptedCoze([began(), says("Half"), shut_down]))
    assert reply.final is not None
    assert reply.final.note == "reply.interrupted"
    row = await stage.row()
    assert (row["state"], row["run_id"], row["final"]) == ("running", "74", None)


@staged_test
async def test_a_failure_tells_its_first_cause_and_whether_the_run_goes_on(stage: Stage) -> None:
    heard: list[tuple[Outcome, object]] = []
    coze = ScriptedCoze([began(), RunFailed("Asking the agent", "no luck", code=4028)])
    answering = Answering(
        stage.store, agents_of(coze), ended=lambda end, trouble, agent: heard.append((end, trouble))
    )
    await answering.answer(await stage.claimed(), ScriptedReply(), stage.halt)
    ((end, trouble),) = heard
    assert (end.state, end.code) == (State.FAILED, "4028")
    assert isinstance(trouble, RunFailed)
    assert (await stage.row())["trouble_code"] == "4028"


@staged_test
async def test_a_run_without_an_end_is_cut_and_people_hear_that_it_goes_on(stage: Stage) -> None:
    begun = asyncio.get_running_loop().time()
    coze = ScriptedCoze([began(), asyncio.Event().wait])
    reply = await stage.answer(coze)
    assert RUN_SECONDS <= asyncio.get_running_loop().time() - begun < RUN_SECONDS + 60
    assert "status.still" in reply.statuses
    assert reply.final is not None
    assert reply.final.note == "reply.too_slow"
    assert "cancel" in coze.called


@staged_test
async def test_coze_out_of_reach_is_said_while_it_is_tried_again(stage: Stage) -> None:
    away = Unreachable("Asking the agent", "ConnectError", happened=Happened.NO)
    reply = await stage.answer(ScriptedCoze([away], [began(), says("Back."), ended()]))
    assert "status.unreachable" in reply.statuses
    assert reply.final is not None
    assert reply.final.text == "Back."


@staged_test
async def test_an_answer_that_nobody_can_read_is_no_answer(stage: Stage) -> None:
    gone = ReplyImpossible("bot was blocked", nothing_stands=True)
    await stage.answer(ScriptedCoze([began(), says("Hi."), ended()]), ScriptedReply(gone))
    row = await stage.row()
    assert row["state"] == "failed"
    assert "blocked" in str(row["trouble"])


@staged_test
async def test_an_end_that_must_wait_stays_in_the_store(stage: Stage) -> None:
    coze = ScriptedCoze([began(), says("Hi."), ended()])
    with pytest.raises(ReplyLater):
        await stage.answer(coze, ScriptedReply(ReplyLater(30)))
    assert (await stage.row())["final"] is not None
    reply = await stage.answer(ScriptedCoze())  # nothing is asked again
    assert reply.final is not None
    assert reply.final.text == "Hi."
    assert (await stage.row())["state"] == "answered"


@staged_test
async def test_a_run_that_somebody_cancelled_is_stopped(stage: Stage) -> None:
    await stage.answer(ScriptedCoze([began(), says("H"), ended(status=Status.CANCELED)]))
    assert (await stage.row())["state"] == "stopped"


@staged_test
async def test_a_stream_that_breaks_is_finished_from_what_coze_keeps(stage: Stage) -> None:
    broken = Interrupted("Asking the agent", "the stream broke")
    coze = ScriptedCoze(
        [began(), says("Hal"), broken],
        retrieve={"id": "74", "conversation_id": "738", "status": "completed"},
        list=[{"id": "1", "role": "assistant", "type": "answer", "content": "Half and whole."}],
    )
    reply = await stage.answer(coze)
    assert len(coze.asked) == 1
    assert reply.final is not None
    assert reply.final.text == "Half and whole."
