"""Every released schema, with rows in it, becomes this program's and loses nothing."""

import asyncio
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, nullcontext
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from bridge.errors import StoreTrouble
from bridge.model import ChatKey, Message, Outcome, ReplyState, Sender, State
from bridge.preferences import Preferences
from bridge.relay.prompt import prompt_of
from bridge.store import chats, inbox, migrate, migration_scripts, outbox
from bridge.store.engine import Store
from bridge.store.schema import metadata
from bridge.store.turns import lifecycle, queue, suggestions

pytestmark = pytest.mark.slow

REVISIONS = migrate.known_revisions()
NEWEST = REVISIONS[-1]
BOT = 42
NOW = time.time()
ANN, GROUP, TOPIC, BEN = ChatKey(5), ChatKey(-100), ChatKey(-100, 7), ChatKey(6)
Row = dict[str, Any]


def chat_row(key: ChatKey, **more: object) -> Row:
    usual = {"user_id": f"tg-{key.chat_id}-{key.thread_id}", "created_at": NOW - 9e5}
    return {"chat_id": key.chat_id, "thread_id": key.thread_id, **usual, **more}


def turn_row(id_: int, key: ChatKey, state: str, **more: object) -> Row:
    usual = {
        "parts": json.dumps([{"message_id": 10 * id_, "text": f"question {id_}, 中文 😀"}]),
        "sender_id": 5,
        "sender_name": "Ann 😀",
        "language": "zh-hans",
        "correlation_id": f"mark-{id_}",
        "asked": state != "waiting",
        "posts": "[]",
        "created_at": NOW - 1000 + id_,
    }
    return {"id": id_, "chat_id": key.chat_id, "thread_id": key.thread_id, "state": state} | (
        usual | more
    )


def settled_row(id_: int, key: ChatKey, state: str, **more: object) -> Row:
    usual: Row = {"posts": f"[{10 * id_ + 1}]", "run_id": f"7{id_}", "settled_at": NOW - 500 + id_}
    return turn_row(id_, key, state, **usual, **more)


def update_row(update_id: int, state: str, **more: object) -> Row:
    usual = {"bot_id": BOT, "update_id": update_id, "received_at": NOW - 100 + update_id}
    return usual | {"state": state} | more


BEFORE_0011 = {
    "shut": "unwritable_chats",
    "pictures": "sent_files",
    "choices": "suggestions",
    "silences": "flood_waits",
    "moves": "chat_migrations",
    "mark": "correlation_id",
    "lingers": "run_may_continue",
}
"""Tables and columns by their names before, and now."""

# A column that a revision does not have yet is left out of its rows; a new table needs rows here.
ROWS: dict[str, list[Row]] = {
    "chats": [
        chat_row(ANN, conversation_id="738" * 6, agent_id="74", api_base="https://api.coze.com",
                 account="", reasoning="brief", suggestions=False, streaming="drafts",
                 language="zh"),
        chat_row(GROUP, account=None),
        chat_row(TOPIC, conversation_id="9", agent_id="74", api_base="https://api.coze.cn",
                 account="1100"),
        chat_row(BEN),
    ],
    "turns": [
        settled_row(1, ANN, "answered", conversation_id="738" * 6, answer_id="901"),
        settled_row(2, ANN, "failed", trouble_code="4028", log_id="LOG", parts="[]"),
        settled_row(3, ANN, "stopped", conversation_id="738" * 6, run_may_continue=True),
        turn_row(4, ANN, "running", conversation_id="738" * 6, run_id="74", posts="[41, 42]",
                 parts=json.dumps([
                     {"message_id": 40, "text": "a", "written_at": NOW - 50.5},
                     {"message_id": 39, "text": "b", "written_at": None},
                 ]),
                 final=json.dumps({
                     "state": "answered", "code": None, "log_id": None, "lingers": False,
                     "picture": {"answers": ["Good."], "over": True},
                 })),
        turn_row(5, ANN, "waiting"),
        turn_row(6, TOPIC, "waiting"),
        turn_row(7, GROUP, "running", edited=True),
        settled_row(8, BEN, "failed"),
    ],
    "inbox": [
        update_row(1, "new", payload=json.dumps({"update_id": 1, "message": {"text": "😀"}})),
        update_row(2, "done"),
        update_row(3, "skipped"),
        update_row(4, "aside", payload='{"update_id": 4}', error="KeyError: 'date'"),
    ],
    "suggestions": [
        {"token": "abc", "chat_id": 5, "thread_id": 0, "texts": '["Why?", "为什么？"]',
         "created_at": NOW},
    ],
    "members": [
        {"chat_id": -100, "thread_id": 7, "member_id": 5, "user_id": "tg-m", "created_at": NOW,
         "conversation_id": "8", "agent_id": "74", "api_base": "https://api.coze.com",
         "account": ""},
    ],
    "unwritable_chats": [{"chat_id": -100, "thread_id": 9, "why": "topic closed", "since": NOW}],
    "access": [
        {"chat_id": -100, "state": "allowed", "name": "Group 😀", "decided_by": 5, "since": NOW},
    ],
    "uploads": [{"place": "https://api.coze.com ab", "key": "k", "file_id": "738", "since": NOW}],
    "sent_files": [
        {"bot_id": 42, "key": "k", "kind": "photo", "file_id": "AgAC", "since": NOW},
    ],
    "people": [
        {"person_id": 5, "name": "Ann 😀", "username": "ann", "language": "en",
         "first_seen": NOW - 5, "last_seen": NOW},
    ],
    "quotas": [
        {"scope": "person", "subject": "", "unit": "messages", "period": "day", "amount": 50},
    ],
    "tallies": [{"person_id": 5, "day": "2026-11-21", "messages": 3, "tokens": 4000}],
    "chat_tallies": [{"chat_id": 5, "day": "2026-11-21", "messages": 3, "tokens": 4000}],
    "audit": [
        {"id": 1, "at": NOW, "operator_id": 5, "act": "allow", "subject": "6", "detail": ""},
    ],
    "broadcasts": [
        {"id": 1, "operator_id": 5, "text": "**Hi**", "state": "sending", "post_id": 40,
         "created_at": NOW},
    ],
    "deliveries": [{"broadcast_id": 1, "chat_id": 5, "state": "delivered"}],
    "alarms": [{"kind": "quota", "what": "gone", "since": NOW}],
    "agents": [{"agent_id": "75", "name": "Poet", "since": NOW}],
    "chat_migrations": [{"old_id": -5, "new_id": -1000000000005}],
    "operators": [{"person_id": 5, "name": "Ann", "since": NOW}],
    "facts": [{"name": "menu", "value": "0" * 64}],
    "flood_waits": [{"chat_id": 5, "until": NOW + 60}],
    "orphans": [
        {"cause": "turn 1 post 0", "chat_id": 5, "thread_id": 0, "language": "en", "after_id": 40,
         "before_id": 42, "copies": 1, "heard_at": NOW},
    ],
    "conversations": [
        {"id": 70, "chat_id": 5, "thread_id": 0, "member_id": 0, "conversation_id": "736",
         "agent": "shop", "agent_id": "75", "api_base": "https://api.coze.com", "account": "",
         "title": "Why 😀?", "named": 1, "created_at": NOW - 9},
    ],
    "leases": [{"number": 0, "epoch": 7}],
    "processes": [
        {"id": "ab12", "host": "one", "pid": 7, "version": "0.1.0", "began_at": NOW, "seen_at": NOW,
         "state": "{}"},
    ],
    "send_budgets": [
        {"bot_id": 42, "kind": "all calls", "free_at": NOW, "calls": 7, "rate": 25.0, "burst": 20.0,
         "near": None, "version": 2},
    ],
    "invites": [
        {"id": 3, "digest": "0" * 64, "for_groups": 0, "uses": 5, "used": 1, "until": NOW + 60,
         "agent": "shop", "payload": "spring", "note": "fair 😀", "created_by": 5, "created_at": NOW,
         "withdrawn": 0},
    ],
    "invite_uses": [{"invite_id": 3, "chat_id": 6, "at": NOW}],
    "operator_codes": [{"digest": "0" * 64, "until": NOW + 60}],
    "learned_limits": [{"name": "private", "rate": 0.9, "burst": 10.0, "near": None}],
    "outbox": [
        {"id": 1, "cause": "update 2", "chat_id": 5, "message_id": 41, "created_at": NOW},
        {"id": 2, "cause": "update 3", "chat_id": 5, "message_id": None, "created_at": NOW},
    ],
}  # fmt: skip


def at(revision: str) -> Callable[[Connection], None]:
    def upgrade(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        command.upgrade(migration_scripts.config(connection), revision)

    return upgrade


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Store]:
    store = Store(f"sqlite+aiosqlite:///{path}")
    try:
        yield store
    finally:
        await store.close()


async def make(path: Path, revision: str) -> dict[str, list[Row]]:
    """A database as that release left it, with rows in every table; those rows."""
    async with opened(path) as store, store.writing() as tx:
        await tx.run_sync(at(revision))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA foreign_keys=ON")
        for table in sorted(tables(connection), key=lambda name: name != "chats"):
            columns = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            for whole in ROWS[now(table)]:
                row = {name: whole[now(name)] for name in columns if now(name) in whole}
                if "correlation_id" in columns and "final" in row:
                    row["final"] = with_names_of_now(str(row["final"]))
                gaps = ", ".join(f":{name}" for name in row)
                connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({gaps})", row)
        connection.commit()
    return content(path)


def now(name: str) -> str:
    """What a table or a column is called now."""
    return BEFORE_0011.get(name, name)


def with_names_of_now(final: str) -> str:
    """An end that waits, as it is written since 0011."""
    keys = {"picture": "reply_state", "lingers": "run_may_continue"}
    return json.dumps({keys.get(name, name): value for name, value in json.loads(final).items()})


def tables(connection: sqlite3.Connection) -> list[str]:
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return [name for (name,) in found if name != "alembic_version" and "sqlite_" not in name]


def content(path: Path) -> dict[str, list[Row]]:
    """All rows of all tables, with the revision."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return {
            table: [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1")]
            for table in [*tables(connection), "alembic_version"]
        }


def assert_nothing_is_lost(before: dict[str, list[Row]], after: dict[str, list[Row]]) -> None:
    assert after["alembic_version"] == [{"version_num": NEWEST}]
    for table, rows in before.items():
        if table != "alembic_version":
            rows = [{now(name): value for name, value in row.items()} for row in rows]
            for row in rows:
                if row.get("final"):
                    row["final"] = with_names_of_now(str(row["final"]))
            kept = [
                {name: row[name] for name in rows[0]}
                for row in after[now(table)]
                if row.get("name") != migrate.MADE_FOR_FACT
            ]
            assert kept == rows, table


def assert_sound(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_the_files_are_numbered_in_the_order_that_alembic_knows() -> None:
    scripts = ScriptDirectory.from_config(migration_scripts.config())
    assert [found.revision for found in scripts.walk_revisions()][::-1] == REVISIONS


def test_starting_on_a_current_database_does_not_load_alembic(tmp_path: Path) -> None:
    script = f"""
import asyncio, sys
from bridge.store import migrate
from bridge.store.engine import Store

async def start():
    store = Store("sqlite+aiosqlite:///{tmp_path}/a.db")
    await migrate.upgrade(store)
    await store.close()

asyncio.run(start())
print("alembic" in sys.modules)
"""
    said = [
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
        for _ in range(2)
    ]
    assert [one.stdout.strip() for one in said] == ["True", "False"]


def test_there_are_rows_for_every_table() -> None:
    assert set(ROWS) == set(metadata.tables)
    assert REVISIONS[:4] == ["0001", "0002", "0003", "0004"]


@pytest.mark.parametrize("revision", REVISIONS)
async def test_an_upgrade_keeps_every_row(revision: str, tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    before = await make(path, revision)
    assert all(before.values())
    async with opened(path) as store:
        assert (await migrate.schema(store)).current == revision
        assert (await migrate.schema(store)).ready == (revision == NEWEST)
        await migrate.upgrade(store)
        assert (await migrate.schema(store)).ready
        await migrate.upgrade(store)
    assert_nothing_is_lost(before, content(path))
    assert_sound(path)


@pytest.mark.parametrize("revision", REVISIONS)
async def test_old_turns_go_on(revision: str, tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    await make(path, revision)
    async with opened(path) as store:
        await migrate.upgrade(store)
        async with store.writing() as tx:
            assert await lifecycle.open_chats(tx) == [ANN, TOPIC, GROUP]
            running = (await lifecycle.next_of(tx, ANN)).turn
            assert running is not None
            assert (running.id, running.run_id, running.posts) == (4, "74", (41, 42))
            assert (prompt_of(running), running.sender.language) == ("a\n\nb", "zh-hans")
            assert [part.written_at for part in running.parts] == [NOW - 50.5, None]
            if running.final is not None:
                assert running.final.reply_state == ReplyState(("Good.",), over=True)
            end = Outcome(State.ANSWERED, ReplyState(("Good.",), over=True, answer_id="904"))
            assert await lifecycle.concluded(tx, 4, end)
            assert await lifecycle.settle(tx, 4, end)
            found = lifecycle.AnswerAtCoze(None, "738" * 6, "904")
            assert await lifecycle.answer_of(tx, ANN, 4) == found
            await lifecycle.forget_all_words(tx)
            asked = await queue.wait(tx, Message(ANN, 60, Sender(5, "Ann"), "and more"))
            assert (asked.turn_id, asked.taken) == (5, True)
            claimed = await lifecycle.claim(tx, ANN)
            assert claimed is not None
            assert prompt_of(claimed) == "question 5, 中文 😀\n\nand more"
            topic = await lifecycle.claim(tx, TOPIC)
            assert topic is not None
            assert (topic.id, topic.state, topic.asked) == (6, State.RUNNING, False)
            lingering = await lifecycle.lingering(tx, ANN, "738" * 6)
            assert [turn.id for turn in lingering] in ([3], [])
            assert await queue.wait_again(tx, BEN)
        async with store.reading() as tx:
            assert await lifecycle.open_chats(tx) == [ANN, TOPIC, GROUP, BEN]


@pytest.mark.parametrize("revision", REVISIONS)
async def test_the_rest_of_an_old_store_is_read(revision: str, tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    before = await make(path, revision)
    async with opened(path) as store:
        await migrate.upgrade(store)
        async with store.writing() as tx:
            (arrived,) = await inbox.waiting(tx, BOT)
            assert json.loads(arrived.payload)["message"] == {"text": "😀"}
            assert await inbox.put(tx, BOT, {one: {} for one in (1, 2, 3, 4)}) == []
            assert await inbox.settle(tx, arrived)
            assert await inbox.count(tx, "aside") == 1
            ann = await chats.chat(tx, ANN)
            assert (ann.user_id, ann.conversation_id) == ("tg-5-0", "738" * 6)
            assert ann.home is not None
            chosen = await chats.preferences(tx, ANN)
            assert (chosen == Preferences()) == ("reasoning" not in before["chats"][0])
            await chats.prefer(tx, GROUP, Preferences(language="en"))
            assert await chats.fact(tx, "menu") == "0" * 64
            assert await suggestions.chosen(tx, ANN, "abc", 1) == "为什么？"
            await outbox.sending(tx, "update 1", ChatKey(5))
            await outbox.sent(tx, "update 1", 43)
            assert 43 in [one.message_id for one in await outbox.known(tx, 5)]
            await inbox.prune(tx)
            await outbox.prune(tx)
            await suggestions.forget_old_offers(tx)
    assert_sound(path)


@pytest.mark.parametrize("revision", REVISIONS)
async def test_two_stores_that_upgrade_at_once_both_succeed(revision: str, tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    before = await make(path, revision)
    async with opened(path) as one, opened(path) as two:
        await asyncio.gather(migrate.upgrade(one), migrate.upgrade(two))
        assert (await migrate.schema(one)).ready
        assert (await migrate.schema(two)).ready
    assert_nothing_is_lost(before, content(path))


_PROGRAM = """
import asyncio, sys
from bridge.store import migrate
from bridge.store.engine import Store

async def upgrade() -> None:
    store = Store(sys.argv[1])
    print("ready", flush=True)
    sys.stdin.readline()
    await migrate.upgrade(store)
    await store.close()

asyncio.run(upgrade())
"""


async def test_two_processes_that_upgrade_at_once_both_succeed(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    before = await make(path, REVISIONS[0])
    both = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", _PROGRAM, f"sqlite+aiosqlite:///{path}",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    for process in both:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    ends = await asyncio.gather(*(process.communicate(b"go\n") for process in both))
    assert [process.returncode for process in both] == [0, 0], ends
    assert_nothing_is_lost(before, content(path))
    assert_sound(path)


@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("unknown", ["9999", "0004_mine", "", "0001; DROP TABLE turns"])
async def test_an_unknown_revision_is_refused_with_a_cure(
    revision: str, unknown: str, tmp_path: Path
) -> None:
    path = tmp_path / "new.db"
    await make(path, revision)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (unknown,))
        connection.commit()
    before = content(path)
    async with opened(path) as store:
        assert not (await migrate.schema(store)).ready
        with pytest.raises(StoreTrouble, match="newer than this program") as trouble:
            await migrate.upgrade(store)
    assert "Install the newer release" in trouble.value.cure
    assert content(path) == before


@pytest.mark.parametrize(("made_for", "works"), [(migrate.MADE_FOR, True), ("9998", False)])
async def test_a_newer_schema_is_worked_with_if_it_was_made_for_this_program(
    made_for: str, works: bool, tmp_path: Path
) -> None:
    """As it is while a newer release is rolled out beside this one."""
    path = tmp_path / "new.db"
    async with opened(path) as store:
        await migrate.upgrade(store)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        changed = "UPDATE facts SET value = ? WHERE name = ?"
        assert connection.execute(changed, (made_for, migrate.MADE_FOR_FACT)).rowcount == 1
        connection.commit()
    before = content(path)
    async with opened(path) as store:
        with nullcontext() if works else pytest.raises(StoreTrouble, match="newer than this"):
            await migrate.upgrade(store)
    assert content(path) == before


IN_THE_WAY = [
    ("0001", "CREATE INDEX ix_turns_chat_id_thread_id_id ON turns (mark)"),
    ("0001", "CREATE TABLE outbox (mine TEXT)"),
    ("0002", "CREATE TABLE outbox (mine TEXT)"),
    ("0002", "CREATE INDEX ix_outbox_chat_id ON turns (mark)"),
]
"""What makes a later step of the way fail, after earlier steps have changed the schema."""


@pytest.mark.parametrize(("revision", "obstacle"), IN_THE_WAY)
async def test_an_upgrade_that_fails_changes_nothing(
    revision: str, obstacle: str, tmp_path: Path
) -> None:
    path = tmp_path / "old.db"
    await make(path, revision)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(obstacle)
        schema = connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
    before = content(path)
    async with opened(path) as store:
        with pytest.raises(StoreTrouble, match="already exists"):
            await migrate.upgrade(store)
        assert (await migrate.schema(store)).current == revision
        assert content(path) == before
        with closing(sqlite3.connect(path)) as connection:
            now = connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
            assert now == schema
            kind, name = obstacle.split()[1:3]
            connection.execute(f"DROP {kind} {name}")
        await migrate.upgrade(store)  # once the obstacle is gone
        assert (await migrate.schema(store)).ready
    before.pop("outbox", None)
    before.pop("silences", None)
    assert_nothing_is_lost(before, content(path))


async def test_an_empty_file_becomes_the_newest_schema(tmp_path: Path) -> None:
    async with opened(tmp_path / "empty.db") as store:
        assert (await migrate.schema(store)).current is None
        await migrate.upgrade(store)
        assert (await migrate.schema(store)).ready
    assert_sound(tmp_path / "empty.db")
