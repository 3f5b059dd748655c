"""The process dies before or after any outside act; the next one brings everything to its end.

Judged by what the neighbours saw: each question ran once, each answer stands once and is complete.
"""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from fast import run_fast_together
from processes import Bridge, unfinished
from worlds import World, a_world, eventually, is_running

from bridge.sandbox.coze import Pace, saying
from bridge.sandbox.telegram import Message, Person

pytestmark = pytest.mark.slow

ANSWER = "**An answer** of some words, " * 190  # two posts
ACTS = {
    "getupdates": 2,
    "/v1/conversation/create": 1,
    "/v3/chat": 1,
    "sendmessage": 2,
    "editmessagetext": 2,
}
"""How often each outside act is made before the answer stands, at least."""
SPEED = 4.0
Shown = tuple[str, list[object]]
POINTS = [
    f"{side} {act} {number}"
    for act, times in ACTS.items()
    for number in range(1, times + 1)
    for side in ("before", "after")
]


def shown(world: World, person: Person) -> list[Shown]:
    """What the person reads in the end: the text and entities of every post."""
    return [(post.text, list(post.entities)) for post in world.posts(person)]


async def settled(world: World, person: Person, seconds: float = 400.0) -> list[Message]:
    def done() -> bool:
        posts = world.posts(person)
        return len(posts) >= 2 and not any(is_running(post) for post in posts)

    await world.telegram.until(done, timeout=seconds, what="the answer")
    return world.posts(person)


async def asked(world: World) -> Person:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.1, 0.002)
    world.coze.use(saying(ANSWER))
    world.telegram.send(ann, "talk")
    return ann


async def through_a_crash(folder: Path, point: str) -> tuple[World, Person]:
    """The question of one person, answered by a process that dies and one that goes on."""
    folder.mkdir()
    async with a_world(folder) as world:
        person = await asked(world)
        first = Bridge(world.variables, folder, point, speed=SPEED)
        try:
            assert await first.ended(400) == -9, f"it did not die {point}"
        finally:
            first.kill()
        second = Bridge(world.variables, folder, speed=SPEED)
        try:
            await second.ready(400)
            await settled(world, person)
            await world.telegram.until(lambda: world.telegram.pending == 0)
            await eventually(lambda: not unfinished(folder), 400)
        finally:
            second.terminate()
            assert await second.ended(400) == 0
    return world, person


def test_nothing_is_lost_and_nothing_twice_wherever_it_dies(tmp_path: Path) -> None:
    async def one(number: int, point: str, whole: list[Shown]) -> str | None:
        world, person = await through_a_crash(tmp_path / str(number), point)
        if len(world.coze.asked) != 1:
            return f"{point}: asked {len(world.coze.asked)} times"
        if shown(world, person) != whole:
            return f"{point}: {[post.text[:60] for post in world.posts(person)]}"
        return None

    async def matrix() -> None:
        async with a_world(tmp_path) as world, world.bridge():
            person = await asked(world)
            await settled(world, person)
            whole = shown(world, person)
        wholes = [whole] * len(POINTS)
        found = await asyncio.gather(*map(one, range(len(POINTS)), POINTS, wholes))
        assert [wrong for wrong in found if wrong] == []

    run_fast_together(matrix(), SPEED)


def test_a_copy_that_was_never_heard_of_loses_its_button_when_it_is_pressed(
    tmp_path: Path,
) -> None:
    async def journey() -> None:
        async with a_world(tmp_path) as world:
            ann = await asked(world)
            first = Bridge(world.variables, tmp_path, "after sendmessage 1", speed=SPEED)
            assert await first.ended(400) == -9
            with sqlite3.connect(tmp_path / "bridge.db") as database:
                database.execute("DELETE FROM outbox")
            database.close()
            async with world.bridge():
                await world.telegram.until(lambda: len(world.posts(ann)) == 3, timeout=400)
                copy = world.posts(ann)[0]
                await world.telegram.until(
                    lambda: not any(map(is_running, world.posts(ann)[1:])), timeout=400
                )
                assert is_running(copy)
                world.telegram.press(ann, copy.message_id, "Stop")
                await world.telegram.until(lambda: not is_running(world.posts(ann)[0]), 400)

    run_fast_together(journey(), SPEED)


async def test_a_stop_while_a_hundred_answers_stream_is_in_time_and_honest(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        people = [world.telegram.add_person(f"Person {number}") for number in range(100)]
        world.coze.pace = Pace(0.2, 0.1)
        world.coze.use(saying("so many words " * 30))
        for person in people:
            world.telegram.send(person, "talk")
        first = Bridge({**world.variables, "BRIDGE_GRACE_SECONDS": "0.5"}, tmp_path)
        try:
            await world.telegram.until(lambda: all(map(world.posts, people)), timeout=60)
            begun = asyncio.get_running_loop().time()
            first.terminate()
            assert await first.ended() == 0
            assert asyncio.get_running_loop().time() - begun < 15
        finally:
            first.kill()
        texts = [world.posts(person)[-1].text for person in people]
        assert all(
            text.endswith(("the rest follows when I am back.", "so many words")) for text in texts
        )
        assert not any(is_running(world.posts(person)[-1]) for person in people)
        second = Bridge(world.variables, tmp_path)
        try:
            await second.ready()
            await world.telegram.until(
                lambda: all(
                    [post.text for post in world.posts(person)] == [("so many words " * 30).strip()]
                    for person in people
                ),
                timeout=60,
            )
        finally:
            second.terminate()
            assert await second.ended() == 0
        assert len(world.coze.asked) == 100
