"""The budget of calls that several processes share: slots one after the other, and one limit."""

import asyncio
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.model import LearnedLimit
from bridge.store import pace
from bridge.store.engine import Store
from bridge.store.pace import AT_ONCE, Reserved, Wanted

BOT = 42
LIMIT = LearnedLimit(25.0, 20.0)


async def reserve(store: Store, calls: int = 1, **more: object) -> Reserved:
    wanted = Wanted(calls, LIMIT, 0)
    async with store.writing(of=()) as tx:
        return await pace.reserve(tx, BOT, "all calls", Wanted(**{**wanted.__dict__, **more}))  # type: ignore[arg-type]


async def test_a_few_go_at_once_and_the_others_at_the_rate(store: Store) -> None:
    begun = time.monotonic()
    slots = []  # when each call may go at the soonest and at the latest, in seconds from the beginning
    for _ in range(30):
        asked = time.monotonic() - begun
        wait = (await reserve(store)).wait
        slots.append(
            (asked + wait, time.monotonic() - begun + wait)
        )  # the server looked in between
    passed = time.monotonic() - begun
    assert slots[0][0] <= passed  # at once
    assert 30 / 25 - AT_ONCE / 25 - 0.1 < slots[-1][1] <= 30 / 25 + passed
    for (soonest, _), (_, latest) in pairwise(slots):
        assert soonest <= latest  # one after the other, whatever the machine does between two


async def test_each_knows_how_many_all_have_called(store: Store) -> None:
    found = [await reserve(store, calls=3) for _ in range(4)]
    assert [one.calls for one in found] == [3, 6, 9, 12]


async def test_the_limit_of_who_knows_the_newest_counts(store: Store) -> None:
    first = await reserve(store)
    lower = LearnedLimit(10.0, 8.0, 12.0)
    found = await reserve(store, limit=lower, version=first.version)
    assert (found.limit, found.version) == (lower, first.version + 1)
    late = await reserve(store, limit=LearnedLimit(40.0, 20.0), version=first.version)
    assert (late.limit, late.version) == (lower, found.version)  # it learns instead


async def test_a_pause_of_the_bot_holds_all(store: Store) -> None:
    await reserve(store, calls=0, pause=5.0)
    assert 4.0 < (await reserve(store)).wait <= 5.0


async def test_two_that_begin_at_once_share_one_row(store: Store) -> None:
    found = await asyncio.gather(*(reserve(store, calls=2) for _ in range(5)))
    assert sorted(one.calls for one in found) == [2, 4, 6, 8, 10]


@pytest.mark.parametrize("rate", [0.5, 1000.0])
async def test_any_rate_will_do(store: Store, rate: float) -> None:
    limit = LearnedLimit(rate, 20.0)
    waits = [(await reserve(store, limit=limit)).wait for _ in range(6)]
    assert waits[-1] <= 6 / rate


@settings(max_examples=20)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=6))
def test_slots_are_never_given_twice(counts: list[int]) -> None:
    """However they are asked for: each begins where the one before has ended."""
    from bridge.telegram.pace.slots import Slots

    slots, at = Slots(), 0.0
    for count in counts:
        slots.add(at, 0.1, count, 10.0)
        at += count / 10.0
    times = []
    now = 0.0
    while (wait := slots.wait(now)) is not None:
        now += wait
        slots.use()
        times.append(round(now, 6))
    assert times == sorted({*times})
    assert len(times) == sum(counts)
