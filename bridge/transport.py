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

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport


def transport(proxy: str | None, limits: httpx.Limits) -> httpx.AsyncBaseTransport | None:
    """The transport for a client; None, httpx's own, when there is a proxy on the way."""
    if proxy or urllib.request.getproxies():
        return None
    return _Transport(verify=_certificates(), limits=limits)


@cache
def _certificates() -> ssl.SSLContext:
    """Reading all root certificates takes a tenth of a second; every client shares them."""
    return httpx.create_ssl_context()


class _Transport(AiohttpTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request. Raises httpx's errors, by what really happened."""
        with _as_httpx(request):
            response = await super().handle_async_request(request)
        if isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = _Stream(response.stream, request)
        return response


class _Stream(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream, request: httpx.Request) -> None:
        self._inner = inner
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx(self._request):
            async for piece in self._inner:
                yield piece

    async def aclose(self) -> None:
        """Give the connection back, or close it in the middle of an answer."""
        with _as_httpx(self._request):
            await self._inner.aclose()


@contextmanager
def _as_httpx(request: httpx.Request) -> Iterator[None]:
    """The library calls every lost connection a failed connect, as if nothing had been sent.

    Only a connection that never came about is that; a request that broke may have been heard.
    """
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        if isinstance(error.__cause__, aiohttp.ConnectionTimeoutError):
            raise httpx.ConnectTimeout(str(error), request=request) from error
        if isinstance(error.__cause__, aiohttp.ClientConnectorError):
            raise httpx.ConnectError(str(error), request=request) from error
        raise httpx.ReadError(str(error), request=request) from error
    except aiohttp.ClientError as error:
        raise httpx.RemoteProtocolError(str(error), request=request) from error
