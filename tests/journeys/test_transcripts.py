"""Each script of the Coze emulator, to the very posts, formats and buttons that a person sees.

A transcript that is meant to change is written anew with `BRIDGE_TEST_TRANSCRIPTS=write`.
"""

import asyncio
import json
import os
from pathlib import Path

import pytest
from fast import run_fast
from worlds import World, a_world, buttons

from bridge.sandbox.coze import SCRIPTS, Pace
from bridge.sandbox.telegram import Message, Person

WRITE = os.environ.get("BRIDGE_TEST_TRANSCRIPTS") == "write"
FOLDER = Path(__file__).parent / "transcripts"
INNER = ("msg_type", "generate_answer_finish", "plugin_id", "recall slice", "arguments", "api_id")
ALL_REASONING = "all of the reasoning"
CASES = [*SCRIPTS, f"think, {ALL_REASONING}", f"think tag, {ALL_REASONING}"]


def shown(post: Message) -> dict[str, object]:
    """What a person sees of a post; ids and tokens in callback data are left out."""
    kept = ("type", "offset", "length", "url", "language")
    return {
        "text": post.text,
        "entities": [{name: one[name] for name in kept if name in one} for one in post.entities],
        "buttons": {label: data.partition(":")[0] for label, data in buttons(post).items()},
    }


async def transcript(
    world: World, person: Person, script: str, posts: int
) -> list[dict[str, object]]:
    """The posts that answer a question, once nothing is going on any more."""
    world.coze.use(script)
    world.telegram.send(person, "hello")
    await world.settled(person, 1, timeout=120)
    runs = world.coze.runs
    await world.coze.until(lambda: all(run.ended for run in runs.values()), 120)
    if WRITE:
        await asyncio.sleep(60)  # of the fast loop's: nobody knows yet how many posts will come
    await world.settled(person, posts, timeout=60)
    return [shown(post) for post in world.posts(person)]


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_every_script_of_the_agent_to_its_transcript(case: str, tmp_path: Path) -> None:
    script, _, reasoning = case.partition(", ")

    async def journey() -> None:
        variables = {"BRIDGE_REASONING": "on"} if reasoning else {}
        async with a_world(tmp_path, pace=Pace(0, 0, 0)) as world, world.bridge(**variables):
            ann = world.telegram.add_person("Ann", language_code="en")
            posts = await transcript(world, ann, script, 1 if WRITE else len(written(case)))
            asked = world.coze.asked
        check(case, posts)
        assert len(asked) == 1
        assert not [word for word in INNER if word in json.dumps(posts)]

    run_fast(journey())


def place(case: str) -> Path:
    """Where the transcript of a case lies."""
    return FOLDER / f"{case.replace(', ', ' ').replace(' ', '_')}.json"


def written(case: str) -> list[dict[str, object]]:
    """The posts as they are to be."""
    posts: list[dict[str, object]] = json.loads(place(case).read_text(encoding="utf-8"))
    return posts


def check(case: str, posts: list[dict[str, object]]) -> None:
    if WRITE:
        text = json.dumps(posts, ensure_ascii=False, indent=1) + "\n"
        place(case).write_text(text, encoding="utf-8")
    assert posts == written(case)
