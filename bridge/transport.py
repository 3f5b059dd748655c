"""How HTTP travels: httpx's interface on aiohttp's machinery, which costs half the processor time.

A reply is some twenty calls and a stream of hundreds of pieces, so their price is the bridge's
price. It is one machinery for every way, direct or through a proxy, so that a proxy changes nothing
but the way. Which proxy that is was decided with the settings; nothing here reads the environment.
"""

import errno
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from types import TracebackType
from typing import Any, Self

import aiohttp
import aiohttp_socks
import httpx
from httpx_aiohttp import AiohttpTransport

NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
"""Errors before a request went out: certainly nothing of it was heard."""


MOST_BYTES = 8 * 1024 * 1024
"""Bytes of a whole answer after unpacking: the largest that a neighbour has reason to give."""


_PACKINGS = ("", "identity", "gzip", "deflate")
FILES_CURE = "Raise the limit of open files (`ulimit -n`, or LimitNOFILE of the service)."


def out_of_files(error: BaseException | None) -> bool:
    """Return whether a connection failed since this process may open no more files."""
    return any(
        isinstance(one, OSError) and one.errno in (errno.EMFILE, errno.ENFILE)
        for one in _causes(error)
    )


_REASONS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((socket.gaierror,), "its name has no address: DNS"),
    ((ConnectionRefusedError,), "it refused the connection"),
    ((ssl.SSLCertVerificationError,), "its certificate is not trusted"),
    ((ssl.SSLError,), "it does not speak TLS"),
    ((ConnectionResetError, BrokenPipeError), "the connection broke"),
    ((aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError), "the connection broke"),
    ((TimeoutError, httpx.TimeoutException), "no answer in time"),
)
"""What a connection's errors mean, the surest first: a refusal passes through a class of timeouts."""


def why_not_reached(error: BaseException) -> str:
    """Return in plain words why a connection failed; the error's class where there are none."""
    causes = [*_causes(error)]
    if isinstance(error, httpx.ProxyError):
        return "the proxy lets nothing through"
    if any(getattr(one, "errno", 0) in (errno.ENETUNREACH, errno.EHOSTUNREACH) for one in causes):
        return "no network leads there"
    for kinds, words in _REASONS:
        if any(isinstance(one, kinds) for one in causes):
            return words
    return type(error).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what led to it, the newest first."""
    while error is not None:
        yield error
        inner = getattr(error, "os_error", None)
        if isinstance(inner, OSError):
            yield inner
        error = error.__cause__ or error.__context__


class AnswerTooLarge(httpx.RequestError):
    """An answer is larger than it may be; no more of it is read."""


async def read_bounded(response: httpx.Response, most_bytes: int = MOST_BYTES) -> bytes:
    """Read a whole answer and keep it as the response's content. Raises AnswerTooLarge.

    Packed, a few hundred kilobytes are a gigabyte: what counts is the size once it is unpacked.
    """
    pieces, size = [], 0
    async for piece in response.aiter_bytes():
        size += len(piece)
        if size > most_bytes:
            await response.aclose()
            raise AnswerTooLarge(f"over {most_bytes} bytes", request=response.request)
        pieces.append(piece)
    response._content = b"".join(pieces)  # where httpx's own `aread` keeps it
    return response.content


def http_client(
    proxy: str | None, *, limits: httpx.Limits, timeout: httpx.Timeout, **options: Any
) -> httpx.AsyncClient:
    """Return a client that keeps neither cookies nor answers; `options` are httpx's own.

    No cookie is needed, and one that is not ASCII ends every request. And httpx ties each answer to
    itself, to measure how long it took: megabytes of them would wait for the garbage collector.
    """
    made = httpx.AsyncClient(
        transport=transport(proxy, limits), timeout=timeout, trust_env=False, **options
    )
    made.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    made.event_hooks = {"response": [_untie]}
    return made


class OwnsHttp:
    """Something with an HTTP client of its own, which lives as long as its context."""

    _http: httpx.AsyncClient

    async def __aenter__(self) -> Self:
        """Open the connection pool."""
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close every connection."""
        await self._http.__aexit__(kind, error, trace)


def transport(
    proxy: str | None, limits: httpx.Limits, most_bytes: int | None = None
) -> httpx.AsyncBaseTransport:
    """Return the transport of a client, for one that reads answers whole with a limit of its own."""
    made = _Transport(verify=_certificates(), client=lambda: session(proxy, limits))
    made.most_bytes = most_bytes
    return made


async def _untie(response: httpx.Response) -> None:
    stream = response.extensions.get(_OWN)
    if isinstance(stream, httpx.AsyncByteStream):
        response.stream = stream


def session(proxy: str | None, limits: httpx.Limits) -> aiohttp.ClientSession:
    """Return a connection pool without httpx in front of it. It needs a running loop.

    `proxy` is one of `bridge.proxies.proxy_address`. Names are left to a SOCKS proxy to look up.
    """
    options: dict[str, Any] = {
        "limit": limits.max_connections or 0,
        "keepalive_timeout": limits.keepalive_expiry,
        "ssl": _certificates(),
    }
    connector: aiohttp.BaseConnector
    if proxy is not None and proxy.startswith("socks"):
        connector = aiohttp_socks.ProxyConnector.from_url(proxy, rdns=True, **options)
        proxy = None
    else:
        connector = aiohttp.TCPConnector(**options)
    jar = aiohttp.DummyCookieJar()
    return aiohttp.ClientSession(connector=connector, cookie_jar=jar, proxy=proxy)


@cache
def _certificates() -> ssl.SSLContext:
    """Reading all root certificates takes a tenth of a second; every client shares them."""
    return httpx.create_ssl_context()


_OWN = "bridge.stream"


class _Transport(AiohttpTransport):
    most_bytes: int | None = None
    """Of an answer as it comes; None where whoever reads it counts."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request. Raises httpx's errors, by what really happened."""
        with as_httpx(request):
            response = await super().handle_async_request(request)
        packed = response.headers.get("content-encoding", "identity").strip().casefold()
        if packed not in _PACKINGS:  # packed twice, a kilobyte is a gigabyte
            await response.aclose()
            raise httpx.DecodingError(f"packed as {packed[:40]!r}", request=request)
        if isinstance(response.stream, httpx.AsyncByteStream):
            own = _Stream(response.stream, request, self.most_bytes)
            response.stream = response.extensions[_OWN] = own
        return response


class _Stream(httpx.AsyncByteStream):
    def __init__(
        self, inner: httpx.AsyncByteStream, request: httpx.Request, most_bytes: int | None
    ) -> None:
        self._inner = inner
        self._request = request
        self._most_bytes = most_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        with as_httpx(self._request):
            async for piece in self._inner:
                size += len(piece)
                if self._most_bytes is not None and size > self._most_bytes:
                    raise AnswerTooLarge(f"over {self._most_bytes} bytes", request=self._request)
                yield piece

    async def aclose(self) -> None:
        """Give the connection back, or close it in the middle of an answer."""
        with as_httpx(self._request):
            await self._inner.aclose()


@contextmanager
def as_httpx(request: httpx.Request | None = None) -> Iterator[None]:
    """Raise errors of aiohttp as httpx's, by what really happened.

    The transport's library calls every lost connection a failed connect, as if nothing had been
    sent. Only one that never came about is that; a request that broke may have been heard.
    """
    try:
        yield
    except UnicodeError as error:  # in the first line of an answer
        raise httpx.RemoteProtocolError("not an answer", request=request) from error
    except aiohttp.ClientError as error:
        raise _judged(error)(str(error), request=request) from error
    except TimeoutError as error:
        raise httpx.ReadTimeout(str(error), request=request) from error
    except aiohttp_socks.ProxyTimeoutError as error:
        raise httpx.ConnectTimeout("the proxy", request=request) from error
    except (aiohttp_socks.ProxyConnectionError, aiohttp_socks.ProxyError) as error:
        raise httpx.ProxyError("the proxy", request=request) from error
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        if isinstance(error.__cause__, aiohttp.ClientError):
            raise _judged(error.__cause__)(str(error), request=request) from error
        raise


def _judged(error: aiohttp.ClientError) -> type[httpx.RequestError]:
    match error:
        case aiohttp.ClientHttpProxyError() | aiohttp.ClientProxyConnectionError():
            return httpx.ProxyError
        case aiohttp.ConnectionTimeoutError():
            return httpx.ConnectTimeout
        case aiohttp.ClientConnectorError():
            return httpx.ConnectError
        case aiohttp.ServerTimeoutError():
            return httpx.ReadTimeout
        case aiohttp.ClientConnectionError():
            return httpx.ReadError
        case _:
            return httpx.RemoteProtocolError
