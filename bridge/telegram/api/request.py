"""The library's requests, counted, and straight on aiohttp: most of a frame's cost was that way.

Bodies are JSON instead of forms, since quoting a page of text costs more than sending it. Uploads
take the library's own way.
"""

import asyncio
import json
from typing import Any

import aiohttp
import httpx
from telegram._utils.types import ODVInput
from telegram.error import NetworkError, TimedOut
from telegram.request import BaseRequest, HTTPXRequest, RequestData

from bridge.failpoints import failpoint
from bridge.metrics import Metrics
from bridge.telegram.api.clock import TelegramClock
from bridge.transport import MOST_BYTES, AnswerTooLarge, as_httpx, session, transport

READ_SECONDS = 20.0
"""The server itself waits up to eight seconds on floods; hanging up earlier makes duplicates."""
CONNECT_SECONDS = 10.0
WHOLE_SECONDS = 60.0
"""How long a call may take as a whole, however often a byte of its answer comes."""
_DEFAULT = BaseRequest.DEFAULT_NONE
_TIMEOUT = aiohttp.ClientTimeout(
    total=WHOLE_SECONDS,
    connect=CONNECT_SECONDS,
    sock_connect=CONNECT_SECONDS,
    sock_read=READ_SECONDS,
)
UPLOAD_SECONDS = 600.0
_HEADERS = {"Content-Type": "application/json", "User-Agent": BaseRequest.USER_AGENT}


Timeouts = tuple[ODVInput[float], ODVInput[float], ODVInput[float], ODVInput[float]]


class Request(HTTPXRequest):
    """The library's request, counted; what has no files goes over a connection pool of its own."""

    def __init__(
        self,
        *,
        proxy: str | None,
        limits: httpx.Limits,
        metrics: Metrics | None = None,
        clock: TelegramClock | None = None,
        **how: Any,
    ) -> None:
        """`how` is the library's own."""
        kwargs = {
            "limits": limits,
            "transport": transport(proxy, limits, MOST_BYTES),
            "trust_env": False,
            "headers": {"Accept-Encoding": "identity"},
        }
        super().__init__(httpx_kwargs=kwargs, **how)
        self._proxy = proxy
        self._limits = limits
        self._metrics = metrics or Metrics()
        self._clock = clock or TelegramClock()
        self._session: aiohttp.ClientSession | None = None

    async def initialize(self) -> None:
        """Open the connection pools."""
        await super().initialize()
        if self._session is None or self._session.closed:
            self._session = session(self._proxy, self._limits)

    async def shutdown(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
        await super().shutdown()

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: ODVInput[float] = _DEFAULT,
        write_timeout: ODVInput[float] = _DEFAULT,
        connect_timeout: ODVInput[float] = _DEFAULT,
        pool_timeout: ODVInput[float] = _DEFAULT,
    ) -> tuple[int, bytes]:
        """Make a call. Raises NetworkError, caused by httpx's word for what happened."""
        name = called(url, method)
        timeouts = (read_timeout, write_timeout, connect_timeout, pool_timeout)
        try:
            with failpoint(name):
                status, content = await self._carry(url, method, request_data, timeouts)
        except TimeoutError as error:
            self._metrics.called(name, None)
            raise TimedOut("no whole answer") from error
        except BaseException:
            self._metrics.called(name, None)
            raise
        self._metrics.called(name, status)
        return status, content

    async def _carry(
        self, url: str, method: str, request_data: RequestData | None, timeouts: Timeouts
    ) -> tuple[int, bytes]:
        """`timeouts` in the order of the library's parameters."""
        special = any(one is not _DEFAULT for one in timeouts)
        files = request_data is not None and request_data.contains_files
        if self._session is None or special or files:
            async with asyncio.timeout(UPLOAD_SECONDS):
                return await super().do_request(url, method, request_data, *timeouts)
        parameters = request_data.parameters if request_data else {}
        body = json.dumps(parameters, ensure_ascii=False).encode("utf-8", "replace")
        try:
            with as_httpx():
                async with self._session.request(
                    method,
                    url,
                    data=body,
                    headers=_HEADERS,
                    timeout=_TIMEOUT,
                    allow_redirects=False,
                ) as answer:
                    self._clock.note(answer.headers.get("Date"))
                    return answer.status, await _read(answer)
        except httpx.TimeoutException as error:
            raise TimedOut(type(error).__name__) from error
        except httpx.HTTPError as error:
            raise NetworkError(type(error).__name__) from error  # its words may hold the token


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    """Return the whole answer. Raises AnswerTooLarge."""
    found = bytearray()
    async for piece in answer.content.iter_chunked(65_536):
        found += piece
        if len(found) > MOST_BYTES:
            raise AnswerTooLarge(f"over {MOST_BYTES} bytes")
    return bytes(found)


def called(url: str, method: str) -> str:
    """Return the Bot API method that a request calls; `file` where it fetches one. Pure."""
    return "file" if method == "GET" else url.rpartition("/")[2].casefold()
