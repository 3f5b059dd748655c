"""OGG/Opus recordings one after the other as one recording (RFC 3533, RFC 7845). Pure."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_PAGE = struct.Struct("<4sBBqIIIB")
_FIRST, _LAST = 2, 4
_LAST_POSITION = 2**63 - 1
_NO_PACKET = -1
"""The position of a page on which no packet ends."""


class NotOgg(ValueError):
    """These bytes are no OGG/Opus recording."""


@dataclass(frozen=True)
class _Page:
    flags: int
    position: int
    """Samples up to its end, at 48 kHz."""
    serial: int
    lacing: bytes
    body: bytes


def joined(recordings: Sequence[bytes]) -> bytes:
    """Join recordings into one, with the heads of the first. Raises NotOgg."""
    heads: list[_Page] = []
    sound: list[_Page] = []
    before = 0
    for recording in recordings:
        pages = [*_pages(recording)]
        own_heads, rest = _split(pages)
        heads = heads or own_heads
        moved = [_moved(page, before) for page in rest]
        before = max([before, *(page.position for page in moved)])
        sound += moved
    if not heads or not sound:
        raise NotOgg("no sound")
    serial, whole = heads[0].serial, [*heads, *sound]
    return b"".join(
        _written(page, serial, number, last=number == len(whole) - 1)
        for number, page in enumerate(whole)
    )


def _pages(recording: bytes) -> Iterator[_Page]:
    at = 0
    while at < len(recording):
        try:
            mark, version, flags, position, serial, _, _, count = _PAGE.unpack_from(recording, at)
        except struct.error as error:
            raise NotOgg("it ends within a page") from error
        lacing = recording[at + _PAGE.size : at + _PAGE.size + count]
        begin = at + _PAGE.size + count
        body = recording[begin : begin + sum(lacing)]
        if mark != b"OggS" or version or len(lacing) != count or len(body) != sum(lacing):
            raise NotOgg("no page where one should be")
        yield _Page(flags=flags, position=position, serial=serial, lacing=lacing, body=body)
        at = begin + len(body)


def _split(pages: Sequence[_Page]) -> tuple[list[_Page], list[_Page]]:
    """Return the pages of the two heads, and those with sound: by the letter, a head ends its page."""
    if not pages or not pages[0].body.startswith(b"OpusHead"):
        raise NotOgg("no Opus")
    end = 1
    while end < len(pages) and pages[end].position in (0, _NO_PACKET):
        end += 1
    return [*pages[:end]], [*pages[end:]]


def _moved(page: _Page, by: int) -> _Page:
    if page.position + by > _LAST_POSITION:
        raise NotOgg("it ends after all time")
    position = page.position + by if page.position != _NO_PACKET else _NO_PACKET
    return _Page(
        flags=page.flags, position=position, serial=page.serial, lacing=page.lacing, body=page.body
    )


def _written(page: _Page, serial: int, number: int, *, last: bool) -> bytes:
    flags = page.flags & ~(_FIRST | _LAST) | (_LAST if last else 0) | (0 if number else _FIRST)
    count = len(page.lacing)
    head = _PAGE.pack(b"OggS", 0, flags, page.position, serial, number, 0, count)
    whole = head + page.lacing + page.body
    return whole[:22] + struct.pack("<I", _checksum(whole)) + whole[26:]


def _table() -> Iterator[int]:
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
        yield value & 0xFFFFFFFF


_CRC = (*_table(),)


def _checksum(page: bytes) -> int:
    """OGG's own: CRC-32 without reflection, beginning with zero."""
    value = 0
    for byte in page:
        value = (value << 8 & 0xFFFFFFFF) ^ _CRC[value >> 24 ^ byte]
    return value
