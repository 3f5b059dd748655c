"""In a private chat an answer quotes its question when something stands between the two."""

from sqlalchemy import delete
from worlds import World, buttons, in_a_fast_world

from bridge.sandbox.coze import Pace, saying
from bridge.store.tables import outbox


@in_a_fast_world
async def test_an_answer_right_below_its_question_quotes_nothing(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("Yes."))
    async with world.bridge():
        for count, text in enumerate(("one", "two"), 1):
            world.telegram.send(ann, text)
            await world.settled(ann, count)
        world.telegram.send(ann, "/privacy")
        await world.telegram.until(lambda: len(world.posts(ann)) == 3, 100)
        world.telegram.send(ann, "three")
        await world.settled(ann, 4)
    assert [post.reply_to_message_id for post in world.posts(ann)] == [None] * 4


@in_a_fast_world
async def test_questions_that_come_before_an_answer_have_it_quote_its_own(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(20.0, 0)
    world.coze.use(saying("Yes."))
    async with world.bridge():
        first = world.telegram.send(ann, "one")
        await world.telegram.until(lambda: world.coze.asked, 100)
        world.telegram.send(ann, "two")
        last = world.telegram.send(ann, "three")
        await world.settled(ann, 2)
    assert [one.question for one in world.coze.asked] == ["one", "two\n\nthree"]
    assert [post.reply_to_message_id for post in world.posts(ann)] == [first, last]


@in_a_fast_world
async def test_a_command_between_has_the_answer_quote_its_question(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(20.0, 0)
    world.coze.use(saying("Yes."))
    async with world.bridge():
        first = world.telegram.send(ann, "one")
        await world.telegram.until(lambda: world.coze.asked, 100)
        world.telegram.send(ann, "/privacy")
        await world.settled(ann, 2)
    assert {post.text: post.reply_to_message_id for post in world.posts(ann)}["Yes."] == first


@in_a_fast_world
async def test_files_that_arrive_below_a_later_question_quote_their_own(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    hosts = world.settings.coze_api_base.removeprefix("http://")
    busy = {"error_code": 429, "description": "Too Many Requests: retry after 20"}
    refusal = {"ok": False, **busy, "parameters": {"retry_after": 20}}
    world.telegram.fail("sendPhoto", 429, body=refusal)
    async with world.bridge(BRIDGE_PICTURE_HOSTS=hosts):
        first = world.telegram.send(ann, "picture please")
        await world.telegram.until(
            lambda: any(call.method == "sendPhoto" for call in world.telegram.calls), 100
        )
        world.telegram.send(ann, "something brief")
        await world.settled(ann, 3)
    (photo,) = [post for post in world.posts(ann) if post.attachment]
    assert photo.reply_to_message_id == first


@in_a_fast_world
async def test_a_restart_forgets_none_of_it(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(20.0, 0)
    world.coze.use(saying("Yes."))
    async with world.bridge():
        first = world.telegram.send(ann, "one")
        await world.telegram.until(lambda: world.coze.asked, 100)
        last = world.telegram.send(ann, "two")
        await world.handled()
    async with world.bridge():
        await world.settled(ann, 2)
    assert [post.reply_to_message_id for post in world.posts(ann)] == [first, last]


@in_a_fast_world
async def test_the_answer_to_a_pressed_suggestion_quotes_no_earlier_answer(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("Yes.", follow_ups=["More?"]))
    async with world.bridge():
        world.telegram.send(ann, "one")
        post = await world.settled(ann, 1)
        await world.telegram.until(lambda: "More?" in buttons(world.posts(ann)[0]), 100)
        world.telegram.press(ann, post.message_id, "More?")
        await world.settled(ann, 3)
    assert [one.text for one in world.posts(ann)] == ["Yes.", "More?", "Yes."]
    assert [one.reply_to_message_id for one in world.posts(ann)] == [None] * 3


@in_a_fast_world
async def test_a_question_that_was_deleted_is_answered_all_the_same(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(20.0, 0)
    world.coze.use(saying("Yes."))
    async with world.bridge():
        first = world.telegram.send(ann, "one")
        await world.telegram.until(lambda: world.coze.asked, 100)
        world.telegram.delete(ann, first)
        last = world.telegram.send(ann, "two")
        await world.settled(ann, 2)
    assert [one.reply_to_message_id for one in world.posts(ann)] == [None, last]


@in_a_fast_world
async def test_a_pressed_suggestion_is_quoted_as_we_show_it(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("Yes.", follow_ups=["More?"]))
    async with world.bridge() as app:
        world.telegram.send(ann, "one")
        post = await world.settled(ann, 1)
        await world.telegram.until(lambda: "More?" in buttons(world.posts(ann)[0]), 100)
        async with app.store.writing() as tx:  # what is three days old is forgotten there
            await tx.execute(delete(outbox))
        world.coze.pace = Pace(20.0, 0)
        world.telegram.press(ann, post.message_id, "More?")
        await world.telegram.until(lambda: len(world.coze.asked) == 2, 100)
        last = world.telegram.send(ann, "two")
        await world.settled(ann, 4)
    _, shown, more, two = world.posts(ann)
    assert shown.text == "More?"
    assert (more.reply_to_message_id, two.reply_to_message_id) == (shown.message_id, last)
