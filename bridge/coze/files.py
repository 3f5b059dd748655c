"""Files to Coze: uploaded once, then named in questions by their id.

Coze judges a file by its name's extension. An upload is kept for three months, for its account only,
and cannot be downloaded again.
"""

from pathlib import Path, PurePath

from bridge.coze.client import Coze
from bridge.coze.events import object_of, text_of
from bridge.errors.coze import BadRequest, FileRefused, Garbled

_DOING = "Uploading a file"
_TYPES = """
    doc docx xls xlsx ppt pptx pdf numbers csv cpp py java c
    jpg jpg2 jpeg png gif webp heic heif bmp pcd tiff wav mp3 flac m4a aac ogg wma midi
    mp4 avi mov 3gp flv webm wmv rmvb m4v mkv rar zip 7z gz bz2
"""
TYPES = frozenset(_TYPES.split())
"""The extensions that Coze documents; others are refused (4303)."""
_WRITTEN = frozenset(["csv", "cpp", "py", "java", "c"])


def written(name: str) -> bool:
    """Return whether files of that name hold plain text, as far as the name tells."""
    return _extension(name) in _WRITTEN or not taken(name)


def _extension(name: str) -> str:
    return PurePath(name).suffix.lower().removeprefix(".")


def taken(name: str) -> bool:
    """Return whether Coze takes files of that name."""
    return _extension(name) in TYPES


async def upload(coze: Coze, path: Path, name: str) -> str:
    """Upload a file and return its id. Raises FileRefused and what every call may raise.

    To repeat it is harmless: another copy is kept.
    """
    with path.open("rb") as content:
        try:
            answer = await coze.call(_DOING, "POST", "/v1/files/upload", file=(name, content))
        except BadRequest as error:  # such as a gateway's 413
            raise FileRefused(_DOING, error.what, code=error.code, log_id=error.log_id) from error
    found = text_of(object_of(answer, "data"), "id")
    if not found:
        raise Garbled(_DOING, "the answer holds no file")
    return found
