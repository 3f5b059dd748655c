"""Buttons pressed twice, late or in a hurry; chats that go on after any trouble."""

import asyncio
from pathlib import Path

import pytest
from fast import run_fast
from sqlalchemy import delete
from worlds import World, a_world, buttons, eventually, in_a_fast_world

from bridge.sandbox.coze import Pace, saying
from bridge.store import inbox, migrate
from bridge.store.engine import Store
from bridge.store.tables import suggestions


async def test_an_old_retry_button_does_not_touch_a_newer_answer(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.coze.fail("/v3/chat", 4014)
        world.telegram.send(ann, "riddle")
        failed = await world.settled(ann, 1)
        world.coze.use(saying("The good answer."))
        world.telegram.send(ann, "second")
        await world.settled(ann, 2)
        query = world.telegram.press(ann, failed.message_id, "Try again")
        await world.telegram.until(lambda: query in world.telegram.answers)
        assert world.telegram.answers[query] == "This button is no longer in use."
    assert [one.question for one in world.coze.asked] == ["second"]


async def test_two_taps_on_retry_or_a_suggestion_ask_once(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.coze.fail("/v3/chat", 4014)
        world.telegram.send(ann, "riddle")
        failed = await world.settled(ann, 1)
        world.coze.use(saying("Good.", follow_ups=["More?", " "]))
        retry = buttons(failed)["Try again"]
        taps = [world.telegram.press(ann, failed.message_id, data=retry) for _ in range(2)]
        await world.telegram.until(lambda: set(taps) <= set(world.telegram.answers))
        await world.telegram.until(lambda: "More?" in buttons(world.posts(ann)[0]))
        more = buttons(world.posts(ann)[0])["More?"]
        taps = [world.telegram.press(ann, failed.message_id, data=more) for _ in range(2)]
        await world.telegram.until(lambda: set(taps) <= set(world.telegram.answers), timeout=10)
        await world.settled(ann, 3, timeout=10)
    assert [one.question for one in world.coze.asked] == ["riddle", "More?"]


async def test_a_retry_that_was_pressed_before_a_restart_is_not_pressed_again_by_it(
    world: World,
) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.coze.fail("/v3/chat", 4014)
        world.telegram.send(ann, "riddle")
        failed = await world.settled(ann, 1)
        world.coze.use(saying("Good."))
        world.telegram.delay("answerCallbackQuery", 15)
        world.telegram.press(ann, failed.message_id, "Try again")
        await world.telegram.until(lambda: world.posts(ann)[0].text == "Good.")
    async with world.bridge():
        world.telegram.send(ann, "next")
        await world.settled(ann, 2)
    assert [one.question for one in world.coze.asked] == ["riddle", "next"]


async def test_a_message_right_after_a_retry_is_answered_below_it(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world, world.bridge(BRIDGE_QUIET_SECONDS="0.5"):
        ann = world.telegram.add_person("Ann")
        world.coze.fail("/v3/chat", 4014)
        world.telegram.send(ann, "riddle")
        failed = await world.settled(ann, 1)
        world.coze.use(saying("Good."))
        query = world.telegram.press(ann, failed.message_id, "Try again")
        await world.telegram.until(lambda: query in world.telegram.answers)
        world.telegram.send(ann, "and another thing")
        await world.settled(ann, 2)
        assert world.telegram.messages(ann)[-1].text == "Good."
    assert [one.question for one in world.coze.asked] == ["riddle\n\nand another thing"]


@pytest.mark.parametrize("fault", [{"status": 404}, {"status": 200, "body": "<html>login</html>"}])
def test_odd_answers_of_telegram_do_not_end_a_chat(
    fault: dict[str, object], tmp_path: Path
) -> None:
    async def journey() -> None:
        async with a_world(tmp_path) as world, world.bridge():
            ann = world.telegram.add_person("Ann")
            world.coze.use(saying("Good."))
            world.telegram.fail("sendMessage", times=1, **fault)
            world.telegram.send(ann, "one")
            assert (await world.settled(ann, 1, timeout=60)).text == "Good."

    run_fast(journey())


async def test_a_turn_that_a_full_disk_left_open_is_finished_with_the_next_message(
    world: World,
) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge() as app:
        world.coze.use(saying("Good."))
        async with app.store.writing() as tx:
            await tx.exec_driver_sql(
                "CREATE TRIGGER full BEFORE UPDATE OF settled_at ON turns "
                "BEGIN SELECT RAISE(FAIL, 'disk full'); END"
            )
        world.telegram.send(ann, "one")
        await world.settled(ann, 1)
        await world.coze.until(lambda: len(world.coze.asked) == 1)
        while len(app.lanes):  # noqa: ASYNC110  # the lane ends with its trouble, unheard
            await asyncio.sleep(0)
        async with app.store.writing() as tx:
            await tx.exec_driver_sql("DROP TRIGGER full")
        world.telegram.send(ann, "two")
        await world.settled(ann, 2, timeout=10)
    assert [one.question for one in world.coze.asked] == ["one", "two"]


@pytest.mark.parametrize(
    "text",
    [
        "#",
        ">",
        "```\n```",
        "&nbsp;",
        "\u202e",
    ],
)
async def test_an_answer_that_shows_nothing_says_so(world: World, text: str) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.coze.use(saying(text))
        world.telegram.send(ann, "hello")
        assert (await world.settled(ann, 1)).text == "The agent gave an empty answer."


@pytest.mark.parametrize("text", ["[note]: http://example.com", "[](http://example.com)"])
async def test_an_answer_of_mere_syntax_is_shown_as_it_is(world: World, text: str) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.coze.use(saying(text))
        world.telegram.send(ann, "hello")
        assert (await world.settled(ann, 1)).text == text


async def test_every_update_that_an_earlier_process_left_is_settled(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        ann = world.telegram.add_person("Ann")
        store = Store(world.variables["DATABASE_URL"])
        await migrate.upgrade(store)
        async with store.writing() as tx:
            await inbox.put(tx, 42, {number: {"update_id": number} for number in range(1, 101)})
        await store.close()
        async with world.bridge() as app:
            world.coze.use(saying("Good."))
            world.telegram.send(ann, "hello")
            await world.settled(ann, 1, timeout=20)
            async with asyncio.timeout(20):
                while True:
                    async with app.store.reading() as tx:
                        if not await inbox.waiting(tx, 42):
                            break


async def test_nothing_of_a_stopped_bridge_goes_on(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    before = asyncio.all_tasks()
    async with world.bridge():
        world.telegram.send(ann, "/help")
        await world.settled(ann, 1)
        world.telegram.flood(ann, 60)
        world.telegram.send(ann, "/help")
        world.telegram.send(ann, "/help")
        await world.telegram.until(lambda: world.telegram.calls[-1].status == 429)
    left = {task.get_name() for task in asyncio.all_tasks() - before}
    assert not [
        name for name in left if name.startswith(("update", "lane", "run", "reply", "typing"))
    ]


@in_a_fast_world
async def test_new_stays_new_though_a_stopped_run_had_another_conversation(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.5, 0.05)
    async with world.bridge():
        world.telegram.send(ann, "remember the number 4711")
        await world.settled(ann, 1, timeout=200)
        world.telegram.send(ann, "tell me a long story")
        await world.coze.until(lambda: len(world.coze.asked) == 2, timeout=200)
        world.telegram.send(ann, "/new")
        await world.settled(ann, 3, timeout=200)
        world.telegram.send(ann, "what do you remember?")
        assert "4711" not in (await world.settled(ann, 4, timeout=60)).text


@in_a_fast_world
async def test_suggestions_go_once_the_talk_has_gone_on_and_ratings_stay(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("Good.", follow_ups=["More?"]))
    async with world.bridge():
        for number, text in enumerate(("one", "two", "three"), 1):
            world.telegram.send(ann, text)
            post = await world.settled(ann, number)
            await world.telegram.until(lambda: "More?" in buttons(world.posts(ann)[-1]), 100)
            if text == "one":
                world.telegram.press(ann, post.message_id, "👍")
                await eventually(lambda: "✓ 👍" in buttons(world.posts(ann)[0]), 100)
            await eventually(
                lambda: sum("More?" in buttons(one) for one in world.posts(ann)) == 1, 100
            )
    assert [[*buttons(post)] for post in world.posts(ann)] == [
        ["✓ 👍", "👎"],
        ["👍", "👎"],
        ["More?", "👍", "👎"],
    ]


@in_a_fast_world
async def test_another_member_s_suggestions_stay(world: World) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    group = world.telegram.add_group("Group", [ann, bo])
    world.coze.use(saying("Good.", follow_ups=["More?"]))
    async with world.bridge():
        await world.settled(group, 1)
        for number, person in enumerate((ann, bo, ann), 2):
            world.telegram.send(person, f"@sandbox_bot question {number}", chat=group)
            await world.settled(group, number)
        await eventually(lambda: "More?" not in buttons(world.posts(group)[1]), 100)
    assert ["More?" in buttons(post) for post in world.posts(group)] == [False, False, True, True]


@in_a_fast_world
async def test_suggestions_outlive_commands_and_dead_ones_go_when_pressed(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("Good.", follow_ups=["More?"]))
    async with world.bridge() as app:
        world.telegram.send(ann, "one")
        post = await world.settled(ann, 1)
        world.telegram.send(ann, "/privacy")
        await world.settled(ann, 2)
        assert "More?" in buttons(world.posts(ann)[0])
        data = buttons(world.posts(ann)[0])["More?"]
        # As after a crash between the edit and its row: they stand, and nothing is behind them.
        async with app.store.writing() as tx:
            await tx.execute(delete(suggestions))
        query = world.telegram.press(ann, post.message_id, data=data)
        await world.telegram.until(lambda: query in world.telegram.answers, 100)
        assert world.telegram.answers[query] == "This button is no longer in use."
        await eventually(lambda: [*buttons(world.posts(ann)[0])] == ["👍", "👎"], 100)
    assert [one.question for one in world.coze.asked] == ["one"]


@in_a_fast_world
async def test_where_nobody_rates_nothing_is_left_under_an_earlier_answer(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("Good.", follow_ups=["More?"]))
    async with world.bridge() as app:
        app.context.deployment.features.judging = False
        for number, text in enumerate(("one", "two"), 1):
            world.telegram.send(ann, text)
            await world.settled(ann, number)
        await eventually(lambda: not buttons(world.posts(ann)[0]), 100)
    assert [*buttons(world.posts(ann)[1])] == ["More?"]


@in_a_fast_world
async def test_an_answer_that_is_written_anew_keeps_its_newest_buttons(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("Yes.", follow_ups=["More?"]))
    async with world.bridge():
        one = world.telegram.send(ann, "one")
        await world.settled(ann, 1)
        await world.telegram.until(lambda: "More?" in buttons(world.posts(ann)[0]), 100)
        world.coze.use(saying("No.", follow_ups=["Less?"]))
        world.telegram.edit(ann, one, "one more")
        await world.telegram.until(lambda: "Less?" in buttons(world.posts(ann)[0]), 100)
        await asyncio.sleep(30)
        assert [*buttons(world.posts(ann)[0])] == ["Less?", "👍", "👎"]
        world.coze.fail("/v3/chat", 4014)
        world.telegram.send(ann, "/retry")
        await world.telegram.until(lambda: "Try again" in buttons(world.posts(ann)[0]), 100)
        await asyncio.sleep(30)
        assert [*buttons(world.posts(ann)[0])] == ["Try again"]


@in_a_fast_world
async def test_old_buttons_hold_up_no_end_and_outlive_it(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    before = asyncio.all_tasks()
    world.coze.use(saying("Good.", follow_ups=["More?"]))
    async with world.bridge(BRIDGE_GRACE_SECONDS="30"):
        world.telegram.send(ann, "one")
        await world.settled(ann, 1)
        world.coze.pace = Pace(3.0, 0)
        world.telegram.send(ann, "two")
        await world.telegram.until(lambda: len(world.coze.asked) == 2, 200)
    left = [task.get_name() for task in asyncio.all_tasks() - before]
    assert not [name for name in left if name.startswith("notices")]
    assert ["More?" in buttons(post) for post in world.posts(ann)] == [True, True]
    async with world.bridge():
        world.telegram.send(ann, "three")
        await world.settled(ann, 3)
        await eventually(
            lambda: sum("More?" in buttons(post) for post in world.posts(ann)) == 1, 100
        )
