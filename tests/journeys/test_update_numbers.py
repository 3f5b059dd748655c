"""Updates whose numbers begin anew are each heard once; what goes wrong with them is noticed."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import BOT_TOKEN, World, in_a_fast_world, in_a_world_of_speed, put_database

from bridge.sandbox.coze import saying
from bridge.sandbox.telegram import Person
from bridge.store import inbox
from bridge.store.engine import Store

pytestmark = pytest.mark.slow


def heard(world: World) -> list[str]:
    return [one.question for one in world.coze.asked]


def polls(world: World) -> int:
    return sum(call.method == "getUpdates" for call in world.telegram.calls)


async def ask(world: World, ann: Person, *texts: str) -> None:
    before = len(world.posts(ann))
    for number, text in enumerate(texts, 1):
        world.telegram.send(ann, text)
        await world.settled(ann, before + number)


@in_a_fast_world
async def test_every_message_is_heard_once_after_the_numbers_began_anew(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.telegram.updates.restart(500_100)
    world.coze.use(saying("Yes."))
    async with world.bridge():
        await ask(world, ann, "one")
        world.telegram.updates.restart(3000)
        await ask(world, ann, "two", "three", "four")
        world.telegram.updates.restart(100)
        await ask(world, ann, "five", "six")
        counted = polls(world)
        await asyncio.sleep(5)
        assert polls(world) <= counted + 1
    assert heard(world) == ["one", "two", "three", "four", "five", "six"]


@in_a_fast_world
async def test_a_number_that_is_given_to_another_message_hides_it_not(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.telegram.updates.restart(3000)
    world.coze.use(saying("Yes."))
    async with world.bridge():
        await ask(world, ann, "one", "two")
        world.telegram.send(ann, "/help")
        await world.settled(ann, 3)
    world.telegram.updates.restart(3000)
    async with world.bridge():
        await ask(world, ann, "three", "four")
        world.telegram.send(ann, "/help")
        await world.settled(ann, 6)
    assert heard(world) == ["one", "two", "three", "four"]


@in_a_world_of_speed(600.0)
async def test_a_server_that_gives_the_same_again_and_again_is_not_asked_at_once(
    world: World,
) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("Yes."))
    same = {"update_id": 7, "message": {"message_id": 900, "date": 1, "text": "again",
            "chat": {"id": ann.id, "type": "private", "first_name": "Ann"},
            "from": {"id": ann.id, "is_bot": False, "first_name": "Ann"}}}  # fmt: skip
    answer: dict[str, object] = {"ok": True, "result": [same]}
    async with world.bridge() as app:
        world.telegram.fail("getUpdates", 200, times=10_000, body=answer)
        await ask(world, ann, "wake the poll")
        await world.telegram.until(lambda: "again" in heard(world), timeout=600)
        before = polls(world)
        await asyncio.sleep(300)
        assert polls(world) - before < 30
        assert app.poller.stuck_seconds > 120
        assert any("none has been settled" in fault for fault in app.health.faults())
        assert [kind for kind, _ in await app.health.alarming()] == ["updates"]
    assert heard(world).count("again") == 1


IDS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 4)), min_size=1, max_size=6
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(IDS)
def test_any_restarts_lose_nothing_and_double_nothing(runs: Sequence[tuple[int, int]]) -> None:
    async def whole(folder: str) -> None:
        await put_database(Path(folder) / "numbers.db")
        store = Store(f"sqlite+aiosqlite:///{folder}/numbers.db")
        try:
            await keep(store, runs)
        finally:
            await store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(whole(folder))


async def keep(store: Store, runs: Sequence[tuple[int, int]]) -> None:
    message_id, kept = 0, list[int]()
    for first, count in runs:
        batch = {}
        for number in range(first, first + count):
            message_id += 1
            batch[number] = {"message": {"message_id": message_id, "date": 1, "chat": {"id": 5}}}
        for _ in range(2):  # it is delivered again
            async with store.writing() as tx:
                for arrived in await inbox.put(tx, 42, batch):
                    kept.append(arrived.update_id)
                    await inbox.settle(tx, arrived)
    assert len(kept) == message_id


@in_a_fast_world
async def test_one_refusal_of_a_good_token_ends_nothing(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("Yes."))
    refusal: dict[str, object] = {"ok": False, "error_code": 401, "description": "Unauthorized"}
    world.telegram.fail("getMe", 401, body=refusal)
    async with world.bridge() as app:
        await ask(world, ann, "one")
        world.telegram.fail("getUpdates", 404, times=2, body={**refusal, "error_code": 404})
        await ask(world, ann, "two", "three")
        assert not app.polling_task.done()
    assert heard(world) == ["one", "two", "three"]


@in_a_fast_world
async def test_a_token_that_stays_refused_ends_the_intake(world: World) -> None:
    async with world.bridge() as app:
        begun = asyncio.get_running_loop().time()
        world.telegram.revoke(BOT_TOKEN)
        await asyncio.wait([app.polling_task], timeout=300)
        assert app.polling_task.done()
        assert 5 < asyncio.get_running_loop().time() - begun < 60
        app.polling_task.exception()
