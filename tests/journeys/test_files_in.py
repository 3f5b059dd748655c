"""What people send beside words reaches the agent, or they are told why it does not."""

import hashlib

from made import PDF, picture, voice
from worlds import World, buttons, in_a_fast_world

from bridge.sandbox.coze import saying
from bridge.sandbox.telegram import AlbumItem, Group, Person
from bridge.telegram.files import tempfiles

ANSWER = "An answer of some words."


def met(world: World) -> Person:
    world.coze.use(saying(ANSWER))
    return world.telegram.add_person("Ann")


def asked(world: World) -> list[tuple[str, list[tuple[str, str]]]]:
    """What the agent was asked: the words, and each file's kind and name."""
    return [
        (one.question, [(each.kind, each.name) for each in one.attachments])
        for one in world.coze.asked
    ]


def nothing_left() -> bool:
    """Whether no temporary file of ours is left."""
    return tempfiles.left() == []


@in_a_fast_world
async def test_a_photo_and_its_caption_are_one_question(world: World) -> None:
    ann = met(world)
    photo = picture(1600, 1200)
    async with world.bridge():
        world.telegram.send_photo(ann, photo, "What is this?")
        post = await world.settled(ann, 1)
        assert post.text == ANSWER
    assert asked(world) == [("What is this?", [("image", "photo.jpg")])]
    (upload,) = world.coze.uploads
    assert (upload.name, upload.bytes) == ("photo.jpg", len(photo))
    assert upload.sha256 == hashlib.sha256(photo).hexdigest()
    assert nothing_left()


@in_a_fast_world
async def test_every_kind_of_file(world: World) -> None:
    ann = met(world)
    chinese = "名称,数量\n苹果,三个\n香蕉,两个\n".encode("gbk") * 4
    async with world.bridge():
        it = world.telegram
        sends = (
            lambda: it.send_photo(ann, picture(kind="PNG")),
            lambda: it.send_document(ann, "a/../report\u202e.PDF", PDF, "application/pdf", "Read"),
            lambda: it.send_document(ann, "", PDF, "application/pdf"),
            lambda: it.send_document(ann, "notes.txt", "Grüße\n".encode(), "text/plain", "Short?"),
            lambda: it.send_document(ann, "table.csv", chinese, "text/csv", "Sum?"),
            lambda: it.send_document(ann, "odd.bin", b"just words\n", caption="What?"),
            lambda: it.send_audio(ann, "a.mp3", b"ID3\x04" + bytes(64), caption="Who sings?"),
            lambda: it.send_video(ann, b"\0\0\0\x18ftypisom" + bytes(64), "What happens?"),
            lambda: it.send_video_note(ann, b"\0\0\0\x18ftypisom" + bytes(64)),
            lambda: it.send_sticker(ann, picture(512, 512, "WEBP"), "🐳"),
            lambda: it.send_sticker(ann, b"\x1f\x8b", "🐳", "animated"),
            lambda: it.send_location(ann, 52.52, 13.405),
            lambda: it.send_venue(ann, 52.52, 13.405, "Café", "Street 1"),
            lambda: it.send_contact(ann, "+491234", "Bo"),
            lambda: it.send_dice(ann, 5),
            lambda: it.send_poll(ann, "Tea?", ["yes", "no"]),
        )
        for number, send in enumerate(sends, 1):
            send()
            assert (await world.settled(ann, number)).text == ANSWER
    assert asked(world) == [
        ("(photo.jpg)", [("image", "photo.jpg")]),
        ("Read", [("file", "a .. report .PDF")]),
        ("(file.pdf)", [("file", "file.pdf")]),
        ("Short?\n\nnotes.txt:\n```\nGrüße\n```", []),
        (f"Sum?\n\ntable.csv:\n```\n{chinese.decode('gbk')}```", []),
        ("What?\n\nodd.bin:\n```\njust words\n```", []),
        ("Who sings?", [("audio", "a.mp3")]),
        ("What happens?", [("file", "video.mp4")]),
        ("(video.mp4)", [("file", "video.mp4")]),
        ("(A sticker: 🐳)", [("image", "sticker.webp")]),
        ("(A sticker: 🐳)", []),
        ("(A location: 52.520000, 13.405000)", []),
        ("(A place: Café, Street 1, 52.520000, 13.405000)", []),
        ("(A contact: Bo, +491234)", []),
        ("(A dice: 🎲 5)", []),
        ("(A poll: Tea?\n- yes\n- no)", []),
    ]


@in_a_fast_world
async def test_an_album_is_one_question_in_its_order(world: World) -> None:
    ann = met(world)
    photos = [picture(100 + 10 * number, 100) for number in range(4)]
    async with world.bridge():
        world.telegram.send_album(ann, photos, "Compare")
        await world.settled(ann, 1)
    assert asked(world) == [("Compare", [("image", "photo.jpg")] * 4)]
    names = {each.file_id for each in world.coze.asked[0].attachments}
    assert len(names) == 4
    order = {upload.id: upload.sha256 for upload in world.coze.uploads}
    sent = [order[each.file_id] for each in world.coze.asked[0].attachments]
    assert sent == [hashlib.sha256(photo).hexdigest() for photo in photos]


async def grouped(world: World, ann: Person, bo: Person) -> Group:
    group = world.telegram.add_group("Group", [ann, bo])
    await world.telegram.until(lambda: len(world.posts(group)) == 1, 100)
    return group


@in_a_fast_world
async def test_a_question_about_an_earlier_photo_brings_it_along(world: World) -> None:
    ann, bo = met(world), world.telegram.add_person("Bo")
    world.telegram.privacy = False
    async with world.bridge():
        group = await grouped(world, ann, bo)
        photo = world.telegram.send_photo(bo, picture(), "My dog", chat=group)
        world.telegram.send(ann, "@sandbox_bot which breed?", chat=group, reply_to=photo)
        await world.settled(group, 2)
        silent = world.telegram.send_photo(bo, picture(90, 90), chat=group)
        world.telegram.send(ann, "/ask", chat=group, reply_to=silent)
        await world.settled(group, 3)
    assert asked(world) == [
        ("Ann, in reply to Bo:\n> My dog\n\nwhich breed?", [("image", "photo.jpg")]),
        ("Ann, in reply to Bo:\n> (photo.jpg)", [("image", "photo.jpg")]),
    ]


@in_a_fast_world
async def test_an_album_whose_last_caption_speaks_to_us_is_whole(world: World) -> None:
    ann, bo = met(world), world.telegram.add_person("Bo")
    world.telegram.privacy = False
    async with world.bridge():
        group = await grouped(world, ann, bo)
        items = [
            AlbumItem("photo", picture(100, 100)),
            AlbumItem("photo", picture(110, 100)),
        ]
        first, last = world.telegram.send_album(ann, items, chat=group)
        world.telegram.send(ann, "@sandbox_bot which?", chat=group, reply_to=last)
        await world.settled(group, 2)
    assert asked(world)[0][1] == [("image", "photo.jpg")]
    assert first < last


@in_a_fast_world
async def test_the_same_file_is_uploaded_once(world: World) -> None:
    ann = met(world)
    photo = picture()
    async with world.bridge():
        world.telegram.send_photo(ann, photo, "one")
        await world.settled(ann, 1)
        number = next(one.message_id for one in world.telegram.messages(ann) if not one.by_bot)
        world.telegram.send(ann, "two", reply_to=number)
        await world.settled(ann, 2)
        assert len(world.coze.uploads) == 1
        assert [files for _, files in asked(world)] == [[("image", "photo.jpg")]] * 2
        world.coze.state.uploads.clear()  # three months later
        world.telegram.send(ann, "three", reply_to=number)
        assert (await world.settled(ann, 3, timeout=60)).text == ANSWER
    assert len(world.coze.uploads) == 1
    assert [files for _, files in asked(world)] == [[("image", "photo.jpg")]] * 3


@in_a_fast_world
async def test_what_cannot_be_passed_on_is_said(world: World) -> None:
    ann = met(world)
    it = world.telegram
    async with world.bridge():
        it.send_document(ann, "film.mkv", b"x", "video/x-matroska", file_size=30 * 1024 * 1024)
        post = await world.settled(ann, 1)
        assert "larger than 20 MB" in post.text
        assert list(buttons(post)) == ["Try again"]
        assert not [call for call in it.calls if call.method == "getFile"]
        it.send_document(ann, "key.xyz", bytes(range(256)) * 9, caption="What is it?")
        post = await world.settled(ann, 2)
        assert "does not take files of this type" in post.text
        assert post.text.endswith(ANSWER)
        it.send_document(ann, "x.png", b"\x89PNG no picture at all" + bytes(90), "image/png")
        assert "may be damaged" in (await world.settled(ann, 3)).text
        it.withhold_files(None)
        it.send_photo(ann, picture())
        assert "could not get the file" in (await world.settled(ann, 4, timeout=60)).text
    assert [question for question, _ in asked(world)] == ["What is it?"]


@in_a_fast_world
async def test_a_download_that_breaks_is_begun_again(world: World) -> None:
    ann = met(world)
    photo = picture(1200, 900)
    async with world.bridge():
        world.telegram.withhold_files(1)
        world.telegram.break_downloads(1000, 2)
        world.telegram.send_photo(ann, photo, "What is this?")
        await world.settled(ann, 1, timeout=60)
    assert [one.sha256 for one in world.coze.uploads] == [hashlib.sha256(photo).hexdigest()]
    assert nothing_left()


@in_a_fast_world
async def test_people_see_that_a_slow_file_is_on_its_way(world: World) -> None:
    ann = met(world)
    async with world.bridge():
        world.telegram.slow_downloads(12.0)
        world.telegram.send_photo(ann, picture(), "What is this?")
        post = await world.settled(ann, 1, timeout=100)
    assert post.text == ANSWER
    assert "upload_document" in [one.name for one in world.telegram.actions(ann)]
    assert any("Looking at what you sent" in frame.text for frame in post.history)


@in_a_fast_world
async def test_long_text_is_cut_and_that_is_said(world: World) -> None:
    ann = met(world)
    async with world.bridge():
        long = ("All work and no play.\n" * 9000).encode()
        world.telegram.send_document(ann, "story.md", long, "text/markdown", "Summarise")
        post = await world.settled(ann, 1)
    assert "only its beginning" in post.text
    ((question, files),) = asked(world)
    assert question.startswith("Summarise\n\nstory.md:\n```\nAll work")
    assert 20_000 < len(question) < 20_100
    assert files == []


@in_a_fast_world
async def test_what_is_said_in_a_voice_message_is_shown_and_asked(world: World) -> None:
    ann = met(world)
    recording = voice()
    world.coze.transcript(recording, "Why is the sky blue?")
    async with world.bridge():
        world.telegram.send_voice(ann, recording)
        post = await world.settled(ann, 1)
        assert post.text == f"🎤 Why is the sky blue?\n\n{ANSWER}"
        assert post.entities[0]["type"] == "expandable_blockquote"
    async with world.bridge(BRIDGE_TRANSCRIPTS="false"):
        world.telegram.send_voice(ann, recording, caption="Listen")
        assert (await world.settled(ann, 2)).text == ANSWER
    assert asked(world) == [
        ("Why is the sky blue?", []),
        ("Listen\n\nWhy is the sky blue?", []),
    ]
    assert world.coze.uploads == []


@in_a_fast_world
async def test_trying_again_does_not_listen_again(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    recording = voice()
    world.coze.transcript(recording, "fail")
    async with world.bridge():
        world.telegram.send_voice(ann, recording)
        post = await world.settled(ann, 1)
        world.telegram.press(ann, post.message_id, "Try again")
        await world.coze.until(lambda: len(world.coze.asked) == 2, 100)
        assert "🎤 fail" in (await world.settled(ann, 1)).text
    assert len(world.coze.heard) == 1


@in_a_fast_world
async def test_where_speech_is_not_understood_that_is_said(world: World) -> None:
    ann = met(world)
    world.coze.add_token("pat_mute", ["chat", "getChat", "listMessage", "createConversation"])
    async with world.bridge(COZE_API_TOKEN="pat_mute"):
        world.telegram.send_voice(ann, voice())
        assert "not allowed to have speech written down" in (await world.settled(ann, 1)).text
        world.telegram.send_photo(ann, picture(), "And this?")
        post = await world.settled(ann, 2)
        assert "not allowed to pass files" in post.text
        assert post.text.endswith(ANSWER)
        world.coze.fail("/v1/audio/transcriptions", 4028)
        world.telegram.send_voice(ann, voice(700))
        assert post.text
    assert [question for question, _ in asked(world)] == ["And this?"]


@in_a_fast_world
async def test_a_recording_without_a_word(world: World) -> None:
    ann = met(world)
    world.coze.next_transcript("")
    async with world.bridge():
        world.telegram.send_voice(ann, voice())
        assert "could hear no words" in (await world.settled(ann, 1)).text
        world.telegram.send_voice(ann, voice(), file_size=11 * 1024 * 1024)
        assert "too long to be written down" in (await world.settled(ann, 2)).text
    assert world.coze.asked == []
