"""One HTTP client for all of Coze: requests, envelopes and streams, each error typed."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Any, BinaryIO

import httpx

from bridge.coze.auth import Auth
from bridge.coze.codes import trouble
from bridge.coze.events import (
    Began,
    Broke,
    Ended,
    Event,
    Json,
    object_of,
    read_event,
    read_object,
    read_run,
    text_of,
)
from bridge.coze.regions import Deployment
from bridge.coze.sse import EventTooLarge, events
from bridge.coze.values import plain_id
from bridge.errors.coze import (
    CozeTrouble,
    Garbled,
    Interrupted,
    TokenRefused,
    Unauthorized,
    Unreachable,
    WrongAddress,
)
from bridge.failpoints import failpoint
from bridge.metrics import Metrics
from bridge.transport import (
    FILES_CURE,
    MOST_BYTES,
    NOT_SENT,
    AnswerTooLarge,
    OwnsHttp,
    http_client,
    out_of_files,
    read_bounded,
    why_not_reached,
)

READ_SECONDS = 60.0
IDLE_SECONDS = 180.0
"""How long a stream may be silent: while a tool of the agent runs, Coze sends nothing at all."""

CALL_SECONDS = 60.0
"""How long a call may take as a whole, however often a byte of its answer comes."""
UPLOAD_SECONDS = 600.0
MOST_SOUND_BYTES = 64 * 1024 * 1024
MOST_STREAM_BYTES = 256 * 1024 * 1024
"""Bytes of a stream: an hour of sound would be less."""

_ESSENTIAL = ("/v3/chat", "/v1/conversation/create")
"""What every Coze offers."""

_BLANK = b" \t\r\n\xef\xbb\xbf"
_FIELD = re.compile(rb"(?:event|data|id|retry)?:")
"""How the lines of a stream begin."""
_TELLING = 8
"""Bytes that tell a stream from anything else."""
READ_BYTES = 65_536
"""How many blanks an answer may begin with."""


class Coze(OwnsHttp):
    """A connection pool to one Coze deployment. Use it as an async context."""

    def __init__(
        self,
        deployment: Deployment,
        auth: Auth,
        *,
        proxy: str | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._metrics = metrics or Metrics()
        self.deployment = deployment
        self._auth = auth
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=50)
        self._http = http_client(
            proxy,
            limits=limits,
            timeout=httpx.Timeout(READ_SECONDS, connect=10.0),
            base_url=deployment.base,
            auth=auth,
            headers={"User-Agent": "coze-telegram-bridge"},
        )

    async def call(
        self,
        doing: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Json | None = None,
        file: tuple[str, BinaryIO] | None = None,
    ) -> Json:
        """Call an endpoint and return its whole envelope; a file goes out piece by piece.

        `doing` is the operator's word for it. Raises the CozeTrouble that the answer means.
        """
        files = {"file": file} if file else None
        with self._counted():
            response = await self._send(doing, method, path, params=query, json=body, files=files)
            return _envelope(doing, response)

    async def fetch(self, doing: str, path: str, body: Json, kind: str) -> bytes:
        """Call an endpoint that answers with content of a kind, such as `audio/`.

        Raises the CozeTrouble that any other answer means.
        """
        with self._counted():
            response = await self._send(doing, "POST", path, json=body, most_bytes=MOST_SOUND_BYTES)
            if response.is_success and response.headers.get("content-type", "").startswith(kind):
                return response.content
            _envelope(doing, response)
            raise Garbled(doing, "the answer is of another kind", log_id=log_id_of(response))

    @contextmanager
    def _counted(self) -> Iterator[None]:
        try:
            yield
        except CozeTrouble as trouble:
            raise self._noted(trouble) from trouble.__cause__

    def _noted(self, trouble: CozeTrouble) -> CozeTrouble:
        """Return the trouble, counted; a refused token is given up, or cannot be had anew."""
        self._metrics.coze_failed(trouble.code)
        if type(trouble) is not Unauthorized:
            return trouble
        return trouble if self._auth.reject() else trouble.turned_into(TokenRefused)

    async def _send(self, doing: str, method: str, path: str, **parts: Any) -> httpx.Response:
        """`parts` are httpx's own parameters of a request."""
        most_seconds = UPLOAD_SECONDS if parts.get("files") else CALL_SECONDS
        most_bytes = parts.pop("most_bytes", MOST_BYTES)
        request = self._http.build_request(method, path, **parts)
        try:
            with failpoint(path):
                async with asyncio.timeout(most_seconds):
                    response = await self._http.send(request, stream=True)
                    try:
                        await read_bounded(response, most_bytes)
                    finally:
                        await response.aclose()
        except httpx.HTTPError as error:
            raise _transport(doing, error) from error
        except TimeoutError as error:
            what = f"no whole answer within {most_seconds:.0f} s"
            raise Interrupted(doing, what) from error
        return response

    @asynccontextmanager
    async def stream(
        self, doing: str, path: str, *, query: Mapping[str, str], body: Json
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """Start a call that is answered by a stream, and give its events.

        What the answer is, is judged by its first bytes: proxies and older Cozes name the wrong
        type. JSON with a run in it is the event that it began; any other is an error. Raises the
        CozeTrouble that the answer means; Interrupted when the stream breaks or is silent for too
        long. The end without a closing event is left to the reader to notice.
        """
        request = self._http.build_request(
            "POST",
            path,
            params=query,
            json=body,
            timeout=httpx.Timeout(IDLE_SECONDS, connect=10.0),
            headers={"Accept": "text/event-stream", "Accept-Encoding": "identity"},
        )
        try:
            with self._counted(), failpoint(path):
                response = await self._http.send(request, stream=True)
        except httpx.HTTPError as error:
            raise self._noted(_transport(doing, error)) from error
        try:
            async with aclosing(_pieces(response)) as pieces:
                with self._counted():
                    begin, began = await _beginning(doing, pieces), None
                    if not _is_stream(begin, response):
                        whole = begin + await _rest(doing, pieces)
                        began = _run_in(_envelope(doing, response, whole))
                if began is not None:
                    yield _only(began)
                    return
                async with aclosing(self._events(doing, response, begin, pieces)) as arriving:
                    yield arriving
        finally:
            await response.aclose()

    async def _events(
        self, doing: str, response: httpx.Response, begin: bytes, pieces: AsyncIterator[bytes]
    ) -> AsyncGenerator[Event, None]:
        log_id = log_id_of(response)
        try:
            async with aclosing(events(_after(begin, pieces))) as arriving:
                async for event in arriving:
                    yield self._looked_at(read_event(event, log_id))
        except httpx.HTTPError as error:
            raise self._noted(_transport(doing, error, begun=True)) from error
        except EventTooLarge as error:
            raise self._noted(Garbled(doing, str(error), log_id=log_id)) from error

    def _looked_at(self, read: Event) -> Event:
        """Return the event, its trouble counted."""
        if isinstance(read, Broke):
            return Broke(self._noted(read.trouble))
        if isinstance(read, Ended) and read.run.failure is not None:
            self._noted(read.run.failure)
        return read

    @property
    def token_seconds_left(self) -> float | None:
        """Seconds until the token in use ends; None where that is not known."""
        return self._auth.seconds_left


async def _pieces(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    size = 0
    async for piece in response.aiter_bytes():
        size += len(piece)
        if size > MOST_STREAM_BYTES:
            raise AnswerTooLarge(f"over {MOST_STREAM_BYTES} bytes", request=response.request)
        yield piece


async def _beginning(doing: str, pieces: AsyncIterator[bytes]) -> bytes:
    """Return the bytes up to the first that says what this is; fewer only when there are no more."""
    begin = b""
    try:
        async for piece in pieces:
            begin += piece
            if len(begin.lstrip(_BLANK)) >= _TELLING or len(begin) > READ_BYTES:
                break
    except httpx.HTTPError as error:
        raise _transport(doing, error, begun=True) from error
    return begin


def _is_stream(begin: bytes, response: httpx.Response) -> bool:
    """Return whether what begins so is a stream of events, whatever it is called."""
    first = begin.lstrip(_BLANK)
    if _FIELD.match(first):
        return True
    return not first and "event-stream" in response.headers.get("content-type", "")


async def _rest(doing: str, pieces: AsyncIterator[bytes]) -> bytes:
    """Return what is left of an answer."""
    found = bytearray()
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for piece in pieces:
                found += piece
                if len(found) > MOST_BYTES:
                    raise Garbled(doing, f"the answer is over {MOST_BYTES} bytes")
        return bytes(found)
    except (httpx.HTTPError, TimeoutError) as error:
        raise _transport(doing, error, begun=True) from error


async def _after(begin: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield begin
    async for piece in pieces:
        yield piece


async def _only(event: Event) -> AsyncIterator[Event]:
    yield event


def _run_in(envelope: Json) -> Event:
    """That the run in an answer began. Raises Garbled when there is none."""
    run = read_run(object_of(envelope, "data"))
    if not run.id:
        raise Garbled("Asking the agent", "neither a stream nor a run was answered")
    return Began(run)


def _transport(doing: str, error: Exception, *, begun: bool = False) -> CozeTrouble:
    """Return a broken connection as a trouble; only before the request was sent is it harmless."""
    if isinstance(error, AnswerTooLarge):
        return Garbled(doing, f"the answer is {error}")
    if out_of_files(error):
        what = "this process may open no more files"
        return Unreachable(doing, what, cure=FILES_CURE)
    if isinstance(error, NOT_SENT) and not begun:
        return Unreachable(doing, f"{_address(error)} cannot be reached ({why_not_reached(error)})")
    return Interrupted(doing, why_not_reached(error))  # the error's own words may quote an answer


def _address(error: Exception) -> str:
    """Return the host that a request went to."""
    request = getattr(error, "_request", None)
    if not isinstance(request, httpx.Request):
        return "Coze"
    url = request.url  # its user information may be a password
    return url.host if url.port is None else f"{url.host}:{url.port}"


def log_id_of(response: httpx.Response) -> str | None:
    """Return the id by which Coze's support finds the request; coze-studio names it differently."""
    found = response.headers.get("x-tt-logid") or response.headers.get("x-log-id")
    return plain_id(str(found)) if found else None


def _envelope(doing: str, response: httpx.Response, whole: bytes | None = None) -> Json:
    """Return the answer's envelope. A missing `code` is a success; a code is an error at any status."""
    log_id = log_id_of(response)
    status = response.status_code
    content = read_object(response.content if whole is None else whole)
    worded = text_of(content or {}, "code") not in ("", "0", str(status))
    if status in (404, 405) and not worded and response.request.url.path.endswith(_ESSENTIAL):
        raise WrongAddress(doing, f"HTTP {status}", code=status, log_id=log_id)
    if content is None:
        if status >= 400:
            raise trouble(doing, code=None, msg=f"HTTP {status}", log_id=log_id, status=status)
        raise Garbled(doing, f"HTTP {status} without a JSON object", log_id=log_id)
    code = text_of(content, "code") or "0"
    if code != "0" or status >= 400:
        raise trouble(
            doing,
            code=code if code != "0" else None,
            msg=text_of(content, "msg") or text_of(content, "message"),
            log_id=log_id or plain_id(text_of(object_of(content, "detail"), "logid")),
            status=status,
        )
    return content
