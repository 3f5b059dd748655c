"""The Ogg container: writing an Opus stream, and reading how long a recording is."""

import struct
from collections.abc import Iterator, Sequence

OPUS_RATE = 48_000
"""Granule positions of Opus count samples of this rate, whatever the recording's own is."""
PACKET_SAMPLES = 960
"""20 ms."""
SILENT_PACKET = b"\xf8\xff\xfe"
"""20 ms of full-band mono in which nothing sounds."""
PRE_SKIP = 312
"""Samples at the start that a player drops, as the reference encoder asks."""
_PACKETS_A_PAGE = 50
_FIRST, _LAST = 2, 4
"""The header flags of a stream's first and last page."""
_POLYNOMIAL = 0x04C11DB7


def _crc_table() -> Iterator[int]:
    for byte in range(256):
        rest = byte << 24
        for _ in range(8):
            rest = (rest << 1 ^ _POLYNOMIAL if rest & 0x80000000 else rest << 1) & 0xFFFFFFFF
        yield rest


_CRC = tuple(_crc_table())


def checksum(page: bytes) -> int:
    """Return Ogg's CRC-32 of a page whose own checksum field is zero; it is not zlib's CRC-32."""
    rest = 0
    for byte in page:
        rest = (rest << 8 & 0xFFFFFFFF) ^ _CRC[rest >> 24 ^ byte]
    return rest


def _laced(packet: bytes) -> bytes:
    return b"\xff" * (len(packet) // 255) + bytes((len(packet) % 255,))


def _page(packets: Sequence[bytes], granule: int, serial: int, number: int, flags: int) -> bytes:
    lacing = b"".join(_laced(packet) for packet in packets)
    body = bytes((len(lacing),)) + lacing + b"".join(packets)
    head = struct.pack("<4sBBqII", b"OggS", 0, flags, granule, serial, number)
    return head + struct.pack("<I", checksum(head + bytes(4) + body)) + body


def opus_stream(packets: Sequence[bytes], input_rate: int = OPUS_RATE, serial: int = 1) -> bytes:
    """Return an Ogg Opus file of mono packets of 20 ms each, at least one of them.

    `input_rate` is what the header says the rate was before encoding, in Hz.
    """
    opus_head = struct.pack("<8sBBHIhB", b"OpusHead", 1, 1, PRE_SKIP, input_rate, 0, 0)
    vendor = b"sandbox"
    opus_tags = b"OpusTags" + struct.pack("<I", len(vendor)) + vendor + struct.pack("<I", 0)
    pages = [_page([opus_head], 0, serial, 0, _FIRST), _page([opus_tags], 0, serial, 1, 0)]
    for start in range(0, len(packets), _PACKETS_A_PAGE):
        some = packets[start : start + _PACKETS_A_PAGE]
        end = start + len(some)
        flags = _LAST if end == len(packets) else 0
        pages.append(_page(some, end * PACKET_SAMPLES, serial, len(pages), flags))
    return b"".join(pages)


def ogg_seconds(content: bytes) -> float | None:
    """Return how long an Ogg recording sounds, by the granule position of its last page.

    None when it is neither Opus nor Vorbis, or has no whole page of sound.
    """
    place = content.rfind(b"OggS")
    if place < 0 or len(content) < place + 27 or len(content) < 48:
        return None
    granule = int.from_bytes(content[place + 6 : place + 14], "little", signed=True)
    first = content[27 + content[26] :]
    if first.startswith(b"OpusHead") and len(first) >= 12:
        skipped = int.from_bytes(first[10:12], "little")
        return max(0, granule - skipped) / OPUS_RATE
    if first.startswith(b"\x01vorbis") and len(first) >= 16:
        rate = int.from_bytes(first[12:16], "little")
        return max(0, granule) / rate if rate else None
    return None
