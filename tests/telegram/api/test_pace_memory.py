"""What the pace knows outlives its process, and reaches the others."""

import asyncio
from collections.abc import AsyncIterator
from math import inf
from pathlib import Path

import pytest

from bridge.model import LearnedLimit
from bridge.store import migrate, pace
from bridge.store.engine import Store
from bridge.telegram.api.pace_memory import PaceMemory
from bridge.telegram.pace.budget import BudgetKind
from bridge.telegram.pace.overall import OVERALL
from bridge.telegram.pace.scheduler import Pacer


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    made = Store(f"sqlite+aiosqlite:///{tmp_path / 'bridge.db'}")
    await migrate.upgrade(made)
    yield made
    await made.close()


async def test_a_refusal_and_what_it_taught_outlive_a_process_that_is_killed(store: Store) -> None:
    first = Pacer()
    memory = PaceMemory(store, first)
    await memory.recall()
    first.recall({"private": LearnedLimit(1.5, 8.0, 1.7), "group": LearnedLimit(0.25, 4.0)})
    await memory.refused(5, 30.0, BudgetKind.MESSAGE)
    second = Pacer()
    await PaceMemory(store, second).recall()
    assert second.learned()["private"] == LearnedLimit(1.5, 8.0, 1.7)
    assert second.learned()["group"] == LearnedLimit(0.25, 4.0)
    assert second.silence(5) > 29
    assert not second.silence(6)
    async with store.reading() as tx:
        kept = await pace.known_limits(tx)
    assert kept["all calls"] == LearnedLimit(OVERALL.rate, OVERALL.burst, inf)


async def test_what_was_learned_is_kept_when_a_process_ends(store: Store) -> None:
    pacer = Pacer()
    memory = PaceMemory(store, pacer)
    pacer.recall({"private": LearnedLimit(1.5, 8.0, 1.7)})
    keeping = asyncio.create_task(memory.keep())
    await asyncio.sleep(0)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    async with store.reading() as tx:
        assert (await pace.known_limits(tx))["private"] == LearnedLimit(1.5, 8.0, 1.7)


async def _beside(store: Store, **learned: LearnedLimit) -> tuple[Pacer, PaceMemory]:
    """Another process, which has found that out."""
    pacer = Pacer()
    memory = PaceMemory(store, pacer)
    await memory.recall()
    pacer.recall(learned)
    return pacer, memory


async def test_a_limit_that_one_process_met_is_heeded_by_the_others(store: Store) -> None:
    other, its_memory = await _beside(store, private=LearnedLimit(2.0, 10.0))
    slower, memory_of_slower = await _beside(store, private=LearnedLimit(0.5, 4.0))
    _, memory = await _beside(store, private=LearnedLimit(0.9, 8.0, 1.0))
    await memory.refused(5, 30.0, BudgetKind.MESSAGE)
    await its_memory.follow_others()
    assert other.learned()["private"] == LearnedLimit(0.9, 8.0, 1.0)
    assert other.silence(5) > 29
    await memory_of_slower.follow_others()
    assert slower.learned()["private"] == LearnedLimit(0.5, 4.0, 1.0)


async def test_it_is_heeded_once_and_not_again_with_each_look(store: Store) -> None:
    other, its_memory = await _beside(store, private=LearnedLimit(2.0, 10.0))
    _, memory = await _beside(store, private=LearnedLimit(0.9, 8.0, 1.0))
    await memory.refused(5, 30.0, BudgetKind.MESSAGE)
    await its_memory.follow_others()
    risen = LearnedLimit(0.95, 9.0, 1.0)
    other.recall({"private": risen})
    await its_memory.follow_others()
    assert other.learned()["private"] == risen


async def test_a_process_that_has_not_risen_yet_lowers_nobody(store: Store) -> None:
    other, its_memory = await _beside(store, private=LearnedLimit(2.0, 10.0))
    _, memory = await _beside(store)
    await memory._write()
    await its_memory.follow_others()
    assert other.learned()["private"] == LearnedLimit(2.0, 10.0)


async def test_what_all_chats_share_is_not_told_that_way(store: Store) -> None:
    other, its_memory = await _beside(store)
    _, memory = await _beside(store, **{"all calls": LearnedLimit(3.0, 5.0, 4.0)})
    await memory.refused(5, 30.0, BudgetKind.MESSAGE)
    await its_memory.follow_others()
    assert other.learned()["all calls"].rate == OVERALL.rate
