"""What is hostile in files, in what answers link to, and in the bytes of both."""

import asyncio
import gzip
import random
import struct
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from made import picture, voice
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from telegram import Bot, User

from bridge.coze.files import taken
from bridge.errors import FileGone, TelegramUnreachable
from bridge.model import Attachment, AttachmentKind, ChatKey, Message, Sender
from bridge.relay.attachments import PreparedAttachments
from bridge.relay.ogg import NotOgg, joined
from bridge.serving import serving
from bridge.telegram.files.download import Downloads
from bridge.telegram.files.extract import Linked, without
from bridge.telegram.files.fetch_url import NotFetched, UrlFetcher
from bridge.telegram.files.photo import shape_of
from bridge.telegram.files.send import Shape
from bridge.telegram.questions.albums import Albums
from bridge.telegram.updates.attachments import file_name
from bridge.telegram.updates.events import Question
from bridge.telegram.updates.parse import read

HOMES = (
    "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",
    "\uff11\uff12\uff17.\uff10.\uff10.\uff11",
    "127\u30020\u30020\u30021",
    "127.0.0.\uff11",
)
"""This machine, in letters that a client folds into digits."""


@pytest.mark.parametrize("host", HOMES)
async def test_folded_letters_lead_nowhere_home(host: str, tmp_path: Path) -> None:
    connections = 0

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        home = f"http://{host}:{server.sockets[0].getsockname()[1]}/"

        async def away(_: Request) -> Response:
            return Response(b"", 302, {"Location": home.encode().decode("latin-1")})

        async with serving(Starlette(routes=[Route("/", away)])) as base:
            fetching = UrlFetcher([base.removeprefix("http://")], whole_seconds=2)
            for address in (home, f"{base}/"):
                with pytest.raises(NotFetched):
                    await fetching.fetch(address, tmp_path / "a", 1000)
    assert connections == 0


def test_looking_at_pictures_leaves_the_process_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(picture(kind="PNG"))
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as threads:
        assert {*threads.map(shape_of, [path] * 3000)} == {Shape.PHOTO}
    assert list(warnings.filters) == before


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "DDS", "AVIF", "ICO"])
def test_a_broken_picture_is_a_file(kind: str, tmp_path: Path) -> None:
    chance, path, whole = random.Random(1), tmp_path / "a", picture(64, 64, kind)
    for _ in range(700):
        content = bytearray(whole)
        for _ in range(chance.choice((1, 4, 16))):
            place = min(len(content) - 1, int(chance.expovariate(1 / 60)))
            content[place] = chance.choice((0, 255, chance.randrange(256)))
        path.write_bytes(content)
        shape_of(path)


def test_a_picture_of_billions_of_pixels_is_a_file(tmp_path: Path) -> None:
    content = bytearray(picture(64, 64, "GIF"))
    content[6:10] = b"\xff\xff\xff\xff"
    (tmp_path / "a").write_bytes(content)
    assert shape_of(tmp_path / "a") is Shape.DOCUMENT


def test_a_recording_of_hostile_pages_is_none() -> None:
    whole = bytearray(voice(2))
    last = whole.rindex(b"OggS")
    whole[last + 6 : last + 14] = struct.pack("<q", 2**63 - 1)
    with pytest.raises(NotOgg):
        joined([bytes(whole), bytes(whole)])


def test_many_brackets_cost_no_more_than_their_number() -> None:
    address = "https://a.com/x"
    for piece in ("\\[", "\\[ x \\] ", "[", "![", "[a](", "[[a]()", "[\\]"):
        answer = f"![a]({address}) {piece * 20_000}"
        begun = time.process_time()
        assert without(answer, {address}).startswith("🖼 a ")
        assert time.process_time() - begun < 1.0, piece


@pytest.mark.parametrize(
    ("given", "mime", "name"),
    [
        ("Report v1.2", "application/pdf", "Report v1.2.pdf"),
        ("Dr. No to Bo", "application/pdf", "Dr. No to Bo.pdf"),
        ("scan.tmp", "image/png", "scan.tmp.png"),
        ("report.PDF", "application/pdf", "report.PDF"),
        ("photo.jpeg", "image/jpeg", "photo.jpeg"),
        ("main.py", "text/x-python", "main.py"),
        ("notes.foo", "application/octet-stream", "notes.foo"),
        ("a.ts", "video/mp2t", "a.ts"),
        ("x." + "y" * 200, "", "x"),
    ],
)
def test_a_dot_in_a_name_is_no_type(given: str, mime: str, name: str) -> None:
    found = file_name(given, mime, "file")
    assert found == name or (name == "x" and found.startswith("x.yyy"))
    assert taken(found) == taken(name)


def test_nothing_that_people_wrote_is_in_a_representation() -> None:
    linking = Linked("https://secret.example/x", "Secret", picture=True)
    assert "ecret" not in repr(linking)
    carried = PreparedAttachments(None, texts={"k": "Secret"})  # type: ignore[arg-type]
    assert "Secret" not in repr(carried)


ME = {"id": 42, "is_bot": True, "first_name": "Bot", "username": "a_bot"}


@pytest.mark.parametrize("path", ["a.txt", "a\x00.txt", "a\n.txt"])
async def test_files_come_through_servers_that_pack_or_talk_nonsense(path: str) -> None:
    words = b"All work and no play.\n" * 400

    async def serve(request: Request) -> Response:
        if request.url.path.endswith("getMe"):
            return JSONResponse({"ok": True, "result": ME})
        if request.url.path.endswith("getfile"):
            return JSONResponse({"ok": True, "result": {"file_id": "A", "file_path": path}})
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(words)
        return Response(gzip.compress(words), headers={"Content-Encoding": "gzip"})

    routes = [Route("/{rest:path}", serve, methods=["GET", "POST"])]
    async with serving(Starlette(routes=routes)) as base:
        bot = Bot("42:SANDBOX", base_url=f"{base}/bot", base_file_url=f"{base}/file/bot")
        file = Attachment("A", "B", AttachmentKind.FILE, "a.txt")
        root = f"{base}/file/bot42:SANDBOX"
        async with bot, Downloads(bot, root, None, local=False) as downloads:
            if path == "a.txt":
                async with downloads.opened(file) as found:
                    assert found.read_bytes() == words
            else:
                with pytest.raises((FileGone, TelegramUnreachable)):
                    async with downloads.opened(file):
                        pass


def test_a_photo_of_another_chat_that_is_answered_comes_along() -> None:
    bot = Bot("42:SANDBOX")
    bot._bot_user = User.de_json(ME, bot)
    photo = {"file_id": "A", "file_unique_id": "B", "width": 9, "height": 9}
    origin = {"type": "hidden_user", "sender_user_name": "Bo", "date": 1}
    person = {"id": 5, "is_bot": False, "first_name": "Ann"}
    message = {
        "message_id": 1,
        "date": 1,
        "chat": {"id": 5, "type": "private"},
        "from": person,
        "text": "What is this?",
        "external_reply": {"origin": origin, "photo": [photo]},
    }
    item = read({"update_id": 1, "message": message}, bot)
    assert isinstance(item, Question)
    assert [one.key for one in item.message.attachments] == ["B"]


def test_an_album_whose_question_is_stored_at_the_second_try_is_whole() -> None:
    albums, chat = Albums(), ChatKey(-1)
    first, last = (
        Message(
            chat,
            number,
            Sender(5, "Ann"),
            "",
            album="one",
            attachments=(Attachment("A", f"{number}", AttachmentKind.IMAGE, "photo.jpg"),),
        )
        for number in (1, 2)
    )
    albums.note(first)
    for _ in range(2):
        assert len(albums.completed(last).attachments) == 2
