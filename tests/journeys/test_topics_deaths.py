"""`/new` opens one topic at most, wherever the process dies, and says what has become of it."""

import asyncio
from pathlib import Path

import pytest
from fast import run_fast_together
from processes import Bridge
from worlds import a_world, put_database

from bridge.sandbox.coze import saying

pytestmark = pytest.mark.slow

SPEED = 6.0
POINTS = [
    f"{side} {act}"
    for act in ("createforumtopic 1", "sendmessage 2", "sendmessage 3", "editforumtopic 1")
    for side in ("before", "after")
]


def test_a_topic_is_opened_once_wherever_it_dies(tmp_path: Path) -> None:
    async def one(number: int, point: str) -> object:
        folder = tmp_path / str(number)
        folder.mkdir()
        async with a_world(folder) as world:
            world.telegram.switch_private_topics(True)
            world.telegram.let_people_open_topics(False)
            ann = world.telegram.add_person("Ann")
            world.coze.use(saying("Good."))
            world.telegram.send(ann, "one")
            first = Bridge(world.variables, folder, point, speed=SPEED)
            second = None
            try:
                await first.ready(400)
                await world.settled(ann, 1, timeout=100)
                world.telegram.send(ann, "/new")
                if not point.endswith("editforumtopic 1"):
                    assert await first.ended(400) == -9, f"it did not die {point}"
                    second = Bridge(world.variables, folder, speed=SPEED)
                    await second.ready(400)
                # Either the topic and the word of it stand, or a conversation begins in place.
                await world.telegram.until(
                    lambda: (
                        len(world.posts(ann)) >= 3
                        or "A new conversation begins." in world.posts(ann)[-1].text
                    ),
                    400,
                )
                await world.telegram.until(lambda: world.telegram.pending == 0, 400)
                topics = world.telegram.topics(ann)
                seeded = [one for one in topics if world.telegram.posts(ann, one)]
                world.telegram.send(ann, "two", thread_id=seeded[0] if seeded else 0)
                if second is None:
                    assert await first.ended(400) == -9, f"it did not die {point}"
                    second = Bridge(world.variables, folder, speed=SPEED)
                    await second.ready(400)
                answered = "Good."
                await world.telegram.until(
                    lambda: [each.text for each in world.posts(ann)].count(answered) == 2, 400
                )
            finally:
                first.kill()
                if second is not None:
                    second.terminate()
                    assert await second.ended(400) == 0
            made = [each for each in world.telegram.calls if each.method == "createForumTopic"]
            began, went_on = (asked.conversation_id for asked in world.coze.asked)
            return len(topics) <= 1, len(made) <= 1, began != went_on

    async def matrix() -> None:
        await put_database(tmp_path / "first.db")
        found = await asyncio.gather(*(one(*pair) for pair in enumerate(POINTS)))
        good = (True, True, True)
        assert {p: each for p, each in zip(POINTS, found, strict=True) if each != good} == {}

    run_fast_together(matrix(), SPEED)
