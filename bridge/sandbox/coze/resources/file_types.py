"""What a file's first bytes say it is, whatever its name says."""

LONGEST_HEAD = 4096
"""How many bytes are enough to tell."""

_IMAGE_MARKS = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"GIF87a",
    b"GIF89a",
    b"BM",
    b"II*\x00",
    b"MM\x00*",
    b"\x00\x00\x00\x0cjP  \r\n\x87\n",
    b"\xff\x4f\xff\x51",
)
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif")
_PHOTO_CD = (2048, b"PCD_")
_SOUND_MARKS = (
    (b"OggS", "ogg"),
    (b"ID3", "mp3"),
    (b"#!AMR", "amr"),
    (b"fLaC", "flac"),
)


def is_image(head: bytes) -> bool:
    """Return whether a file that begins like this is a picture of any type that can be uploaded."""
    if head[:4] == b"RIFF":
        return head[8:12] == b"WEBP"
    if head[4:8] == b"ftyp":
        return head[8:12] in _HEIF_BRANDS
    place, mark = _PHOTO_CD
    return head.startswith(_IMAGE_MARKS) or head[place : place + len(mark)] == mark


def sound_format(head: bytes) -> str:
    """Return the container of a recording: ogg, mp3, wav, mp4, aac, amr or flac; "" for none of them."""
    for mark, name in _SOUND_MARKS:
        if head.startswith(mark):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if head[4:8] == b"ftyp" and head[8:12] not in _HEIF_BRANDS:
        return "mp4"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "aac"  # the sync word of ADTS, whose layer bits are always zero
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06 == 0x02:
        return "mp3"  # the sync word of MPEG audio, layer III
    return ""
