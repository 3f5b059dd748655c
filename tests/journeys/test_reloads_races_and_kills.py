"""Operators' things where they go wrong: reloads that fail, races, kills, and ways around a no."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
from fast import run_fast
from structlog.testing import capture_logs
from worlds import World, a_world, eventually, in_a_fast_world, in_a_world_of_speed

from bridge.app import App
from bridge.errors import StoreTrouble
from bridge.model import ChatKey
from bridge.ops.run import until_signal
from bridge.sandbox.coze import saying
from bridge.sandbox.telegram import Message, Person
from bridge.serving import serving
from bridge.settings.environment import settings_from
from bridge.store import chats
from bridge.store.operators import access, alarms, audit, broadcasts
from bridge.store.operators.access import Access
from bridge.store.operators.broadcasts import Delivery
from bridge.telegram.commands.context import ProcessControls as Controls

pytestmark = pytest.mark.slow

ANSWER = "An answer of some words."


async def said(world: World, person: Person, text: str, posts: int = 1) -> Message:
    """The bot's last message to a command."""
    count = len(world.posts(person))
    world.telegram.send(person, text)
    await world.telegram.until(lambda: len(world.posts(person)) >= count + posts, 200, text)
    return await world.settled(person, count + posts, timeout=200)


async def press(world: World, person: Person, post: Message, label: str) -> str | None:
    """What is said in passing when a button is pressed."""
    query = world.telegram.press(person, post.message_id, label)
    await world.telegram.until(lambda: query in world.telegram.answers, 200)
    return world.telegram.answers[query]


def operator(person: Person) -> dict[str, str]:
    return {"BRIDGE_OPERATORS": str(person.id)}


@asynccontextmanager
async def run_as_program(variables: dict[str, str]) -> AsyncIterator[None]:
    """What `bridge run` does; it reads the variables as they are at a reload."""
    ready = asyncio.Event()

    async def live() -> None:
        await until_signal(settings_from(variables), ready.set, lambda: settings_from(variables))

    living = asyncio.create_task(live())
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({living, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        yield
    finally:
        if not living.done():
            signal.raise_signal(signal.SIGTERM)
        await living


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"TELEGRAM_BOT_TOKEN": "43:WRONG"}, "does not know the token"),
        ({"BRIDGE_HEALTH_PORT": "taken"}, "Choose another BRIDGE_HEALTH_PORT"),
        ({"TELEGRAM_API_BASE_URL": "http://127.0.0.1:9"}, "TELEGRAM_API_BASE_URL"),
        ({"DATABASE_URL": "sqlite+aiosqlite:////nowhere/at/all.db"}, "cannot be opened"),
    ],
)
def test_a_reload_whose_start_fails_goes_back_to_what_worked(
    tmp_path, wrong: dict[str, str], told: str
) -> None:
    async def journey() -> None:
        async with a_world(tmp_path) as world, serving(world.coze.app) as taken:
            ann = world.telegram.add_person("Ann")
            world.coze.use(saying(ANSWER))
            good = {**world.variables, **operator(ann)}
            variables = dict(good)
            async with run_as_program(variables):
                post = await said(world, ann, "/reload")
                port = taken.rpartition(":")[2]
                variables |= {name: port if value == "taken" else value
                              for name, value in wrong.items()}  # fmt: skip
                world.telegram.press(ann, post.message_id, "Yes")
                await world.telegram.until(
                    lambda: told in world.posts(ann)[-1].text, 500, "the reason"
                )
                assert "43:WRONG" not in world.posts(ann)[-1].text
                assert (await said(world, ann, "hello")).text == ANSWER
                variables.clear()
                variables |= good
                post = await said(world, ann, "/reload")
                world.telegram.press(ann, post.message_id, "Yes")
                await world.telegram.until(
                    lambda: "Restarted" in world.posts(ann)[-1].text, 500, "the news"
                )

    run_fast(journey())


@in_a_fast_world
async def test_a_reload_happens_once_though_telegram_is_slow_then(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    wished: list[bool] = []

    def reload() -> list[str]:
        wished.append(True)
        return []

    async with world.bridge(controls=Controls(reload=reload), **operator(ann)):
        post = await said(world, ann, "/reload")
        world.telegram.delay("editMessageText", 15)
        world.telegram.press(ann, post.message_id, "Yes")
        await eventually(lambda: wished, 100)
    async with world.bridge(controls=Controls(reload=reload), **operator(ann)):
        await asyncio.sleep(20)
    assert len(wished) == 1


@in_a_fast_world
async def test_two_who_send_the_code_at_once_do_not_both_become_operators(world: World) -> None:
    people = [world.telegram.add_person(name) for name in ("Ann", "Bo", "Cid", "Dan")]
    with capture_logs() as logs:
        async with world.bridge() as app:
            code = next(entry["code"] for entry in logs if "code" in entry)
            world.coze.use(saying(ANSWER))
            for one in people:
                world.telegram.send(one, code)
            for one in people:
                await world.settled(one, 1, timeout=200)
            assert len(app.context.rights.operators) == 1


@in_a_fast_world
async def test_the_code_holds_when_it_could_not_be_written_down(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    with capture_logs() as logs:
        async with world.bridge() as app:
            code = next(entry["code"] for entry in logs if "code" in entry)
            with pytest.MonkeyPatch.context() as patch:
                failing = AsyncMock(side_effect=StoreTrouble("Writing", "it is full"))
                patch.setattr(access, "make_operator", failing)
                world.telegram.send(ann, code)
                await eventually(lambda: failing.await_count, 100)
                assert not app.context.rights.operators
            await world.telegram.until(lambda: len(world.posts(ann)) == 1, 200)
            assert app.context.rights.operators == {ann.id}


@in_a_fast_world
async def test_new_operators_and_groups_that_operators_add_are_in_the_audit(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    with capture_logs() as logs:
        async with world.bridge(BRIDGE_ACCESS="approval") as app:
            code = next(entry["code"] for entry in logs if "code" in entry)
            await said(world, ann, code)
            group = world.telegram.add_group("Group", [ann])
            await world.telegram.until(lambda: bool(world.posts(group)), 100)
            async with app.store.reading() as tx:
                acts = await audit.newest(tx, 10)
    assert [(one.operator_id, one.act, one.subject) for one in acts] == [
        (ann.id, "allowed", str(group.id)),
        (ann.id, "operator", str(ann.id)),
    ]


@in_a_fast_world
async def test_a_pause_holds_for_the_button_that_tries_again_and_for_edits(world: World) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    async with world.bridge(**operator(ann)):
        question = world.telegram.send(bo, "hello")
        await world.settled(bo, 1)
        await said(world, ann, "/pause")
        world.telegram.edit(bo, question, "hello there")
        await world.telegram.until(lambda: len(world.posts(bo)) == 2, 100)
        assert "taking a break" in world.posts(bo)[-1].text
        await said(world, ann, "/resume")
        failed = await said(world, bo, "fail")
        asked = len(world.coze.asked)
        await said(world, ann, "/pause")
        assert await press(world, bo, failed, "Try again") == "Not now. Write to me, and I say why."
        await world.handled()
        await asyncio.sleep(10)
        assert len(world.coze.asked) == asked


NEWS = "News for everybody"


async def meet(app: App, people: list[Person], world: World) -> None:
    """People who have all written to the bot before."""
    async with app.store.writing() as tx:
        for one in people:
            await chats.ensure_chat(tx, ChatKey(one.id))
            world.telegram.world.chat(one.id).known = True


async def confirmed(world: World, ann: Person) -> Message:
    """A broadcast that is sent now."""
    sure = await said(world, ann, f"/broadcast {NEWS}", posts=2)
    world.telegram.press(ann, sure.message_id, "Send")
    return sure


def got(world: World, people: list[Person]) -> list[int]:
    return [sum(post.text == NEWS for post in world.posts(one)) for one in people]


@in_a_fast_world
async def test_a_broadcast_goes_on_after_a_trouble_of_the_database(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    people = [world.telegram.add_person(f"Person {number}") for number in range(30)]
    async with world.bridge(**operator(ann)) as app:
        await meet(app, people, world)
        write, left = broadcasts.mark, [20]

        async def failing(*what: Any) -> None:
            left[0] -= 1
            if -6 < left[0] <= 0:
                raise StoreTrouble("Writing to the database", "it is locked")
            await write(*what)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(broadcasts, "mark", failing)
            sure = await confirmed(world, ann)
            await world.telegram.until(lambda: sure.text.startswith("Sent."), 400)
    assert left[0] <= -6
    assert got(world, people) == [1] * 30
    assert sure.text == "Sent.\ndelivered: 30"


@in_a_world_of_speed(4.0)
async def test_a_reload_in_the_middle_of_a_broadcast_leaves_nothing_unknown(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    people = [world.telegram.add_person(f"Person {number}") for number in range(60)]
    async with world.bridge(**operator(ann)) as app:
        await meet(app, people, world)
        sure = await said(world, ann, f"/broadcast {NEWS}", posts=2)
        world.telegram.delay("sendMessage", 0.5, times=1000)
        world.telegram.press(ann, sure.message_id, "Send")
        await world.telegram.until(lambda: sum(got(world, people)) > 20, 400)
    world.telegram.mend()
    assert sum(got(world, people)) < 60
    async with world.bridge(**operator(ann)):
        await world.telegram.until(lambda: sure.text.startswith("Sent."), 400)
    assert got(world, people) == [1] * 60
    assert sure.text == "Sent.\ndelivered: 60"


@in_a_fast_world
async def test_a_chat_that_wants_silence_holds_up_no_broadcast_and_no_cancelling(
    world: World,
) -> None:
    ann = world.telegram.add_person("Ann")
    people = [world.telegram.add_person(f"Person {number}") for number in range(20)]
    async with world.bridge(**operator(ann)) as app:
        await meet(app, people, world)
        app.context.calls.pacer.silenced(people[0].id, 3600)
        sure = await confirmed(world, ann)
        await world.telegram.until(lambda: sum(got(world, people)) == 19, 400)
        await world.telegram.until(lambda: "still to come: 1" in sure.text, 400)
        world.telegram.press(ann, sure.message_id, "Cancel")
        await world.telegram.until(lambda: sure.text.startswith("Cancelled."), 100)
        report: Mapping[Delivery, int] = {}
        async with asyncio.timeout(100):
            while report != {Delivery.DELIVERED: 19, Delivery.DUE: 1}:
                await asyncio.sleep(0.1)
                async with app.store.reading() as tx:
                    report = await broadcasts.report(tx, 1)


@in_a_fast_world
async def test_what_is_too_long_in_the_units_of_telegram_is_said_or_cut(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge(**operator(ann)) as app:
        assert "/broadcast" in (await said(world, ann, "/broadcast " + "🎉" * 3000)).text
        async with app.store.writing() as tx:
            for number in range(1, 40):
                await chats.ensure_chat(tx, ChatKey(-number))
                await chats.set_title(tx, ChatKey(-number), "🎉" * 128)
        assert "🎉" in (await said(world, ann, "/chats")).text
        assert not [call for call in world.telegram.calls if call.status == 400
                    and call.method == "sendMessage"]  # fmt: skip


@in_a_fast_world
async def test_forgetting_in_a_group_ends_what_somebody_has_asked_elsewhere(world: World) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    group = world.telegram.add_group("Group", [ann, bo])
    async with world.bridge() as app:
        await world.telegram.until(lambda: bool(world.posts(group)), 100)
        world.telegram.send(bo, "slow secret 4711")
        await world.telegram.until(lambda: bool(world.posts(bo)), 100)
        world.telegram.send(bo, "secret 4712")
        world.telegram.send(bo, "/forget@sandbox_bot", chat=group)
        await world.settled(group, 2, timeout=100)
        post = world.posts(group)[-1]
        world.telegram.press(bo, post.message_id, "Delete all of it", chat=group)
        await world.telegram.until(lambda: "Deleted" in world.posts(group)[-1].text, 400)
        async with app.store.reading() as tx:
            rows = (await tx.exec_driver_sql("SELECT * FROM turns")).all()
    assert rows == []


def told(world: World, person: Person, sign: str) -> int:
    return sum(post.text.startswith(sign) for post in world.posts(person))


@in_a_fast_world
async def test_only_an_answer_says_that_what_was_wrong_with_coze_is_over(world: World) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    async with world.bridge(**operator(ann)) as app:
        await said(world, ann, "/help")
        world.coze.use(saying(ANSWER))
        world.coze.fail("/v3/chat", 4028, times=1)
        await said(world, bo, "hello")
        await world.telegram.until(lambda: told(world, ann, "🔴") == 1, 100)
        world.coze.fail("/v3/chat", 4016, times=1000)
        count = len(world.posts(bo))
        world.telegram.send(bo, "hello")
        await asyncio.sleep(5)
        world.telegram.send(bo, "/stop")
        await world.settled(bo, count + 1, timeout=100)
        assert "stopped" in world.posts(bo)[-1].text.lower()
        await asyncio.sleep(10)
        assert told(world, ann, "🟢") == 0
        world.coze.mend()
        await said(world, bo, "hello")
        await world.telegram.until(lambda: told(world, ann, "🟢") == 1, 100)
        assert app.alarms is not None


@in_a_fast_world
async def test_an_alarm_reaches_each_operator_though_another_cannot_be_told_now(
    world: World,
) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    async with world.bridge(BRIDGE_OPERATORS=f"{ann.id},{bo.id}") as app:
        await said(world, ann, "/help")
        await said(world, bo, "/help")
        app.context.calls.pacer.silenced(ann.id, 3600)
        world.coze.fail("/v3/chat", 4028, times=1)
        world.telegram.send(bo, "hello")
        await world.telegram.until(lambda: told(world, bo, "🔴") == 1, 100)


@in_a_fast_world
async def test_an_alarm_that_was_begun_before_a_crash_is_told_after_it(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge(**operator(ann)) as app:
        await said(world, ann, "/help")
        async with app.store.writing() as tx:  # it died here, before anybody was told
            await alarms.begin(tx, "quota", "The plan is used up.")
    for _ in range(2):
        async with world.bridge(**operator(ann)):
            await world.telegram.until(lambda: told(world, ann, "🔴") == 1, 100)
            await asyncio.sleep(40)
    assert told(world, ann, "🔴") == 1
    assert told(world, ann, "🟢") == 0


@in_a_fast_world
async def test_a_trouble_of_the_database_is_told_once_though_nobody_writes_after_it(
    world: World,
) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge(**operator(ann)) as app:
        await said(world, ann, "/help")
        await asyncio.sleep(5)
        begin, failing = alarms.begin, [True]

        async def begins(*what: Any) -> bool:
            if failing[0]:
                raise StoreTrouble("Writing to the database", "it is full")
            return await begin(*what)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(alarms, "begin", begins)
            app.store.fault = StoreTrouble("Writing to the database", "it is full")
            await world.telegram.until(lambda: told(world, ann, "🔴") == 1, 200)
            failing[0] = False
            app.store.fault = StoreTrouble("Writing to the database", "it is full")
            await world.telegram.until(lambda: told(world, ann, "🟢") == 1, 200)
            await asyncio.sleep(60)
    assert (told(world, ann, "🔴"), told(world, ann, "🟢")) == (1, 1)


@in_a_fast_world
async def test_the_watch_outlives_a_store_that_cannot_be_read_when_it_begins(
    world: World,
) -> None:
    ann = world.telegram.add_person("Ann")
    failing = [True]
    current = alarms.current

    async def once(*what: Any) -> Any:
        if failing.pop():
            failing.append(False)
            raise StoreTrouble("Reading the database", "it is locked")
        failing.append(False)
        return await current(*what)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alarms, "current", once)
        async with world.bridge(**operator(ann)):
            await eventually(lambda: failing == [False], 100)
            await said(world, ann, "/help")
            world.telegram.fail("getUpdates", status=502, times=1000)
            await world.telegram.until(
                lambda: "Nothing was heard" in world.posts(ann)[-1].text, 1000
            )


@in_a_fast_world
async def test_who_is_let_out_elsewhere_is_out_here_and_a_group_stays_out_when_it_moves(
    world: World,
) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    group = world.telegram.add_group("Group", [ann, bo], basic=True)
    world.coze.use(saying(ANSWER))
    async with world.bridge(**operator(ann)) as app:
        await world.telegram.until(lambda: bool(world.posts(group)), 100)
        await said(world, ann, f"/block {group.id}")
        moved = world.telegram.migrate(group)
        world.telegram.send(bo, "/ask hello", chat=moved)
        await world.handled()
        await asyncio.sleep(20)
        assert not world.coze.asked
        async with app.store.writing() as tx:  # as another process does
            await access.decide(tx, bo.id, Access.BLOCKED, "Bo", ann.id)
        world.telegram.send(bo, "hello")
        await world.handled()
        await asyncio.sleep(20)
        assert not world.coze.asked


def test_a_clock_that_is_off_is_an_alarm(tmp_path: Path) -> None:
    behind = [300.0]

    async def journey() -> None:
        def clock() -> float:
            return time.time() - behind[0]

        async with a_world(tmp_path, clock=clock, server_clock=clock) as world:
            ann = world.telegram.add_person("Ann")
            async with world.bridge(BRIDGE_OPERATORS=str(ann.id)):
                world.telegram.send(ann, "/help")
                await eventually(
                    lambda: any("5 minutes ahead" in post.text for post in world.posts(ann)), 200
                )
                behind[0] = 0.0
                world.telegram.send(ann, "/help")
                await eventually(lambda: any("Over" in post.text for post in world.posts(ann)), 200)

    run_fast(journey())
