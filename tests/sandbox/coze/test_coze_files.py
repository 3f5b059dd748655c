"""Uploads, and the messages that name them."""

import hashlib
import json
import tracemalloc

import httpx
import pytest

from bridge.sandbox.coze import Attachment, CozeEmulator
from bridge.sandbox.coze.resources.file_types import is_image, sound_format

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
UPLOAD = "/v1/files/upload"


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"file": ("cat.png", PNG)}, 0),
        ({"file": ("CAT.PNG", PNG)}, 0),
        ({"file": ("table.csv", b"a,b")}, 0),
        ({"file": ("cat.png", b"")}, 4300),
        ({"other": ("cat.png", PNG)}, 4300),
        ([("file", ("a.png", PNG)), ("file", ("b.png", PNG))], 4301),
        ([("file", ("a.png", PNG)), ("other", ("b.png", PNG))], 4301),
        ({"file": ("cat.png", PNG + bytes(100))}, 4302),
        ({"file": ("notes.txt", b"x")}, 4303),
        ({"file": ("voice.oga", b"OggS")}, 4303),
        ({"file": ("README", b"x")}, 4303),
        ({"file": ("cat.png", b"no picture")}, 4304),
        ({"file": ("cat.heic", b"no picture")}, 4304),
    ],
)
async def test_an_upload(api, coze: CozeEmulator, files, code):
    coze.state.largest_file = 100
    assert await api.code("POST", UPLOAD, files=files) == code
    assert len(coze.uploads) == (code == 0)


PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\na,b'


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (PART + b"\r\n--b--\r\n", 0),
        (PART, 4304),
        (PART + b"\r\n--b\r\n", 4304),
        (b"no form", 4304),
        (b"", 4304),
        (b"--b\r\n\r\na,b\r\n--b--\r\n", 4304),
    ],
)
async def test_a_broken_form(api, content, code):
    headers = {**api.headers, "Content-Type": "multipart/form-data; boundary=b"}
    assert await api.code("POST", UPLOAD, content=content, headers=headers) == code


async def test_a_body_that_is_no_form(api):
    assert await api.code("POST", UPLOAD, content=PART + b"\r\n--b--\r\n") == 4304
    assert await api.code("POST", UPLOAD) == 4304


async def test_what_is_kept_of_an_upload(api, coze: CozeEmulator):
    for name, content_type in (("cat.png", "image/png"), ("table.csv", "text/csv")):
        await api.json("POST", UPLOAD, files={"file": (name, PNG, content_type)})
    first, second = coze.uploads
    assert (first.name, first.bytes, first.content_type) == ("cat.png", 28, "image/png")
    assert first.sha256 == hashlib.sha256(PNG).hexdigest()
    assert (second.name, second.content_type) == ("table.csv", "text/csv")
    answer = await api.json("GET", "/v1/files/retrieve", params={"file_id": first.id})
    assert answer["data"] == {
        "id": first.id,
        "bytes": 28,
        "created_at": first.created_at,
        "file_name": "cat.png",
    }


async def test_a_large_upload_does_not_lie_in_memory(api, coze: CozeEmulator):
    size = 12 * 1024 * 1024
    content = bytes(size)
    head = PART.removesuffix(b"a,b")

    async def body():
        yield head
        for start in range(0, size, 65536):
            yield content[start : start + 65536]
        yield b"\r\n--b--\r\n"

    headers = {**api.headers, "Content-Type": "multipart/form-data; boundary=b"}
    tracemalloc.start()
    try:
        assert await api.code("POST", UPLOAD, content=body(), headers=headers) == 0
        _, highest = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    (upload,) = coze.uploads
    assert (upload.bytes, upload.sha256) == (size, hashlib.sha256(content).hexdigest())
    assert highest < 5 * 1024 * 1024


async def test_the_gateway_refuses_a_body_above_its_limit(api, coze: CozeEmulator):
    coze.state.largest_body = 1000
    answer = await api.call("POST", UPLOAD, files={"file": ("cat.png", PNG + bytes(1000))})
    assert answer.status_code == 413
    assert coze.uploads == []


async def test_a_file_belongs_to_an_account(api, coze: CozeEmulator):
    file_id = await api.uploaded("cat.png")
    conversation = await api.conversation()
    coze.add_token("pat_same")
    coze.add_token("pat_other", account="other")
    query = {"file_id": file_id}
    api.headers = {"Authorization": "Bearer pat_same"}
    assert await api.code("GET", "/v1/files/retrieve", params=query) == 0
    api.headers = {"Authorization": "Bearer pat_other"}
    refused = await api.json("GET", "/v1/files/retrieve", params=query)
    unknown = await api.json("GET", "/v1/files/retrieve", params={"file_id": "1"})
    assert (refused["code"], refused["msg"].replace(file_id, "1")) == (4200, unknown["msg"])
    asked = api.ask("hi", stream=False, additional_messages=[media(image(file_id))])
    assert await api.code("POST", "/v3/chat", **asked) == 4000
    assert await api.code("POST", "/v3/chat", **api.ask("hi", conversation)) == 4002


async def test_an_upload_needs_its_permission(api, coze: CozeEmulator):
    coze.add_token("pat_narrow", {"chat"})
    headers = {"Authorization": "Bearer pat_narrow"}
    answer = await api.json("POST", UPLOAD, files={"file": ("a.png", PNG)}, headers=headers)
    assert (answer["code"], answer["msg"].endswith(": uploadFile")) == (4101, True)


async def test_faults_of_an_upload(api, coze: CozeEmulator):
    files = {"file": ("cat.png", PNG)}
    coze.fail(UPLOAD, code=5000, msg="internal server error")
    coze.delay(UPLOAD, 0.01)
    assert await api.code("POST", UPLOAD, files=files) == 5000
    coze.lose_answer(UPLOAD)
    with pytest.raises(httpx.TransportError):
        await api.call("POST", UPLOAD, files=files)
    assert len(coze.uploads) == 1
    assert await api.code("POST", UPLOAD, files=files) == 0


def media(*items, text="what is this?"):
    items = ({"type": "text", "text": text}, *items) if text else items
    return {"role": "user", "content": json.dumps(items), "content_type": "object_string"}


def image(file_id):
    return {"type": "image", "file_id": file_id}


@pytest.mark.parametrize(
    ("kind", "name", "content", "code"),
    [
        ("image", "cat.png", PNG, 0),
        ("file", "cat.png", PNG, 0),
        ("file", "table.csv", b"a", 0),
        ("audio", "voice.ogg", b"OggS", 0),
        ("image", "table.csv", b"a", 4000),
        ("image", "voice.ogg", b"OggS", 4000),
        ("audio", "cat.png", PNG, 4000),
        ("audio", "film.mp4", b"a", 4000),
    ],
)
async def test_an_item_names_a_file_of_its_kind(api, kind, name, content, code):
    item = {"type": kind, "file_id": await api.uploaded(name, content)}
    answer = await api.call("POST", "/v3/chat", **api.ask("-", additional_messages=[media(item)]))
    if code:
        assert answer.json()["code"] == code
        assert answer.json()["msg"].endswith(f"is no {kind} file")
    else:
        assert answer.headers["content-type"].startswith("text/event-stream")


async def test_the_agent_says_what_it_was_given(api, coze: CozeEmulator):
    cat, dog = await api.uploaded("cat.png"), await api.uploaded("dog.png")
    table = await api.uploaded("table.csv", b"a,b")
    answer = await api.shown("who is this?", image(cat))
    assert answer.startswith("I see a picture: cat.png\n\n")
    assert "> who is this?" in answer
    items = (image(cat), image(dog), {"type": "file", "file_id": table})
    answer = await api.shown("show me some code", *items)
    assert answer.startswith("I see 2 pictures: cat.png, dog.png\nI have a file: table.csv\n\n")
    assert "```python" in answer
    assert [asked.question for asked in coze.asked] == ["who is this?", "show me some code"]
    assert coze.asked[1].attachments == (
        Attachment("image", "cat.png", cat),
        Attachment("image", "dog.png", dog),
        Attachment("file", "table.csv", table),
    )


@pytest.mark.parametrize("files_first", [True, False])
async def test_files_in_a_message_of_their_own(api, coze: CozeEmulator, files_first):
    text = {"role": "user", "content": "what is this?", "content_type": "text"}
    messages = [text, media(image(await api.uploaded("cat.png")), text="")]
    answer = await api.answer("-", additional_messages=messages[:: -1 if files_first else 1])
    assert answer.startswith("I see a picture: cat.png\n\n")
    assert "> what is this?" in answer
    assert coze.asked[0].question == "what is this?"


async def test_an_agent_that_cannot_see(api, coze: CozeEmulator):
    coze.add_agent(sees=False)
    cat = await api.uploaded("cat.png")
    voice = await api.uploaded("voice.ogg", b"OggS")
    assert "cat.png" not in await api.shown("who is this?", image(cat))
    assert [item.name for item in coze.asked[0].attachments] == ["cat.png"]
    heard = await api.shown("what?", {"type": "audio", "file_id": voice})
    assert heard.startswith("I hear a recording: voice.ogg\n\n")
    coze.add_agent(hears=False)
    assert "voice.ogg" not in await api.shown("what?", {"type": "audio", "file_id": voice})


async def test_a_script_that_was_set_says_no_more_than_it_says(api, coze: CozeEmulator):
    coze.use("table")
    assert "cat.png" not in await api.shown("-", image(await api.uploaded("cat.png")))


async def test_the_self_hosted_server_passes_audio_over(studio_api, studio: CozeEmulator):
    voice = await studio_api.uploaded("voice.ogg", b"OggS")
    cat = await studio_api.uploaded("cat.png")
    items = ({"type": "audio", "file_id": voice}, {"type": "audio", "file_id": "1"}, image(cat))
    assert (await studio_api.shown("-", *items)).startswith("I see a picture: cat.png\n\n")
    assert studio.asked[0].attachments == (Attachment("image", "cat.png", cat),)
    wrong = studio_api.ask("-", additional_messages=[media(image(voice))])
    answer = await studio_api.call("POST", "/v3/chat", **wrong)
    assert (answer.status_code, answer.json()["code"]) == (400, 400)


@pytest.mark.parametrize(
    ("head", "image", "sound"),
    [
        (PNG, True, ""),
        (b"\xff\xd8\xff\xe0", True, ""),
        (b"RIFF\0\0\0\0WEBP", True, ""),
        (b"RIFF\0\0\0\0WAVE", False, "wav"),
        (b"\0\0\0\x18ftypheic", True, ""),
        (b"\0\0\0\x18ftypM4A ", False, "mp4"),
        (bytes(2048) + b"PCD_", True, ""),
        (b"OggS", False, "ogg"),
        (b"ID3\x04", False, "mp3"),
        (b"\xff\xfb\x90", False, "mp3"),
        (b"\xff\xf1\x50", False, "aac"),
        (b"#!AMR\n", False, "amr"),
        (b"fLaC", False, "flac"),
        (b"hello", False, ""),
        (b"", False, ""),
    ],
)
def test_the_first_bytes_tell(head, image, sound):
    assert (is_image(head), sound_format(head)) == (image, sound)
