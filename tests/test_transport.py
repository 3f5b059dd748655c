"""What becomes of a broken connection: only one that never came about was not heard."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from bridge.transport import transport

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


def test_proxies_stay_with_httpx(monkeypatch: pytest.MonkeyPatch) -> None:
    assert transport("socks5://127.0.0.1:1080", httpx.Limits()) is None
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3128")
    assert transport(None, httpx.Limits()) is None
