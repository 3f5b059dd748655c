"""Files to Coze: uploaded once, then named in questions by their id.

Coze judges a file by its name's extension. An upload is kept for three months, for its account only,
and cannot be downloaded again.
"""

from pathlib import Path, PurePath

from bridge.coze.client import Coze
from bridge.coze.events import object_of, text_of
from bridge.errors import Garbled

_DOING = "Uploading a file"
_TYPES = """
    doc docx xls xlsx ppt pptx pdf numbers csv cpp py java c
    jpg jpg2 jpeg png gif webp heic heif bmp pcd tiff wav mp3 flac m4a aac ogg wma midi
    mp4 avi mov 3gp flv webm wmv rmvb m4v mkv rar zip 7z gz bz2
"""
TYPES = frozenset(_TYPES.split())
"""The extensions that Coze documents; others are refused (4303)."""
KEPT_SECONDS = 80 * 86400.0
"""How long an upload is good for, with some days to spare."""


def taken(name: str) -> bool:
    """Whether Coze takes files of that name."""
    return PurePath(name).suffix.lower().removeprefix(".") in TYPES


async def upload(coze: Coze, path: Path, name: str) -> str:
    """Upload a file and return its id. Raises FileRefused and what every call may raise.

    To repeat it is harmless: another copy is kept.
    """
    with path.open("rb") as content:
        answer = await coze.call(_DOING, "POST", "/v1/files/upload", file=(name, content))
    found = text_of(object_of(answer, "data"), "id")
    if not found:
        raise Garbled(_DOING, "the answer holds no file")
    return found
