"""The process dies around each outside act of a turn with a chatflow or a project.

A chatflow's answer is found in its conversation. A project's cannot be: then what was read stays, one
sentence says so, and the question is not asked again.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from fast import run_fast_together
from processes import Bridge, unfinished
from projects import ProjectWorld, beside_a_project
from worlds import World, a_world, eventually, is_running

from bridge.sandbox.coze import Pace, saying
from bridge.sandbox.telegram import Person

pytestmark = pytest.mark.slow

ANSWER = "**An answer** of some words, " * 190  # two posts
SPEED = 4.0
FLOW, APP = "7400000000000000001", "7400000000000000002"
CUT = "may be incomplete"


def points(*acts: tuple[str, int]) -> list[str]:
    return [
        f"{side} {act} {number}"
        for act, times in acts
        for number in range(1, times + 1)
        for side in ("before", "after")
    ]


async def through_a_crash(
    world: World, folder: Path, point: str, asked: Callable[[], int]
) -> Person:
    """One question, answered by a process that dies and one that goes on."""
    ann = world.telegram.add_person("Ann")
    world.telegram.send(ann, "talk")
    first = Bridge(world.variables, folder, point, speed=SPEED)
    try:
        assert await first.ended(400) == -9, f"it did not die {point}"
    finally:
        first.kill()
    second = Bridge(world.variables, folder, speed=SPEED)

    def done() -> bool:
        posts = world.posts(ann)
        return bool(posts) and not any(is_running(post) for post in posts)

    try:
        await second.ready(400)
        await world.telegram.until(done, timeout=400, what=f"an end, {point}")
        await world.telegram.until(lambda: world.telegram.pending == 0)
        await eventually(lambda: not unfinished(folder), 400)
    finally:
        second.terminate()
        assert await second.ended(400) == 0
    assert asked() == 1, f"{point}: asked {asked()} times"
    return ann


def told(world: World, person: Person) -> str:
    return " ".join(post.text for post in world.posts(person)).replace("\n", " ")


def test_a_chatflow_is_asked_once_and_its_answer_is_found_wherever_it_dies(tmp_path: Path) -> None:
    whole = ANSWER.replace("*", "").strip()

    async def one(number: int, point: str) -> str | None:
        folder = tmp_path / str(number)
        folder.mkdir()
        async with a_world(folder) as world:
            world.coze.add_chatflow(FLOW, app_id=APP)
            world.coze.pace = Pace(0.1, 0.002)
            world.coze.use(saying(ANSWER))
            (folder / "bridge.toml").write_text(
                f'[agents.flow]\nkind = "chatflow"\nworkflow_id = "{FLOW}"\napp_id = "{APP}"\n'
                "default = true\n"
            )
            world.variables["BRIDGE_CONFIG"] = str(folder / "bridge.toml")
            ann = await through_a_crash(world, folder, point, lambda: len(world.coze.asked))
            said = told(world, ann)
        # before its row says so, nobody knows whether the question went out: it is looked for
        certain = point != "before /v1/workflows/chat 1"
        return None if said == whole or (not certain and CUT in said) else f"{point}: {said[-200:]}"

    async def matrix() -> None:
        where = points(("/v1/workflows/chat", 1), ("sendmessage", 2), ("editmessagetext", 2))
        where.remove("before /v1/workflows/chat 1")
        found = await asyncio.gather(*map(one, range(len(where)), where))
        assert [wrong for wrong in found if wrong] == []

    run_fast_together(matrix(), SPEED)


def test_a_project_is_asked_once_and_a_cut_answer_says_so_wherever_it_dies(tmp_path: Path) -> None:
    whole = ANSWER.replace("*", "").strip()

    async def answered(there: ProjectWorld, folder: Path, point: str) -> str | None:
        world, project = there.world, there.project
        project.pace = Pace(0.1, 0.002)
        project.use(saying(ANSWER))
        ann = await through_a_crash(world, folder, point, lambda: project.posts["/stream_run"])
        said = told(world, ann)
        assert project.complaints == []
        cut = said.count(CUT) == 1 and len(said) < len(whole) + 300
        return None if said == whole or cut else f"{point}: {said[-200:]}"

    async def one(number: int, point: str) -> str | None:
        folder = tmp_path / str(number)
        folder.mkdir()
        async with a_world(folder) as world, beside_a_project(world, folder) as there:
            return await answered(there, folder, point)

    async def matrix() -> None:
        where = points(("/stream_run", 1), ("sendmessage", 2), ("editmessagetext", 2))
        where.remove("before /stream_run 1")
        found = await asyncio.gather(*map(one, range(len(where)), where))
        assert [wrong for wrong in found if wrong] == []

    run_fast_together(matrix(), SPEED)


def test_what_died_before_the_question_went_out_is_told_and_not_asked(tmp_path: Path) -> None:
    """The row says that it may have gone out: nobody can tell, so it is not asked again."""

    async def journey() -> None:
        async with a_world(tmp_path) as world, beside_a_project(world, tmp_path) as there:
            ann = world.telegram.add_person("Ann")
            world.telegram.send(ann, "talk")
            first = Bridge(world.variables, tmp_path, "before /stream_run 1", speed=SPEED)
            assert await first.ended(400) == -9
            async with world.bridge():
                post = await world.settled(ann, 1, timeout=100)
            assert CUT in post.text
            assert there.project.posts["/stream_run"] == 0

    run_fast_together(journey(), SPEED)
