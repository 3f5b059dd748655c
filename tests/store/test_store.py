"""The store: turns move by their table, messages are taken once, schemas are known."""

import asyncio
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import NoResultFound

from bridge.errors import StoreTrouble
from bridge.model import (
    NEXT,
    AgentAccount,
    ChatKey,
    Message,
    Outcome,
    ReplyState,
    Sender,
    State,
    before,
)
from bridge.relay.prompt import prompt_of
from bridge.store import backup, chats, inbox, migrate
from bridge.store.dialects.database import checked
from bridge.store.engine import Store
from bridge.store.turns import lifecycle, queue, suggestions

HERE = ChatKey(5)
ANN = Sender(5, "Ann", "en")
SQLITE = pytest.mark.parametrize("address", ["sqlite"], indirect=True)


def end(state: State) -> Outcome:
    return Outcome(state, ReplyState())


def message(number: int, text: str, key: ChatKey = HERE) -> Message:
    return Message(key, number, ANN, text)


async def test_messages_wait_in_one_turn_and_a_running_one_is_left_alone(store: Store) -> None:
    async with store.writing() as tx:
        await queue.wait(tx, message(1, "a"))
        await queue.wait(tx, message(2, "b"))
        first = await lifecycle.claim(tx, HERE)
        await queue.wait(tx, message(3, "c"))
        assert await lifecycle.claim(tx, HERE) is None
        assert first is not None
        assert prompt_of(first) == "a\n\nb"
        assert await lifecycle.settle(tx, first.id, end(State.ANSWERED))
        second = await lifecycle.claim(tx, HERE)
    assert second is not None
    assert (prompt_of(second), second.correlation_id != first.correlation_id) == ("c", True)


async def test_a_turn_ends_once(store: Store) -> None:
    async with store.writing() as tx:
        await queue.wait(tx, message(1, "a"))
        turn = await lifecycle.claim(tx, HERE)
        assert turn is not None
        assert await lifecycle.settle(tx, turn.id, end(State.STOPPED))
        for state in State:
            assert not await lifecycle.settle(tx, turn.id, end(state))


async def test_two_who_claim_at_once_do_not_both_get_the_turn(store: Store) -> None:
    async with store.writing() as tx:
        await queue.wait(tx, message(1, "a"))

    async def claim() -> bool:
        async with store.writing() as tx:
            return await lifecycle.claim(tx, HERE) is not None

    assert sorted(await asyncio.gather(*(claim() for _ in range(8)))) == [False] * 7 + [True]


async def test_retry_takes_the_last_question_and_its_posts(store: Store) -> None:
    async with store.writing() as tx:
        assert not await queue.wait_again(tx, HERE)
        await queue.wait(tx, message(1, "a"))
        assert not await queue.wait_again(tx, HERE)
        turn = await lifecycle.claim(tx, HERE)
        assert turn is not None
        await lifecycle.posted(tx, turn.id, [7, 8])
        await lifecycle.settle(tx, turn.id, end(State.FAILED))
        assert await queue.wait_again(tx, HERE)
        again = await lifecycle.claim(tx, HERE)
    assert again is not None
    assert (prompt_of(again), again.posts, again.asked) == ("a", (7, 8), False)
    assert again.correlation_id != turn.correlation_id


async def test_words_are_forgotten_but_for_the_last_turn(store: Store) -> None:
    async with store.writing() as tx:
        for number in range(3):
            await queue.wait(tx, message(number, f"secret {number}"))
            turn = await lifecycle.claim(tx, HERE)
            assert turn is not None
            await lifecycle.settle(tx, turn.id, end(State.ANSWERED))
            await lifecycle.forget_all_words(tx)
        found = await tx.exec_driver_sql("SELECT parts FROM turns ORDER BY id")
        assert all("secret" in str(row[0]) for row in found)  # they may still be edited
        await tx.exec_driver_sql("UPDATE turns SET settled_at = settled_at - 601")
        await lifecycle.forget_all_words(tx)
        found = await tx.exec_driver_sql("SELECT parts FROM turns ORDER BY id")
        assert [("secret" in str(row[0])) for row in found] == [False, False, True]


async def test_a_chat_keeps_its_made_up_user_and_its_home(store: Store) -> None:
    home = AgentAccount("1", "https://api.coze.com", "")
    async with store.writing() as tx:
        await chats.ensure_chat(tx, HERE)
        made = await chats.chat(tx, HERE)
        await chats.ensure_chat(tx, HERE)
        await chats.set_conversation(tx, made, "9", home)
        kept = await chats.chat(tx, HERE)
        await chats.clear_conversation(tx, HERE)
        gone = await chats.chat(tx, HERE)
    assert made.user_id == kept.user_id
    assert made.user_id.removeprefix("tg-") != "5"
    assert (kept.conversation_id, kept.home) == ("9", home)
    assert gone.conversation_id is None


async def test_buttons_work_in_their_own_chat_only(store: Store) -> None:
    async with store.writing() as tx:
        token = await suggestions.offer(tx, HERE, ["Why?", "How?"])
        assert await suggestions.chosen(tx, HERE, token, 1) == "How?"
        assert await suggestions.chosen(tx, HERE, token, 2) is None
        assert await suggestions.chosen(tx, HERE, token, -1) is None
        assert await suggestions.chosen(tx, ChatKey(6), token, 0) is None
        assert await suggestions.chosen(tx, HERE, "made-up", 0) is None


async def test_an_update_is_kept_once_and_by_bot(store: Store) -> None:
    async with store.writing() as tx:
        assert [one.update_id for one in await inbox.put(tx, 1, {6: {}, 5: {"a": 1}})] == [5, 6]
        assert await inbox.put(tx, 1, {5: {}}) == []
        (other,) = await inbox.put(tx, 2, {5: {}})
        first, second = await inbox.waiting(tx, 1)
        assert await inbox.settle(tx, first)
        assert not await inbox.settle(tx, first)
        assert await inbox.set_aside(tx, second, "why")
        assert await inbox.waiting(tx, 1) == []
        assert await inbox.waiting(tx, 2) == [other]
        assert await inbox.count(tx, "aside") == 1
    assert "a" not in repr(first).replace("Arrived(update_id", "")


async def test_what_was_left_open_is_found_again(store: Store) -> None:
    async with store.writing() as tx:
        await queue.wait(tx, message(1, "a"))
        turn = await lifecycle.claim(tx, HERE)
        assert turn is not None
        await lifecycle.asking(tx, turn, "9", "1")
        await lifecycle.began(tx, turn.id, "8", "9")
        await queue.wait(tx, message(2, "b"))
        await queue.wait(tx, message(3, "c", ChatKey(6)))
        assert await lifecycle.open_chats(tx) == [HERE, ChatKey(6)]
        left = (await lifecycle.next_of(tx, HERE)).turn
    assert left is not None
    assert (left.id, left.run_id, left.conversation_id, left.asked) == (turn.id, "8", "9", True)


async def test_a_turn_that_has_its_end_never_runs_again(store: Store) -> None:
    async with store.writing() as tx:
        await queue.wait(tx, message(1, "a"))
        waiting = (await lifecycle.next_of(tx, HERE)).turn
        turn = await lifecycle.claim(tx, HERE)
        assert waiting is not None
        assert turn is not None
        await lifecycle.settle(tx, turn.id, end(State.STOPPED))
        for late in (lifecycle.claimed(tx, waiting), lifecycle.asking(tx, turn, "9", "1")):
            with pytest.raises(NoResultFound):
                await late
        assert (await lifecycle.next_of(tx, HERE)).turn is None


@pytest.mark.parametrize("count", [inbox.FEW, inbox.FEW + 1, inbox.READ_AT_ONCE + 60])
async def test_the_inbox_is_read_whole_or_for_some_chats(store: Store, count: int) -> None:
    async with store.writing() as tx:
        updates = {number: {"update_id": number} for number in range(count)}
        await inbox.put(tx, 1, updates, chats={number: number % 3 for number in updates})
        found = await inbox.waiting(tx, 1, lambda number, chat: chat == 1 and number != 4)
    assert [one.update_id for one in found] == [n for n in range(count) if n % 3 == 1 and n != 4]
    assert {one.chat_id for one in found} == {1}


def test_the_table_of_states_has_no_way_back() -> None:
    assert before(State.RUNNING) == {State.WAITING}
    assert all(NEXT[state] == frozenset() for state in State if state.settled)


async def test_the_schema_is_that_of_the_tables(store: Store) -> None:
    found = await migrate.schema(store)
    assert found.ready
    assert found.current == found.newest


async def test_a_newer_database_is_refused(store: Store) -> None:
    async with store.writing() as tx:
        await tx.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        await tx.exec_driver_sql("DELETE FROM facts")  # it is made for newer programs only
    with pytest.raises(StoreTrouble, match="newer than this program"):
        await migrate.upgrade(store)


async def test_upgrading_twice_at_once_is_safe(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/twice.db"
    stores = [Store(url), Store(url)]
    await asyncio.gather(*(migrate.upgrade(one) for one in stores))
    assert (await migrate.schema(stores[0])).ready
    for one in stores:
        await one.close()


@SQLITE
async def test_a_backup_is_whole_and_never_overwrites(store: Store, tmp_path: Path) -> None:
    async with store.writing() as tx:
        await queue.wait(tx, message(1, "a"))
    target = tmp_path / "copy.db"
    await backup.backup(store, target)
    connection = sqlite3.connect(target)
    assert connection.execute("SELECT count(*) FROM turns").fetchone() == (1,)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    with pytest.raises(StoreTrouble, match="exists"):
        await backup.backup(store, target)
    with pytest.raises(StoreTrouble, match="Name a file in a folder that is there"):
        await backup.backup(store, tmp_path / "nowhere" / "copy.db")


@SQLITE
async def test_the_file_is_private_and_durable(store: Store, tmp_path: Path) -> None:
    assert (tmp_path / "test.db").stat().st_mode & 0o077 == 0
    async with store.reading() as tx:
        pragmas = {
            name: (await tx.exec_driver_sql(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5000,
    }


async def test_errors_do_not_hold_what_people_wrote(store: Store) -> None:
    async with store.writing() as tx:
        await tx.exec_driver_sql("DROP TABLE turns")
    with pytest.raises(StoreTrouble) as trouble:
        async with store.writing() as tx:
            await queue.wait(tx, message(1, "my secret"))
    assert "secret" not in str(trouble.value)
    assert "no such table" in str(trouble.value) or "42P01" in str(trouble.value)


@pytest.mark.slow
@given(st.text(max_size=30))
def test_a_wrong_address_is_never_more_than_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert checked(text).startswith(("sqlite+aiosqlite:", "postgresql://"))


async def test_closing_ends_a_transaction_that_was_given_up_in_the_middle(tmp_path: Path) -> None:
    """As when a task is cancelled twice: the pool does not know of the connection any more."""
    url = f"sqlite+aiosqlite:///{tmp_path}/a.db"
    first = Store(url)
    await migrate.upgrade(first)
    lost = await first.engine.connect()
    await lost.exec_driver_sql("BEGIN IMMEDIATE")
    raw = await lost.get_raw_connection()
    raw.detach()
    await first.close()
    second = Store(url)
    async with asyncio.timeout(3), second.writing() as tx:
        await chats.remember(tx, "a", "b")
    await second.close()


@SQLITE
async def test_a_transaction_cut_within_a_statement_leaves_no_lock(store: Store) -> None:
    """As when a task is cancelled there: its traceback still holds the statement."""
    cut = await store.engine.connect()
    driver = (await cut.get_raw_connection()).driver_connection
    assert driver is not None
    insert = "INSERT INTO facts (name, value) VALUES ('a', 'b') RETURNING name"
    held = await driver.execute(insert)
    await cut.invalidate()
    await cut.close()
    async with asyncio.timeout(3), store.writing() as tx:
        assert await chats.fact(tx, "a") is None
        await chats.remember(tx, "a", "b")
    del held


async def test_one_member_leaves_room_for_the_others(store: Store) -> None:
    group, ann, bo = ChatKey(-5), Sender(1, "Ann"), Sender(2, "Bo")
    async with store.writing() as tx:
        taken = [
            (await queue.wait(tx, Message(group, number, ann, "and more"), 20)).taken
            for number in range(1, 21)
        ]
        assert taken == [True] * 10 + [False] * 10
        assert not await queue.join(tx, Message(group, 30, ann, "and this"), 20)
        assert (await queue.wait(tx, Message(group, 31, bo, "hello"), 20)).taken
