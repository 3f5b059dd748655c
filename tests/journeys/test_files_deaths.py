"""Files on their way to the agent, and speech on its way back: once, wherever the process dies."""

import asyncio
from pathlib import Path

import pytest
from fast import run_fast_together
from made import picture, voice
from processes import Bridge
from worlds import a_world, put_database

from bridge.sandbox.coze import saying
from bridge.sandbox.telegram import Message

pytestmark = pytest.mark.slow

SPEED = 4.0


def kinds(posts: list[Message]) -> list[str]:
    """What each post is."""
    return [post.attachment.kind if post.attachment else "text" for post in posts]


GOOD = ["text", "voice"]
"""What stands for one question."""
IN_POINTS = [
    f"{side} {act} 1"
    for act in ("file", "/v1/files/upload", "/v1/audio/transcriptions")
    for side in ("before", "after")
]
OUT_POINTS = [
    f"{side} {act} 1" for act in ("/v1/audio/speech", "sendvoice") for side in ("before", "after")
]


def test_files_and_speech_come_once_wherever_it_dies(tmp_path: Path) -> None:
    async def one(number: int, point: str) -> object:
        folder = tmp_path / str(number)
        folder.mkdir()
        async with a_world(folder) as world:
            ann = world.telegram.add_person("Ann")
            world.coze.use(saying("Good."))
            world.coze.transcript(recording, "Why?")
            variables = {**world.variables, "BRIDGE_SPEECH": "always"}
            photo = world.telegram.send_photo(ann, picture())
            world.telegram.updates.clear()  # it is only seen as what is answered
            world.telegram.send_voice(ann, recording, caption="Look", reply_to=photo)
            first = Bridge(variables, folder, point, speed=SPEED)
            try:
                assert await first.ended(400) == -9, f"it did not die {point}"
            finally:
                first.kill()
            second = Bridge(variables, folder, speed=SPEED)
            try:
                await second.ready(400)
                # A post whose sending the death cut short is sent again, and its copy then deleted.
                await world.telegram.until(lambda: kinds(world.posts(ann)) == GOOD, 400)
                await world.settled(ann, 2, timeout=100)
                await world.telegram.until(lambda: world.telegram.pending == 0)
                world.telegram.send(ann, "again", reply_to=photo)
                await world.telegram.until(lambda: kinds(world.posts(ann)) == GOOD * 2, 400)
            finally:
                second.terminate()
                assert await second.ended(400) == 0
            asked = [(each.question, len(each.attachments)) for each in world.coze.asked]
            return kinds(world.posts(ann)), world.posts(ann)[0].text, asked

    recording = voice()

    async def matrix() -> None:
        await put_database(tmp_path / "first.db")  # so that the worlds only copy it
        points = [*IN_POINTS, *OUT_POINTS]
        found = await asyncio.gather(*(one(*pair) for pair in enumerate(points)))
        good = (
            GOOD * 2,
            "🎤 Why?\n\nGood.",
            [
                ("In reply to Ann:\n> (photo.jpg)\n\nLook\n\nWhy?", 1),
                ("In reply to Ann:\n> (photo.jpg)\n\nagain", 1),
            ],
        )
        assert {p: each for p, each in zip(points, found, strict=True) if each != good} == {}

    run_fast_together(matrix(), SPEED)
