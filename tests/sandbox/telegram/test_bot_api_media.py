"""The bot sends files: what arrives, and what is refused."""

import io
import json

import pytest
from PIL import Image
from telegram import InputMediaDocument, InputMediaPhoto, InputMediaVideo, ReplyParameters

TOKEN = "42:SANDBOX"
SENDS = ("Photo", "Document", "Video", "Animation", "Audio", "Voice")


async def upload(stage, method: str, files: dict | None = None, **params: object) -> dict:
    """A multipart call."""
    texts = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in params.items()
    }
    answer = await stage.http.post(f"/bot{TOKEN}/{method}", data=texts, files=files or {})
    return answer.json()


async def refusal(stage, method: str, files: dict | None = None, **params: object) -> str:
    """Why a multipart call to Ann is refused."""
    answer = await upload(stage, method, files, **{"chat_id": stage.ann.id} | params)
    assert answer["ok"] is False, answer
    return str(answer["description"])


async def test_every_kind_arrives_as_itself(stage, made):
    bot, chat = stage.bot, stage.ann.id
    picture = made.picture(400, 300, "PNG")
    photo = await bot.send_photo(chat, picture, caption="a #sea")
    document = await bot.send_document(chat, made.pdf, filename="a.pdf")
    video = await bot.send_video(chat, made.mp4, duration=3, width=64, height=48)
    animation = await bot.send_animation(chat, made.picture(8, 6, "GIF"), filename="a.gif")
    audio = await bot.send_audio(chat, made.mp3, title="Song", performer="Bo", filename="a.mp3")
    voice = await bot.send_voice(chat, made.voice(2.0))
    assert [(each.width, each.height) for each in photo.photo] == [(90, 68), (320, 240), (400, 300)]
    assert photo.caption_entities[0].type == "hashtag"
    assert (document.document.file_name, document.document.mime_type) == (
        "a.pdf",
        "application/pdf",
    )
    assert video.video.to_dict().items() >= {"duration": 3, "width": 64, "height": 48}.items()
    assert animation.animation.file_id == animation.document.file_id
    assert (animation.animation.width, animation.animation.height) == (8, 6)
    assert (audio.audio.title, audio.audio.performer) == ("Song", "Bo")
    assert voice.voice.to_dict().items() >= {"duration": 2, "mime_type": "audio/ogg"}.items()
    posts = stage.telegram.posts(chat)
    assert [each.attachment.kind for each in posts] == [
        "photo",
        "document",
        "video",
        "animation",
        "audio",
        "voice",
    ]
    assert [len(stage.telegram.content_of(each)) for each in posts] == [
        len(picture),
        document.document.file_size,
        video.video.file_size,
        animation.animation.file_size,
        audio.audio.file_size,
        voice.voice.file_size,
    ]
    assert stage.telegram.content_of(posts[0]) == picture
    file = await bot.get_file(photo.photo[-1].file_id)
    kept = bytes(await file.download_as_bytearray())
    assert len(kept) == photo.photo[-1].file_size
    assert Image.open(io.BytesIO(kept)).format == "JPEG"


async def test_looks_are_kept(stage, made):
    picture = {"photo": ("a.jpg", made.picture())}
    asked = {"chat_id": stage.ann.id, "has_spoiler": True, "show_caption_above_media": True}
    shown = (await upload(stage, "sendPhoto", picture, **asked, caption="x"))["result"]
    assert (shown["has_media_spoiler"], shown["show_caption_above_media"]) == (True, True)
    file_id = shown["photo"][-1]["file_id"]
    plain = await stage.done("sendPhoto", chat_id=stage.ann.id, photo=file_id)
    assert "has_media_spoiler" not in plain
    film = {"animation": ("a.mp4", made.mp4)}
    asked = {"chat_id": stage.ann.id, "width": 64, "height": 48}
    moving = (await upload(stage, "sendAnimation", film, **asked))["result"]["animation"]
    assert (moving["width"], moving["height"]) == (64, 48)


async def test_files_are_named_by_their_id(stage, made):
    chat = stage.ann.id
    stage.telegram.send_photo(stage.ann, made.picture(200, 100))
    stage.telegram.send_voice(stage.ann, made.voice())
    photo, voice = [each["message"] for each in await stage.done("getUpdates")]
    file_id = photo["photo"][0]["file_id"]
    again = await stage.done("sendPhoto", chat_id=chat, photo=file_id, caption="again")
    assert (again["photo"], again["caption"]) == (photo["photo"], "again")
    third = await stage.done("sendPhoto", chat_id=chat, photo=again["photo"][-1]["file_id"])
    assert third["photo"] == photo["photo"]
    heard = await stage.done("sendDocument", chat_id=chat, document=voice["voice"]["file_id"])
    assert heard["voice"] == voice["voice"]
    mixed = "Bad Request: can't use file of type Photo as Document"
    assert await stage.refused("sendDocument", chat_id=chat, document=file_id) == mixed


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", "there is no document in the request"),
        ("attach://nothing", "there is no document in the request"),
        ("BQACAgIAAxkB" + "0" * 48, "wrong file identifier/HTTP URL specified"),
        ("nonsense!", "wrong remote file identifier specified: Wrong character in the string"),
        ("abcde", "wrong remote file identifier specified: Wrong string length"),
        (
            "abcdef",
            "wrong remote file identifier specified: can't unserialize it. Wrong last symbol",
        ),
        ("https://example.com/a.jpg", "failed to get HTTP URL content"),
        ("https://example.com/page", "wrong type of the web page content"),
        ("https://example.com/a.html?b=c.d", "wrong type of the web page content"),
        ("ftp://example.com/a.jpg", "invalid file HTTP URL specified: Unsupported URL protocol"),
    ],
)
async def test_what_names_no_file(stage, said, why):
    asked = {"chat_id": stage.ann.id, "document": said}
    assert await stage.refused("sendDocument", **asked) == f"Bad Request: {why}"


@pytest.mark.parametrize(
    ("method", "content", "why"),
    [
        ("sendPhoto", b"words", "IMAGE_PROCESS_FAILED"),
        ("sendPhoto", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "IMAGE_PROCESS_FAILED"),
        ("sendPhoto", b"", "file must be non-empty"),
        ("sendDocument", b"", "file must be non-empty"),
    ],
)
async def test_bytes_that_are_refused(stage, method, content, why):
    field = method.removeprefix("send").lower()
    assert await refusal(stage, method, {field: ("a", content)}) == f"Bad Request: {why}"
    assert stage.telegram.posts(stage.ann) == []


@pytest.mark.parametrize("size", [(2100, 100), (100, 2001), (9000, 1001)])
async def test_photos_of_wrong_dimensions(stage, made, size):
    picture = made.picture(*size, "PNG", "L")
    wrong = "Bad Request: PHOTO_INVALID_DIMENSIONS"
    assert await refusal(stage, "sendPhoto", {"photo": ("a.png", picture)}) == wrong


async def test_a_photo_that_is_cut_off(stage, made):
    cut = made.picture(400, 300)[:-700]
    failed = "Bad Request: IMAGE_PROCESS_FAILED"
    assert await refusal(stage, "sendPhoto", {"photo": ("a.jpg", cut)}) == failed


async def test_sizes_have_limits(stage, made):
    heavy = made.picture() + bytes(10 << 20)
    too_big = await refusal(stage, "sendPhoto", {"photo": ("a.jpg", heavy)})
    limit = "the maximum size is 10485760 bytes"
    assert (
        too_big == f"Bad Request: file of size {len(heavy)} bytes is too big for a photo; {limit}"
    )
    fits = await upload(stage, "sendDocument", {"document": ("a.jpg", heavy)}, chat_id=stage.ann.id)
    assert fits["result"]["document"]["file_size"] == len(heavy)
    huge = {"document": ("a.bin", bytes((50 << 20) + 1))}
    assert await refusal(stage, "sendDocument", huge) == "Request Entity Too Large"


async def test_requests_have_limits(stage):
    many = {f"f{number}": ("a", b"a") for number in range(51)}
    large = "Request Entity Too Large"
    assert await refusal(stage, "sendDocument", many) == large
    one = {"document": ("a", b"a")}
    assert await refusal(stage, "sendDocument", one, caption="x" * (1 << 20)) == large
    assert await refusal(stage, "sendDocument", one, caption="x" * (3 << 20)) == large
    many.popitem()
    assert (await refusal(stage, "sendDocument", many)).endswith("no document in the request")


async def test_captions(stage, made):
    file = {"document": ("a.pdf", made.pdf)}
    long = "Bad Request: message caption is too long"
    assert await refusal(stage, "sendDocument", file, caption="x" * 1025) == long
    assert await refusal(stage, "sendDocument", file, caption="😀" * 513) == long
    outside = [{"type": "bold", "offset": 0, "length": 9}]
    refused = await refusal(stage, "sendDocument", file, caption="hi", caption_entities=outside)
    assert "ends after the end of the text" in refused
    bold = [{"type": "bold", "offset": 0, "length": 2}]
    sent = await upload(
        stage,
        "sendDocument",
        file,
        chat_id=stage.ann.id,
        caption="hi" + " " * 2000,
        caption_entities=bold,
        entities=outside,
    )
    assert sent["result"]["caption"] == "hi"
    (post,) = stage.telegram.posts(stage.ann)
    assert (post.frame.text, post.frame.entities) == ("hi", bold)


@pytest.mark.parametrize(
    ("method", "name", "make", "arrives"),
    [
        ("sendVoice", "a.ogg", lambda made: made.voice(codec=b"\x01vorbis"), "audio"),
        ("sendVoice", "a.wav", lambda made: b"RIFF....WAVEfmt ", "audio"),
        ("sendVoice", "a.pdf", lambda made: made.pdf, "document"),
        ("sendVoice", "a.bin", lambda made: made.voice(), "voice"),
        ("sendVoice", "a.mp3", lambda made: made.mp3, "voice"),
        ("sendAudio", "a.pdf", lambda made: made.pdf, "document"),
        ("sendVideo", "a.pdf", lambda made: made.pdf, "document"),
        ("sendAnimation", "a.pdf", lambda made: made.pdf, "document"),
        ("sendDocument", "a.gif", lambda made: made.picture(kind="GIF"), "animation"),
    ],
)
async def test_what_is_something_else_arrives_as_that(stage, made, method, name, make, arrives):
    field = method.removeprefix("send").lower()
    sent = await upload(stage, method, {field: (name, make(made))}, chat_id=stage.ann.id)
    assert arrives in sent["result"]
    assert stage.telegram.posts(stage.ann)[-1].attachment.kind == arrives


async def test_voice_may_be_refused_by_its_hearer(stage, made):
    stage.telegram.refuse_voice(stage.ann)
    forbidden = "Bad Request: VOICE_MESSAGES_FORBIDDEN"
    assert await refusal(stage, "sendVoice", {"voice": ("a.ogg", made.voice())}) == forbidden
    await stage.bot.send_audio(stage.ann.id, made.mp3)
    stage.telegram.refuse_voice(stage.ann, False)
    await stage.bot.send_voice(stage.ann.id, made.voice())


async def test_an_album(stage, made):
    bot, chat = stage.bot, stage.ann.id
    pictures = [made.picture(40, 30, "PNG"), made.picture(30, 40)]
    first = await bot.send_photo(chat, pictures[0])
    media = [
        InputMediaPhoto(pictures[0], caption="look", caption_entities=[]),
        InputMediaPhoto(first.photo[-1].file_id),
        InputMediaVideo(made.mp4, duration=2),
    ]
    album = await bot.send_media_group(chat, media, reply_parameters=ReplyParameters(1))
    assert len({each.media_group_id for each in album}) == 1
    assert [each.message_id for each in album] == [3, 4, 5]
    assert [each.caption for each in album] == ["look", None, None]
    assert all(each.reply_to_message.message_id == 1 for each in album)
    posts = stage.telegram.posts(chat)[1:]
    assert [each.attachment.kind for each in posts] == ["photo", "photo", "video"]
    assert {each.media_group_id for each in posts} == {album[0].media_group_id}
    assert stage.telegram.content_of(posts[0]) == pictures[0]
    papers = [InputMediaDocument(made.pdf, filename=f"{n}.pdf") for n in range(2)]
    sent = await bot.send_media_group(chat, papers)
    assert [each.document.file_name for each in sent] == ["0.pdf", "1.pdf"]
    assert sent[0].media_group_id != album[0].media_group_id


async def test_albums_that_are_refused(stage, made):
    files = {"a": ("a.jpg", made.picture()), "b": ("b.pdf", made.pdf), "c": ("c.mp3", made.mp3)}
    photo = {"type": "photo", "media": "attach://a"}
    paper = {"type": "document", "media": "attach://b"}
    music = {"type": "audio", "media": "attach://c"}
    for media, why in [
        ("", 'parameter "media" is required'),
        ("{", "can't parse media JSON object"),
        ({"type": "photo"}, "expected an Array of InputMedia"),
        ([], "there are no messages to send"),
        ([photo], "too few messages to send as an album"),
        ([photo] * 11, "too many messages to send as an album"),
        ([photo, paper], "document can't be mixed with other media types"),
        (
            [photo, {"type": "video", "media": "attach://b"}],
            "document can't be mixed with other media types",
        ),
        ([music, photo], "audio can't be mixed with other media types"),
        ([photo, 5], "can't parse InputMedia: expected an Object"),
        (
            [photo, {"type": "animation", "media": "attach://a"}],
            "can't parse InputMedia: type \"animation\" can't be used in sendMediaGroup",
        ),
        (
            [photo, {"type": "photo", "media": "attach://z"}],
            "can't parse InputMedia: media not found",
        ),
        ([photo, {"type": "photo"}], "can't parse InputMedia: media not found"),
        ([photo, photo | {"caption": "x" * 1025}], "message caption is too long"),
        ([photo, {"type": "photo", "media": "attach://b"}], "IMAGE_PROCESS_FAILED"),
    ]:
        answer = await refusal(stage, "sendMediaGroup", files, media=media)
        assert answer == f"Bad Request: {why}"
    assert stage.telegram.posts(stage.ann) == []


async def test_captions_are_edited(stage, made):
    bot, chat = stage.bot, stage.ann.id
    post = await bot.send_photo(chat, made.picture(), caption="one")
    where = {"chat_id": chat, "message_id": post.message_id}
    edited = await stage.done("editMessageCaption", **where, caption="two #x")
    assert (edited["caption"], edited["caption_entities"][0]["type"]) == ("two #x", "hashtag")
    assert edited["photo"][-1]["file_id"] == post.photo[-1].file_id
    same = await stage.refused("editMessageCaption", **where, caption="two #x")
    assert same.startswith("Bad Request: message is not modified")
    no_text = "Bad Request: there is no text in the message to edit"
    assert await stage.refused("editMessageText", **where, text="x") == no_text
    long = "Bad Request: message caption is too long"
    assert await stage.refused("editMessageCaption", **where, caption="x" * 1025) == long
    assert "caption" not in await stage.done("editMessageCaption", **where)
    words = await bot.send_message(chat, "words")
    no_caption = "Bad Request: there is no caption in the message to edit"
    where["message_id"] = words.message_id
    assert await stage.refused("editMessageCaption", **where, caption="x") == no_caption
    where["message_id"] = 1
    mine = "Bad Request: message can't be edited"
    assert await stage.refused("editMessageCaption", **where, caption="x") == mine


@pytest.mark.parametrize("kind", SENDS)
async def test_closed_doors(stage, made, kind):
    words = {
        "Photo": "photos",
        "Document": "documents",
        "Video": "videos",
        "Animation": "animations",
        "Audio": "music",
        "Voice": "voice notes",
    }
    group = stage.telegram.add_group("Team", [stage.ann])
    content = {
        "Photo": made.picture(),
        "Document": made.pdf,
        "Video": made.mp4,
        "Animation": made.mp4,
        "Audio": made.mp3,
        "Voice": made.voice(),
    }[kind]
    file = {kind.lower(): ("a", content)}
    stage.telegram.mute_bot(group)
    muted = f"Bad Request: not enough rights to send {words[kind]} to the chat"
    assert await refusal(stage, f"send{kind}", file, chat_id=group.id) == muted
    stage.telegram.kick_bot(group)
    kicked = "Forbidden: bot was kicked from the supergroup chat"
    assert await refusal(stage, f"send{kind}", file, chat_id=group.id) == kicked
    stage.telegram.block(stage.ann)
    assert await refusal(stage, f"send{kind}", file) == "Forbidden: bot was blocked by the user"
    assert await refusal(stage, f"send{kind}", file, chat_id=9) == "Bad Request: chat not found"


async def test_albums_meet_the_same_doors(stage, made):
    group = stage.telegram.add_group("Team", [stage.ann], forum=True)
    topic = stage.telegram.add_topic(group, "Bugs")
    files = {"a": ("a.jpg", made.picture())}
    asked = {"chat_id": group.id, "media": [{"type": "photo", "media": "attach://a"}] * 2}
    sent = await upload(stage, "sendMediaGroup", files, **asked, message_thread_id=topic)
    assert [each["message_thread_id"] for each in sent["result"]] == [topic, topic]
    stage.telegram.close_topic(group, topic)
    closed = await refusal(stage, "sendMediaGroup", files, **asked, message_thread_id=topic)
    assert closed == "Bad Request: TOPIC_CLOSED"
    gone = await refusal(stage, "sendMediaGroup", files, **asked, message_thread_id=99)
    assert gone == "Bad Request: message thread not found"
    answered = {"reply_parameters": {"message_id": 999}}
    lost = await refusal(stage, "sendMediaGroup", files, **asked, **answered)
    assert lost == "Bad Request: message to be replied not found"
    stage.telegram.mute_bot(group)
    muted = "Bad Request: not enough rights to send photos to the chat"
    assert await refusal(stage, "sendMediaGroup", files, **asked) == muted


async def test_a_moved_group_says_where_it_is(stage, made):
    group = stage.telegram.add_group("Team", [stage.ann], basic=True)
    new = stage.telegram.migrate(group)
    answer = await upload(stage, "sendPhoto", {"photo": ("a", made.picture())}, chat_id=group.id)
    assert answer["parameters"] == {"migrate_to_chat_id": new.id}


@pytest.mark.parametrize(("private", "albums"), [(True, 1), (False, 2)])
async def test_each_item_of_an_album_counts(limited, made, private, albums):
    chat = limited.ann if private else limited.telegram.add_group("Team", [limited.ann])
    files = {"a": ("a.jpg", made.picture(8, 8))}
    asked = {"chat_id": chat.id, "media": [{"type": "photo", "media": "attach://a"}] * 10}
    for _ in range(albums):
        assert (await upload(limited, "sendMediaGroup", files, **asked))["ok"]
    refused = await upload(limited, "sendMediaGroup", files, **asked)
    assert refused["error_code"] == 429
    assert len(limited.telegram.posts(chat)) == 10 * albums


async def test_nobody_writes_down_bytes(stage, made):
    await stage.bot.send_photo(stage.ann.id, made.picture(), filename="sea.jpg")
    call = stage.telegram.calls[-1]
    shown = [each for each in call.params.values() if isinstance(each, dict)]
    assert shown == [{"file_name": "sea.jpg", "file_size": len(made.picture())}]
    entry = stage.telegram.journal.entries[-1]
    assert "JFIF" not in repr(entry)
    assert "JFIF" not in repr(call)


async def test_actions_have_names(stage):
    names = "typing upload_photo record_video upload_video record_voice upload_voice"
    names += " upload_document choose_sticker find_location record_video_note upload_video_note"
    for name in names.split():
        await stage.done("sendChatAction", chat_id=stage.ann.id, action=name)
    assert [each.name for each in stage.telegram.actions(stage.ann)] == names.split()
    wrong = "Bad Request: wrong parameter action in request"
    asked = {"chat_id": stage.ann.id, "action": "upload_sculpture"}
    assert await stage.refused("sendChatAction", **asked) == wrong
