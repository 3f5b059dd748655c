"""Files and other things that a message carries, kept for both sides and described as the Bot API does."""

from __future__ import annotations

import hashlib
from typing import Literal

from bridge.sandbox.telegram.content.file_types import StoredFile, mime_of, opus_seconds
from bridge.sandbox.telegram.content.images import (
    NoPicture,
    Picture,
    WrongDimensions,
    dimensions,
    photo_sizes,
)
from bridge.sandbox.telegram.world import Attachment, Json, World

StickerKind = Literal["static", "animated", "video"]
OLD_SIZE = (800, 600)
"""Of a picture that cannot be read and of which nobody said more, in pixels."""
MOST_IN_ALBUM = 10
APART = ("document", "audio")
"""Kinds that stand in an album only with their own."""
_PLACES = {
    "photo": ("AgAC", "photos", "jpg"),
    "document": ("BQAC", "documents", "bin"),
    "video": ("BAAC", "videos", "mp4"),
    "animation": ("CgAC", "animations", "mp4"),
    "audio": ("CQAC", "music", "mp3"),
    "voice": ("AwAC", "voice", "oga"),
    "video_note": ("DQAC", "video_notes", "mp4"),
    "sticker": ("CAAC", "stickers", "webp"),
}
"""By kind: how its file_ids begin, the folder it is downloaded from, and its usual ending."""
_STICKERS: dict[StickerKind, tuple[str, str]] = {
    "static": ("webp", "image/webp"),
    "animated": ("tgs", "application/x-tgsticker"),
    "video": ("webm", "video/webm"),
}
_ODDLY_NAMED = {"audio/mpeg": "mp3", "audio/ogg": "ogg", "audio/mp4": "m4a"}


def store(
    world: World, kind: str, content: bytes, name: str = "", mime: str = "", size: int | None = None
) -> StoredFile:
    """Keep a file; its path ends as its name does. `size` is for one that has no bytes here."""
    number = len(world.files)
    digest = hashlib.sha256(f"{world.bot.id}/{number}/{name}".encode()).hexdigest()
    beginning, folder, ending = _PLACES[kind]
    if "." in name:
        ending = name.rpartition(".")[2]
    stored = StoredFile(
        file_id=f"{beginning}AgIAAxkB{digest[:48]}",
        file_unique_id=f"AgAD{digest[48:60]}",
        path=f"{folder}/file_{number}.{ending}",
        mime_type=mime or mime_of(content, name),
        content=content,
        size=len(content) if size is None else size,
    )
    world.files[stored.file_id] = stored
    return stored


def new_album(world: World) -> str:
    """Return the `media_group_id` of one more album."""
    world.albums += 1
    return str(13_000_000_000_000_000 + world.albums)


def document(
    world: World, name: str, content: bytes, mime: str = "", size: int | None = None
) -> Attachment:
    """Return a file as it is."""
    stored = store(world, "document", content, name, mime, size)
    return _kept(world, "document", stored, _named(stored, name))


def photo(
    world: World, content: bytes, shown: tuple[int, int] | None = None, size: int | None = None
) -> Attachment:
    """Return a photo in all its sizes.

    Bytes that are no picture are kept as they are when it is `shown` how wide and high they are.
    Raises NoPicture and WrongDimensions.
    """
    try:
        sizes = photo_sizes(content)
    except (NoPicture, WrongDimensions):
        if shown is None:
            raise
        sizes = [Picture(*shown, content)]
    kept = [
        store(world, "photo", each.content, mime="image/jpeg", size=size if last else None)
        for last, each in zip([*[False] * (len(sizes) - 1), True], sizes, strict=True)
    ]
    described: list[Json] = [
        _described(stored) | {"width": each.width, "height": each.height}
        for stored, each in zip(kept, sizes, strict=True)
    ]
    attachment = Attachment("photo", described, content=content)
    world.attached |= {stored.file_id: attachment for stored in kept}
    return attachment


def audio(
    world: World,
    name: str,
    content: bytes,
    mime: str = "",
    seconds: int = 1,
    *,
    title: str = "",
    performer: str = "",
    size: int | None = None,
) -> Attachment:
    """Return a piece of music."""
    stored = store(world, "audio", content, name, mime, size)
    words = {"title": title, "performer": performer}
    shape = _named(stored, name) | {word: said for word, said in words.items() if said}
    return _kept(world, "audio", stored, shape | {"duration": seconds})


def video(
    world: World,
    name: str,
    content: bytes,
    mime: str = "video/mp4",
    seconds: int = 1,
    shown: tuple[int, int] = OLD_SIZE,
    size: int | None = None,
) -> Attachment:
    """Return a film; `shown` is its width and height in pixels."""
    stored = store(world, "video", content, name, mime, size)
    shape = _named(stored, name) | _film(seconds, shown)
    return _kept(world, "video", stored, shape)


def animation(
    world: World,
    name: str,
    content: bytes,
    mime: str = "video/mp4",
    seconds: int = 1,
    shown: tuple[int, int] | None = None,
) -> Attachment:
    """Return a film without sound, or a GIF; for older clients it is described as a document, too."""
    stored = store(world, "animation", content, name, mime)
    shape = _named(stored, name)
    if shown is None:
        shown = _seen(content)
    kept = Attachment("animation", shape | _film(seconds, shown), {"document": shape}, content)
    world.attached[stored.file_id] = kept
    return kept


def video_note(
    world: World, content: bytes, seconds: int = 1, length: int = 240, size: int | None = None
) -> Attachment:
    """Return a round film, `length` pixels wide and high."""
    stored = store(world, "video_note", content, mime="video/mp4", size=size)
    shape = _described(stored) | {"length": length, "duration": seconds}
    return _kept(world, "video_note", stored, shape)


def voice(
    world: World,
    content: bytes,
    seconds: int | None = None,
    mime: str = "audio/ogg",
    size: int | None = None,
) -> Attachment:
    """Return a voice message; how long it is can be read from OGG/Opus."""
    stored = store(world, "voice", content, mime=mime, size=size)
    if seconds is None:
        seconds = round(opus_seconds(content) or 0)
    shape = _described(stored) | {"mime_type": mime, "duration": seconds}
    return _kept(world, "voice", stored, shape)


def sticker(
    world: World, content: bytes, emoji: str = "👍", kind: StickerKind = "static"
) -> Attachment:
    """Return a sticker out of nobody's set."""
    ending, mime = _STICKERS[kind]
    stored = store(world, "sticker", content, f"sticker.{ending}", mime)
    width, height = _seen(content, otherwise=(512, 512))
    shape: Json = {
        "type": "regular",
        "width": width,
        "height": height,
        "is_animated": kind == "animated",
        "is_video": kind == "video",
        "emoji": emoji,
    }
    return _kept(world, "sticker", stored, _described(stored) | shape)


def location(latitude: float, longitude: float) -> Attachment:
    """Return a point on the map, in degrees."""
    return Attachment("location", {"latitude": latitude, "longitude": longitude})


def venue(latitude: float, longitude: float, title: str, address: str) -> Attachment:
    """Return a point with a name; it is described as a location, too."""
    point: Json = {"latitude": latitude, "longitude": longitude}
    shape: Json = {"location": point, "title": title, "address": address}
    return Attachment("venue", shape, {"location": point})


def contact(phone: str, first_name: str, last_name: str = "") -> Attachment:
    """Return somebody's telephone number."""
    shape: Json = {"phone_number": phone, "first_name": first_name}
    return Attachment("contact", shape | ({"last_name": last_name} if last_name else {}))


def dice(value: int, emoji: str = "🎲") -> Attachment:
    """Return a die that was thrown."""
    return Attachment("dice", {"emoji": emoji, "value": value})


def poll(world: World, question: str, options: list[str]) -> Attachment:
    """Return a question to all, which nobody has answered."""
    number = len(world.files) + world.albums
    answers = [
        {"persistent_id": str(place), "text": text, "voter_count": 0}
        for place, text in enumerate(options, 1)
    ]
    shape: Json = {
        "id": str(5_000_000_000_000_000_000 + number),
        "question": question,
        "options": answers,
        "total_voter_count": 0,
        "is_closed": False,
        "is_anonymous": True,
        "type": "regular",
        "allows_multiple_answers": False,
        "allows_revoting": True,
        "members_only": False,
    }
    return Attachment("poll", shape)


def file_name(name: str, kind: str, mime: str) -> str:
    """Return the name of a file, or one made up from its kind as Telegram does."""
    if name:
        return name
    ending = _ODDLY_NAMED.get(mime, mime.rpartition("/")[2])
    return f"{kind}.{ending}"


def _kept(world: World, kind: str, stored: StoredFile, shape: Json) -> Attachment:
    attachment = Attachment(kind, shape, content=stored.content)
    world.attached[stored.file_id] = attachment
    return attachment


def _described(stored: StoredFile) -> Json:
    return {
        "file_id": stored.file_id,
        "file_unique_id": stored.file_unique_id,
        "file_size": stored.size,
    }


def _named(stored: StoredFile, name: str) -> Json:
    words: Json = {"file_name": name} if name else {}
    return words | {"mime_type": stored.mime_type} | _described(stored)


def _film(seconds: int, shown: tuple[int, int]) -> Json:
    width, height = shown
    return {"width": width, "height": height, "duration": seconds}


def _seen(content: bytes, otherwise: tuple[int, int] = OLD_SIZE) -> tuple[int, int]:
    """Width and height in pixels of what may be a picture."""
    try:
        return dimensions(content)
    except (NoPicture, WrongDimensions):
        return otherwise
