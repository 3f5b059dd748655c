"""Pictures and files of an answer come below its text, each once, whatever happens."""

import asyncio
import csv
import io
from pathlib import Path

import pytest
from fast import run_fast_together
from made import picture
from PIL import Image
from processes import Bridge
from worlds import World, a_world, buttons, in_a_fast_world

from bridge.sandbox.coze import saying
from bridge.sandbox.telegram import Message, Person
from bridge.telegram.files import tempfiles

SPEED = 4.0


def own(world: World) -> dict[str, str]:
    """The setting that lets the bridge fetch from the local Coze."""
    return {"BRIDGE_PICTURE_HOSTS": world.settings.coze_api_base.removeprefix("http://")}


def kinds(posts: list[Message]) -> list[str]:
    """What each post is."""
    return [post.attachment.kind if post.attachment else "text" for post in posts]


def calls(world: World, method: str) -> int:
    return sum(call.method == method and call.status == 200 for call in world.telegram.calls)


@in_a_fast_world
async def test_pictures_come_as_an_album_below_the_text(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge(**own(world)):
        world.telegram.send(ann, "pictures please")
        await world.telegram.until(lambda: len(world.posts(ann)) == 4, 100)
    posts = world.posts(ann)
    assert kinds(posts) == ["text", "photo", "photo", "photo"]
    assert posts[0].text.count("🖼") == 3
    assert "x-signature" not in str(posts[0].entities)
    assert [post.text for post in posts[1:]] == ["Lighthouse", "The sea", "Ships in a week"]
    assert len({post.media_group_id for post in posts[1:]}) == 1
    for post in posts[1:]:
        assert Image.open(io.BytesIO(world.telegram.content_of(post))).size > (1, 1)
    assert calls(world, "sendMediaGroup") == 1
    assert tempfiles.left() == []


@in_a_fast_world
async def test_a_picture_by_itself_and_again_without_an_upload(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge(**own(world)):
        for count in (2, 4):
            world.telegram.send(ann, "picture please")
            await world.telegram.until(lambda most=count: len(world.posts(ann)) == most, 100)
    posts = world.posts(ann)
    assert kinds(posts) == ["text", "photo"] * 2
    uploads = [call.params["photo"] for call in world.telegram.calls if call.method == "sendPhoto"]
    assert [isinstance(one, str) for one in uploads] == [False, True]
    assert world.telegram.content_of(posts[1]) == world.telegram.content_of(posts[3])


@in_a_fast_world
async def test_files_come_as_documents(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge(**own(world)):
        world.telegram.send(ann, "file please")
        await world.telegram.until(lambda: len(world.posts(ann)) == 3, 100)
    posts = world.posts(ann)
    assert kinds(posts) == ["text", "document", "document"]
    assert "📎 report.pdf" in posts[0].text
    assert world.telegram.content_of(posts[1]).startswith(b"%PDF")
    names = [post.attachment.description["file_name"] for post in posts[1:] if post.attachment]
    assert names == ["report.pdf", "planets.csv"]


@in_a_fast_world
async def test_long_code_and_tables_come_as_files_too(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge(BRIDGE_FILE_CHARACTERS="500"):
        world.telegram.send(ann, "longcode")
        await world.telegram.until(lambda: "document" in kinds(world.posts(ann)), 100)
        code = world.posts(ann)[-1]
        world.telegram.send(ann, "bigtable")
        await world.telegram.until(lambda: kinds(world.posts(ann)).count("document") == 2, 100)
        table = world.posts(ann)[-1]
    assert code.attachment is not None
    assert code.attachment.description["file_name"] == "answer.py"
    compile(world.telegram.content_of(code), "answer.py", "exec")
    rows = list(csv.reader(io.StringIO(world.telegram.content_of(table).decode("utf-8-sig"))))
    assert len(rows) == 41
    assert len({len(row) for row in rows}) == 1


@in_a_fast_world
async def test_what_cannot_be_fetched_stays_a_link(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    secret = "http://127.0.0.1:9/router.png"
    world.coze.use(saying(f"See ![it]({secret}) and ![that](http://192.168.0.1/a.png)."))
    async with world.bridge():
        world.telegram.send(ann, "hello")
        post = await world.settled(ann, 1)
        world.coze.use("pictures")
        world.telegram.send(ann, "hello")  # the local Coze's own address is as private
        await world.settled(ann, 2)
        await world.handled()
    assert post.text == "See 🖼 it and 🖼 that."
    assert kinds(world.posts(ann)) == ["text", "text"]
    assert world.coze.fetched == []


@in_a_fast_world
async def test_what_goes_wrong_on_the_way_stays_a_link(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge(**own(world)):
        spoils = (
            {"after_bytes": 100},
            {"content_type": "text/html"},
            {"endless": True},
            {"stall_seconds": 60.0},
        )
        for number, spoil in enumerate(spoils, 1):
            world.coze.spoil_downloads(**spoil)
            world.telegram.send(ann, "picture please")
            post = await world.settled(ann, number, timeout=100)
            assert any("x-signature" in str(one) for one in post.entities), spoil
        world.coze.link_seconds = -1
        world.telegram.send(ann, "picture please")
        await world.settled(ann, 5, timeout=100)
    assert kinds(world.posts(ann)) == ["text"] * 5


@in_a_fast_world
async def test_what_telegram_refuses_as_a_photo_comes_as_a_file(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.publish("wide.png", picture(4000, 100, "PNG"), "image/png")
    world.coze.publish("moving.gif", picture(40, 40, "GIF"), "image/gif")
    world.coze.publish("odd.png", b"\x89PNG\r\n\x1a\nnothing", "image/png")
    base = world.settings.coze_api_base
    links = [world.coze.link(base, name) for name in ("wide.png", "moving.gif", "odd.png")]
    world.coze.use(saying("\n\n".join(f"![one]({link})" for link in links)))
    async with world.bridge(**own(world)):
        world.telegram.send(ann, "hello")
        await world.telegram.until(lambda: len(world.posts(ann)) == 4, 100)
        await world.settled(ann, 4)
    assert kinds(world.posts(ann)) == ["text", "document", "animation", "document"]


@in_a_fast_world
async def test_a_photo_that_telegram_will_not_take_goes_as_a_document(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    refused = {"ok": False, "error_code": 400, "description": "Bad Request: IMAGE_PROCESS_FAILED"}
    async with world.bridge(**own(world)):
        world.telegram.fail("sendPhoto", status=400, times=1, body=refused)
        world.telegram.send(ann, "picture please")
        await world.telegram.until(lambda: len(world.posts(ann)) == 2, 100)
        assert kinds(world.posts(ann)) == ["text", "document"]
        world.telegram.fail("sendMediaGroup", status=400, times=1, body=refused)
        world.telegram.send(ann, "pictures please")
        await world.telegram.until(lambda: len(world.posts(ann)) == 6, 100)
        await world.settled(ann, 6)
    # Where the first has the same address as before, Telegram knows it as a document since.
    text, first, *others = kinds(world.posts(ann)[2:])
    assert (text, others) == ("text", ["photo", "photo"])
    assert first in ("photo", "document")


@in_a_fast_world
async def test_what_telegram_refuses_in_every_form_becomes_a_link_again(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    refused = {"ok": False, "error_code": 400, "description": "Bad Request: nobody knows why"}
    async with world.bridge(**own(world)):
        for method in ("sendPhoto", "sendDocument"):
            world.telegram.fail(method, status=400, times=5, body=refused)
        world.telegram.send(ann, "picture please")
        await world.telegram.until(
            lambda: bool(world.posts(ann)) and calls(world, "editMessageText") > 0, 100
        )
        await world.settled(ann, 1)
        await world.telegram.until(lambda: "x-signature" in str(world.posts(ann)[0].entities), 100)
    assert kinds(world.posts(ann)) == ["text"]


@in_a_fast_world
async def test_an_answer_that_was_stopped_brings_nothing(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    link = world.coze.link(world.settings.coze_api_base, "lighthouse.png")
    world.coze.use(saying(f"![one]({link})\n\n" + "and more words " * 400))
    async with world.bridge(**own(world)):
        world.coze.delay("/v3/chat", 0.1)
        world.telegram.send(ann, "hello")
        await world.telegram.until(lambda: bool(world.posts(ann)), 100)
        world.telegram.send(ann, "/stop")
        await world.settled(ann, 1)
    if world.posts(ann)[0].text.endswith("Stopped."):
        assert kinds(world.posts(ann)) == ["text"]


@in_a_fast_world
async def test_many_pictures_keep_the_pace(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    group = world.telegram.add_group("Group", [ann])
    base = world.settings.coze_api_base
    for number in range(12):
        world.coze.publish(f"{number}.png", picture(40 + number, 40, "PNG"), "image/png")
    links = [world.coze.link(base, f"{number}.png") for number in range(12)]
    world.coze.use(saying("\n\n".join(f"![n{n}]({link})" for n, link in enumerate(links))))
    async with world.bridge(**own(world)):
        await world.telegram.until(lambda: bool(world.posts(group)), 100)
        world.telegram.send(ann, "/ask draw", chat=group)
        world.telegram.send(ann, "draw")
        await world.telegram.until(lambda: len(world.posts(ann)) == 13, 400)
        await world.telegram.until(lambda: len(world.posts(group)) == 14, 400)
    assert not [call for call in world.telegram.calls if call.status == 429]
    assert [post.text for post in world.posts(ann)[1:]] == [f"n{n}" for n in range(12)]


POINTS = [
    f"{side} {act} 1"
    for act in ("sendphoto", "sendmediagroup", "editmessagetext")
    for side in ("before", "after")
]


async def _ask(world: World) -> Person:
    """One answer with a photo, then an album: a GIF stands between them."""
    ann = world.telegram.add_person("Ann")
    world.coze.publish("between.gif", picture(40, 40, "GIF"), "image/gif")
    base = world.settings.coze_api_base
    names = ("lighthouse.png", "between.gif", "waves.jpg", "chart.png")
    links = (world.coze.link(base, name) for name in names)
    text = "\n\n".join(f"![{name}]({link})" for name, link in zip(names, links, strict=True))
    world.coze.use(saying(f"Look:\n\n{text}"))
    world.telegram.send(ann, "talk")
    return ann


async def _stand(world: World, person: Person) -> list[tuple[str, str]]:
    await world.telegram.until(lambda: len(world.posts(person)) >= 5, timeout=400)
    await world.settled(person, 5, timeout=100)
    kind = kinds(world.posts(person))
    return [(kind[place], post.text) for place, post in enumerate(world.posts(person))]


@pytest.mark.slow
def test_each_picture_stands_once_wherever_it_dies(tmp_path: Path) -> None:
    async def one(number: int, point: str) -> list[tuple[str, str]]:
        folder = tmp_path / str(number)
        folder.mkdir()
        async with a_world(folder) as world:
            variables = {**world.variables, **own(world)}
            person = await _ask(world)
            first = Bridge(variables, folder, point, speed=SPEED)
            try:
                assert await first.ended(400) == -9, f"it did not die {point}"
            finally:
                first.kill()
            second = Bridge(variables, folder, speed=SPEED)
            try:
                await second.ready(400)
                found = await _stand(world, person)
                await world.telegram.until(lambda: world.telegram.pending == 0)
            finally:
                second.terminate()
                assert await second.ended(400) == 0
            assert len(world.posts(person)) == 5
            assert len(world.coze.asked) == 1
        return found

    async def matrix() -> None:
        async with a_world(tmp_path) as world, world.bridge(**own(world)):
            whole = await _stand(world, await _ask(world))
        assert [kind for kind, _ in whole] == ["text", "photo", "animation", "photo", "photo"]
        found = await asyncio.gather(*(one(*pair) for pair in enumerate(POINTS)))
        assert {
            point: each for point, each in zip(POINTS, found, strict=True) if each != whole
        } == {}

    run_fast_together(matrix(), SPEED)


@in_a_fast_world
async def test_a_lost_answer_to_a_photo_makes_no_second_one(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge(**own(world)):
        world.telegram.fail("sendPhoto", after_executing=True)
        world.telegram.send(ann, "picture please")
        await world.telegram.until(lambda: len(world.posts(ann)) == 2, 100)
        world.telegram.send(ann, "hello")
        await world.settled(ann, 3, timeout=200)
    assert kinds(world.posts(ann)) == ["text", "photo", "text"]
    assert "Stop" not in buttons(world.posts(ann)[0])
