"""The text of documents, as far as a project's server reads them."""

import io
import re
import zipfile
import zlib
from collections.abc import Callable

from charset_normalizer import from_bytes

_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
_SHOWN = re.compile(rb"\(((?:\\.|[^\\()])*)\)\s*(?:Tj|'|\")")
_TAG = re.compile(r"<[^>]+>")
_PARTS = {
    "docx": re.compile(r"word/document\.xml"),
    "xlsx": re.compile(r"xl/(?:sharedStrings|worksheets/\w+)\.xml"),
    "pptx": re.compile(r"ppt/slides/\w+\.xml"),
}
_BINARY = bytes({*range(9), 14, 15, 16, 17, 18, 19, 20})


class Unreadable(ValueError):
    """A document whose text nobody finds."""


def text_of(extension: str, content: bytes) -> str:
    """Return the text of a document by the extension of its address; raises Unreadable."""
    return _READERS.get(extension, _plain)(content)


def _plain(content: bytes) -> str:
    if any(byte in _BINARY for byte in content[:4096]):
        raise Unreadable("the file is no text")
    best = from_bytes(content).best()
    if best is None and content:
        raise Unreadable("the charset of the file is unknown")
    return str(best) if best is not None else ""


def _pdf(content: bytes) -> str:
    if not content.startswith(b"%PDF"):
        raise Unreadable("the file is no PDF")
    found = []
    for stream in _STREAM.findall(content):
        try:
            page = zlib.decompress(stream)
        except zlib.error:
            page = stream
        found += [shown.decode("latin-1") for shown in _SHOWN.findall(page)]
    return "\n".join(found)


def _office(extension: str) -> Callable[[bytes], str]:
    def read(content: bytes) -> str:
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                names = [one for one in archive.namelist() if _PARTS[extension].fullmatch(one)]
                pages = [archive.read(name).decode("utf-8", "replace") for name in sorted(names)]
        except zipfile.BadZipFile:
            raise Unreadable(f"the file is no {extension}") from None
        return "\n".join(" ".join(_TAG.sub(" ", page).split()) for page in pages)

    return read


def _unsupported(content: bytes) -> str:
    raise Unreadable("the format is not supported")


_READERS: dict[str, Callable[[bytes], str]] = {
    "pdf": _pdf,
    **{extension: _office(extension) for extension in _PARTS},
    **dict.fromkeys(("zip", "rar", "7z", "gz", "tar", "exe", "doc", "xls", "ppt"), _unsupported),
}
