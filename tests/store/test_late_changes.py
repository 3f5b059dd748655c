"""Changes that go with the next transaction, and where a statement runs."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fast import run_fast
from sqlalchemy import text

from bridge.store import chats, migrate
from bridge.store.engine import SOON_SECONDS, Store


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Store]:
    store = Store(f"sqlite+aiosqlite:///{folder / 'bridge.db'}")
    try:
        await migrate.upgrade(store)
        yield store
    finally:
        await store.close()


async def noted(store: Store) -> str | None:
    async with store.reading() as tx:
        return await chats.fact(tx, "late")


async def test_a_late_change_goes_with_the_next_transaction(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        store.soon(lambda tx: chats.remember(tx, "late", "yes"), of=1)
        assert await noted(store) is None
        async with store.writing():
            pass
        assert await noted(store) == "yes"


async def test_it_waits_on_when_that_transaction_comes_to_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        store.soon(lambda tx: chats.remember(tx, "late", "yes"), of=1)
        try:
            async with store.writing() as tx:
                await chats.remember(tx, "other", "x")
                raise KeyError
        except KeyError:
            pass
        assert await noted(store) is None
        async with store.writing():
            pass
        assert await noted(store) == "yes"


def test_without_another_transaction_it_is_made_after_a_moment(tmp_path: Path) -> None:
    async def journey() -> None:
        async with opened(tmp_path) as store:
            store.soon(lambda tx: chats.remember(tx, "late", "yes"), of=1)
            await asyncio.sleep(SOON_SECONDS * 3)
            assert await noted(store) == "yes"

    run_fast(journey())


async def test_the_end_of_the_store_makes_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        store.soon(lambda tx: chats.remember(tx, "late", "yes"), of=1)
    async with opened(tmp_path) as store:
        assert await noted(store) == "yes"


async def test_only_what_waits_for_the_disk_goes_to_a_thread(tmp_path: Path) -> None:
    where: list[str] = []

    def seen(_: object) -> int:
        where.append("here" if threading.current_thread() is threading.main_thread() else "there")
        return 1

    async with opened(tmp_path) as store:
        async with store.writing() as tx:
            driver = (await tx.get_raw_connection()).driver_connection
            assert driver is not None
            driver._conn.create_function("seen", 1, seen)
            await tx.execute(text("SELECT seen(0)"))
            await tx.execute(text("INSERT INTO facts (name, value) VALUES ('a', seen(1))"))
            await tx.execute(text("UPDATE facts SET value = seen(2) WHERE name = 'a'"))
        assert where == ["here", "there", "here"]  # the first change waits for the lock
        where.clear()
        async with store.reading(long=True) as tx:
            driver = (await tx.get_raw_connection()).driver_connection
            assert driver is not None
            driver._conn.create_function("seen", 1, seen)
            await tx.execute(text("SELECT seen(0)"))
        assert where == ["there"]
