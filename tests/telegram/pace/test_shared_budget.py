"""Pacers of several processes with one budget: together they call no faster than one would."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from fast import run_fast

from bridge.errors import StoreTrouble
from bridge.model import LearnedLimit
from bridge.store.pace import AT_ONCE, Reserved, Wanted
from bridge.telegram.pace.budget import Priority
from bridge.telegram.pace.scheduler import Pacer
from bridge.telegram.pace.slots import Slots

KINDS = ("all calls", "new messages")


class Row:
    """The rows in the database, in the seconds of the test."""

    def __init__(self) -> None:
        self.found = dict.fromkeys(KINDS, Reserved(0.0, 0, LearnedLimit(25.0, 20.0), 0))
        self._free_at = dict.fromkeys(KINDS, 0.0)
        self.asked = 0
        self.fails = 0

    async def reserve(self, kind: str, wanted: Wanted) -> Reserved:
        await asyncio.sleep(0.001)
        self.asked += 1
        if self.fails:
            self.fails -= 1
            raise StoreTrouble("Writing", "it is away")
        now, known = asyncio.get_running_loop().time(), self.found[kind]
        version, limit = known.version, known.limit
        if wanted.version == known.version and wanted.limit.rate != limit.rate:
            version, limit = version + 1, wanted.limit
        earliest = now + wanted.pause if wanted.pause else now - AT_ONCE / limit.rate
        begin = max(self._free_at[kind], earliest)
        self._free_at[kind] = begin + wanted.calls / limit.rate
        wait = max(0.0, begin - now)
        self.found[kind] = Reserved(wait, known.calls + wanted.calls, limit, version)
        return self.found[kind]


class Callers:
    """Pacers of several processes, and when each of their calls went out."""

    def __init__(self, count: int, others: bool = True) -> None:
        self.row = Row()
        self.pacers = [Pacer() for _ in range(count)]
        for pacer in self.pacers:
            pacer.share(self.row.reserve, lambda: others)
        self.times: list[tuple[float, int, Priority]] = []

    async def call(
        self, process: int, chat_id: int, priority: Priority, *, new: bool = False
    ) -> None:
        async with self.pacers[process].slot(chat_id, priority, new=new):
            now = asyncio.get_running_loop().time()
            self.times.append((now, process, priority))

    async def all_at_once(self, calls: int) -> None:
        """Every process wants so many calls, each into a chat of its own."""
        await asyncio.gather(
            *(
                self.call(process, 1 + process * calls + number, Priority.FIRST)
                for process in range(len(self.pacers))
                for number in range(calls)
            )
        )

    def most_in(self, seconds: float) -> int:
        times = sorted(at for at, *_ in self.times)
        return max(sum(begin <= at < begin + seconds for at in times) for begin in times)

    async def close(self) -> None:
        for pacer in self.pacers:
            await pacer.close()


def test_three_processes_call_no_faster_than_one(tmp_path: Path) -> None:
    async def journey() -> None:
        callers = Callers(3)
        await callers.all_at_once(60)
        assert callers.most_in(1.0) <= 25 + AT_ONCE + 1
        times = [at for at, *_ in callers.times]
        assert max(times) - min(times) < 180 / 25 * 1.25
        shares = Counter(process for at, process, _ in callers.times if at < min(times) + 4)
        assert max(shares.values()) - min(shares.values()) <= 12
        await callers.close()

    run_fast(journey(), speed=20)


def test_new_messages_have_a_budget_of_their_own_and_hold_up_no_edit() -> None:
    async def journey() -> None:
        callers = Callers(2)
        callers.row.found["all calls"] = Reserved(0.0, 0, LearnedLimit(200.0, 20.0), 0)
        new = [
            asyncio.create_task(
                callers.call(process, 1 + 100 * process + number, Priority.FIRST, new=True)
            )
            for process in range(2)
            for number in range(50)
        ]
        await asyncio.sleep(0.5)
        begun = asyncio.get_running_loop().time()
        await callers.call(0, 1000, Priority.INTERIM)
        assert asyncio.get_running_loop().time() - begun < 0.2
        await asyncio.gather(*new)
        assert callers.most_in(1.0) <= 25 + AT_ONCE + 2
        await callers.close()

    run_fast(journey(), speed=10)


def test_a_process_alone_asks_nobody() -> None:
    async def journey() -> None:
        callers = Callers(1, others=False)
        await callers.all_at_once(40)
        assert callers.row.asked == 0
        await callers.close()

    run_fast(journey(), speed=20)


def test_a_process_that_is_alone_for_a_moment_is_not_alone() -> None:
    """All sessions end when the database starts anew: whoever is back first sees nobody else."""

    async def journey() -> None:
        callers = Callers(3)
        seen = True
        for pacer in callers.pacers:
            pacer.share(callers.row.reserve, lambda: seen)
        await callers.all_at_once(1)
        seen = False
        await callers.all_at_once(30)
        assert callers.most_in(1.0) <= 25 + AT_ONCE + 1
        await callers.close()

    run_fast(journey(), speed=20)


def test_slots_that_come_too_late_are_not_used_at_once() -> None:
    slots = Slots()
    slots.add(0.0, 0.0, 4, rate=25.0)
    slots.add(0.0, 0.5, 4, rate=25.0)
    assert slots.wait(0.45) == pytest.approx(0.05)
    assert len(slots) == 4


def test_all_demand_in_one_process_gets_the_whole_budget() -> None:
    async def journey() -> None:
        callers = Callers(3)
        await asyncio.gather(*(callers.call(0, 1 + one, Priority.FIRST) for one in range(75)))
        times = [at for at, *_ in callers.times]
        assert max(times) - min(times) < 75 / 25 * 1.25
        await callers.close()

    run_fast(journey(), speed=20)


def test_a_slot_goes_to_what_is_most_urgent_then() -> None:
    async def journey() -> None:
        callers = Callers(2)
        waiting = [
            asyncio.create_task(callers.call(0, 1 + number, Priority.BULK)) for number in range(60)
        ]
        await asyncio.sleep(0.5)
        begun = asyncio.get_running_loop().time()
        await callers.call(0, 1000, Priority.FINAL)
        assert asyncio.get_running_loop().time() - begun < 0.35
        await callers.call(1, 1001, Priority.FINAL)
        assert asyncio.get_running_loop().time() - begun < 0.7
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await callers.close()

    run_fast(journey(), speed=10)


def test_what_one_process_finds_out_the_others_know() -> None:
    async def journey() -> None:
        callers = Callers(2)
        await callers.all_at_once(2)
        estimates = [pacer._pacing.estimates["all calls"] for pacer in callers.pacers]
        estimates[0].recall(0.0, LearnedLimit(9.0, 20.0, 10.0))
        await callers.call(0, 500, Priority.FIRST)
        await callers.call(0, 501, Priority.FIRST)
        await callers.call(1, 502, Priority.FIRST)
        await callers.call(1, 503, Priority.FIRST)
        assert [pacer.learned()["all calls"].rate for pacer in callers.pacers] == [9.0, 9.0]
        await callers.close()

    run_fast(journey(), speed=10)


def test_a_refusal_while_slots_are_asked_for_is_not_forgotten() -> None:
    """What comes back then is what was known before it."""

    async def journey() -> None:
        callers = Callers(2)
        await callers.all_at_once(2)
        pacer = callers.pacers[0]
        estimate = pacer._pacing.estimates["all calls"]
        estimate.recall(0.0, LearnedLimit(40.0, 20.0))
        reserve = callers.row.reserve

        async def refused_meanwhile(kind: str, wanted: Wanted) -> Reserved:
            found = await reserve(kind, wanted)
            if kind == "all calls" and estimate.rate == 40.0:
                estimate.adopt(asyncio.get_running_loop().time(), LearnedLimit(20.0, 20.0, 30.0))
            return found

        pacer.share(refused_meanwhile, lambda: True)
        for number in range(12):
            await callers.call(0, 600 + number, Priority.FIRST)
        assert estimate.rate == 20.0
        assert callers.row.found["all calls"].limit.rate == 20.0
        await callers.close()

    run_fast(journey(), speed=10)


def test_a_silence_of_the_bot_is_kept_by_all() -> None:
    async def journey() -> None:
        callers = Callers(2)
        await callers.all_at_once(30)
        loop = asyncio.get_running_loop()
        for chat_id in range(1, 8):  # several chats at once: it is the bot
            callers.pacers[0].refused(chat_id, 6.0)
        if not callers.pacers[0]._pacing.silent_until > loop.time():
            raise AssertionError("the whole bot should be silent")
        await asyncio.sleep(0.2)
        begun = loop.time()
        await callers.call(1, 900, Priority.FINAL)
        await callers.call(1, 901, Priority.FINAL)
        await callers.call(1, 902, Priority.FINAL)
        assert loop.time() - begun > 4.0
        await callers.close()

    run_fast(journey(), speed=20)


def test_calls_wait_while_the_database_is_away_and_go_on_then() -> None:
    async def journey() -> None:
        callers = Callers(2)
        callers.row.fails = 3
        await callers.all_at_once(3)
        assert len(callers.times) == 6
        await callers.close()

    run_fast(journey(), speed=20)
