"""A backup of a busy bridge, the machine gone, another one in its place: nothing is asked twice."""

import sqlite3
from pathlib import Path

import pytest
from fast import run_fast_together
from processes import Bridge
from worlds import a_world, is_running

from bridge.errors import StoreTrouble
from bridge.sandbox.coze import Pace, saying
from bridge.store import backup, migrate, ownership
from bridge.store.engine import Store

pytestmark = pytest.mark.slow

CHATS = 20
ANSWER = "some words of an answer " * 40
SPEED = 4.0


def address(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


async def copied(source: Path, target: Path) -> None:
    store = Store(address(source))
    await backup.backup(store, target)
    await store.close()


async def restored(source: Path, target: Path) -> backup.Restored:
    store = Store(address(target))
    try:
        return await backup.restore(store, source)
    finally:
        await store.close()


def test_what_was_open_in_the_backup_is_finished_elsewhere(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path) as world:
            there, saved, elsewhere = (
                tmp_path / name for name in ("there.db", "saved.db", "new.db")
            )
            world.coze.pace = Pace(0.1, 0.05)
            world.coze.use(saying(ANSWER))
            people = [world.telegram.add_person(f"Person {number}") for number in range(CHATS)]
            first = Bridge(
                {**world.variables, "DATABASE_URL": address(there)}, tmp_path, speed=SPEED
            )
            for one in people:
                world.telegram.send(one, "talk")
            await world.telegram.until(
                lambda: all(world.posts(one) for one in people), 400, "the first texts"
            )
            await copied(there, saved)
            first.kill()
            await first.ended()
            for name in ("there.db", "there.db-wal", "there.db-shm"):
                (tmp_path / name).unlink(missing_ok=True)
            assert (await restored(saved, elsewhere)).aside is None
            second = Bridge(
                {**world.variables, "DATABASE_URL": address(elsewhere)}, tmp_path, speed=SPEED
            )

            def done() -> bool:
                posts = [world.posts(one) for one in people]
                return all(
                    those and not any(map(is_running, those)) and those[-1].text == ANSWER.strip()
                    for those in posts
                )

            await world.telegram.until(done, 800, "all answers")
            # A post that nobody knew was sent anew; its copy is found and deleted later.
            await world.telegram.until(
                lambda: all(len(world.posts(one)) == 1 for one in people), 800, "no copies"
            )
            second.kill()
            await second.ended()
            assert len(world.coze.asked) == CHATS
            assert [len(world.posts(one)) for one in people] == [1] * CHATS

    run_fast_together(journey(), SPEED)


async def made(path: Path, bot: int | None = None, name: str = "") -> Path:
    store = Store(address(path))
    await migrate.upgrade(store)
    if bot is not None:
        async with store.writing() as tx:
            await ownership.claim(tx, bot, name)
    await store.close()
    return path


async def test_the_database_that_was_there_is_kept_beside_it(tmp_path: Path) -> None:
    target = await made(tmp_path / "bridge.db", 42, "mine")
    await copied(target, tmp_path / "saved.db")
    with sqlite3.connect(target) as base:
        base.execute("INSERT INTO facts (name, value) VALUES ('since', 'the backup')")
    base.close()
    aside = (await restored(tmp_path / "saved.db", target)).aside
    assert aside is not None

    def since(path: Path) -> int:
        base = sqlite3.connect(path)
        found = base.execute("SELECT count(*) FROM facts WHERE name = 'since'").fetchone()[0]
        base.close()
        return int(found)

    assert (since(aside), since(target)) == (1, 0)
    assert (target.stat().st_mode | aside.stat().st_mode) & 0o077 == 0


async def test_what_must_not_take_its_place_changes_nothing(tmp_path: Path) -> None:
    target = await made(tmp_path / "bridge.db", 42, "mine")
    other = await made(tmp_path / "other.db", 43, "yours")
    newer = await made(tmp_path / "newer.db", 42, "mine")
    with sqlite3.connect(newer) as base:
        base.execute("UPDATE alembic_version SET version_num = '9999'")
        base.execute("DELETE FROM facts WHERE name = 'schema made for'")
    base.close()
    empty = tmp_path / "empty.db"
    base = sqlite3.connect(empty)
    base.execute("VACUUM")
    base.close()
    text = tmp_path / "text"
    text.write_text("not a database at all, but long enough to look at " * 20)
    before = target.read_bytes()
    for source, why in (
        (tmp_path / "nothing.db", "no file"),
        (target, "the database itself"),
        (other, "belongs to @yours"),
        (newer, "newer than this program"),
        (empty, "not a database of this bridge"),
        (text, "no database that can be read"),
    ):
        with pytest.raises(StoreTrouble, match=why):
            await restored(source, target)
    assert target.read_bytes() == before
    assert not list(tmp_path.glob("*.restoring*"))


async def test_a_bridge_that_runs_is_not_pulled_the_rug_from_under(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        saved = tmp_path / "saved.db"
        async with world.bridge() as app:
            path = Path(app.store.address.partition("///")[2])
            await backup.backup(app.store, saved)
            with pytest.raises(StoreTrouble, match="another bridge works"):
                await restored(saved, path)


def test_only_the_newest_dated_copies_are_kept(tmp_path: Path) -> None:
    names = [backup.dated_name(day * 86400.0) for day in range(5)]
    for name in (*names, "bridge.db", "bridge-mine.db"):
        (tmp_path / name).touch()
    assert backup.drop_older(tmp_path, 2) == names[:3]
    assert {path.name for path in tmp_path.iterdir()} == {*names[3:], "bridge.db", "bridge-mine.db"}


async def test_a_log_that_a_killed_bridge_left_is_not_read_into_the_copy(tmp_path: Path) -> None:
    """A reader may even keep it open: what it holds belongs to the old file, and is kept with that."""
    target = await made(tmp_path / "bridge.db", 42, "mine")
    await copied(target, tmp_path / "saved.db")
    writer = sqlite3.connect(target)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("INSERT INTO facts (name, value) VALUES ('since', 'the backup')")
    writer.commit()
    assert (tmp_path / "bridge.db-wal").stat().st_size > 0  # it is left as a crash leaves it
    reader = sqlite3.connect(target)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM facts").fetchone()
    aside = (await restored(tmp_path / "saved.db", target)).aside
    assert aside is not None
    query = "SELECT count(*) FROM facts WHERE name = 'since'"
    for path, rows in ((target, 0), (aside, 1)):
        base = sqlite3.connect(path)
        assert base.execute(query).fetchone() == (rows,)
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        base.close()
    reader.close()
    writer.close()
    base = sqlite3.connect(target)
    assert base.execute(query).fetchone() == (0,)
    base.close()


async def test_what_a_killed_restore_left_gets_into_nothing(tmp_path: Path) -> None:
    target = await made(tmp_path / "bridge.db", 42, "mine")
    await copied(target, tmp_path / "saved.db")
    stray = sqlite3.connect(tmp_path / "bridge.db.restoring")
    stray.execute("PRAGMA journal_mode = WAL")
    stray.execute("CREATE TABLE strays (one)")
    stray.commit()
    left = [
        ((tmp_path / name), (tmp_path / name).read_bytes())
        for name in ("bridge.db.restoring", "bridge.db.restoring-wal", "bridge.db.restoring-shm")
    ]
    stray.close()
    for path, content in left:
        path.write_bytes(content)
    await restored(tmp_path / "saved.db", target)
    base = sqlite3.connect(target)
    assert base.execute("SELECT count(*) FROM sqlite_master WHERE name = 'strays'").fetchone() == (
        0,
    )
    assert base.execute("SELECT value FROM facts WHERE name = 'bot'").fetchone() == ("42 mine",)
    base.close()
    assert not list(tmp_path.glob("*.restoring*"))


async def test_a_damaged_database_is_kept_as_it_is_and_replaced(tmp_path: Path) -> None:
    target = await made(tmp_path / "bridge.db", 42, "mine")
    await copied(target, tmp_path / "saved.db")
    broken = b"no database at all " * 4000
    target.write_bytes(broken)
    done = await restored(tmp_path / "saved.db", target)
    assert done.aside is not None
    assert done.aside.read_bytes() == broken
    assert done.aside.stat().st_mode & 0o077 == 0
    base = sqlite3.connect(target)
    assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    base.close()
    again = await restored(tmp_path / "saved.db", target)
    assert again.aside not in (None, done.aside)
