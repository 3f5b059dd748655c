"""What a message carries besides words: files, and things that words can say. Pure.

A name is as hostile as the rest of an update, and Coze judges a file by its extension: so each file
gets a plain name whose extension fits what Telegram says of it.
"""

import mimetypes
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from telegram import ExternalReplyInfo, PhotoSize
from telegram import Message as RawMessage

from bridge.model import Attachment, AttachmentKind
from bridge.telegram.updates.rich_text import checklist_text

MOST_BYTES = 20 * 1024 * 1024
"""What the public Bot API lets bots download."""
MOST_NAME = 80
_UNSAFE = re.compile(
    r'[\x00-\x1f\x7f<>:"/\\|?*\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]'
)
_EXTENSION = re.compile(r"\.\w{1,15}")
_ANYTHING = ("application/octet-stream", "application/json", "application/xml")
_KINDS = {"image": AttachmentKind.IMAGE, "audio": AttachmentKind.AUDIO}
_EXTENSIONS = {
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/ogg": ".ogg",
    "image/webp": ".webp",
}


def attachments(raw: RawMessage | ExternalReplyInfo) -> tuple[Attachment, ...]:
    """Return the files of a message; Telegram allows one, of an album each is a message."""
    return tuple(_files(raw))


def _files(raw: RawMessage | ExternalReplyInfo) -> Iterator[Attachment]:
    if raw.photo:
        best = _best(raw.photo)
        yield Attachment(
            file_id=best.file_id,
            key=best.file_unique_id,
            kind=AttachmentKind.IMAGE,
            name="photo.jpg",
            size=best.file_size or 0,
        )
    elif raw.voice is not None:
        yield _file(raw.voice, AttachmentKind.VOICE, "voice.ogg")
    elif raw.video_note is not None:
        yield _file(raw.video_note, AttachmentKind.FILE, "video.mp4")
    elif raw.sticker is not None and not (raw.sticker.is_animated or raw.sticker.is_video):
        yield _file(raw.sticker, AttachmentKind.IMAGE, "sticker.webp")
    elif (named := raw.animation or raw.document or raw.audio or raw.video) is not None:
        mime = str(named.mime_type or "").lower()
        name = file_name(
            str(named.file_name or ""), mime, fallback=_FALLBACKS[type(named).__name__]
        )
        yield _file(named, _KINDS.get(mime.partition("/")[0], AttachmentKind.FILE), name)


_FALLBACKS = {
    "Animation": "animation.mp4",
    "Document": "file",
    "Audio": "audio.mp3",
    "Video": "video.mp4",
}


def _file(found: object, kind: AttachmentKind, name: str) -> Attachment:
    """Return a file as any of the library's classes describes it. Raises TypeError for a broken one."""
    file_id, key = getattr(found, "file_id", None), getattr(found, "file_unique_id", None)
    size = getattr(found, "file_size", None)
    if not isinstance(file_id, str) or not isinstance(key, str):
        raise TypeError("a file without an id")
    return Attachment(
        file_id=file_id, key=key, kind=kind, name=name, size=size if isinstance(size, int) else 0
    )


def _best(sizes: tuple[PhotoSize, ...]) -> PhotoSize:
    """Return the largest that a bot can download; the smallest when none can."""
    fits = [one for one in sizes if (one.file_size or 0) <= MOST_BYTES]
    area = [(one.width * one.height, one) for one in fits or sizes[:1]]
    return max(area, key=lambda pair: pair[0])[1]


def file_name(given: str, mime: str, fallback: str) -> str:
    """Return a plain name of one folder's width, with an extension that fits the type."""
    flat = " ".join(_UNSAFE.sub(" ", given).split()).strip(". ")
    path = PurePosixPath(flat or fallback)
    fitting = _EXTENSIONS.get(mime) or mimetypes.guess_extension(mime) or ""
    if not _EXTENSION.fullmatch(path.suffix) or (fitting and _by_chance(path.suffix, mime)):
        return path.name[: MOST_NAME - len(fitting)] + fitting
    return path.stem[: MOST_NAME - len(path.suffix)] + path.suffix


def _by_chance(suffix: str, mime: str) -> bool:
    """Return whether a name goes on behind a dot, as in `Report v1.2`; text is known by its content."""
    if mime.startswith("text/") or mime in _ANYTHING:
        return False
    return mimetypes.guess_type(f"x{suffix}") == (None, None)


def location(raw: RawMessage) -> tuple[float, float] | None:
    """Return the latitude and longitude of a place that was sent, in degrees; None for anything else."""
    place = raw.venue.location if raw.venue is not None else raw.location
    return (place.latitude, place.longitude) if place is not None else None


def in_words(raw: RawMessage | ExternalReplyInfo) -> str:
    """Return what words can say of a message that is neither text nor a file; empty for others."""
    if raw.checklist is not None:
        return checklist_text(raw.checklist)
    if raw.story is not None:
        return "(A story)"
    if raw.venue is not None:
        place = raw.venue.location
        return f"(A place: {raw.venue.title}, {raw.venue.address}, {_at(place.latitude, place.longitude)})"
    if raw.location is not None:
        return f"(A location: {_at(raw.location.latitude, raw.location.longitude)})"
    if raw.contact is not None:
        name = " ".join(part for part in (raw.contact.first_name, raw.contact.last_name) if part)
        return f"(A contact: {name}, {raw.contact.phone_number})"
    if raw.sticker is not None:
        return f"(A sticker: {raw.sticker.emoji or '?'})"
    if raw.dice is not None:
        return f"(A dice: {raw.dice.emoji} {raw.dice.value})"
    if raw.poll is not None:
        options = "".join(f"\n- {one.text}" for one in raw.poll.options)
        return f"(A poll: {raw.poll.question}{options})"
    return ""


def _at(latitude: float, longitude: float) -> str:
    return f"{latitude:.6f}, {longitude:.6f}"
