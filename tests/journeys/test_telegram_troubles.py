"""Whatever Telegram does, the final text arrives once, and nobody is disturbed by another's trouble."""

import asyncio
from pathlib import Path

import httpx
import pytest
from fast import run_fast
from worlds import BOT_TOKEN, World, a_world, in_a_fast_world, is_running

from bridge.errors import SecondPoller, TokenRevoked
from bridge.sandbox.coze import Pace, saying

pytestmark = pytest.mark.slow

WORDS = "so many words " * 60


def test_a_flood_limit_silences_one_chat_and_the_final_text_follows(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path, pace=Pace(0.1, 0.05)) as world, world.bridge():
            ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
            world.coze.use(saying(WORDS))
            world.telegram.send(ann, "talk")
            await world.telegram.until(lambda: bool(world.posts(ann)), timeout=200)
            world.telegram.flood(ann, seconds=80)
            world.coze.use(saying("short"))
            world.telegram.send(bo, "talk")
            await world.settled(bo, 1)
            assert is_running(world.posts(ann)[0])  # silence there, and no waiting here
            assert (await world.settled(ann, 1, timeout=30)).text == WORDS.strip()
            assert world.telegram.calls_during_ban == 0
            refused = [one for one in world.telegram.calls if one.status == 429]
            assert len(refused) == 1

    run_fast(journey())


async def test_who_blocks_the_bot_ends_the_run_and_disturbs_nobody(world: World) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    world.coze.pace = Pace(0.02, 0.02)
    world.coze.use(saying(WORDS * 5))
    async with world.bridge():
        world.telegram.send(ann, "talk")
        await world.telegram.until(lambda: bool(world.posts(ann)))
        (run,) = world.coze.runs.values()
        world.telegram.block(ann)
        await world.coze.until(lambda: run.cancelled_at is not None)
        world.coze.use(saying("short"))
        world.telegram.send(bo, "hello")
        assert (await world.settled(bo, 1)).text == "short"
        world.telegram.unblock(ann)
        world.telegram.send(ann, "again")
        await world.telegram.until(lambda: world.posts(ann)[-1].text == "short")


async def test_a_deleted_post_is_replaced_by_the_final_text_once(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.02, 0.01)
    world.coze.use(saying(WORDS))
    async with world.bridge():
        world.telegram.send(ann, "talk")
        await world.telegram.until(lambda: bool(world.posts(ann)))
        first = world.posts(ann)[0].message_id
        world.telegram.delete(ann, first)
        await world.telegram.until(
            lambda: any(post.text == WORDS.strip() for post in world.posts(ann)), timeout=10
        )
    assert [post.message_id != first for post in world.posts(ann)] == [True]


def test_lost_answers_and_failing_servers_do_not_lose_or_double_the_text(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path, pace=Pace(0.05, 0.01)) as world, world.bridge():
            world.coze.use(saying(WORDS))
            for number, fault in enumerate(("reset", "502", "504", "500")):
                person = world.telegram.add_person(f"Person {number}")
                world.telegram.send(person, "talk")
                await world.telegram.until(lambda who=person: bool(world.posts(who)), timeout=200)
                if fault == "reset":
                    world.telegram.fail("editMessageText", times=3, after_executing=True)
                else:
                    world.telegram.fail("editMessageText", status=int(fault), times=3)
                assert (await world.settled(person, 1, timeout=90)).text == WORDS.strip()
                assert len(world.posts(person)) == 1

    run_fast(journey())


def test_a_post_that_was_certainly_not_sent_is_sent_again(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path) as world, world.bridge():
            ann = world.telegram.add_person("Ann")
            world.coze.use(saying("An answer."))
            world.telegram.fail("sendMessage", status=502, times=1)
            world.telegram.send(ann, "talk")
            assert (await world.settled(ann, 1, timeout=60)).text == "An answer."

    run_fast(journey())


async def test_a_broken_update_is_set_aside_and_the_others_go_on(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("An answer."))
    async with world.bridge() as app:
        world.telegram.inject({"message": {"message_id": "seven", "chat": [], "date": {}}})
        world.telegram.inject({"callback_query": {"id": 5}})
        world.telegram.inject({"novelty": {"a": 1}})
        world.telegram.send(ann, "hello")
        assert (await world.settled(ann, 1)).text == "An answer."
        await world.handled()
        async with app.store.reading() as tx:
            states = await tx.exec_driver_sql("SELECT state, payload FROM inbox ORDER BY update_id")
            found = [(row.state, row.payload is None) for row in states]
    assert found[0] == ("aside", False)
    assert found[-1] == ("done", True)
    assert not any(state == "new" for state, _ in found)


async def test_what_was_written_while_the_bridge_was_down_is_answered(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("An answer."))
    world.telegram.send(ann, "are you there?")
    async with world.bridge():
        assert (await world.settled(ann, 1)).text == "An answer."
    assert len(world.coze.asked) == 1


def test_a_second_poller_that_stays_ends_the_bridge_with_a_clear_trouble(tmp_path: Path) -> None:
    async def journey() -> None:
        async with (
            a_world(tmp_path) as world,
            world.bridge() as first,
            world.bridge(DATABASE_URL=f"sqlite+aiosqlite:///{tmp_path}/two.db") as second,
        ):
            done, _ = await asyncio.wait(
                {first.polling_task, second.polling_task},
                timeout=600,
                return_when=asyncio.FIRST_COMPLETED,
            )
            (ended,) = done
            assert isinstance(ended.exception(), SecondPoller)

    run_fast(journey(), speed=60)


def test_one_who_polls_for_a_moment_now_and_then_does_not_end_the_bridge(tmp_path: Path) -> None:
    """Such as the doctor, which is run again and again while somebody corrects settings."""

    async def journey() -> None:
        async with a_world(tmp_path) as world, world.bridge() as app:
            await world.telegram.until(lambda: bool(world.telegram.polling), timeout=200)
            async with httpx.AsyncClient(timeout=1000) as client:
                for _ in range(4):
                    await asyncio.sleep(30)  # no poll of ours comes to its end in that time
                    address = f"{world.settings.telegram_api_base_url}/bot{BOT_TOKEN}/getUpdates"
                    await client.post(address, json={"timeout": 1})
            assert not app.polling_task.done()

    run_fast(journey(), speed=60)


async def test_a_webhook_ends_the_bridge_at_once(world: World) -> None:
    async with world.bridge() as app:
        await app.bot.set_webhook("https://example.org/hook")
        await asyncio.wait({app.polling_task}, timeout=10)
        assert isinstance(app.polling_task.exception(), SecondPoller)


@in_a_fast_world
async def test_a_revoked_token_ends_the_bridge(world: World) -> None:
    async with world.bridge() as app:
        world.telegram.revoke(world.variables["TELEGRAM_BOT_TOKEN"])
        ann = world.telegram.add_person("Ann")
        world.telegram.send(ann, "wake the poll")
        await asyncio.wait({app.polling_task}, timeout=100)
        assert isinstance(app.polling_task.exception(), TokenRevoked)


async def test_no_post_keeps_its_stop_button(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.telegram.send(ann, "Tell me a long story about lighthouses")
        await world.settled(ann, 3, timeout=20)
    assert not any(is_running(post) for post in world.posts(ann))
