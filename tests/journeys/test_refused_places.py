"""A refusal that is about the place moves the answer; what was never shown is not answered."""

import asyncio

import pytest
from worlds import World, eventually, in_a_fast_world, troubles

from bridge.app import App
from bridge.sandbox.coze import saying
from bridge.store.operators import stats

pytestmark = pytest.mark.slow

ANSWER = "An answer."


async def until_failed(app: App) -> None:
    """Return when a turn has failed; within some minutes of the loop's clock."""
    async with asyncio.timeout(300):
        while True:
            async with app.store.reading() as tx:
                if await stats.failures(tx, 5):
                    return
            await asyncio.sleep(1.0)


async def test_topics_that_were_switched_off_are_answered_at_the_root(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    topic = world.telegram.add_topic(ann, "Tea")
    world.coze.use(saying(ANSWER))
    async with world.bridge():
        world.telegram.send(ann, "one", thread_id=topic)
        await world.settled(ann, 1)
        world.telegram.switch_private_topics(False)
        world.telegram.send(ann, "two", thread_id=topic)
        post = await world.settled(ann, 2)
        world.telegram.send(ann, "three", thread_id=topic)
        await world.settled(ann, 3)
    texts = [post.text for post in world.posts(ann)]
    away = "This answers “{}”. Its topic takes no messages any more.\n\n" + ANSWER
    assert texts == [ANSWER, away.format("two"), away.format("three")]
    assert post.thread_id == 0
    assert len(world.coze.asked) == 3
    assert await troubles(world) == []
    refused = [one for one in world.telegram.calls if "thread not found" in (one.description or "")]
    assert len(refused) <= 2  # it is remembered for a while


@in_a_fast_world
async def test_a_topic_that_is_refused_for_a_moment_is_answered_a_minute_later(
    world: World,
) -> None:
    ann = world.telegram.add_person("Ann")
    topic = world.telegram.add_topic(ann, "Tea")
    world.telegram.switch_private_topics(True)
    world.coze.use(saying(ANSWER))
    async with world.bridge():
        world.telegram.refuse_topic(ann, topic)
        world.telegram.send(ann, "one", thread_id=topic)
        await world.telegram.until(lambda: len(world.coze.asked) == 1)
        world.coze.use(saying(ANSWER))
        world.telegram.refuse_topic(ann, topic, False)
        post = await world.settled(ann, 1, timeout=200)
    assert (post.text, post.thread_id) == (ANSWER, topic)
    assert len(world.coze.asked) == 1


@in_a_fast_world
async def test_a_dead_topic_of_a_private_chat_leaks_nothing_and_loses_nothing(
    world: World,
) -> None:
    ann = world.telegram.add_person("Ann")
    topic = world.telegram.add_topic(ann, "Tea")
    world.telegram.switch_private_topics(True)
    world.telegram.refuse_topic(ann, topic)
    world.coze.use(saying(ANSWER))
    async with world.bridge() as app:
        world.telegram.send(ann, "one", thread_id=topic)
        await eventually(lambda: app.context.calls.unwritable.topics(ann.id), 300)
        await eventually(lambda: not len(app.lanes), 60)
    assert world.posts(ann) == []
    world.telegram.refuse_topic(ann, topic, False)
    async with world.bridge():  # it lives after all, and another process finds that out
        world.telegram.send(ann, "two", thread_id=topic)
        await world.settled(ann, 2)
    assert [post.text for post in world.posts(ann)] == [ANSWER, ANSWER]
    assert len(world.coze.asked) == 2
    assert await troubles(world) == []


async def test_topics_that_cannot_be_asked_for_are_not_taken_for_switched_off(
    world: World,
) -> None:
    ann = world.telegram.add_person("Ann")
    topic = world.telegram.add_topic(ann, "Tea")
    world.telegram.switch_private_topics(True)
    world.telegram.refuse_topic(ann, topic)
    world.coze.use(saying(ANSWER))
    async with world.bridge() as app:
        world.telegram.fail("getMe", times=5)
        world.telegram.send(ann, "one", thread_id=topic)
        await world.telegram.until(lambda: len(world.coze.asked) == 1)
        await eventually(lambda: not len(app.lanes), 60)
    assert world.posts(ann) == []


async def test_an_old_topic_of_a_forum_is_reached_by_a_reply(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    forum = world.telegram.add_group("Forum", [ann], forum=True)
    topic = world.telegram.add_topic(forum, "Tea", ann)
    world.telegram.refuse_topic(forum, topic)
    world.coze.use(saying("Long words. " * 800))
    async with world.bridge():
        asked = world.telegram.send(ann, "@sandbox_bot one", chat=forum, thread_id=topic)
        await world.settled(forum, 4)
        world.telegram.send(ann, "/help@sandbox_bot", chat=forum, thread_id=topic)
        await world.settled(forum, 5)
        _, *posts = world.posts(forum)  # the first is the greeting
    assert [(post.thread_id, post.text[:20]) for post in posts if post.thread_id != topic] == []
    assert asked
    assert await troubles(world) == []


async def test_a_question_that_is_gone_is_answered_without_a_reply(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    group = world.telegram.add_group("Group", [ann])
    refusal = {
        "ok": False,
        "error_code": 400,
        "description": "Bad Request: reply message not found",
    }
    world.coze.use(saying(ANSWER))
    async with world.bridge():
        await world.settled(group, 1)  # the greeting
        world.telegram.fail("sendMessage", 400, body=refusal)
        world.telegram.send(ann, "@sandbox_bot one", chat=group)
        post = await world.settled(group, 2)
    assert post.text == ANSWER
    assert post.reply_to_message_id in (None, 0)


@in_a_fast_world
async def test_an_answer_that_telegram_takes_in_no_form_is_a_failure(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    refusal = {"ok": False, "error_code": 400, "description": "Bad Request: something is odd"}
    world.coze.use(saying(ANSWER))
    async with world.bridge() as app:
        world.telegram.fail("sendMessage", 400, body=refusal, times=20)
        world.telegram.send(ann, "one")

        await until_failed(app)
    (trouble,) = await troubles(world)
    assert "something is odd" in trouble
