"""Operators' things where they go wrong: reloads that fail, races, kills, and ways around a no."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fast import run_fast
from worlds import World, a_world

from bridge.environment import settings_from
from bridge.ops.run import until_signal
from bridge.sandbox.coze import saying
from bridge.sandbox.serving import serving
from bridge.sandbox.telegram import Message, Person

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
                    lambda: "Started anew" in world.posts(ann)[-1].text, 500, "the news"
                )

    run_fast(journey())
