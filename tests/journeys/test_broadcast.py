"""Send a message to everybody: seen first, confirmed, paced; each gets it once, whatever happens."""

import sqlite3
import time
from pathlib import Path

import pytest
from fast import run_fast_together
from processes import Bridge
from worlds import World, a_world, buttons, in_a_fast_world

from bridge.sandbox.telegram import Message, Person

pytestmark = pytest.mark.slow

SPEED = 4.0
PEOPLE = 1000
TEXT = "**News** for everybody"


def crowd(world: World, folder: Path, count: int) -> list[Person]:
    """People who have all written to the bot before."""
    people = [world.telegram.add_person(f"Person {number}") for number in range(count)]
    with sqlite3.connect(folder / "bridge.db") as database:
        database.executemany(
            "INSERT INTO chats (chat_id, thread_id, user_id, created_at) VALUES (?, 0, ?, ?)",
            [(one.id, f"tg-{one.id}", time.time()) for one in people],
        )
    database.close()
    for one in people:
        world.telegram.world.chat(one.id).known = True
    return people


async def confirmed(world: World, ann: Person, label: str = "Send") -> Message:
    """The message with the buttons, once its button was pressed."""
    count = len(world.posts(ann))
    world.telegram.send(ann, f"/broadcast {TEXT}")
    await world.telegram.until(lambda: len(world.posts(ann)) == count + 2, 400)
    shown, sure = world.posts(ann)[-2:]
    assert shown.text == "News for everybody"
    assert list(buttons(sure)) == ["Send", "Cancel"]
    world.telegram.press(ann, sure.message_id, label)
    return sure


def got(world: World, people: list[Person]) -> list[int]:
    """How often each got it."""
    return [sum(post.text == "News for everybody" for post in world.posts(one)) for one in people]


@in_a_fast_world
async def test_who_blocked_the_bot_is_reported_and_the_operator_sees_how_far_it_is(
    world: World,
) -> None:
    folder = Path(str(world.variables["DATABASE_URL"]).removeprefix("sqlite+aiosqlite:///")).parent
    people = crowd(world, folder, 60)
    ann = people[0]
    for one in people[10:13]:
        world.telegram.block(one)
    async with world.bridge(BRIDGE_OPERATORS=str(ann.id)):
        sure = await confirmed(world, ann, "Cancel")
        await world.telegram.until(lambda: "Cancelled" in sure.text, 100)
        sure = await confirmed(world, ann)
        await world.telegram.until(lambda: sure.text.startswith("Sent."), 400)
        assert sure.text == "Sent.\ndelivered: 57\nblocked the bot: 3"
        again = world.telegram.press(ann, sure.message_id, data="op:broadcast:send:2")
        await world.telegram.until(lambda: again in world.telegram.answers, 100)
        await world.handled()
    assert got(world, people) == [
        3 if one is ann else int(one not in people[10:13]) for one in people
    ]
    assert any("Sending" in frame.text for frame in sure.history)
    assert not [call for call in world.telegram.calls if call.status == 429]


@in_a_fast_world
async def test_it_can_be_cancelled_in_the_middle(world: World) -> None:
    folder = Path(str(world.variables["DATABASE_URL"]).removeprefix("sqlite+aiosqlite:///")).parent
    people = crowd(world, folder, 200)
    ann = people[0]
    async with world.bridge(BRIDGE_OPERATORS=str(ann.id)):
        sure = await confirmed(world, ann)
        await world.telegram.until(
            lambda: sum(got(world, people)) > 40 and "Cancel" in buttons(sure), 400
        )
        world.telegram.press(ann, sure.message_id, "Cancel")
        await world.telegram.until(lambda: sure.text.startswith("Cancelled."), 400)
        count = sum(got(world, people))
        await world.handled()
        assert "still to come" in sure.text
    assert 40 < count < 200
    assert sum(got(world, people)) <= count + 8


def test_each_of_a_thousand_gets_it_once_though_the_bridge_is_killed(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path) as world:
            people = crowd(world, tmp_path, PEOPLE)
            ann = people[0]
            variables = {**world.variables, "BRIDGE_OPERATORS": str(ann.id)}
            first = Bridge(variables, tmp_path, speed=SPEED)
            try:
                await first.ready(400)
                sure = await confirmed(world, ann)
                await world.telegram.until(lambda: sum(got(world, people)) > 300, 400)
            finally:
                first.kill()
            second = Bridge(variables, tmp_path, speed=SPEED)
            try:
                await second.ready(400)
                await world.telegram.until(lambda: sure.text.startswith("Sent."), 800)
            finally:
                second.terminate()
                assert await second.ended(400) == 0
            often = got(world, people)
            often[0] -= 1  # the operator has seen it before
            assert max(often) == 1
            missing = often.count(0)
            unknown = [line for line in sure.text.split("\n") if line.startswith("unknown")]
            reported = int(unknown[0].rpartition(" ")[2]) if unknown else 0
            assert missing <= reported <= 8
            delivered = int(sure.text.split("\n")[1].removeprefix("delivered: "))
            assert delivered + reported == PEOPLE

    run_fast_together(journey(), SPEED)
