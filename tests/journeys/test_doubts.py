"""Doubts, waits and wishes in their worst moments: found by a review, each once a lost answer."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fast import run_fast
from worlds import (
    World,
    a_world,
    eventually,
    in_a_fast_world,
    in_a_world_of_speed,
    is_running,
    kept_port,
)

from bridge.errors import Happened, StoreTrouble, TelegramUnreachable
from bridge.sandbox.coze import Pace, saying
from bridge.sandbox.coze.scripts.steps import Completed, Silence, ending, fixed, say
from bridge.serving import serving
from bridge.telegram.api.client import BotClient

pytestmark = pytest.mark.slow

ANSWER = "An answer of some words."
FOREVER = 10**6


@in_a_fast_world
async def test_of_a_whole_text_whose_first_send_is_in_doubt_one_post_is_left(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0, 0, silence=60)
    late = Completed("more", "And then?", type="follow_up")
    finish = [step for step in ending() if isinstance(step, Completed)]
    world.coze.use(fixed(*say("a", ANSWER), *finish, Silence(1), late))
    async with world.bridge() as app:
        world.telegram.delay("sendMessage", 3)
        world.telegram.fail("sendMessage", after_executing=True)
        world.telegram.send(ann, "talk")
        await world.telegram.until(lambda: bool(world.posts(ann)), timeout=200)
        await eventually(lambda: not len(app.lanes), 200)
        await eventually(lambda: len(world.posts(ann)) == 1, 200)
        assert world.posts(ann)[0].text == ANSWER


def test_unasked_turn_forgets_its_doubtful_post(tmp_path: Path) -> None:
    async def journey(port: int) -> None:
        async with a_world(tmp_path) as world:
            address = f"http://127.0.0.1:{port}"
            ann = world.telegram.add_person("Ann")
            world.coze.use(saying(ANSWER))
            world.telegram.fail("sendMessage", after_executing=True)
            async with world.bridge(COZE_API_BASE=address, BRIDGE_GRACE_SECONDS="0"):
                world.telegram.send(ann, "one")
                await world.telegram.until(lambda: bool(world.posts(ann)), timeout=100)
            async with serving(world.coze.app, port), world.bridge(COZE_API_BASE=address):
                await world.telegram.until(
                    lambda: any(p.text == ANSWER for p in world.posts(ann)), timeout=200
                )
                await eventually(lambda: len(world.posts(ann)) == 1, 200)
                assert world.posts(ann)[0].text == ANSWER

    with kept_port() as port:
        run_fast(journey(port))


@in_a_fast_world
async def test_a_suggestion_is_asked_though_many_messages_wait(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying(ANSWER, follow_ups=("More?",)))
    async with world.bridge():
        world.telegram.send(ann, "one")
        post = await world.settled(ann, 1)
        world.coze.pace = Pace(60, 0)
        world.coze.use(saying("Second."))
        world.telegram.send(ann, "two")
        await world.coze.until(lambda: len(world.coze.asked) == 2, 100)
        for n in range(20):
            world.telegram.send(ann, f"m{n}")
        await world.handled()
        query = world.telegram.press(ann, post.message_id, "More?")
        await world.telegram.until(lambda: query in world.telegram.answers, timeout=100)
        assert "after the next answer" in str(world.telegram.answers[query])
        world.coze.pace = Pace(0, 0)
        await world.coze.until(lambda: len(world.coze.asked) == 3, 300)
        await world.telegram.until(
            lambda: [p.text for p in world.posts(ann)][-2:] == ["Second."] * 2, timeout=100
        )
        world.telegram.press(ann, post.message_id, "More?")
        await world.coze.until(lambda: world.coze.asked[-1].question == "More?", 300)


def test_a_shutdown_with_a_hanging_edit_is_in_time(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path, pace=Pace(0.2, 0.3)) as world:
            ann = world.telegram.add_person("Ann")
            world.coze.use(saying("so many words " * 200))
            loop = asyncio.get_running_loop()
            async with world.bridge(BRIDGE_GRACE_SECONDS="0"):
                world.telegram.send(ann, "one")
                await world.telegram.until(lambda: bool(world.posts(ann)), timeout=100)
                world.telegram.delay("editMessageText", 100, times=50)
                await asyncio.sleep(4)
                begun = loop.time()
            took = loop.time() - begun
            assert took < 7  # grace 0 + 4 + 2

    run_fast(journey(), 10)


def test_a_message_sent_during_an_unanswered_send_does_not_hide_it(tmp_path: Path) -> None:
    async def journey() -> None:
        send = BotClient.send
        first = True

        async def unanswered(self: BotClient, key: Any, frame: Any, reply_to: Any = None) -> int:
            nonlocal first
            mine, first = first, False
            post = await send(self, key, frame, reply_to)
            if mine:  # it took effect; nothing is heard of it until the read times out
                await asyncio.sleep(20)
                raise TelegramUnreachable("Sending", "ReadTimeout", happened=Happened.UNKNOWN)
            return post

        BotClient.send = unanswered  # type: ignore[method-assign]
        try:
            async with a_world(tmp_path) as world, world.bridge():
                ann = world.telegram.add_person("Ann")
                world.coze.use(saying(ANSWER))
                world.telegram.send(ann, "one")
                await world.telegram.until(lambda: bool(world.posts(ann)), timeout=100)
                world.telegram.send(ann, "/help")
                await world.telegram.until(lambda: len(world.posts(ann)) == 2, timeout=100)
                await asyncio.sleep(80)
                assert len(world.posts(ann)) == 2
        finally:
            BotClient.send = send  # type: ignore[method-assign]

    run_fast(journey())


@in_a_fast_world
async def test_a_question_edited_while_its_unasked_end_waits_is_asked(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying(ANSWER))
    async with world.bridge():
        world.coze.fail("/v1/conversation/create", 4101)
        world.telegram.fail("*", status=502, times=FOREVER)
        question = world.telegram.send(ann, "one")
        await world.coze.until(
            lambda: any(r.path == "/v1/conversation/create" for r in world.coze.requests), 100
        )
        await asyncio.sleep(5)
        world.telegram.edit(ann, question, "two")
        await world.handled()
        await asyncio.sleep(5)
        world.telegram.mend()
        await world.settled(ann, 1, timeout=100)
        await asyncio.sleep(30)
        assert world.posts(ann)[-1].text == ANSWER


@in_a_fast_world
async def test_an_answer_that_repeats_its_question_is_found_again(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0, 0)
    world.coze.use(saying("hello"))
    async with world.bridge():
        world.coze.drop_stream(after_events=0)
        world.telegram.send(ann, "hello")
        post = await world.settled(ann, 1, timeout=100)
        assert post.text == "hello"


def test_a_clock_that_was_set_back_does_not_stop_a_chat(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path) as world:
            ann = world.telegram.add_person("Ann")
            world.coze.pace = Pace(0.2, 0.2)
            world.coze.use(saying("first " * 20))
            async with world.bridge(BRIDGE_GRACE_SECONDS="0") as app:
                world.telegram.fail("sendMessage", after_executing=True)
                world.telegram.send(ann, "one")
                await world.telegram.until(lambda: bool(world.posts(ann)), timeout=100)
            async with app.store.writing() as tx:  # the clock was an hour ahead then
                await tx.exec_driver_sql("UPDATE outbox SET created_at = created_at + 3600")
            await app.store.close()
            async with world.bridge(BRIDGE_GRACE_SECONDS="0"):
                await world.telegram.until(
                    lambda: any(p.text == ("first " * 20).strip() for p in world.posts(ann)),
                    timeout=200,
                )

    run_fast(journey())


@in_a_world_of_speed(60)
async def test_an_end_that_waits_does_not_fill_the_store(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying(ANSWER, follow_ups=("More?",)))
    async with world.bridge() as app:
        world.telegram.fail("*", status=502, times=FOREVER)
        world.telegram.send(ann, "one")
        await asyncio.sleep(200)
        async with app.store.reading() as tx:
            rows = (await tx.exec_driver_sql("SELECT count(*) FROM suggestions")).scalar_one()
    assert rows == 1


@in_a_fast_world
async def test_chats_that_wait_for_room_survive_one_failed_read(world: World) -> None:
    ann, bo = [world.telegram.add_person(name) for name in ("Ann", "Bo")]
    world.coze.pace = Pace(30, 0)
    world.coze.use(saying(ANSWER))
    async with world.bridge(BRIDGE_OPEN_CHATS="1") as app:
        world.telegram.send(ann, "hello")
        await world.coze.until(lambda: len(world.coze.asked) == 1, 100)
        world.telegram.send(bo, "hello")
        await world.telegram.until(lambda: bool(world.posts(bo)), timeout=100)
        assert "as soon as there is room" in world.posts(bo)[0].text
        failed = asyncio.Event()
        reading = app.store.reading

        def fails() -> Any:
            failed.set()
            app.store.reading = reading  # type: ignore[method-assign]  # once is enough
            raise StoreTrouble("Reading the database", "disk I/O error")

        app.store.reading = fails  # type: ignore[method-assign]
        await asyncio.wait_for(failed.wait(), 200)
        await asyncio.sleep(100)
        assert len(app.lanes) == 0
        assert world.posts(bo)[-1].text == ANSWER


@in_a_fast_world
async def test_stop_reaches_a_turn_between_two_tries(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.2, 0.5)
    world.coze.use(saying("first " * 200))
    async with world.bridge(BRIDGE_GRACE_SECONDS="0"):
        world.telegram.send(ann, "one")
        await world.telegram.until(lambda: bool(world.posts(ann)), timeout=100)
        (run,) = world.coze.runs.values()
    async with world.bridge(BRIDGE_QUIET_SECONDS="2"):
        world.telegram.send(ann, "/stop")
        await world.handled()
        await asyncio.sleep(20)
        assert run.cancelled_at is not None


@in_a_fast_world
async def test_two_doubts_in_a_forum_do_not_take_the_same_post(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    group = world.telegram.add_group("Friends", [ann], forum=True)
    topics = [world.telegram.add_topic(group, name) for name in ("One", "Two")]
    world.coze.use(saying("First answer."), for_text="first")
    world.coze.use(saying("Second answer."), for_text="second")
    async with world.bridge() as app:
        world.telegram.fail("sendMessage", after_executing=True, times=2)
        for topic, text in zip(topics, ("first", "second"), strict=True):
            world.telegram.send(ann, f"@sandbox_bot {text}", chat=group, thread_id=topic)
        await eventually(lambda: len(world.coze.asked) == 2, 100)
        await eventually(lambda: not len(app.lanes), 300)
        await world.telegram.until(
            lambda: sum(len(world.telegram.posts(group, one)) for one in topics) == 2, 300
        )
        for topic, answer in zip(topics, ("First answer.", "Second answer."), strict=True):
            (post,) = world.telegram.posts(group, topic)
            assert post.text == answer
            assert not is_running(post)


@in_a_fast_world
async def test_a_command_and_an_answer_in_doubt_both_stand(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0, 0.1)
    world.coze.use(saying("so many words " * 40))
    async with world.bridge(BRIDGE_QUIET_SECONDS="0"):
        world.telegram.fail("sendMessage", after_executing=True, times=2)
        world.telegram.send(ann, "one")
        world.telegram.send(ann, "/help")
        await asyncio.sleep(150)
        posts = world.posts(ann)
        assert sum(p.text == ("so many words " * 40).strip() for p in posts) == 1
        assert len(posts) == 2
        assert not any(map(is_running, posts))


def test_a_shutdown_during_a_search_under_a_flood_limit_is_in_time(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path, pace=Pace(0.2, 0.3)) as world:
            ann = world.telegram.add_person("Ann")
            world.coze.use(saying("so many words " * 300))
            loop = asyncio.get_running_loop()
            async with world.bridge(BRIDGE_GRACE_SECONDS="0"):
                world.telegram.fail("sendMessage", after_executing=True)
                world.telegram.send(ann, "one")
                await world.telegram.until(lambda: bool(world.posts(ann)), timeout=100)
                world.telegram.flood(ann, seconds=400)
                await asyncio.sleep(40)
                begun = loop.time()
            assert loop.time() - begun < 15

    run_fast(journey())


async def test_let_go_with_a_dead_token_keeps_the_memory(world: World) -> None:
    """A token that is refused for a while must not cost the chat its conversation."""
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying(ANSWER))
    async with world.bridge() as app:
        world.telegram.send(ann, "one")
        await world.settled(ann, 1)
        await eventually(lambda: not len(app.lanes), 10)
        async with app.store.writing() as tx:
            await tx.exec_driver_sql("UPDATE turns SET run_may_continue = 1")
        world.coze.fail("/v3/chat/retrieve", 4100, times=10)
        world.coze.fail("/v1/conversation/create", 4100, times=10)
        world.telegram.send(ann, "two")
        await world.settled(ann, 2)
        world.coze.mend()
        world.telegram.send(ann, "three")
        await world.settled(ann, 3)
    assert len(world.coze.conversations) == 1


@in_a_fast_world
async def test_a_stop_survives_a_crash(world: World) -> None:
    """Stop is told as done; the process ends before the run is known to be cancelled."""
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.2, 0.3)
    world.coze.use(saying("first " * 100))
    async with world.bridge(BRIDGE_GRACE_SECONDS="0"):
        world.telegram.send(ann, "one")
        await world.telegram.until(lambda: bool(world.posts(ann)), timeout=100)
        world.coze.delay("/v3/chat/cancel", 30)
        query = world.telegram.press(ann, world.posts(ann)[0].message_id, "Stop")
        await world.telegram.until(lambda: query in world.telegram.answers, timeout=100)
        world.telegram.delay("*", 30, times=20)
    world.telegram.mend()
    world.coze.mend()
    async with world.bridge():
        await world.settled(ann, 1, timeout=100)
        await asyncio.sleep(10)
        assert "topped" in world.posts(ann)[-1].text
