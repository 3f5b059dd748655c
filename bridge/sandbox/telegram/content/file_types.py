"""What bytes are, whatever their name says: kinds of files, and how long a voice message is. Pure."""

from __future__ import annotations

import mimetypes
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

UNKNOWN = "application/octet-stream"
OPUS_RATE = 48_000
"""Samples per second in which OGG/Opus counts, whatever was recorded."""
_FIXED = 27
"""Bytes of a page of OGG before its list of segments."""
_BEGINNINGS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"\x1a\x45\xdf\xa3", "video/webm"),
)
_IN_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/x-wav"}
_AUDIO_BRANDS = (b"M4A ", b"M4B ")


def mime_of(content: bytes, name: str = "", said: str = "") -> str:
    """Return the MIME type: by the content, else by the name, else as somebody said."""
    for beginning, mime in _BEGINNINGS:
        if content.startswith(beginning):
            return mime
    if content.startswith(b"RIFF") and content[8:12] in _IN_RIFF:
        return _IN_RIFF[content[8:12]]
    if content[4:8] == b"ftyp":
        return "audio/mp4" if content[8:12] in _AUDIO_BRANDS else "video/mp4"
    return mimetypes.guess_type(name)[0] or said or UNKNOWN


@dataclass(frozen=True)
class _Page:
    """One page of OGG."""

    granule: int
    body: bytes


def opus_seconds(content: bytes) -> float | None:
    """Return how long OGG/Opus sounds; None for anything else, also when its checksums are wrong."""
    last = skipped = -1
    for page in _pages(content):
        if skipped < 0:
            if not page.body.startswith(b"OpusHead") or len(page.body) < 19:
                return None
            skipped = int.from_bytes(page.body[10:12], "little")
        last = max(last, page.granule)
    return None if skipped < 0 else max(0, last - skipped) / OPUS_RATE


def _pages(content: bytes) -> Iterator[_Page]:
    """Yield the pages up to the first that is broken."""
    at = 0
    while content[at : at + 4] == b"OggS" and len(content) >= at + _FIXED:
        segments = content[at + _FIXED : at + _FIXED + content[at + 26]]
        begin = at + _FIXED + len(segments)
        end = begin + sum(segments)
        page = content[at:end]
        if len(page) < end - at or ogg_checksum(page) != int.from_bytes(page[22:26], "little"):
            return
        yield _Page(int.from_bytes(page[6:14], "little", signed=True), content[begin:end])
        at = end


def ogg_checksum(page: bytes) -> int:
    """Return the checksum of a page of OGG, in which its own place counts as zeros.

    It is the common CRC-32 with every bit the other way round, from 0 and not inverted at the end.
    """
    mirrored = (page[:22] + bytes(4) + page[26:]).translate(_MIRROR)
    crc = zlib.crc32(mirrored, 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{crc:032b}"[::-1], 2)


_MIRROR = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class StoredFile:
    """A file that one of the sides sent; of a photo, one of its sizes."""

    file_id: str
    file_unique_id: str
    path: str
    """Below `/file/bot<token>/`."""
    mime_type: str
    content: bytes
    size: int
    """In bytes; of a file that is only said to be large, `content` holds nothing."""
