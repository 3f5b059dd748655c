"""What people send beside words, and how the bot fetches it."""

import asyncio
import io

import httpx
import pytest
from PIL import Image

from bridge.sandbox.telegram import AlbumItem
from bridge.sandbox.telegram.content.file_types import mime_of, opus_seconds

TOKEN = "42:SANDBOX"


async def taken(stage) -> list[dict]:
    """The messages that wait."""
    updates = await stage.done("getUpdates")
    stage.telegram.updates.clear()
    return [each["message"] for each in updates]


async def fetched(stage, file_id: str) -> bytes:
    """A file's bytes, by way of getFile."""
    file = await stage.done("getFile", file_id=file_id)
    answer = await stage.http.get(f"/file/bot{TOKEN}/{file['file_path']}")
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == len(answer.content) == file["file_size"]
    return answer.content


async def test_a_photo_comes_in_true_sizes(stage, made):
    original = made.picture(1000, 500)
    number = stage.telegram.send_photo(stage.ann, original, "a #sea", reply_to=1)
    (message,) = await taken(stage)
    assert (message["caption"], message["caption_entities"][0]["type"]) == ("a #sea", "hashtag")
    assert message["reply_to_message"]["message_id"] == 1
    sizes = message["photo"]
    assert [(each["width"], each["height"]) for each in sizes] == [
        (90, 45),
        (320, 160),
        (800, 400),
        (1000, 500),
    ]
    assert len({each["file_id"] for each in sizes}) == 4
    for each in sizes:
        content = await fetched(stage, each["file_id"])
        assert each["file_size"] == len(content)
        assert Image.open(io.BytesIO(content)).size == (each["width"], each["height"])
    assert await fetched(stage, sizes[-1]["file_id"]) == original
    message = next(m for m in stage.telegram.messages(stage.ann) if m.message_id == number)
    assert stage.telegram.content_of(message) == original


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "RGBA"), ("WEBP", "RGB"), ("GIF", "P")])
async def test_telegram_keeps_every_photo_as_jpeg(stage, made, kind, mode):
    original = made.picture(64, 64, kind, mode)
    stage.telegram.send_photo(stage.ann, original)
    (message,) = await taken(stage)
    (size,) = message["photo"]
    content = await fetched(stage, size["file_id"])
    assert Image.open(io.BytesIO(content)).format == "JPEG"
    assert stage.telegram.content_of(stage.telegram.messages(stage.ann)[-1]) == original


async def test_files_of_every_kind(stage, made):
    it, ann = stage.telegram, stage.ann
    it.send_document(ann, "a.pdf", made.pdf, "application/pdf", "read")
    it.send_audio(ann, "a.mp3", made.mp3, caption="hear", seconds=7, title="Song", performer="Bo")
    it.send_video(ann, made.mp4, "see", size=(320, 200), seconds=9)
    it.send_video_note(ann, made.mp4, 4)
    it.send_voice(ann, made.voice(2.5), caption="listen")
    it.send_sticker(ann, made.picture(512, 400, "WEBP"), "🐳")
    it.send_sticker(ann, b"\x1f\x8b", kind="animated")
    messages = await taken(stage)
    names = ["document", "audio", "video", "video_note", "voice", "sticker", "sticker"]
    shapes = [message[name] for message, name in zip(messages, names, strict=True)]
    document, audio, video, note, voice, sticker, moving = shapes
    assert (document["file_name"], document["mime_type"]) == ("a.pdf", "application/pdf")
    assert (audio["duration"], audio["title"], audio["performer"]) == (7, "Song", "Bo")
    assert (video["width"], video["height"], video["duration"]) == (320, 200, 9)
    assert (note["length"], note["duration"]) == (240, 4)
    assert (voice["mime_type"], voice["duration"]) == ("audio/ogg", 2)
    assert (sticker["emoji"], sticker["width"], sticker["height"]) == ("🐳", 512, 400)
    assert (sticker["is_animated"], moving["is_animated"], moving["is_video"]) == (
        False,
        True,
        False,
    )
    assert [message.get("caption") for message in messages[:5]] == [
        "read",
        "hear",
        "see",
        None,
        "listen",
    ]
    for shape in shapes:
        assert len(await fetched(stage, shape["file_id"])) == shape["file_size"]


async def test_what_is_no_file(stage):
    it, ann = stage.telegram, stage.ann
    it.send_location(ann, 48.2, 16.4)
    it.send_venue(ann, 48.2, 16.4, "Park", "Ring 1")
    it.send_contact(ann, "+431234", "Bo", "Li")
    it.send_dice(ann, 3)
    it.send_poll(ann, "Tea?", ["yes", "no"])
    point, venue, contact, dice, poll = await taken(stage)
    assert point["location"] == {"latitude": 48.2, "longitude": 16.4}
    assert venue["location"] == venue["venue"]["location"] == point["location"]
    assert contact["contact"] == {
        "phone_number": "+431234",
        "first_name": "Bo",
        "last_name": "Li",
    }
    assert dice["dice"] == {"emoji": "🎲", "value": 3}
    assert [each["text"] for each in poll["poll"]["options"]] == ["yes", "no"]


async def test_albums(stage, made):
    it, ann = stage.telegram, stage.ann
    film = AlbumItem("video", made.mp4, seconds=3)
    it.send_album(ann, [made.picture(), film], "look", reply_to=1)
    papers = [AlbumItem("document", made.pdf, f"{n}.pdf", caption=f"no. {n}") for n in (1, 2)]
    it.send_album(ann, papers)
    photo, video, first, second = await taken(stage)
    assert photo["media_group_id"] == video["media_group_id"]
    assert first["media_group_id"] == second["media_group_id"] != photo["media_group_id"]
    assert [photo["caption"], video.get("caption")] == ["look", None]
    assert [first["caption"], second["caption"]] == ["no. 1", "no. 2"]
    assert "photo" in photo
    assert "video" in video
    assert second["document"]["file_name"] == "2.pdf"
    with pytest.raises(ValueError, match="does not mix document and photo"):
        it.send_album(ann, [made.picture(), papers[0]])
    with pytest.raises(ValueError, match="2 to 10 files, not 11"):
        it.send_album(ann, [b"1"] * 11)


async def test_what_apps_do_not_send(stage, made):
    it, ann = stage.telegram, stage.ann
    with pytest.raises(ValueError, match="at most 1024"):
        it.send_photo(ann, made.picture(), "x" * 1025)
    number = it.send_sticker(ann, b"")
    with pytest.raises(ValueError, match="under a sticker"):
        it.edit(ann, number, "words")
    with pytest.raises(ValueError, match="carries no file"):
        it.content_of(it.messages(ann)[0])


async def test_a_file_is_passed_on(stage, made):
    number = stage.telegram.send_photo(stage.ann, made.picture(), "one")
    stage.telegram.forward(stage.ann, number, stage.ann, chat=stage.ann)
    first, second = await taken(stage)
    assert (second["photo"], second["caption"]) == (first["photo"], "one")
    assert "forward_origin" in second


async def test_a_caption_is_edited(stage, made):
    number = stage.telegram.send_photo(stage.ann, made.picture(), "one")
    stage.telegram.edit(stage.ann, number, "two")
    updates = await stage.done("getUpdates")
    assert updates[-1]["edited_message"]["caption"] == "two"


async def test_a_file_may_only_be_said_to_be_large(stage, made):
    stage.telegram.send_document(stage.ann, "big.bin", b"", file_size=21 << 20)
    stage.telegram.send_photo(stage.ann, made.picture(), file_size=(20 << 20) + 1)
    document, photo = await taken(stage)
    assert document["document"]["file_size"] == 21 << 20
    for file_id in (document["document"]["file_id"], photo["photo"][-1]["file_id"]):
        assert await stage.refused("getFile", file_id=file_id) == "Bad Request: file is too big"
    await fetched(stage, photo["photo"][0]["file_id"])


async def test_a_file_is_unavailable_for_a_while(stage):
    gone = "Bad Request: wrong file_id or the file is temporarily unavailable"
    stage.telegram.send_document(stage.ann, "a", b"a")
    stage.telegram.send_document(stage.ann, "b", b"b")
    one, other = [each["document"]["file_id"] for each in await taken(stage)]
    stage.telegram.withhold_files(2, one)
    await fetched(stage, other)
    assert await stage.refused("getFile", file_id=one) == gone
    assert await stage.refused("getFile", file_id=one) == gone
    assert await fetched(stage, one) == b"a"
    stage.telegram.withhold_files(None)
    for _ in range(3):
        assert await stage.refused("getFile", file_id=other) == gone
    stage.telegram.mend()
    assert await fetched(stage, other) == b"b"


async def test_downloads_break_off(stage):
    content = bytes(range(256)) * 1024
    stage.telegram.send_document(stage.ann, "a", content)
    (message,) = await taken(stage)
    stage.telegram.break_downloads(after=100_000)
    file_id = message["document"]["file_id"]
    path = (await stage.done("getFile", file_id=file_id))["file_path"]
    got = b""
    with pytest.raises(httpx.RemoteProtocolError):
        async with stage.http.stream("GET", f"/file/bot{TOKEN}/{path}") as answer:
            assert answer.headers["content-length"] == str(len(content))
            async for piece in answer.aiter_bytes():
                got += piece
    assert got == content[:100_000]
    assert await fetched(stage, file_id) == content


def test_downloads_stand_still(quickly):
    async def scene(stage):
        stage.telegram.send_document(stage.ann, "a", b"0123456789")
        (message,) = await taken(stage)
        stage.telegram.slow_downloads(30.0, after=4)
        file = await stage.done("getFile", file_id=message["document"]["file_id"])
        at = []
        async with stage.http.stream("GET", f"/file/bot{TOKEN}/{file['file_path']}") as answer:
            async for piece in answer.aiter_raw():
                at.append((piece, asyncio.get_running_loop().time()))
        assert [piece for piece, _ in at] == [b"0123", b"456789"]
        assert at[1][1] - at[0][1] > 20

    quickly(scene, budgets=None)


def test_voice_is_known_by_its_bytes(made):
    voice = made.voice(1.5)
    assert opus_seconds(voice) == 1.5
    assert opus_seconds(made.voice(codec=b"\x01vorbis")) is None
    assert opus_seconds(b"OggS" + bytes(10)) is None
    wrong = bytearray(voice)
    wrong[30] ^= 1
    assert opus_seconds(bytes(wrong)) is None


@pytest.mark.parametrize(
    ("content", "name", "said", "mime"),
    [
        (b"\xff\xd8\xff\xe0", "a.png", "", "image/jpeg"),
        (b"RIFF....WEBPVP8", "", "", "image/webp"),
        (b"\0\0\0\x18ftypM4A ", "", "", "audio/mp4"),
        (b"words", "a.txt", "", "text/plain"),
        (b"words", "", "text/x-odd", "text/x-odd"),
        (b"words", "", "", "application/octet-stream"),
    ],
)
def test_a_file_is_what_it_contains(content, name, said, mime):
    assert mime_of(content, name, said) == mime
