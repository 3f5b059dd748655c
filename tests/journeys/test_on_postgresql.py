"""The same bridge on PostgreSQL: what people see, and what a restart leaves."""

import asyncio
import random
import string
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import postgres
import pytest
from made import picture
from worlds import World, a_world, eventually

from bridge.sandbox.coze import Pace, saying

ANSWER = "So many words. " * 20


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Both emulators, and a database on a server."""
    async with postgres.server().database() as address, a_world(tmp_path) as there:
        there.variables["DATABASE_URL"] = address
        yield there


async def test_a_first_message_is_answered_by_an_edited_reply(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.05, 0.02)
    world.coze.use(saying(ANSWER))
    async with world.bridge():
        world.telegram.send(ann, "hello")
        post = await world.settled(ann, 1, timeout=30)
    assert post.text == ANSWER.strip()
    assert len(post.history) > 2
    assert [one.question for one in world.coze.asked] == ["hello"]


async def test_an_answer_is_finished_by_the_next_process(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.05, 0.03)
    world.coze.use(saying(ANSWER))
    async with world.bridge(BRIDGE_GRACE_SECONDS="0"):
        world.telegram.send(ann, "hello")
        await world.telegram.until(lambda: bool(world.posts(ann)))
    async with world.bridge():
        await eventually(lambda: [one.text for one in world.posts(ann)] == [ANSWER.strip()], 30)
    assert len(world.coze.asked) == 1


async def test_many_people_and_a_group_at_once(world: World) -> None:
    people = [world.telegram.add_person(f"P{number}") for number in range(10)]
    group = world.telegram.add_group("Group", people, forum=True)
    world.coze.use(saying("An answer."))
    async with world.bridge():
        for one in people:
            world.telegram.send(one, "hello")
        world.telegram.send(people[0], "@sandbox_bot and here?", chat=group)
        for one in people:
            assert (await world.settled(one, 1, timeout=30)).text == "An answer."
        assert "An answer." in (await world.settled(group, 1, timeout=30)).text
    assert len(world.coze.asked) == 11


async def test_commands_and_operators(world: World) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    world.coze.use(saying("An answer."))
    async with world.bridge(BRIDGE_OPERATORS=str(ann.id)):
        for number, (who, text) in enumerate(
            [(bo, "hello"), (bo, "/new"), (bo, "/settings"), (bo, "/privacy")], start=1
        ):
            world.telegram.send(who, text)
            await world.settled(who, number, timeout=30)
        for number, text in enumerate(
            ["/status", "/stats", "/errors", "/users", f"/block {bo.id}", "/audit"], start=1
        ):
            world.telegram.send(ann, text)
            await eventually(lambda it=number: len(world.posts(ann)) >= it, 30)
        world.telegram.send(bo, "/forget")
        await eventually(lambda: len(world.posts(bo)) >= 4, 30)


async def test_lost_connections_cost_no_message(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.05, 0.03)
    world.coze.use(saying(ANSWER))
    address = world.variables["DATABASE_URL"]
    async with world.bridge():
        world.telegram.send(ann, "hello")
        await world.telegram.until(lambda: bool(world.posts(ann)))
        await postgres.server().end_sessions(address)
        world.telegram.send(ann, "more")
        await postgres.server().end_sessions(address)
        # A post whose id was lost with the connection is looked for, and deleted.
        await eventually(
            lambda: [post.text for post in world.posts(ann)] == [ANSWER.strip()] * 2, 60
        )
    assert [one.question for one in world.coze.asked] == ["hello", "more"]


async def test_files_go_both_ways_and_are_known_again(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    own = {"BRIDGE_PICTURE_HOSTS": world.settings.coze_api_base.removeprefix("http://")}
    async with world.bridge(**own):
        for count in (2, 4):
            world.telegram.send_photo(ann, picture(800, 600), "picture please")
            await world.telegram.until(lambda most=count: len(world.posts(ann)) == most, 60)
    kinds = [post.attachment.kind if post.attachment else "text" for post in world.posts(ann)]
    assert kinds == ["text", "photo"] * 2
    assert [len(one.attachments) for one in world.coze.asked] == [1, 1]
    sent = [call.params["photo"] for call in world.telegram.calls if call.method == "sendPhoto"]
    assert [isinstance(one, str) for one in sent] == [
        False,
        True,
    ]  # what Telegram has is not sent anew


@pytest.mark.parametrize("table", ["inbox", "turns", "outbox"])
async def test_a_full_disk_of_the_server_costs_no_message(world: World, table: str) -> None:
    """What cannot be kept stays with Telegram, or waits; the operator reads why."""
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying(ANSWER))
    session = await asyncpg.connect(world.variables["DATABASE_URL"])
    try:
        async with world.bridge() as app:
            world.telegram.send(ann, "hello")
            await world.settled(ann, 1, timeout=30)
            await session.execute(postgres.FULL.format(table=table))
            world.telegram.send(ann, "more")
            await eventually(lambda: app.store.fault is not None, 30)
            assert "no space left" in str(app.store.fault)
            assert "disk" in str(app.store.fault)
            await session.execute("DROP FUNCTION full_disk CASCADE")
            await eventually(
                lambda: [one.text for one in world.posts(ann)] == [ANSWER.strip()] * 2, 60
            )
    finally:
        await session.close()
    assert [one.question for one in world.coze.asked] == ["hello", "more"]


async def test_a_disk_that_is_really_full_costs_no_message(world: World) -> None:
    """As above, with a file system of a few megabytes, where this machine lets one be mounted."""
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying(ANSWER))
    long = "".join(random.Random(1).choices(string.ascii_letters, k=4000))  # it cannot be packed
    small_disk = postgres.server().small_disk(world.variables["DATABASE_URL"])
    async with small_disk as disk, world.bridge() as app:
        world.telegram.send(ann, "hello")
        await world.settled(ann, 1, timeout=30)
        await disk.fill()
        world.telegram.send(ann, long)
        await eventually(lambda: app.store.fault is not None, 30)
        assert "disk" in str(app.store.fault)
        await disk.empty()
        await eventually(lambda: [one.text for one in world.posts(ann)] == [ANSWER.strip()] * 2, 60)
    assert [len(one.question) for one in world.coze.asked] == [5, 4000]


async def test_a_restart_of_the_database_costs_no_message(tmp_path: Path) -> None:
    server = postgres.Server(Path(tempfile.mkdtemp(prefix="pg-")))
    try:
        async with a_world(tmp_path) as world:
            world.variables["DATABASE_URL"] = await server.new_database()
            ann = world.telegram.add_person("Ann")
            world.coze.use(saying(ANSWER))
            async with world.bridge() as app:
                world.telegram.send(ann, "hello")
                await world.settled(ann, 1, timeout=30)
                await asyncio.to_thread(server.pause)
                world.telegram.send(ann, "more")
                await eventually(lambda: app.store.fault is not None, 30)
                assert app.health.faults
                await asyncio.to_thread(server.go_on)
                await world.settled(ann, 2, timeout=60)
                assert app.store.fault is None
        assert [post.text for post in world.posts(ann)] == [ANSWER.strip()] * 2
        assert [one.question for one in world.coze.asked] == ["hello", "more"]
    finally:
        server.stop()
