"""Signed links to the pictures and files of answers: they need no token, and expire."""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bridge.sandbox.coze.resources.sample_files import SampleFile, sample_file
from bridge.sandbox.coze.stream import body_message, gone, reset
from bridge.sandbox.journal import Journal

PATH = "/signed/{name}"
_ENDLESS_PIECE = bytes(16 * 1024)


@dataclass(frozen=True)
class Fetch:
    """One request for a signed link."""

    name: str
    status: int
    """Of HTTP."""


@dataclass(frozen=True)
class DownloadFault:
    """How the next download goes wrong."""

    after_bytes: int | None = None
    """The connection is reset after so many bytes of the body."""
    content_type: str = ""
    """What it is said to be, in place of what it is."""
    endless: bool = False
    stall_seconds: float = 0.0
    """How long it pauses after the first half, in seconds of the loop."""


@dataclass(frozen=True)
class Denial:
    """A refusal of an object store, which speaks XML."""

    status: int
    code: str
    msg: str


_UNSIGNED = Denial(403, "AccessDenied", "The request is not signed")
_FORGED = Denial(403, "SignatureDoesNotMatch", "The signature does not match")
_EXPIRED = Denial(403, "AccessDenied", "Request has expired")
_UNKNOWN = Denial(404, "NoSuchKey", "The specified key does not exist")


@dataclass(eq=False)
class Downloads:
    """The store behind the signed links."""

    clock: Callable[[], float]
    seconds: float = 3600
    """How long a new link is valid."""
    published: dict[str, SampleFile] = field(default_factory=dict)
    """What tests put there beside the exhibits."""
    fetched: list[Fetch] = field(default_factory=list)
    faults: list[DownloadFault] = field(default_factory=list)
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def link(self, base: str, name: str) -> str:
        """Return a link to `name` on the host of `base`, valid from now for `seconds`."""
        expires = str(int(self.clock() + self.seconds))
        signature = self._signature(name, expires)
        return f"{base}/signed/{name}?x-expires={expires}&x-signature={signature}"

    def found(self, name: str, query: Mapping[str, str]) -> SampleFile | Denial:
        """Return what a link leads to; its signature is looked at before anything else."""
        expires, signature = query.get("x-expires", ""), query.get("x-signature", "")
        if not expires or not signature:
            return _UNSIGNED
        if not hmac.compare_digest(self._signature(name, expires).encode(), signature.encode()):
            return _FORGED
        if int(expires) <= self.clock():
            return _EXPIRED
        return self.published.get(name) or sample_file(name) or _UNKNOWN

    def _signature(self, name: str, expires: str) -> str:
        return hmac.new(self._key, f"{name}\n{expires}".encode(), hashlib.sha256).hexdigest()


class _Download(Response):
    """A file on its way, which goes wrong on demand."""

    def __init__(self, thing: SampleFile, fault: DownloadFault) -> None:
        super().__init__(thing.content)
        self.headers["content-type"] = fault.content_type or thing.content_type
        if fault.endless:
            del self.headers["content-length"]
        self._content = thing.content
        self._fault = fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write the file, or what the fault leaves of it."""
        content, fault = self._content, self._fault
        await send(
            {"type": "http.response.start", "status": 200, "headers": list(self.raw_headers)}
        )
        if fault.after_bytes is not None:
            await send(body_message(content[: fault.after_bytes], more=True))
            await reset(scope)
            return
        half = len(content) // 2 if fault.stall_seconds else 0
        await send(body_message(content[:half], more=True))
        await asyncio.sleep(fault.stall_seconds)
        await send(body_message(content[half:], more=fault.endless))
        if fault.endless:
            await _go_on_forever(receive, send)


async def _go_on_forever(receive: Receive, send: Send) -> None:
    """Write until the client goes away."""
    leaving = asyncio.create_task(gone(receive))
    try:
        while not leaving.done():
            await send(body_message(_ENDLESS_PIECE, more=True))
            await asyncio.sleep(0)
    finally:
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)


def _denied(denial: Denial) -> Response:
    page = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{denial.code}</Code><Message>{denial.msg}</Message></Error>"
    )
    return Response(page, denial.status, media_type="application/xml")


def download(
    downloads: Downloads, journal: Journal, changed: Callable[[], None]
) -> Callable[[HttpRequest], Awaitable[Response]]:
    """Return the Starlette endpoint of the signed links."""

    async def serve(http: HttpRequest) -> Response:
        name = str(http.path_params["name"])
        thing = downloads.found(name, http.query_params)
        status = thing.status if isinstance(thing, Denial) else 200
        downloads.fetched.append(Fetch(name, status))
        outcome = f"{status} {thing.msg}" if isinstance(thing, Denial) else "ok"
        journal.note("coze", "GET /signed", outcome, file=name)
        changed()
        if isinstance(thing, Denial):
            return _denied(thing)
        fault = downloads.faults.pop(0) if downloads.faults else DownloadFault()
        return _Download(thing, fault)

    return serve
