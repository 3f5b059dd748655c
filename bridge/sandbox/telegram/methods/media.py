"""The methods by which the bot sends files, alone or as an album, and changes what is under them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bridge.sandbox.telegram.calls import (
    MethodCall,
    Words,
    caption_of,
    check_may_send,
    checked_caption,
    frame_of,
    own_message_of,
    shown,
    writable_chat_of,
)
from bridge.sandbox.telegram.content import attachments
from bridge.sandbox.telegram.content.attachments import APART, MOST_IN_ALBUM, new_album
from bridge.sandbox.telegram.content.file_types import mime_of, opus_seconds
from bridge.sandbox.telegram.content.images import NoPicture, WrongDimensions
from bridge.sandbox.telegram.content.text import Formatted
from bridge.sandbox.telegram.methods.keyboards import read_inline_markup, read_markup
from bridge.sandbox.telegram.methods.posting import (
    admit,
    place_of,
    put,
    refuse_inline_message,
    show,
)
from bridge.sandbox.telegram.methods.uploads import file_of
from bridge.sandbox.telegram.params import Broken, Params, Upload
from bridge.sandbox.telegram.refusals import bad_request
from bridge.sandbox.telegram.world import Attachment, Chat, Json, World

MOST_PHOTO_BYTES = 10 << 20
_RIGHTS = {
    "photo": "photos",
    "document": "documents",
    "video": "videos",
    "animation": "animations",
    "audio": "music",
    "voice": "voice notes",
    "video_note": "video notes",
    "sticker": "stickers",
}
"""What the server says that a muted bot may not send."""
_IN_ALBUMS = ("photo", "video", "document", "audio")
_LOOKS = (
    ("has_spoiler", "has_media_spoiler"),
    ("show_caption_above_media", "show_caption_above_media"),
)
_VOICE_TYPES = ("audio/mpeg", "audio/mp4")


async def send_photo(call: MethodCall) -> object:
    """Send a new photo of the bot."""
    return await _send(call, "photo")


async def send_document(call: MethodCall) -> object:
    """Send a new file of the bot; a GIF moves, unless the bot says that it is only a file."""
    return await _send(call, "document")


async def send_video(call: MethodCall) -> object:
    """Send a new film of the bot; what is none arrives as a file."""
    return await _send(call, "video")


async def send_animation(call: MethodCall) -> object:
    """Send a new film without sound, or a GIF; what is neither arrives as a file."""
    return await _send(call, "animation")


async def send_audio(call: MethodCall) -> object:
    """Send music of the bot; what is none arrives as a file."""
    return await _send(call, "audio")


async def send_voice(call: MethodCall) -> object:
    """Send a new voice message: OGG/Opus, MP3 or M4A; what is none arrives as music or as a file."""
    return await _send(call, "voice")


@dataclass(frozen=True)
class _Sent:
    """One file that the bot wants to send, and the words under it."""

    kind: str
    file: Upload | Attachment
    caption: Formatted
    params: Params
    """What else is said of the file."""


async def _send(call: MethodCall, kind: str) -> object:
    caption = caption_of(call)
    markup = read_markup(call.params)
    file = file_of(call, kind, call.params.text(kind))
    if file is None:
        raise bad_request(f"there is no {kind} in the request")
    sent = _Sent(kind, file, caption, call.params)
    chat = writable_chat_of(call)
    check_may_send(chat, _RIGHTS[_arriving(sent)])
    place = place_of(call, chat)
    attachment = _attachment(call.world, chat, sent)
    await admit(call, chat)
    return shown(call, put(call, chat, place, frame_of(call, caption, markup), attachment))


async def send_media_group(call: MethodCall) -> object:
    """Send several files of the bot that are shown together; return the messages."""
    album = [_album_item(call, each) for each in _sent_items(call)]
    chat = writable_chat_of(call)
    kinds = [_arriving(each) for each in album]
    _check_album(kinds)
    for kind in kinds:
        check_may_send(chat, _RIGHTS[kind])
    place = place_of(call, chat)
    ready = [_attachment(call.world, chat, each) for each in album]
    await admit(call, chat, len(album))
    name = new_album(call.world)
    return [
        shown(call, put(call, chat, place, frame_of(call, one.caption, None), attachment, name))
        for one, attachment in zip(album, ready, strict=True)
    ]


async def edit_message_caption(call: MethodCall) -> object:
    """Change the words under a file of the bot; what is not repeated is lost."""
    caption = caption_of(call)
    markup = read_inline_markup(call.params)
    refuse_inline_message(call)
    chat = writable_chat_of(call)
    message = own_message_of(call, chat)
    if message.attachment is None or not message.attachment.captioned:
        raise bad_request("there is no caption in the message to edit")
    return await show(call, chat, message, frame_of(call, caption, markup))


def _sent_items(call: MethodCall) -> list[object]:
    if not call.params.has("media"):
        raise bad_request('parameter "media" is required')
    try:
        sent = call.params.decoded("media")
    except Broken:
        raise bad_request("Can't parse media JSON object") from None
    if not isinstance(sent, list):
        raise bad_request("Expected an Array of InputMedia")
    return sent


def _album_item(call: MethodCall, sent: object) -> _Sent:
    if not isinstance(sent, dict):
        raise bad_request("Can't parse InputMedia: expected an Object")
    kind, media = sent.get("type"), sent.get("media")
    if not isinstance(kind, str) or kind not in _IN_ALBUMS:
        raise bad_request(
            f"Can't parse InputMedia: type \"{kind}\" can't be used in sendMediaGroup"
        )
    file = file_of(call, "", media) if isinstance(media, str) and media else None
    if file is None:
        raise bad_request("Can't parse InputMedia: media not found")
    said = {name: str(value) for name, value in sent.items() if isinstance(value, str | int)}
    mode = said.get("parse_mode", "")
    words = Words(said.get("caption", ""), sent.get("caption_entities"), mode)
    # in an album a file is never taken for something else
    params = Params(said | {"disable_content_type_detection": "true"})
    return _Sent(kind, file, checked_caption(call, words), params)


def _check_album(kinds: list[str]) -> None:
    if not kinds:
        raise bad_request("There are no messages to send")
    if len(kinds) == 1:
        # documented as 2 to 10; what the server says to one is not established
        raise bad_request("Too few messages to send as an album")
    if len(kinds) > MOST_IN_ALBUM:
        raise bad_request("Too many messages to send as an album")
    for kind in APART:
        if kind in kinds and set(kinds) != {kind}:
            raise bad_request(f"{kind.capitalize()} can't be mixed with other media types")


def _arriving(sent: _Sent) -> str:
    """As what it arrives: files go by their content more than by the method's name."""
    if isinstance(sent.file, Attachment):
        _check_class(sent.kind, sent.file.kind)
        return sent.file.kind
    mime = _mime(sent.file)
    family = mime.partition("/")[0]
    match sent.kind:
        case "voice" if opus_seconds(sent.file.content) is None and mime not in _VOICE_TYPES:
            return "audio" if family == "audio" else "document"
        case "video" | "audio" if family != sent.kind:
            return "document"
        case "animation" if mime not in ("image/gif", "video/mp4"):
            return "document"
        case "document" if mime == "image/gif":
            fixed = sent.params.boolean("disable_content_type_detection")
            return "document" if fixed else "animation"
    return sent.kind


def _check_class(wanted: str, real: str) -> None:
    """A photo is sent again only as a photo, and nothing else as one."""
    if (wanted == "photo") != (real == "photo"):
        names = [each.title().replace("_", "") for each in (real, wanted)]
        raise bad_request(f"Can't use file of type {names[0]} as {names[1]}")


def _attachment(world: World, chat: Chat, sent: _Sent) -> Attachment:
    """Return what the message will carry. Raises Refused as the backend does."""
    kind = _arriving(sent)
    if kind == "voice" and chat.id in world.refusing_voice:
        raise bad_request("VOICE_MESSAGES_FORBIDDEN")
    if isinstance(sent.file, Attachment):
        return _looking(sent.file, sent.params)
    return _looking(_stored(world, kind, sent, sent.file), sent.params)


def _looking(attachment: Attachment, params: Params) -> Attachment:
    """Return the same as the bot wants it to look in this message."""
    seen = attachment.kind in ("photo", "video", "animation")
    wanted: Json = {field: True for name, field in _LOOKS if seen and params.boolean(name)}
    return replace(attachment, also=attachment.also | wanted)


def _stored(world: World, kind: str, sent: _Sent, file: Upload) -> Attachment:
    if kind == "photo":
        return _photo(world, file.content)
    content, mime, params = file.content, _mime(file), sent.params
    name = attachments.file_name(file.name, kind, mime)
    seconds = params.integer("duration", low=0)
    width, height = params.integer("width", low=0), params.integer("height", low=0)
    match kind:
        case "video":
            return attachments.video(world, name, content, mime, seconds, (width, height))
        case "animation":
            size = (width, height) if width and height else None
            return attachments.animation(world, name, content, mime, seconds, size)
        case "voice":
            known = seconds if params.has("duration") else None
            if mime in _VOICE_TYPES:
                return attachments.voice(world, content, seconds, mime)
            return attachments.voice(world, content, known)
        case "audio":
            title, performer = params.text("title"), params.text("performer")
            return attachments.audio(
                world, name, content, mime, seconds, title=title, performer=performer
            )
    return attachments.document(world, name, content, mime)


def _photo(world: World, content: bytes) -> Attachment:
    if len(content) > MOST_PHOTO_BYTES:
        limit = f"the maximum size is {MOST_PHOTO_BYTES} bytes"
        raise bad_request(f"File of size {len(content)} bytes is too big for a photo; {limit}")
    try:
        return attachments.photo(world, content)
    except NoPicture:
        raise bad_request("IMAGE_PROCESS_FAILED") from None
    except WrongDimensions:
        raise bad_request("PHOTO_INVALID_DIMENSIONS") from None


def _mime(upload: Upload) -> str:
    return mime_of(upload.content, upload.name, upload.mime_type)
