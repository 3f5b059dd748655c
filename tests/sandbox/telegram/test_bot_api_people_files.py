"""The people's files over HTTP: what a page may get and send, and who may not."""

import json

import pytest

FORM = {"X-Sandbox": "upload"}


async def sent(stage, *files: tuple, headers: dict | None = None, **wish: object) -> tuple:
    """Files sent as a page does: the status and the answer."""
    known = {"person_id": stage.ann.id, "chat_id": stage.ann.id, "caption": "", "as": "media"}
    answer = await stage.http.post(
        "/sandbox/upload",
        data={"wish": json.dumps(known | wish)},
        files=[("file", each) for each in files],
        headers=FORM if headers is None else headers,
    )
    return answer.status_code, answer.json()


def last(stage):
    """The newest message."""
    return stage.telegram.messages(stage.ann)[-1]


@pytest.mark.parametrize(
    ("way", "name", "make", "kind"),
    [
        ("media", "a.png", lambda made: made.picture(kind="PNG"), "photo"),
        ("media", "a.gif", lambda made: made.picture(kind="GIF"), "animation"),
        ("media", "a.mp4", lambda made: made.mp4, "video"),
        ("file", "a.png", lambda made: made.picture(kind="PNG"), "document"),
        ("file", "a.mp3", lambda made: made.mp3, "audio"),
        ("file", "a.pdf", lambda made: made.pdf, "document"),
        ("voice", "a.ogg", lambda made: made.voice(), "voice"),
    ],
)
async def test_a_page_sends_a_file(stage, made, way, name, make, kind):
    content = make(made)
    wish = {"as": way, "caption": "look", "reply_to_message_id": 1}
    status, answer = await sent(stage, (name, content), **wish)
    assert (status, answer) == (200, {"message_ids": [2]})
    message = last(stage)
    assert (message.attachment.kind, message.text) == (kind, "look")
    assert message.reply_to_message_id == 1
    assert stage.telegram.content_of(message) == content


async def test_a_page_sends_albums(stage, made):
    status, answer = await sent(
        stage, ("a.jpg", made.picture()), ("b.mp4", made.mp4), caption="two"
    )
    assert (status, answer["message_ids"]) == (200, [2, 3])
    papers = [("a.pdf", made.pdf), ("b.txt", b"words")]
    assert (await sent(stage, *papers, **{"as": "file"}))[0] == 200
    updates = await stage.done("getUpdates")
    kinds = ["photo", "video", "document", "document"]
    assert [kind in each["message"] for kind, each in zip(kinds, updates, strict=True)] == [
        True
    ] * 4
    assert len({each["message"]["media_group_id"] for each in updates}) == 2


async def test_what_a_page_cannot_send(stage, made):
    photo, voice = ("a.jpg", made.picture()), ("a.ogg", made.voice())
    other = stage.telegram.add_person("Bo")
    for files, wish, why in [
        ([photo], {"as": "poem"}, "Files are sent as one of media, file, voice."),
        ([], {}, "No file was sent."),
        ([("a.jpg", b"")], {}, "An empty file cannot be sent."),
        ([("a.jpg", b"words")], {}, "This is no picture: send it as a file."),
        ([("a.png", made.picture(2100, 100, "PNG"))], {}, "This picture is too large or too"),
        ([("a.txt", b"words")], {}, "a.txt is neither a picture nor a film"),
        ([("a.mp3", made.mp3)], {"as": "voice"}, "A voice message is OGG with Opus in it"),
        ([voice, voice], {"as": "voice"}, "Voice messages are sent one by one."),
        ([photo, ("a.mp3", made.mp3)], {"as": "file"}, "Telegram does not mix audio and document"),
        ([photo, ("b.jpg", b"words")], {}, "This is no picture: send it as a file."),
        ([photo] * 11, {}, "An album has 2 to 10 files, not 11."),
        ([photo] * 12, {}, "Too many files."),
        ([photo], {"caption": "x" * 1025}, "at most 1024 characters"),
        ([photo], {"caption": 5}, "caption must be a text."),
        ([photo], {"person_id": 9}, "Nobody here has the id 9."),
        ([photo], {"chat_id": other.id}, "Ann is not in the chat"),
        ([photo], {"reply_to_message_id": 9}, "There is no message 9 to reply to."),
    ]:
        status, answer = await sent(stage, *files, **wish)
        assert status == 400
        assert why in answer["error"]
    answer = await stage.http.post(
        "/sandbox/upload", data={"wish": "{"}, files={"file": photo}, headers=FORM
    )
    assert (answer.status_code, "JSON object" in answer.json()["error"]) == (400, True)
    assert len(stage.telegram.messages(stage.ann)) == 1


async def test_other_sites_cannot_send(stage, made):
    photo = ("a.jpg", made.picture())
    assert (await sent(stage, photo, headers={}))[0] == 403
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},
    ):
        assert (await sent(stage, photo, headers=FORM | headers))[0] == 403
    assert len(stage.telegram.messages(stage.ann)) == 1
    assert (await sent(stage, photo, headers=FORM | {"Origin": stage.url}))[0] == 200


async def test_a_page_sends_50_mb_at_most(stage):
    status, answer = await sent(stage, ("a.bin", bytes(52 << 20)), **{"as": "file"})
    assert (status, answer["error"]) == (413, "At most 50 MB at once.")


@pytest.mark.parametrize(
    ("name", "make", "kind"),
    [
        ("a.jpg", lambda made: made.picture(), "image/jpeg"),
        ("a.txt", lambda made: made.voice(), "audio/ogg"),
        ("a.html", lambda made: b"<script>1</script>", None),
        ("a.svg", lambda made: b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
        ("a.jpg", lambda made: b"<html>", None),
        ("a.pdf", lambda made: made.pdf, None),
    ],
)
async def test_files_are_given_so_that_nothing_runs(stage, made, name, make, kind):
    stage.telegram.send_document(stage.ann, name, make(made), "text/html")
    file_id = last(stage).attachment.description["file_id"]
    answer = await stage.http.get(f"/sandbox/files/{file_id}")
    assert answer.content == make(made)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["content-type"] == (kind or "application/octet-stream")
    assert answer.headers.get("content-disposition") == (None if kind else "attachment")
    for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
        kept = await stage.http.get(f"/sandbox/files/{file_id}", headers=headers)
        assert kept.status_code == 403


@pytest.mark.parametrize(
    ("asked", "status", "part", "said"),
    [
        ("bytes=0-3", 206, slice(0, 4), "bytes 0-3/{size}"),
        ("bytes=10-", 206, slice(10, None), "bytes 10-{last}/{size}"),
        ("bytes=-5", 206, slice(-5, None), "bytes {fifth}-{last}/{size}"),
        ("bytes=0-99999", 206, slice(None), "bytes 0-{last}/{size}"),
        ("bytes=99999-", 416, slice(0, 0), "bytes */{size}"),
        ("bytes=-", 416, slice(0, 0), "bytes */{size}"),
        ("lines=1-2", 200, slice(None), None),
    ],
)
async def test_players_get_parts(stage, made, asked, status, part, said):
    stage.telegram.send_voice(stage.ann, made.voice())
    file_id, whole = last(stage).attachment.description["file_id"], made.voice()
    answer = await stage.http.get(f"/sandbox/files/{file_id}", headers={"Range": asked})
    assert (answer.status_code, answer.content) == (status, whole[part])
    size = len(whole)
    shown = said and said.format(size=size, last=size - 1, fifth=size - 5)
    assert answer.headers.get("content-range") == shown


async def test_there_may_be_no_bytes(stage):
    stage.telegram.send_document(stage.ann, "big.bin", b"", file_size=30 << 20)
    file_id = last(stage).attachment.description["file_id"]
    for each in (file_id, "nonsense"):
        assert (await stage.http.get(f"/sandbox/files/{each}")).status_code == 404
