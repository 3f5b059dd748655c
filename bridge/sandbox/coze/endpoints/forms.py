"""Multipart bodies, read as a stream: a large file goes to disk and never lies in memory whole."""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from bridge.sandbox.coze.refusals import Refusal
from bridge.sandbox.coze.resources.file_types import LONGEST_HEAD

_PIECE = 64 * 1024


class TooLarge(Exception):
    """The body is larger than the gateway lets through."""


async def limited(chunks: AsyncIterator[bytes], largest: int) -> AsyncIterator[bytes]:
    """Yield the chunks of a body; raises TooLarge as soon as they exceed `largest` bytes together."""
    length = 0
    async for chunk in chunks:
        length += len(chunk)
        if length > largest:
            raise TooLarge
        yield chunk


class _Parser(MultiPartParser):
    """Refuses a body without its closing boundary, which was cut off on its way."""

    def __init__(self, headers: Headers, chunks: AsyncIterator[bytes]) -> None:
        super().__init__(headers, self._whole(chunks))
        self._ended = False

    def on_end(self) -> None:
        """Note that the closing boundary was read."""
        self._ended = True

    async def _whole(self, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        async for chunk in chunks:
            yield chunk
        if not self._ended:  # raised in here, it makes the parser close its files
            raise MultiPartException("the body was cut off")


async def read_form(headers: Headers, chunks: AsyncIterator[bytes]) -> FormData:
    """Return the parts of a multipart body, to be closed by the caller; raises Refusal 4304, TooLarge."""
    if not headers.get("content-type", "").startswith("multipart/form-data"):
        raise invalid_file()
    try:
        return await _Parser(headers, chunks).parse()
    except MultiPartException:
        raise invalid_file() from None


@dataclass(frozen=True)
class Part:
    """The one file of a form, with what can be told of it without keeping it."""

    file: UploadFile
    name: str
    size: int
    """In bytes."""
    sha256: str
    content_type: str
    head: bytes
    """Its first bytes."""


async def one_file(form: FormData, largest: int) -> Part:
    """Return the only file of the form, in its field `file`.

    Raises Refusal 4300 when there is none or an empty one, 4301 for more, 4302 above `largest`.
    """
    files = [(name, part) for name, part in form.multi_items() if isinstance(part, UploadFile)]
    found = [part for name, part in files if name == "file"]
    if not found or (len(files) == 1 and not found[0].size):
        raise Refusal(4300, "the file is empty")
    if len(files) > 1:
        raise Refusal(4301, "more than one file was uploaded")
    file, size = found[0], found[0].size or 0
    if size > largest:
        raise Refusal(4302, "the file is too large")
    await file.seek(0)
    head, digest = await file.read(LONGEST_HEAD), hashlib.sha256()
    digest.update(head)
    while piece := await file.read(_PIECE):
        digest.update(piece)
    content_type = file.content_type or ""
    return Part(
        file=file,
        name=file.filename or "",
        size=size,
        sha256=digest.hexdigest(),
        content_type=content_type,
        head=head,
    )


def invalid_file() -> Refusal:
    """Return Refusal 4304: a broken body, or a content that is not what its name says."""
    return Refusal(4304, "the file is invalid")
