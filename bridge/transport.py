"""How HTTP travels: httpx's interface on aiohttp's machinery, which costs half the processor time.

A reply is some twenty calls and a stream of hundreds of pieces, so their price is the bridge's
price. Proxies stay with httpx's own transport, which knows SOCKS and the proxies of the
environment.
"""

import ssl
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import cache
from http.cookiejar import DefaultCookiePolicy

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport


def direct(proxy: str | None) -> bool:
    """Whether no proxy is on the way."""
    return not proxy and not urllib.request.getproxies()


def transport(proxy: str | None, limits: httpx.Limits) -> httpx.AsyncBaseTransport | None:
    """The transport for a client; None, httpx's own, when there is a proxy on the way."""
    return _Transport(verify=_certificates(), limits=limits) if direct(proxy) else None


def plain(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """Have it keep neither cookies nor answers.

    No cookie is needed, and one that is not ASCII ends every request. And httpx ties each answer to
    itself, to measure how long it took: megabytes of them would wait for the garbage collector.
    """
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    client.event_hooks = {"response": [_untie]}
    return client


async def _untie(response: httpx.Response) -> None:
    stream = response.extensions.get(_OWN)
    if isinstance(stream, httpx.AsyncByteStream):
        response.stream = stream


def session(limits: httpx.Limits) -> aiohttp.ClientSession:
    """A connection pool without httpx in front of it. It needs a running loop."""
    connector = aiohttp.TCPConnector(
        limit=limits.max_connections or 0,
        keepalive_timeout=limits.keepalive_expiry,
        ssl=_certificates(),
    )
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


@cache
def _certificates() -> ssl.SSLContext:
    """Reading all root certificates takes a tenth of a second; every client shares them."""
    return httpx.create_ssl_context()


_OWN = "bridge.stream"


class _Transport(AiohttpTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request. Raises httpx's errors, by what really happened."""
        with as_httpx(request):
            response = await super().handle_async_request(request)
        if isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = response.extensions[_OWN] = _Stream(response.stream, request)
        return response


class _Stream(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream, request: httpx.Request) -> None:
        self._inner = inner
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with as_httpx(self._request):
            async for piece in self._inner:
                yield piece

    async def aclose(self) -> None:
        """Give the connection back, or close it in the middle of an answer."""
        with as_httpx(self._request):
            await self._inner.aclose()


@contextmanager
def as_httpx(request: httpx.Request | None = None) -> Iterator[None]:
    """Errors of aiohttp as httpx's, by what really happened.

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
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        if isinstance(error.__cause__, aiohttp.ClientError):
            raise _judged(error.__cause__)(str(error), request=request) from error
        raise


def _judged(error: aiohttp.ClientError) -> type[httpx.RequestError]:
    match error:
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
