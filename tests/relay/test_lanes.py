"""Lanes: order inside a chat, freedom between chats, and nothing lost when one breaks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fast import run_fast
from scripted import HERE, ScriptedReply, a_store, message
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from worlds import eventually

from bridge.errors import StoreTrouble
from bridge.model import ChatKey, Outcome, ReplyState, State, Turn
from bridge.relay.lanes import AFTER_TROUBLE_SECONDS, Lanes
from bridge.relay.prompt import prompt_of
from bridge.relay.protocols import ReplyLater, StopReason
from bridge.relay.taken_turns import ALONE_SECONDS
from bridge.store.engine import Store
from bridge.store.tables import turns
from bridge.store.turns import lifecycle, queue

THERE = ChatKey(6)


class Answers:
    """Stands for what answers turns: does what it is told, and settles."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.order: list[str] = []
        self.halts: list[StopReason] = []
        self.does: Callable[[Turn, asyncio.Future[StopReason]], Awaitable[None]] | None = None

    async def claim(self, tx: AsyncConnection, turn: Turn, _found: object) -> Turn:
        """Nothing more is written with the claim."""
        return await lifecycle.claimed(tx, turn)

    async def answer(self, turn: Turn, _: object, halt: asyncio.Future[StopReason]) -> bool:
        text = prompt_of(turn)
        self.order.append(f"begin {text}")
        if self.does is not None:
            await self.does(turn, halt)
        if halt.done():
            self.halts.append(halt.result())
            if halt.result() is StopReason.SHUTDOWN:
                return False
        await self.conclude(turn, Outcome(State.ANSWERED, ReplyState()), None)
        self.order.append(f"end {text}")
        return True

    async def conclude(self, turn: Turn, end: Outcome, _: object) -> bool:
        async with self._store.writing() as tx:
            return await lifecycle.settle(tx, turn.id, end)


@asynccontextmanager
async def opened(_: Turn) -> AsyncIterator[ScriptedReply]:
    yield ScriptedReply()


class Stage:
    def __init__(self, store: Store, most: int) -> None:
        self.store = store
        self.answers = Answers(store)
        self.lanes = Lanes(store, self.answers, opened, most=most)  # type: ignore[arg-type]

    async def ask(self, number: int, text: str, key: ChatKey = HERE) -> bool:
        async with self.store.writing() as tx:
            await queue.wait(tx, message(number, text, key))
        return self.lanes.wake(key)

    async def done(self) -> None:
        """Until no chat has anything to answer."""
        await eventually(lambda: not len(self.lanes) and not self.lanes._later, 500)

    async def states(self) -> list[str]:
        async with self.store.reading() as tx:
            return list((await tx.execute(select(turns.c.state).order_by(turns.c.id))).scalars())


def staged(
    most: int = 500,
) -> Callable[[Callable[[Stage], Awaitable[None]]], Callable[[Path], None]]:
    """Run a test with lanes over a real store, whose seconds are short."""

    def decorated(body: Callable[[Stage], Awaitable[None]]) -> Callable[[Path], None]:
        return lambda tmp_path: run_fast(journey(body, tmp_path, most), speed=200)

    return decorated


async def journey(body: Callable[[Stage], Awaitable[None]], tmp_path: Path, most: int) -> None:
    async with a_store(tmp_path) as store:
        stage = Stage(store, most)
        try:
            await body(stage)
        finally:
            await stage.lanes.close(0.1)


@staged()
async def test_a_burst_is_answered_as_one(stage: Stage) -> None:
    for number in range(3):
        await stage.ask(number, f"part {number}")
    await stage.done()
    assert stage.answers.order == [f"{at} part 0\n\npart 1\n\npart 2" for at in ("begin", "end")]


@staged()
async def test_a_turn_that_ends_process_after_process_is_given_up(stage: Stage) -> None:
    """Each of them dies with it; none writes anything down any more."""
    store, taken = stage.store, []

    async def hangs(turn: Turn, _: object) -> None:
        taken.append(turn.final)
        if turn.final is None:
            await asyncio.Event().wait()

    stage.answers.does = hangs
    await stage.ask(1, "poison")
    for number in range(1, 8):
        await eventually(lambda it=number: len(taken) == it, 50)
        await stage.lanes.drop(HERE.chat_id)  # a process that dies closes nothing
        stage.lanes = Lanes(store, stage.answers, opened)  # type: ignore[arg-type]
        stage.lanes.wake(HERE)
        if taken[-1] is not None:
            break
    await stage.done()
    assert [one and one.state for one in taken] == [*[None] * 6, State.FAILED]
    assert "Three processes" in (taken[-1].trouble or "")


@staged()
async def test_suspects_begin_one_at_a_time_and_only_the_one_that_kills_is_given_up(
    stage: Stage,
) -> None:
    """A process that is killed has all its turns killed with it; the others are not to blame."""
    store, here, ends = stage.store, set[str](), dict[str, State]()
    killed = asyncio.Event()

    async def kills(turn: Turn, _: object) -> None:
        text = prompt_of(turn)
        if turn.final is not None:
            ends[text] = turn.final.state
            return
        here.add(text)
        if text == "poison":
            await asyncio.sleep(0.5)
            killed.set()
        await asyncio.Event().wait()

    stage.answers.does = kills
    keys = [ChatKey(number) for number in range(20, 26)]
    for number, key in enumerate(keys):
        await stage.ask(number, "poison" if number == 2 else f"fine {number}", key)
    for _ in range(40):
        try:
            async with asyncio.timeout(12):
                await killed.wait()
        except TimeoutError:
            break
        killed.clear()
        here.clear()
        await stage.lanes.drop_chats(lambda chat_id: True)
        stage.lanes = Lanes(store, stage.answers, opened)  # type: ignore[arg-type]
        await stage.lanes.resume_open()
    assert ends == {"poison": State.FAILED}
    assert here == {f"fine {number}" for number in range(6) if number != 2}


@staged()
async def test_a_turn_that_was_to_blame_for_nothing_is_suspect_no_more(stage: Stage) -> None:
    stage.answers.does = waiting
    await stage.ask(1, "long")
    for _ in range(3):
        await eventually(lambda: stage.answers.order[-1:] == ["begin long"], 50)
        stage.answers.order.clear()
        await stage.lanes.drop(HERE.chat_id)
        stage.lanes = Lanes(stage.store, stage.answers, opened)  # type: ignore[arg-type]
        stage.lanes.wake(HERE)
    await asyncio.sleep(2 * ALONE_SECONDS + 1)
    async with stage.store.reading() as tx:
        taken = (await tx.execute(select(turns.c.taken))).scalar_one()
    assert taken == 0


async def waiting(_: Turn, halt: asyncio.Future[StopReason]) -> None:
    await halt


@staged()
async def test_who_ends_by_itself_was_not_ended_by_its_turns(stage: Stage) -> None:
    store, taken = stage.store, []

    async def waits(turn: Turn, halt: asyncio.Future[StopReason]) -> None:
        taken.append(turn.final)
        await halt

    stage.answers.does = waits
    await stage.ask(1, "long")
    for number in range(1, 8):
        await eventually(lambda it=number: len(taken) == it, 50)
        await stage.lanes.close(0.1)
        stage.lanes = Lanes(store, stage.answers, opened)  # type: ignore[arg-type]
        stage.lanes.wake(HERE)
    await eventually(lambda: len(taken) == 8, 50)
    assert taken == [None] * 8


@staged()
async def test_no_lane_works_for_a_chat_of_another_process(stage: Stage) -> None:
    mine = {HERE.chat_id}
    lanes = stage.lanes = Lanes(
        stage.store,
        stage.answers,  # type: ignore[arg-type]
        opened,
        owns=lambda chat_id: chat_id in mine,
    )
    assert await stage.ask(1, "theirs", THERE)
    await stage.ask(2, "mine")
    await lanes.resume_open()
    await stage.done()
    assert stage.answers.order == ["begin mine", "end mine"]
    mine.add(THERE.chat_id)
    await lanes.resume_open()
    await stage.done()
    assert stage.answers.order[2:] == ["begin theirs", "end theirs"]


@staged()
async def test_a_chat_keeps_its_order_and_holds_up_no_other(stage: Stage) -> None:
    gate = asyncio.Event()

    async def hold(turn: Turn, _: object) -> None:
        if turn.chat == HERE:
            await gate.wait()

    stage.answers.does = hold
    await stage.ask(1, "first")
    await eventually(lambda: stage.answers.order, 100)
    await stage.ask(2, "second")
    await stage.ask(3, "elsewhere", THERE)
    await eventually(lambda: "end elsewhere" in stage.answers.order, 100)
    assert "begin second" not in stage.answers.order
    gate.set()
    await stage.done()
    here = [one for one in stage.answers.order if "elsewhere" not in one]
    assert here == ["begin first", "end first", "begin second", "end second"]


@staged()
async def test_a_stop_reaches_the_turn_that_runs_and_no_other(stage: Stage) -> None:
    async def hold(_: Turn, halt: asyncio.Future[StopReason]) -> None:
        await halt

    stage.answers.does = hold
    assert not stage.lanes.stop(HERE)
    await stage.ask(1, "long")
    await eventually(lambda: stage.answers.order, 100)
    assert not await stage.lanes.ended(HERE, 1)
    assert not stage.lanes.stop(HERE, turn_id=99)
    assert stage.lanes.stop(HERE)
    assert not stage.lanes.stop(HERE)  # once
    await stage.done()
    assert stage.answers.halts == [StopReason.STOP]
    assert await stage.lanes.ended(HERE, 0)


@staged(most=1)
async def test_who_finds_no_room_is_answered_when_there_is(stage: Stage) -> None:
    gate = asyncio.Event()

    async def hold(_: Turn, __: object) -> None:
        await gate.wait()

    stage.answers.does = hold
    assert await stage.ask(1, "one", HERE)
    assert not await stage.ask(2, "two", THERE)
    gate.set()
    await eventually(lambda: "end two" in stage.answers.order, 100)
    assert await stage.states() == ["answered", "answered"]


@staged()
async def test_what_must_wait_is_tried_again_and_a_defect_ends_one_turn(stage: Stage) -> None:
    times = []

    async def wait(_: Turn, __: object) -> None:
        times.append(asyncio.get_running_loop().time())
        if len(times) == 1:
            raise ReplyLater(30)
        if len(times) == 2:
            raise StoreTrouble("Writing to the database", "locked")
        if len(times) == 3:
            raise RuntimeError("a defect")

    stage.answers.does = wait
    await stage.ask(1, "patience")
    await stage.done()
    assert times[1] - times[0] >= 30
    assert times[2] - times[1] >= AFTER_TROUBLE_SECONDS
    assert len(times) == 3


@staged()
async def test_what_a_shutdown_breaks_off_goes_on_with_the_next_process(stage: Stage) -> None:
    async def hold(_: Turn, halt: asyncio.Future[StopReason]) -> None:
        await halt

    stage.answers.does = hold
    await stage.ask(1, "long")
    await eventually(lambda: stage.answers.order, 100)
    await stage.lanes.close(2)
    assert stage.answers.halts == [StopReason.SHUTDOWN]
    assert await stage.states() == ["running"]
    assert await stage.ask(2, "too late")  # it waits in the store
    assert len(stage.lanes) == 0
    following = Stage(stage.store, 500)
    await following.lanes.resume_open()
    await following.done()
    assert following.answers.order[0] == "begin long"
    assert await stage.states() == ["answered", "answered"]
    await following.lanes.close(0.1)


@staged()
async def test_a_group_that_moves_is_broken_off_and_stays_open(stage: Stage) -> None:
    group = ChatKey(-5)

    async def hold(_: Turn, halt: asyncio.Future[StopReason]) -> None:
        await halt

    stage.answers.does = hold
    await stage.ask(1, "in the group", group)
    await eventually(lambda: stage.answers.order, 100)
    await stage.lanes.drop(group.chat_id)
    assert len(stage.lanes) == 0
    assert await stage.states() == ["running"]


@staged()
async def test_a_turn_that_cannot_be_read_ends_no_other_chat(stage: Stage) -> None:
    await stage.ask(1, "fine")
    await stage.done()
    async with stage.store.writing() as tx:
        await queue.wait(tx, message(2, "odd"))
        await tx.execute(update(turns).where(turns.c.id == 2).values(parts=[{"no": "part"}]))
    stage.lanes.wake(HERE)
    await eventually(lambda: HERE in stage.lanes._later, 100)
    await stage.ask(3, "elsewhere", THERE)
    await eventually(lambda: "end elsewhere" in stage.answers.order, 100)
