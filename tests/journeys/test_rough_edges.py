"""Edits, stops and refusals in the worst moments: every question still gets its one end."""

from worlds import World, buttons, eventually, in_a_fast_world, is_running

from bridge.sandbox.coze import Pace, saying
from bridge.sandbox.coze.scripts.steps import Completed, Delta, ending, fixed


@in_a_fast_world
async def test_a_place_that_takes_no_text_does_not_end_the_chat(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    gone = {"ok": False, "error_code": 400, "description": "Bad Request: nobody knows why"}
    async with world.bridge() as app:
        world.telegram.fail("sendMessage", status=400, times=1000, body=gone)
        world.telegram.send(ann, "first")
        await world.coze.until(lambda: len(world.coze.asked) == 1, 100)
        await eventually(lambda: not len(app.lanes), 300)
        world.telegram.mend()
        world.telegram.send(ann, "second")
        await world.settled(ann, 1, timeout=300)
    assert [one.question for one in world.coze.asked] == ["first", "second"]


@in_a_fast_world
async def test_an_edit_while_the_answer_is_being_stopped_is_answered(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.5, 0.5)
    world.coze.use(saying("old " * 200), for_text="first")
    world.coze.use(saying("New."), for_text="second")
    async with world.bridge():
        question = world.telegram.send(ann, "first")
        await world.telegram.until(lambda: bool(world.posts(ann)), timeout=100)
        world.coze.delay("/v3/chat/cancel", 2.0)
        world.telegram.press(ann, world.posts(ann)[0].message_id, "Stop")
        await world.telegram.until(lambda: bool(world.telegram.answers), timeout=100)
        world.telegram.edit(ann, question, "second")
        await world.telegram.until(lambda: world.posts(ann)[0].text == "New.", timeout=300)
    assert len(world.posts(ann)) == 1


@in_a_fast_world
async def test_an_edit_while_a_post_is_on_its_way_leaves_no_orphan(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.2, 0.2)
    world.coze.use(saying("old words " * 50), for_text="first")
    world.coze.use(saying("New."), for_text="second")
    async with world.bridge():
        world.telegram.delay("sendMessage", 3.0)
        question = world.telegram.send(ann, "first")
        await world.coze.until(lambda: len(world.coze.asked) == 1, 100)
        world.telegram.edit(ann, question, "second")
        await world.telegram.until(
            lambda: [post.text for post in world.posts(ann)] == ["New."], timeout=300
        )
        await world.settled(ann, 1, timeout=100)


@in_a_fast_world
async def test_a_post_too_many_is_deleted_even_if_that_fails_once(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.1, 0.1)
    long = [Delta("a", "many words here " * 5) for _ in range(80)]
    async with world.bridge():
        world.coze.use(fixed(*long, Completed("a", "Short."), *ending()))
        world.telegram.fail("deleteMessage", status=502)
        world.telegram.send(ann, "hello")
        await world.telegram.until(lambda: len(world.posts(ann)) == 2, timeout=300)
        await world.telegram.until(lambda: len(world.posts(ann)) == 1, timeout=300)
        post = await world.settled(ann, 1, timeout=100)
    assert post.text == "Short."


@in_a_fast_world
async def test_stop_reaches_a_turn_that_begins_anew(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.5, 0.5)
    world.coze.use(saying("words " * 200))
    async with world.bridge(BRIDGE_QUIET_SECONDS="2"):
        question = world.telegram.send(ann, "first")
        await world.telegram.until(lambda: bool(world.posts(ann)), timeout=100)
        world.telegram.edit(ann, question, "second")
        await world.coze.until(
            lambda: any(run.status == "canceled" for run in world.coze.runs.values()), 100
        )
        world.telegram.send(ann, "/stop")
        post = await world.settled(ann, 1, timeout=100)
        await world.telegram.until(lambda: not is_running(world.posts(ann)[0]), timeout=100)
    assert "Stopped." in post.text
    assert len(world.posts(ann)) == 1


async def test_a_forged_button_changes_no_answer(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.coze.use(saying("Good."))
        world.telegram.send(ann, "hello")
        post = await world.settled(ann, 1)
        query = world.telegram.press(ann, post.message_id, data="set:reasoning:on")
        await world.telegram.until(lambda: query in world.telegram.answers)
    assert world.posts(ann)[0].text == "Good."
    assert "👍" in buttons(world.posts(ann)[0])
