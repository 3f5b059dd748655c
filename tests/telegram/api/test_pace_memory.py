"""What the pace knows outlives its process."""

from pathlib import Path

from bridge.model import LearnedLimit
from bridge.store import migrate, pace
from bridge.store.engine import Store
from bridge.telegram.api.pace_memory import PaceMemory
from bridge.telegram.pace.budget import BudgetKind
from bridge.telegram.pace.overall import OVERALL
from bridge.telegram.pace.scheduler import Pacer


async def test_learned_limits_and_silences_are_recalled(tmp_path: Path) -> None:
    store = Store(f"sqlite+aiosqlite:///{tmp_path / 'bridge.db'}")
    try:
        await migrate.upgrade(store)
        first = Pacer()
        memory = PaceMemory(store, first)
        await memory.recall()
        first.recall({"private": LearnedLimit(1.5, 8.0, 1.7), "group": LearnedLimit(0.25, 4.0)})
        await memory.refused(5, 30.0, BudgetKind.MESSAGE)
        await memory._write()
        second = Pacer()
        await PaceMemory(store, second).recall()
        assert second.learned()["private"] == LearnedLimit(1.5, 8.0, 1.7)
        assert second.learned()["group"] == LearnedLimit(0.25, 4.0)
        assert second.silence(5) > 29
        assert not second.silence(6)
        async with store.reading() as tx:
            kept = await pace.known_limits(tx)
        assert kept["all calls"] == LearnedLimit(OVERALL.rate, OVERALL.burst, float("inf"))
    finally:
        await store.close()
