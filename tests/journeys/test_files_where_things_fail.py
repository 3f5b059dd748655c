"""Files where something goes wrong on the way: nothing is lost, doubled or stuck."""

import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import cast

import pytest
from fast import run_fast_together
from made import picture
from processes import Bridge
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from worlds import World, a_world, buttons, in_a_fast_world

from bridge.sandbox.coze import saying
from bridge.sandbox.coze.scripts.steps import Event, ending, fixed
from bridge.sandbox.telegram import AlbumItem, Message
from bridge.serving import serving
from bridge.telegram.files import tempfiles

pytestmark = pytest.mark.slow

SPEED = 4.0


def own(world: World) -> dict[str, str]:
    """The setting that lets the bridge fetch from the local Coze."""
    return {"BRIDGE_PICTURE_HOSTS": world.settings.coze_api_base.removeprefix("http://")}


def kinds(posts: list[Message]) -> list[str]:
    """What each post is."""
    return [post.attachment.kind if post.attachment else "text" for post in posts]


def refusal(description: str) -> dict[str, object]:
    """A 400 of Telegram's."""
    return {"ok": False, "error_code": 400, "description": f"Bad Request: {description}"}


@in_a_fast_world
async def test_a_group_that_lets_nobody_send_photos_gets_its_answers(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    group = world.telegram.add_group("Group", [ann])
    for method, what in (("sendPhoto", "photos"), ("sendDocument", "documents")):
        body = refusal(f"not enough rights to send {what} to the chat")
        world.telegram.fail(method, status=400, times=99, body=body)
    async with world.bridge(**own(world)):
        await world.telegram.until(lambda: bool(world.posts(group)), 100)
        world.telegram.send(ann, "/ask picture please", chat=group)
        await world.telegram.until(
            lambda: "x-signature" in str([one.entities for one in world.posts(group)]), 100
        )
        await world.settled(group, 2)
        world.coze.use(saying("Still here."))
        world.telegram.send(ann, "/ask again", chat=group)
        await world.telegram.until(lambda: world.posts(group)[-1].text == "Still here.", 100)
    assert kinds(world.posts(group)) == ["text"] * 3


@in_a_fast_world
async def test_where_no_temporary_file_can_be_made_the_answer_stands(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", "/nowhere")
        async with world.bridge(BRIDGE_SPEECH="always", **own(world)):
            world.telegram.send(ann, "picture please")
            await world.settled(ann, 1)
    (post,) = world.posts(ann)
    assert "lighthouse" in post.text
    assert "x-signature" in str(post.entities)


@in_a_fast_world
async def test_an_answer_to_an_album_that_is_not_telegrams_makes_no_second_one(
    world: World,
) -> None:
    ann = world.telegram.add_person("Ann")
    odd = {"ok": True, "result": [{"message_id": 3}]}
    async with world.bridge(**own(world)):
        world.telegram.fail("sendMediaGroup", status=200, body=odd)
        world.telegram.send(ann, "pictures please")
        await world.telegram.until(lambda: len(world.posts(ann)) == 4, 100)
        post = world.posts(ann)[0]
    assert kinds(world.posts(ann)) == ["text", "photo", "photo", "photo"]
    assert post.text.count("🖼") == 3


@in_a_fast_world
async def test_a_long_silence_while_a_photo_is_in_doubt_makes_no_second_one(
    world: World,
) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge(**own(world)):
        world.telegram.fail("sendPhoto", after_executing=True)
        flood = {
            "ok": False,
            "error_code": 429,
            "description": "Too Many Requests: retry after 100",
            "parameters": {"retry_after": 100},
        }
        world.telegram.fail("editMessageCaption", status=429, body=flood)
        world.telegram.send(ann, "picture please")
        await world.telegram.until(lambda: len(world.posts(ann)) == 2, 100)
        world.telegram.send(ann, "hello")
        await world.telegram.until(lambda: kinds(world.posts(ann))[-1] == "text", 400)
        await world.telegram.until(lambda: len(world.posts(ann)) >= 3, 400)
        await world.settled(ann, 3, timeout=100)
    assert kinds(world.posts(ann)) == ["text", "photo", "text"]


def test_a_link_that_ends_while_an_album_is_in_doubt_makes_no_second_one(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path) as world:
            ann = world.telegram.add_person("Ann")
            base = world.settings.coze_api_base
            names = ("lighthouse.png", "waves.jpg", "chart.png")
            links = [world.coze.link(base, name) for name in names]
            world.coze.use(saying("\n\n".join(f"![{one}]({one})" for one in links)))
            variables = {**world.variables, **own(world)}
            world.telegram.send(ann, "talk")
            first = Bridge(variables, tmp_path, "after sendmediagroup 1", speed=SPEED)
            try:
                assert await first.ended(400) == -9
            finally:
                first.kill()
            world.coze.spoil_downloads(1, after_bytes=10)
            second = Bridge(variables, tmp_path, speed=SPEED)
            try:
                await second.ready(400)
                await world.settled(ann, 4, timeout=100)
                world.telegram.send(ann, "hello")
                await world.telegram.until(lambda: len(world.coze.asked) == 2, 400)
                await world.settled(ann, 5, timeout=100)
            finally:
                second.terminate()
                assert await second.ended(400) == 0
            assert kinds(world.posts(ann))[:5] == ["text", "photo", "photo", "photo", "text"]

    run_fast_together(journey(), SPEED)


@in_a_fast_world
async def test_an_edit_while_files_go_out_brings_the_new_answers_files(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    code = "print('{}')\n" * 60
    world.coze.use(saying(f"```python\n{code}```".replace("{}", "old")), for_text="old")
    world.coze.use(saying(f"Here.\n\n```python\n{code}```".replace("{}", "new")), for_text="new")
    async with world.bridge(BRIDGE_FILE_CHARACTERS="300", BRIDGE_SPEECH="always"):
        world.coze.fail("/v1/audio/speech", 4013, times=1)
        world.coze.delay("/v1/audio/speech", 5.0, times=1)
        number = world.telegram.send(ann, "old")
        await world.telegram.until(lambda: kinds(world.posts(ann)) == ["text", "document"], 100)
        world.telegram.edit(ann, number, "new")
        await world.coze.until(lambda: len(world.coze.asked) == 2, 100)
        await asyncio.sleep(60)
    files = [post for post in world.posts(ann) if post.attachment]
    contents = [world.telegram.content_of(post) for post in files]
    assert any(b"new" in content for content in contents)


@in_a_fast_world
async def test_half_characters_break_no_answer_that_brings_files(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    code = "print('\ud83d')\n" * 60
    text = {"type": "answer", "id": "7", "content": f"Words \ud83d.\n\n```python\n{code}```"}
    world.coze.use(fixed(Event("conversation.message.completed", json.dumps(text)), *ending()))
    async with world.bridge(BRIDGE_FILE_CHARACTERS="300", BRIDGE_SPEECH="always"):
        world.telegram.send(ann, "hello")
        await world.telegram.until(lambda: len(world.posts(ann)) == 3, 100)
    assert kinds(world.posts(ann)) == ["text", "document", "voice"]


@in_a_fast_world
async def test_hosts_that_hardly_answer_keep_nobody_waiting_for_long(world: World) -> None:
    ann, bo = (world.telegram.add_person(name) for name in ("Ann", "Bo"))
    loop = asyncio.get_running_loop()

    async def trickle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(5)

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    slow = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    links = "\n\n".join(f"![{number}](http://{slow}/{number})" for number in range(20))
    world.coze.use(saying(links), for_text="slow")
    world.coze.use("picture", for_text="picture")
    hosts = f"{own(world)['BRIDGE_PICTURE_HOSTS']},{slow}"
    async with server, world.bridge(BRIDGE_PICTURE_HOSTS=hosts):
        begun = loop.time()
        world.telegram.send(ann, "slow")
        await world.telegram.until(lambda: bool(world.posts(ann)), 100)
        await asyncio.sleep(3)
        world.telegram.send(bo, "picture")
        await world.telegram.until(lambda: kinds(world.posts(bo)) == ["text", "photo"], 15)
        await world.settled(ann, 1, timeout=100)
        assert loop.time() - begun < 60
        await asyncio.sleep(10)  # each connection is seen to be closed
    assert kinds(world.posts(ann)) == ["text"]


@in_a_fast_world
async def test_a_file_with_an_odd_id_blocks_no_chat(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    person = {"id": ann.id, "is_bot": False, "first_name": "Ann"}
    odd = {"file_id": "A", "file_unique_id": "\ud800", "width": 9, "height": 9}
    message = {
        "message_id": 1,
        "date": int(time.time()),
        "chat": {"id": ann.id, "type": "private", "first_name": "Ann"},
        "from": person,
    }
    async with world.bridge():
        world.telegram.send(ann, "first")
        await world.settled(ann, 1)
        world.telegram.inject({"message": {**message, "photo": [odd]}})
        await asyncio.sleep(5)
        world.coze.use(saying("Good."))
        world.telegram.send(ann, "hello")
        await world.telegram.until(lambda: world.posts(ann)[-1].text.endswith("Good."), 100)


@in_a_fast_world
async def test_our_own_speech_is_not_written_down(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("Hello."))
    async with world.bridge(BRIDGE_SPEECH="always"):
        world.telegram.send(ann, "one")
        await world.telegram.until(lambda: kinds(world.posts(ann)) == ["text", "voice"], 100)
        spoken = world.posts(ann)[1].message_id
        world.telegram.send(ann, "shorter", reply_to=spoken)
        await world.telegram.until(lambda: len(world.posts(ann)) == 4, 100)
    assert world.coze.heard == []
    assert world.posts(ann)[2].text == "Hello."
    assert world.coze.asked[-1].question.endswith("shorter")


@in_a_fast_world
async def test_an_address_may_hold_another_picture_tomorrow(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    contents = [picture(60, 60, "PNG"), picture(70, 70, "PNG")]

    async def give(_: Request) -> Response:
        return Response(contents[0], media_type="image/png")

    async with serving(Starlette(routes=[Route("/weather.png", give)])) as base:
        world.coze.use(saying(f"![weather]({base}/weather.png)"))
        async with world.bridge(BRIDGE_PICTURE_HOSTS=base.removeprefix("http://")):
            for number, content in enumerate([*contents], 1):
                world.telegram.send(ann, "weather?")
                await world.telegram.until(
                    lambda most=2 * number: len(world.posts(ann)) == most, 100
                )
                await world.settled(ann, 2 * number)
                assert world.telegram.content_of(world.posts(ann)[-1]) == content
                contents.pop(0)


@in_a_fast_world
async def test_an_upload_that_breaks_is_made_again(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("Good."))
    async with world.bridge():
        world.coze.lose_answer("/v1/files/upload")
        world.telegram.send_photo(ann, picture(), "What is this?")
        assert (await world.settled(ann, 1, timeout=100)).text == "Good."
    assert len(world.coze.asked) == 1


@in_a_fast_world
async def test_that_texts_were_cut_is_said_once(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("Good."))
    long = ("All work and no play.\n" * 2000).encode()
    items = [AlbumItem("document", long + bytes([65 + n]), f"{n}.txt") for n in range(3)]
    async with world.bridge():
        world.telegram.send_album(ann, items, "Read")
        post = await world.settled(ann, 1)
    assert post.text.count("only its beginning") == 1


@in_a_fast_world
async def test_what_is_carried_twice_is_complained_of_once(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("Good."))
    async with world.bridge(BRIDGE_QUIET_SECONDS="1"):
        photo = world.telegram.send_photo(ann, picture(), "one")
        await world.settled(ann, 1)
        world.coze.state.uploads.clear()  # three months later
        world.telegram.send(ann, "two", reply_to=photo)
        world.telegram.send_document(ann, "key.xyz", bytes(range(256)) * 9, caption="and?")
        post = await world.settled(ann, 2, timeout=100)
    assert post.text.endswith("Good.")
    assert post.text.count("files of this type") == 1


@in_a_fast_world
async def test_stop_ends_an_upload(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.coze.delay("/v1/files/upload", 50)
        world.telegram.send_photo(ann, picture(), "What is this?")
        await world.telegram.until(
            lambda: any("Stop" in buttons(one) for one in world.posts(ann)), 100
        )
        world.telegram.send(ann, "/stop")
        post = await world.settled(ann, 1, timeout=10)
        assert post.text.endswith("Stopped.")
        assert tempfiles.left() == []
    assert world.coze.asked == []


@in_a_fast_world
async def test_an_edited_caption_is_asked_with_its_file(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("Good."))
    async with world.bridge():
        world.coze.delay("/v1/files/upload", 20)
        number = world.telegram.send_photo(ann, picture(), "old")
        await world.telegram.until(lambda: bool(world.posts(ann)), 100)
        world.telegram.edit(ann, number, "new")
        await world.settled(ann, 1, timeout=60)
        world.telegram.edit(ann, number, "newest")
        await world.coze.until(lambda: len(world.coze.asked) == 2, 100)
        await world.settled(ann, 1)
    questions = [(one.question, len(one.attachments)) for one in world.coze.asked]
    assert questions == [("new", 1), ("newest", 1)]
    assert len(world.posts(ann)) == 1


@in_a_fast_world
async def test_a_question_with_files_is_not_asked_twice_where_no_mark_is_kept(
    world: World,
) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("Good."))
    async with world.bridge():
        world.coze.drop_stream(after_bytes=0)
        world.telegram.send_photo(ann, picture(), "What is this?")
        await world.coze.until(lambda: bool(world.coze.asked), 100)
        for conversation in world.coze.conversations.values():
            for message in conversation.messages:
                cast(dict[str, str], message.meta_data).clear()
        await world.settled(ann, 1, timeout=100)
        await asyncio.sleep(60)
    assert len(world.coze.asked) == 1


@in_a_fast_world
async def test_where_no_temporary_file_can_be_made_the_question_is_asked(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("Good."))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", "/nowhere")
        async with world.bridge():
            world.telegram.send_photo(ann, picture(), "What is this?")
            post = await world.settled(ann, 1)
    assert "could not get the file" in post.text
    assert post.text.endswith("Good.")
