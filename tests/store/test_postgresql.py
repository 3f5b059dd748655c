"""PostgreSQL: migrations, errors by what they mean, connections that go, one process at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import postgres
import pytest
from sqlalchemy import select
from typer.testing import CliRunner
from worlds import put_database

from bridge.errors import StoreTrouble, Unstorable
from bridge.model import ChatKey, Message, Outcome, ReplyState, Sender, State
from bridge.ops.cli import app
from bridge.store import backup, chats, migrate
from bridge.store.copy import copy
from bridge.store.dialects import postgresql as dialect
from bridge.store.dialects.database import checked
from bridge.store.dialects.postgresql import without_options_of_libpq
from bridge.store.engine import Chats, Store
from bridge.store.schema import metadata
from bridge.store.turns import lifecycle, queue


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """The address of an empty database with the newest schema."""
    async with postgres.server().database() as address:
        yield address


@pytest.fixture
async def store(address: str) -> AsyncIterator[Store]:
    """The store on it."""
    made = Store(address)
    yield made
    await made.close()


async def test_all_migrations_make_the_tables_of_this_program() -> None:
    store = Store(await postgres.server().new_database(migrated=False))
    await migrate.upgrade(store)
    found = await migrate.schema(store)
    assert (found.ready, found.differences) == (True, 0)
    await store.close()


async def test_two_that_start_at_once_migrate_one_after_the_other() -> None:
    address = await postgres.server().new_database(migrated=False)
    one, two = Store(address), Store(address)
    await asyncio.gather(migrate.upgrade(one), migrate.upgrade(two))
    assert (await migrate.schema(two)).ready
    await one.close()
    await two.close()


async def test_a_connection_that_is_ended_is_no_fault_of_the_data(store: Store) -> None:
    with pytest.raises(StoreTrouble) as raised:
        async with store.writing() as tx:
            await chats.remember(tx, "a", "b")
            pid = (await tx.exec_driver_sql("SELECT pg_backend_pid()")).scalar()
            await postgres.server().run(f"SELECT pg_terminate_backend({pid})")
            await chats.remember(tx, "a", "c")
    assert not isinstance(raised.value, Unstorable)
    assert store.fault is raised.value
    async with store.writing() as tx:
        assert await chats.fact(tx, "a") is None
        await chats.remember(tx, "a", "d")
    assert store.fault is None


async def test_a_single_statement_commits_by_itself(store: Store) -> None:
    with suppress(KeyError):
        async with store.writing(single=True) as tx:
            await chats.remember(tx, "colour", "blue")
            async with store.reading() as other:
                assert await chats.fact(other, "colour") == "blue"
            raise KeyError
    async with store.reading() as tx:
        assert await chats.fact(tx, "colour") == "blue"
    with pytest.raises(Unstorable):
        async with store.writing(single=True) as tx:
            await chats.remember(tx, "colour", "a\0b")


async def test_idle_connections_that_were_ended_are_replaced(address: str, store: Store) -> None:
    async with store.writing() as tx:
        await chats.remember(tx, "a", "b")
    await postgres.server().end_sessions(address)
    async with store.writing() as tx:
        assert await chats.fact(tx, "a") == "b"


async def test_a_statement_without_an_answer_is_a_trouble_and_its_connection_goes(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver says TimeoutError, as everybody's own time limits do."""
    monkeypatch.setattr(dialect, "STATEMENT_SECONDS", 0.3)
    store = Store(address)
    for door in (store.writing, store.reading):
        with pytest.raises(StoreTrouble, match="no answer within") as raised:
            async with door() as tx:
                await tx.exec_driver_sql("SELECT pg_sleep(5)")
        assert not isinstance(raised.value, Unstorable)
    assert store.fault is not None
    async with store.writing() as tx:
        await chats.remember(tx, "a", "b")
    with pytest.raises(TimeoutError):  # one of the caller's is the caller's
        async with store.writing() as tx, asyncio.timeout(0.05):
            await asyncio.sleep(1)
    await store.close()


async def test_what_the_database_does_not_take_is_not_tried_again(store: Store) -> None:
    with pytest.raises(Unstorable) as raised:
        async with store.writing() as tx:
            await chats.remember(tx, "a", "my secret\0words")
    assert "secret" not in str(raised.value)
    assert store.fault is None


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://bridge:p%40ss-word@127.0.0.1:1/bridge",
        "postgresql+asyncpg://bridge:p%40ss-word@127.0.0.1:1/bridge",
        "postgres://bridge:p%40ss-word@/bridge?host=/nowhere/at/all",
        "postgresql://bridge:p%40ss-word@127.0.0.1:1,127.0.0.1:2/bridge?sslmode=disable",
        "postgresql://bridge:p%40ss-word@127.0.0.1:port/bridge",
        "postgresql://bridge:12/ss-word@127.0.0.1:5432/bridge",
    ],
)
async def test_a_server_that_cannot_be_reached_is_a_trouble_with_a_cure(address: str) -> None:
    store = Store(checked(address))
    for door in (store.writing, store.reading):
        with pytest.raises(StoreTrouble) as raised:
            async with door():
                pass
        assert not isinstance(raised.value, Unstorable)
        assert "ss-word" not in str(raised.value)
        assert "DATABASE_URL" in str(raised.value)
    assert store.fault is not None
    await store.close()


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("postgresql://u@h/n", "postgresql://u@h/n"),
        ("postgresql://u@h/n?connect_timeout=5", "postgresql://u@h/n"),
        ("postgresql://u@/n?host=/a/b&keepalives_idle=3", "postgresql://u@/n?host=/a/b"),
        ("postgresql://u@h,i/n?sslmode=require", "postgresql://u@h,i/n?sslmode=require"),
    ],
)
def test_what_only_libpq_knows_is_not_asked_of_the_server(address: str, kept: str) -> None:
    assert without_options_of_libpq(address) == kept


async def test_an_address_as_psql_takes_it(address: str) -> None:
    store = Store(f"{address}&connect_timeout=5&keepalives_idle=30")
    async with store.writing() as tx:
        await chats.remember(tx, "a", "b")
    await store.close()


@pytest.mark.parametrize(
    ("setup", "why", "cure"),
    [
        ("", "does not exist", "createdb"),
        ("CREATE DATABASE {} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
         "encoding is LATIN1", "UTF8"),
    ],
)  # fmt: skip
async def test_a_database_that_will_not_do_is_refused_with_its_own_cure(
    setup: str, why: str, cure: str
) -> None:
    name = f"bridge_odd_{len(setup)}"
    server = postgres.server()
    await server.run(f"DROP DATABASE IF EXISTS {name}")
    if setup:
        await server.run(setup.format(name))
    store = Store(server.address(name))
    with pytest.raises(StoreTrouble, match=why) as raised:
        async with store.reading():
            pass
    assert cure in raised.value.cure
    await store.close()
    await server.run(f"DROP DATABASE IF EXISTS {name}")


async def test_tables_of_something_else_are_left_alone() -> None:
    address = await postgres.server().new_database(migrated=False)
    session = await asyncpg.connect(address)
    await session.execute("CREATE TABLE chats (mine TEXT)")
    await session.close()
    store = Store(address)
    with pytest.raises(StoreTrouble) as raised:
        await migrate.upgrade(store)
    assert "a database of its own" in raised.value.cure
    await store.close()


async def test_a_backup_names_the_tool_that_makes_it(store: Store) -> None:
    with pytest.raises(StoreTrouble, match="pg_dump"):
        await backup.backup(store, postgres.server().folder / "copy")


@pytest.mark.slow
async def test_a_database_of_sqlite_is_taken_over_whole(address: str, tmp_path: Path) -> None:
    await put_database(tmp_path / "old.db")
    old, new = Store(f"sqlite+aiosqlite:///{tmp_path}/old.db"), Store(address)
    here, ann = ChatKey(5), Sender(5, "Ann 👩‍👩‍👧", "en")
    async with old.writing() as tx:
        await chats.ensure_chat(tx, here)
        await chats.remember(tx, "name", "value")
        for number in range(1, 601):
            await queue.wait(tx, Message(here, number, ann, f"question {number}"))
            turn = await lifecycle.claim(tx, here)
            assert turn is not None
            await lifecycle.settle(tx, turn.id, Outcome(State.ANSWERED, ReplyState(("Yes.",))))
    seen: list[tuple[str, int, int]] = []
    rows = await copy(old, new, lambda *one: seen.append(one))
    assert rows >= 602
    assert [one for one in seen if one[0] == "turns"][-1] == ("turns", 600, 600)
    async with old.reading() as one, new.reading() as other:
        for table in metadata.sorted_tables:
            query = select(table).order_by(*table.primary_key.columns)
            theirs = [tuple(row) for row in (await one.execute(query)).all()]
            assert [tuple(row) for row in (await other.execute(query)).all()] == theirs
    async with new.writing() as tx:
        await queue.wait(tx, Message(here, 601, ann, "one more"))
        turn = await lifecycle.claim(tx, here)
        assert turn is not None
        assert turn.id > 600
    with pytest.raises(StoreTrouble, match="the target holds rows"):
        await copy(old, new, lambda *_: None)
    await old.close()
    await new.close()


def test_the_command_that_takes_a_database_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ready() -> str:
        await put_database(tmp_path / "old.db")
        store = Store(f"sqlite+aiosqlite:///{tmp_path}/old.db")
        async with store.writing() as tx:
            await chats.remember(tx, "name", "value")
        await store.close()
        return await postgres.server().new_database(migrated=False)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", asyncio.run(ready()))
    run = CliRunner().invoke
    assert "facts: 2 of 2\nCopied " in run(app, ["db", "copy", "old.db"]).output
    assert "holds rows" in str(run(app, ["db", "copy", "old.db"]).exception)
    assert "there is none at" in str(run(app, ["db", "copy", "other.db"]).exception)
    assert "up to date" in run(app, ["db", "check"]).output
    assert "pg_dump" in str(run(app, ["db", "backup"]).exception)


async def _begins_meanwhile(store: Store, first: Chats, second: Chats) -> bool:
    """Whether a transaction gets in while another one goes on."""
    inside, over, entered = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with store.writing(of=first):
            inside.set()
            await over.wait()

    async def come() -> None:
        async with store.writing(of=second):
            entered.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(hold())
        await inside.wait()
        group.create_task(come())
        with suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                await entered.wait()
        meanwhile = entered.is_set()
        over.set()
    assert entered.is_set()
    return meanwhile


@pytest.mark.parametrize(
    ("first", "second", "meanwhile"),
    [
        (5, 6, True),
        (5, (), True),
        ((), (), True),
        (5, 5, False),
        ((5, 6), 6, False),
        ((6, 5), (5, 6), False),
        (5, None, False),
        (None, 5, False),
        (None, (), False),
    ],
)
async def test_who_waits_for_whom(
    store: Store, first: Chats, second: Chats, meanwhile: bool
) -> None:
    assert await _begins_meanwhile(store, first, second) is meanwhile


async def test_a_message_that_comes_while_a_turn_is_claimed_is_in_one_turn(store: Store) -> None:
    here, ann = ChatKey(5), Sender(5, "Ann", "en")
    claimed: list[str] = []

    async def say(number: int) -> None:
        async with store.writing(of=here.chat_id) as tx:
            await queue.wait(tx, Message(here, number, ann, f"<{number}>"))

    async def answer() -> None:
        async with store.writing(of=here.chat_id) as tx:
            turn = await lifecycle.claim(tx, here)
        if turn is not None:
            claimed.extend(part.text for part in turn.parts)
            async with store.writing(of=here.chat_id) as tx:
                await lifecycle.settle(tx, turn.id, Outcome(State.ANSWERED, ReplyState()))

    for start in range(0, 60, 6):
        numbers = range(start + 1, start + 7)
        await asyncio.gather(*(say(number) for number in numbers), answer(), answer())
    while len(claimed) < 60:
        await answer()
    assert sorted(claimed) == sorted(f"<{number}>" for number in range(1, 61))
