"""Long outages of every neighbour: nothing is lost, nothing comes twice, and everybody is told."""

import asyncio
import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from fast import run_fast
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from worlds import (
    BOT_TOKEN,
    World,
    a_world,
    buttons,
    eventually,
    in_a_fast_world,
    in_a_world_of_speed,
    is_running,
    kept_port,
)

from bridge.app import App
from bridge.sandbox.coze import Pace, saying
from bridge.serving import serving
from bridge.telegram.inbound.dispatch import Dispatcher
from bridge.telegram.inbound.get_updates import GetUpdates
from bridge.telegram.inbound.polling import UpdatePoller
from bridge.telegram.status import PollingHealth

pytestmark = pytest.mark.slow

ANSWER = "An answer of some words."
FOREVER = 10**6


def column(world: World, name: str) -> list[object]:
    """A column of the turns, oldest first."""
    path = world.variables["DATABASE_URL"].removeprefix("sqlite+aiosqlite:///")
    with sqlite3.connect(path) as connection:
        found = [row[0] for row in connection.execute(f"SELECT {name} FROM turns ORDER BY id")]
    connection.close()
    return found


def every_connection(app: App, pragma: str) -> list[str]:
    """Have the last of these pragmas hold in every connection of the bridge to its database."""
    pragmas = [pragma]

    def prepare(connection: DBAPIConnection, *_: object) -> None:
        connection.cursor().execute(pragmas[-1])

    event.listen(app.store.engine.sync_engine, "checkout", prepare)
    return pragmas


def paths(world: World) -> list[str]:
    """Where Coze was asked, in order."""
    return [one.path for one in world.coze.requests]


# --- Telegram -------------------------------------------------------------------------------------


@in_a_world_of_speed(80)
async def test_an_end_waits_in_the_store_while_telegram_is_away_and_goes_out_in_order(
    world: World,
) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.2, 0.2)
    world.coze.use(saying("first " * 20), for_text="one")
    world.coze.use(saying("Second."), for_text="two")
    async with world.bridge():
        world.telegram.send(ann, "one")
        await world.telegram.until(lambda: bool(world.posts(ann)), timeout=100)
        world.telegram.fail("*", status=502, times=FOREVER)
        world.telegram.send(ann, "two")
        await world.coze.until(lambda: all(run.ended for run in world.coze.runs.values()), 200)
        await asyncio.sleep(80)  # longer than a lane waits by itself
        assert [final is not None for final in column(world, "final")] == [True, False]
        assert is_running(world.posts(ann)[0])
        world.telegram.mend()
        await world.settled(ann, 2, timeout=300)
        assert [post.text for post in world.posts(ann)] == [("first " * 20).strip(), "Second."]
    assert [one.question for one in world.coze.asked] == ["one", "two"]
    assert column(world, "final") == [None, None]


@in_a_fast_world
async def test_an_end_that_waits_is_shown_by_the_next_process_without_asking_coze(
    world: World,
) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.2, 0.2)
    world.coze.use(saying("first " * 20))
    async with world.bridge(BRIDGE_GRACE_SECONDS="0"):
        world.telegram.send(ann, "one")
        await world.telegram.until(lambda: bool(world.posts(ann)), timeout=100)
        world.telegram.fail("*", status=502, times=FOREVER)
        await world.coze.until(lambda: all(run.ended for run in world.coze.runs.values()), 200)
        await asyncio.sleep(5)
        assert column(world, "final") != [None]
    world.telegram.mend()
    asked = about_answers(world)
    async with world.bridge():
        post = await world.settled(ann, 1, timeout=100)
    assert post.text == ("first " * 20).strip()
    assert len(world.posts(ann)) == 1
    assert about_answers(world) == asked


def about_answers(world: World) -> int:
    """How often Coze was asked for anything but what a start looks up."""
    return len([one for one in world.coze.requests if not one.path.startswith("/v1/bots/")])


def test_an_unanswered_send_makes_one_post_wherever_it_stands(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path, pace=Pace(0.05, 0.05)) as world, world.bridge():
            world.coze.use(saying("so many words " * 40))
            ann = world.telegram.add_person("Ann")
            world.telegram.fail("sendMessage", after_executing=True)
            world.telegram.send(ann, "talk")
            await world.telegram.until(lambda: len(world.posts(ann)) == 2, timeout=200)
            await eventually(lambda: len(world.posts(ann)) == 1, 200)
            assert (await world.settled(ann, 1, timeout=200)).text.startswith("so many words")
            world.telegram.fail("sendMessage", after_executing=True)
            world.telegram.send(ann, "/help")
            await world.handled()
            world.telegram.send(ann, "talk")
            await world.settled(ann, 3, timeout=200)
            await eventually(lambda: len(world.posts(ann)) == 3, 200)
            texts = [post.text[:13] for post in world.posts(ann)]
            assert texts == ["so many words", world.posts(ann)[1].text[:13], "so many words"]
            assert not any("copy" in post.text for post in world.posts(ann))

    run_fast(journey(), speed=40)


def test_a_copy_that_cannot_be_found_is_admitted(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path) as world, world.bridge(BRIDGE_QUIET_SECONDS="2"):
            world.coze.use(saying(ANSWER))
            ann = world.telegram.add_person("Ann")
            world.telegram.fail("sendMessage", after_executing=True)
            world.telegram.fail("sendMessage", 502, times=4)
            world.telegram.send(ann, "talk")
            await world.telegram.until(lambda: bool(world.posts(ann)), timeout=100)
            orphan = world.posts(ann)[0].message_id
            world.telegram.delete(ann, orphan)  # as hidden from us as one that we miss
            for number in range(12):
                world.telegram.send(ann, f"more {number}")
            await world.telegram.until(
                lambda: any("may be above" in post.text for post in world.posts(ann)), 300
            )

    run_fast(journey())


def test_a_silence_is_kept_by_the_next_process(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path, pace=Pace(0.1, 0.1)) as world:
            world.coze.use(saying("so many words " * 20))
            ann = world.telegram.add_person("Ann")
            async with world.bridge(BRIDGE_GRACE_SECONDS="0"):
                world.telegram.send(ann, "talk")
                await world.telegram.until(lambda: bool(world.posts(ann)), timeout=100)
                world.telegram.flood(ann, seconds=6)
                await world.telegram.until(
                    lambda: any(one.status == 429 for one in world.telegram.calls), timeout=100
                )
            async with world.bridge():
                post = await world.settled(ann, 1, timeout=1000)
            assert post.text == ("so many words " * 20).strip()
            assert world.telegram.calls_during_ban == 0

    asyncio.run(journey())  # silences are kept by the wall's clock


def test_a_deaf_poller_connects_anew(tmp_path: Path) -> None:
    class Deaf(GetUpdates):
        """A connection over which nothing comes any more, though it does not break."""

        renewed = 0

        async def fetch(self, offset: int | None) -> Sequence[Mapping[str, object]]:
            if not self.renewed:
                await asyncio.Event().wait()
            return await super().fetch(offset)

        async def renew(self) -> None:
            self.renewed += 1
            await super().renew()

    async def journey() -> None:
        async with a_world(tmp_path) as world, world.bridge() as app:
            source = Deaf(world.variables["TELEGRAM_API_BASE_URL"], BOT_TOKEN)
            heard = asyncio.Event()
            router = app.poller._dispatcher.router  # the same consequences by another poller
            dispatcher, health = Dispatcher(app.bot.id, app.store, router), PollingHealth()
            poller = UpdatePoller(source, dispatcher, health, heard.set)
            app.polling_task.cancel()
            await asyncio.wait([app.polling_task])
            task = asyncio.create_task(poller.run())
            await eventually(lambda: health.silent_seconds > 85, 100)
            assert source.renewed == 0
            world.coze.use(saying(ANSWER))
            ann = world.telegram.add_person("Ann")
            world.telegram.send(ann, "hello")
            assert (await world.settled(ann, 1, timeout=500)).text == ANSWER
            assert source.renewed == 1
            task.cancel()
            await asyncio.wait([task])
            await dispatcher.close()
            await source.__aexit__(None, None, None)

    run_fast(journey(), speed=100)


@in_a_world_of_speed(80)
async def test_health_is_red_while_nothing_is_heard_and_green_again_after(world: World) -> None:
    async with world.bridge() as app:
        world.telegram.fail("getUpdates", status=502, times=FOREVER)
        ann = world.telegram.add_person("Ann")
        world.telegram.send(ann, "hello")  # it ends the poll that waits
        await eventually(lambda: app.polling.silent_seconds > 91, 200)
        assert any("Nothing heard from Telegram" in fault for fault in app.health.faults())
        world.telegram.mend()
        world.telegram.send(ann, "hello")
        await world.settled(ann, 1, timeout=200)
        assert not app.health.faults()


# --- Coze -----------------------------------------------------------------------------------------


def test_while_coze_is_away_the_person_knows_and_the_answer_follows(tmp_path: Path) -> None:
    async def journey(port: int) -> None:
        async with a_world(tmp_path) as world:
            async with world.bridge(COZE_API_BASE=f"http://127.0.0.1:{port}"):
                world.coze.use(saying(ANSWER))
                ann = world.telegram.add_person("Ann")
                world.telegram.send(ann, "one")
                await world.telegram.until(lambda: bool(world.posts(ann)), timeout=100)
                assert "cannot be reached; trying again" in world.posts(ann)[0].text
                async with serving(world.coze.app, port):
                    assert (await world.settled(ann, 1, timeout=100)).text == ANSWER
                world.telegram.send(ann, "two")
                post = await world.settled(ann, 2, timeout=300)
                assert list(buttons(post)) == ["Try again"]
            assert [one.question for one in world.coze.asked] == ["one"]

    with kept_port() as port:
        run_fast(journey(port), speed=60)


@in_a_fast_world
async def test_what_stood_there_stays_when_its_run_cannot_be_rejoined(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.2, 0.2)
    world.coze.use(saying("first " * 500))
    async with world.bridge(BRIDGE_GRACE_SECONDS="0"):
        world.telegram.send(ann, "one")
        await world.telegram.until(lambda: bool(world.posts(ann)), timeout=100)
    before = world.posts(ann)[0].text
    world.coze.fail("/v3/chat/retrieve", 4100, times=FOREVER)
    async with world.bridge():
        post = await world.settled(ann, 2, timeout=100)
        assert world.posts(ann)[0].text == before
        assert list(buttons(post)) == ["Try again"]
    assert len(world.coze.asked) == 1


@in_a_fast_world
async def test_a_run_that_lingers_is_over_before_the_next_question_goes_out(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.2, 0.5)
    world.coze.use(saying("first " * 500), for_text="one")
    world.coze.use(saying(ANSWER), for_text="two")
    async with world.bridge():
        world.coze.drop_stream(after_events=4)
        for path in ("/v3/chat/retrieve", "/v3/chat/cancel"):
            world.coze.fail(path, 4101, times=1)
        world.telegram.send(ann, "one")
        await world.settled(ann, 1, timeout=100)
        assert column(world, "run_may_continue") == [1]
        world.coze.mend()
        world.telegram.send(ann, "two")
        assert (await world.settled(ann, 2, timeout=100)).text == ANSWER
    last = paths(world)[-3:]
    assert last == ["/v3/chat/retrieve", "/v3/chat/cancel", "/v3/chat"]
    assert not any(one.code == 4016 for one in world.coze.requests)
    assert column(world, "run_may_continue") == [0, 0]


@in_a_fast_world
async def test_a_run_that_cannot_be_ended_costs_the_conversation_and_says_so(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.2, 0.5)
    world.coze.use(saying("first " * 500), for_text="one")
    world.coze.use(saying(ANSWER), for_text="two")
    async with world.bridge():
        world.coze.drop_stream(after_events=4)
        for path in ("/v3/chat/retrieve", "/v3/chat/cancel"):
            world.coze.fail(path, 4101, times=FOREVER)
        world.telegram.send(ann, "one")
        await world.settled(ann, 1, timeout=100)
        world.telegram.send(ann, "two")
        post = await world.settled(ann, 2, timeout=100)
        assert "memory starts afresh" in post.text
        assert post.text.endswith(ANSWER)
    assert len(world.coze.conversations) == 2


@in_a_fast_world
async def test_a_conversation_that_stays_busy_is_left_for_a_new_one(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying(ANSWER))
    async with world.bridge():
        world.telegram.send(ann, "one")
        await world.settled(ann, 1, timeout=100)
        world.coze.fail("/v3/chat", 4016, times=11)
        world.telegram.send(ann, "two")
        post = await world.settled(ann, 2, timeout=500)
        assert "memory starts afresh" in post.text
        assert post.text.endswith(ANSWER)
        world.telegram.send(ann, "three")
        assert (await world.settled(ann, 3, timeout=100)).text == ANSWER
    assert len(world.coze.conversations) == 2


@in_a_fast_world
async def test_an_edited_question_is_asked_anew_by_the_next_process(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.2, 0.5)
    world.coze.use(saying("old " * 500), for_text="one")
    world.coze.use(saying(ANSWER), for_text="two")
    async with world.bridge(BRIDGE_GRACE_SECONDS="0") as app:
        question = world.telegram.send(ann, "one")
        await world.telegram.until(lambda: bool(world.posts(ann)), timeout=100)
    async with app.store.writing() as tx:  # the crash came between the edit and its consequence
        await tx.exec_driver_sql(
            "UPDATE turns SET edited = 1, parts = replace(parts, '\"one\"', '\"two\"')"
        )
    await app.store.close()
    assert question
    async with world.bridge():
        await world.telegram.until(
            lambda: [post.text for post in world.posts(ann)] == [ANSWER], timeout=100
        )
    assert [one.question for one in world.coze.asked] == ["one", "two"]


# --- the store ------------------------------------------------------------------------------------


def test_a_locked_database_loses_nothing_and_shows_red(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path) as world, world.bridge() as app:
            world.coze.use(saying(ANSWER))
            ann = world.telegram.add_person("Ann")
            world.telegram.send(ann, "one")
            await world.settled(ann, 1, timeout=100)
            every_connection(app, "PRAGMA busy_timeout=100")
            other = sqlite3.connect(tmp_path / "bridge.db", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            world.telegram.send(ann, "two")
            await eventually(lambda: app.store.fault, 1000)
            assert world.telegram.pending == 1  # not confirmed, so not lost
            assert any("locked" in fault for fault in app.health.faults())
            other.execute("ROLLBACK")
            other.close()
            assert (await world.settled(ann, 2, timeout=1000)).text == ANSWER
            assert not app.health.faults()
            assert len(world.coze.asked) == 2

    run_fast(journey())


def test_a_full_disk_loses_nothing_and_recovers(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path) as world, world.bridge() as app:
            world.coze.use(saying(ANSWER))
            people = [world.telegram.add_person(f"Person {number}") for number in range(6)]
            async with app.store.reading() as tx:
                pages = (await tx.exec_driver_sql("PRAGMA page_count")).scalar_one()
            disk = every_connection(app, f"PRAGMA max_page_count={pages}")
            for person in people:
                world.telegram.send(person, "a question of many words " * 100)
            await eventually(lambda: app.store.fault, 500)
            assert "full" in str(app.store.fault)
            disk.append("PRAGMA max_page_count=1000000")
            for person in people:
                assert (await world.settled(person, 1, timeout=1000)).text == ANSWER
            assert len(world.coze.asked) == len(people)
            assert not app.health.faults()

    run_fast(journey())


def test_a_read_only_database_loses_nothing_and_recovers(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path) as world, world.bridge() as app:
            world.coze.use(saying(ANSWER))
            ann = world.telegram.add_person("Ann")
            disk = every_connection(app, "PRAGMA query_only=ON")
            world.telegram.send(ann, "one")
            await eventually(lambda: app.store.fault, 500)
            assert any("readonly" in fault for fault in app.health.faults())
            assert world.telegram.pending == 1
            disk.append("PRAGMA query_only=OFF")
            assert (await world.settled(ann, 1, timeout=1000)).text == ANSWER

    run_fast(journey())


# --- age and limits -------------------------------------------------------------------------------


def test_an_old_question_is_answered_with_a_note_and_skipped_in_a_group(tmp_path: Path) -> None:
    async def journey() -> None:
        ago = 3 * 3600.0
        async with a_world(tmp_path, clock=lambda: time.time() - ago) as world:
            world.coze.use(saying(ANSWER))
            ann = world.telegram.add_person("Ann", language_code="en")
            group = world.telegram.add_group("Friends", [ann])
            world.telegram.send(ann, "hello")
            world.telegram.send(ann, "@sandbox_bot hello", chat=group)
            async with world.bridge() as app:
                post = await world.settled(ann, 1, timeout=100)
                assert post.text == f"You wrote this 3 hours ago.\n\n{ANSWER}"
                await world.handled()
                async with app.store.reading() as tx:
                    query = "SELECT count(*) FROM inbox WHERE state = 'skipped'"
                    assert (await tx.exec_driver_sql(query)).scalar_one() == 1
            assert ANSWER not in [post.text for post in world.telegram.posts(group)]

    run_fast(journey(), speed=5)


@in_a_fast_world
async def test_too_many_waiting_messages_are_refused_once_and_politely(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(30, 0)
    world.coze.use(saying(ANSWER))
    async with world.bridge(BRIDGE_WAITING_MESSAGES="3"):
        world.telegram.send(ann, "first")
        await world.coze.until(lambda: len(world.coze.asked) == 1, 100)
        for number in range(6):
            world.telegram.send(ann, f"more {number}")
        await world.telegram.until(lambda: len(world.posts(ann)) == 1, timeout=100)
        assert "cannot take more until" in world.posts(ann)[0].text
        world.coze.pace = Pace(0, 0)
        await world.telegram.until(lambda: len(world.posts(ann)) == 3, timeout=300)
    assert [one.question for one in world.coze.asked] == ["first", "more 0\n\nmore 1\n\nmore 2"]


@in_a_fast_world
async def test_more_chats_than_are_answered_at_once_wait_their_turn(world: World) -> None:
    people = [world.telegram.add_person(f"Person {number}") for number in range(5)]
    world.coze.pace = Pace(3, 0)
    world.coze.use(saying(ANSWER))
    async with world.bridge(BRIDGE_OPEN_CHATS="2") as app:
        for person in people:
            world.telegram.send(person, "hello")
        await eventually(lambda: len(app.lanes) == 2, 100)
        for person in people:
            await world.telegram.until(
                lambda who=person: any(post.text == ANSWER for post in world.posts(who)), 200
            )
    told = [
        person for person in people if "as soon as there is room" in world.posts(person)[0].text
    ]
    assert len(told) == 3
    assert len(world.coze.asked) == 5
