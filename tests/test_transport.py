"""What becomes of a broken connection: only one that never came about was not heard."""

import asyncio
import errno
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import pytest
from proxies import Proxy, forward_proxy, socks_proxy

from bridge.coze.sse import events
from bridge.transport import NOT_SENT, http_client, transport, why_not_reached

Writer = asyncio.StreamWriter
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"


@asynccontextmanager
async def a_server(answer: Callable[[Writer], Awaitable[None]]) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await answer(writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def a_client() -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=transport(None, httpx.Limits()), timeout=httpx.Timeout(0.5))


async def error_of(answer: Callable[[Writer], Awaitable[None]]) -> type[Exception]:
    async with a_server(answer) as address, a_client() as client:
        with pytest.raises(httpx.HTTPError) as caught:
            await client.get(address)
        return caught.type


async def test_nobody_listens() -> None:
    async with a_server(lambda _: asyncio.sleep(0)) as address:
        pass
    async with a_client() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(address)


async def why(address: str) -> str:
    async with a_client() as client:
        with pytest.raises(httpx.HTTPError) as caught:
            await client.get(address)
        return why_not_reached(caught.value)


async def test_why_nobody_could_be_reached_is_told_in_plain_words() -> None:
    gone = asyncio.Event()

    async def hang_up(writer: Writer) -> None:
        writer.transport.abort()

    async def wait(_: Writer) -> None:
        await gone.wait()

    async def greet(reader: asyncio.StreamReader, writer: Writer) -> None:
        writer.write(b"220 mail.example ready\r\n")
        await reader.read()
        writer.close()

    async with a_server(lambda _: asyncio.sleep(0)) as refuses:
        pass
    async with await asyncio.start_server(greet, "127.0.0.1", 0) as mail:
        port = mail.sockets[0].getsockname()[1]
        assert await why(f"https://127.0.0.1:{port}") == "it does not speak TLS"
    async with a_server(hang_up) as hangs_up, a_server(wait) as silent:
        told = [
            await why(address) for address in (refuses, "http://nobody.invalid", hangs_up, silent)
        ]
        gone.set()
    assert told == [
        "it refused the connection",
        "its name has no address: DNS",
        "the connection broke",
        "no answer in time",
    ]
    unreachable = OSError(errno.ENETUNREACH, "Network is unreachable")
    assert why_not_reached(unreachable) == "no network leads there"
    assert why_not_reached(ssl.SSLCertVerificationError()) == "its certificate is not trusted"
    assert why_not_reached(httpx.DecodingError("odd")) == "DecodingError"


async def test_a_connection_lost_after_the_request_may_have_been_heard() -> None:
    async def hang_up(writer: Writer) -> None:
        writer.transport.abort()

    assert await error_of(hang_up) is httpx.ReadError


async def test_an_answer_that_breaks_off() -> None:
    async def half(writer: Writer) -> None:
        writer.write(HEAD + b"half")

    assert issubclass(await error_of(half), httpx.ReadError | httpx.RemoteProtocolError)


async def test_an_answer_that_is_no_http() -> None:
    async def garbage(writer: Writer) -> None:
        writer.write(b"220 mail.example ready\r\n\r\n")

    assert issubclass(await error_of(garbage), httpx.RemoteProtocolError | httpx.ReadError)


async def test_silence() -> None:
    gone = asyncio.Event()

    async def wait(writer: Writer) -> None:
        writer.write(HEAD)
        await gone.wait()

    async with a_server(wait) as address, a_client() as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get(address)
        gone.set()


Way = Callable[[], AbstractAsyncContextManager[Proxy]]


@asynccontextmanager
async def directly() -> AsyncIterator[Proxy | None]:
    yield None


WAYS = pytest.mark.parametrize("way", [directly, forward_proxy, socks_proxy])


@WAYS
async def test_an_answer_comes_by_every_way(way: Way) -> None:
    async def answer(writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    async with a_server(answer) as address, way() as proxy:
        url = proxy.url if proxy else None
        limits, timeout = httpx.Limits(), httpx.Timeout(5.0)
        async with http_client(url, limits=limits, timeout=timeout) as client:
            assert (await client.get(f"{address}/some/where?a=b")).text == "ok"
    assert proxy is None or proxy.asked == [address.removeprefix("http://")]


@WAYS
async def test_a_stream_is_read_as_fast_as_it_comes_by_every_way(way: Way) -> None:
    """What comes at once is read at once: nothing pauses between two pieces."""
    event = b"event:conversation.message.delta\ndata:{}\n\n"

    async def stream(writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(120):
            writer.write(b"%x\r\n%s\r\n" % (len(event), event))
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    loop = asyncio.get_running_loop()
    async with a_server(stream) as address, way() as proxy:
        url = proxy.url if proxy else None
        limits, timeout = httpx.Limits(), httpx.Timeout(5.0)
        async with http_client(url, limits=limits, timeout=timeout) as client:
            begun = loop.time()
            async with client.stream("GET", address) as response:
                heard = [one async for one in events(response.aiter_bytes())]
            seconds = loop.time() - begun
    assert len(heard) == 120
    assert seconds < 2


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_proxy_that_is_not_there_has_passed_nothing_on(scheme: str) -> None:
    async with a_server(lambda _: asyncio.sleep(0)) as address:
        proxy = address.replace("http", scheme)
    timeout = httpx.Timeout(5.0)
    async with http_client(proxy, limits=httpx.Limits(), timeout=timeout) as client:
        with pytest.raises(NOT_SENT):
            await client.get("http://127.0.0.1:1/")


async def test_a_proxy_that_refuses_a_tunnel_has_passed_nothing_on() -> None:
    async def refuse(writer: Writer) -> None:
        writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")

    async with a_server(refuse) as proxy:
        timeout = httpx.Timeout(5.0)
        async with http_client(proxy, limits=httpx.Limits(), timeout=timeout) as client:
            with pytest.raises(httpx.ProxyError):
                await client.get("https://api.coze.com/")


async def test_a_client_does_not_read_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:1/")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:6153export")
    monkeypatch.setenv("NO_PROXY", "fd00::/8,[::1]")

    async def answer(writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    timeout = httpx.Timeout(5.0)
    async with (
        a_server(answer) as address,
        http_client(None, limits=httpx.Limits(), timeout=timeout) as client,
    ):
        assert (await client.get(address)).text == "ok"
