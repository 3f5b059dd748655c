"""A database is one bot's and one process's, is watched, and its copies are whole and private."""

import os
import sqlite3
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from worlds import World, a_world, eventually, in_a_fast_world

from bridge.errors import StoreTrouble
from bridge.sandbox.coze import saying
from bridge.sandbox.telegram import TelegramEmulator
from bridge.serving import serving
from bridge.store import backup, migrate
from bridge.store.engine import Store

ANSWER = "An answer of some words."
_watchers: list[Callable[[str, tuple[object, ...]], None]] = []
"""Python's audit hooks cannot be taken away again."""


def _hook(event: str, args: tuple[object, ...]) -> None:
    for watcher in _watchers:
        watcher(event, args)


sys.addaudithook(_hook)


async def test_another_bot_is_refused_with_a_sentence(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        async with world.bridge():
            pass
        telegram = TelegramEmulator()
        telegram.add_bot("43:OTHERBOT", "other_bot")
        async with serving(telegram.app) as address:
            other = {"TELEGRAM_BOT_TOKEN": "43:OTHERBOT", "TELEGRAM_API_BASE_URL": address}
            with pytest.raises(StoreTrouble, match=r"to the bot @sandbox_bot \(42\)") as raised:
                async with world.bridge(**other):
                    pass
            await telegram.close()
        assert "DATABASE_URL to another file" in str(raised.value)
        async with world.bridge():
            pass


async def test_a_second_process_is_refused_at_once(world: World) -> None:
    async with world.bridge() as app:
        with pytest.raises(StoreTrouble, match=rf"\(process {os.getpid()} on .*, since 20"):
            async with world.bridge():
                pass
        assert app.health.faults() == []
    async with world.bridge():
        pass


@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_a_file_that_goes_away_is_an_alarm(tmp_path: Path, how: str) -> None:
    @in_a_fast_world
    async def journey(world: World) -> None:
        ann = world.telegram.add_person("Ann")
        world.coze.use(saying(ANSWER))
        path = tmp_path / "bridge.db"
        async with world.bridge(BRIDGE_OPERATORS=str(ann.id)) as app:
            world.telegram.send(ann, "hello")
            await world.settled(ann, 1, timeout=100)
            path.rename(tmp_path / "away.db")
            if how == "replaced":
                path.write_bytes((tmp_path / "away.db").read_bytes())
            await eventually(lambda: len(world.posts(ann)) == 2, 100)
            assert f"was {how}" in world.posts(ann)[-1].text
            assert any(f"was {how}" in fault for fault in app.health.faults())
            (tmp_path / "away.db").rename(path)
            await eventually(lambda: len(world.posts(ann)) == 3, 100)
            assert app.health.faults() == []

    journey(tmp_path)


def damaged(path: Path) -> None:
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE words (word TEXT)")
        base.executemany("INSERT INTO words VALUES (?)", [("x" * 500,) for _ in range(2000)])
        base.execute("CREATE INDEX ix_words ON words (word)")
    base.close()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 8192] = b"\xff" * 8192
    path.write_bytes(content)


async def test_a_damaged_database_is_not_called_copied(tmp_path: Path) -> None:
    path, target = tmp_path / "a.db", tmp_path / "copy.db"
    damaged(path)
    store = Store(f"sqlite+aiosqlite:///{path}")
    try:
        with pytest.raises(StoreTrouble, match=r"damaged|malformed") as raised:
            await backup.backup(store, target)
    finally:
        await store.close()
    assert "backup" in str(raised.value)
    assert list(tmp_path.glob("copy*")) == []


async def test_a_copy_is_private_from_its_first_byte(tmp_path: Path) -> None:
    path, target = tmp_path / "a.db", tmp_path / "copy.db"
    store = Store(f"sqlite+aiosqlite:///{path}")
    await migrate.upgrade(store)
    (tmp_path / "copy.db.part").write_text("left by one that was killed")
    (tmp_path / "copy.db.part").chmod(0o644)
    modes = []

    def watch(event: str, args: tuple[object, ...]) -> None:
        if event == "sqlite3.connect" and str(args[0]).endswith(".part"):
            modes.append(stat.S_IMODE(Path(str(args[0])).stat().st_mode))

    _watchers.append(watch)
    try:
        await backup.backup(store, target)
    finally:
        _watchers.remove(watch)
        await store.close()
    assert modes == [0o600]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


async def test_a_database_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.touch(mode=0o644)
    path.chmod(0o644)
    await Store(f"sqlite+aiosqlite:///{path}").close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_one_lock_by_whatever_name(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world, world.bridge():
        (tmp_path / "link.db").symlink_to(tmp_path / "bridge.db")
        with pytest.raises(StoreTrouble, match="another bridge works with"):
            async with world.bridge(DATABASE_URL=f"sqlite+aiosqlite:///{tmp_path}/link.db"):
                pass
