"""Proxies on the loopback address: a forward proxy that tunnels, too, and a SOCKS proxy."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter


@dataclass
class Proxy:
    """A running proxy, and whom it was asked for."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    """The hosts with their ports, one a connection."""


async def _pump(reader: Reader, writer: Writer) -> None:
    with suppress(ConnectionError):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    writer.close()


async def _join(ours: tuple[Reader, Writer], theirs: tuple[Reader, Writer]) -> None:
    await asyncio.gather(_pump(ours[0], theirs[1]), _pump(theirs[0], ours[1]))


Serve = Callable[[Proxy, Reader, Writer], Awaitable[None]]


@asynccontextmanager
async def _running(scheme: str, serve: Serve) -> AsyncIterator[Proxy]:
    proxy = Proxy()
    tasks = set[asyncio.Task[None]]()

    async def serve_one(reader: Reader, writer: Writer) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(proxy, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    proxy.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _forward(proxy: Proxy, reader: Reader, writer: Writer) -> None:
    """CONNECT makes a tunnel; a request with a whole address is passed on, one a connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    line, _, rest = head.partition(b"\r\n")
    method, target, version = line.decode().split(" ")
    if method == "CONNECT":
        host, _, port = target.rpartition(":")
        proxy.asked.append(target)
        there = await asyncio.open_connection(host.strip("[]"), int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    else:
        parts = urlsplit(target)
        proxy.asked.append(parts.netloc)
        there = await asyncio.open_connection(parts.hostname, parts.port or 80)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        kept = [
            one
            for one in rest.split(b"\r\n")
            if not one.lower().startswith((b"proxy-", b"connection:"))
        ]
        first = f"{method} {path} {version}\r\nConnection: close\r\n".encode()
        there[1].write(first + b"\r\n".join(kept))
    await _join((reader, writer), there)


async def _socks(proxy: Proxy, reader: Reader, writer: Writer) -> None:
    """SOCKS 5 without a login (RFC 1928)."""
    _, methods = await reader.readexactly(2)
    await reader.readexactly(methods)
    writer.write(b"\x05\x00")
    _, _, _, kind = await reader.readexactly(4)
    if kind == 1:
        host = ".".join(str(byte) for byte in await reader.readexactly(4))
    else:
        host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
    port = int.from_bytes(await reader.readexactly(2), "big")
    proxy.asked.append(f"{host}:{port}")
    there = await asyncio.open_connection(host, port)
    writer.write(b"\x05\x00\x00\x01" + bytes(6))
    await _join((reader, writer), there)


def forward_proxy() -> AbstractAsyncContextManager[Proxy]:
    """A running HTTP proxy."""
    return _running("http", _forward)


def socks_proxy() -> AbstractAsyncContextManager[Proxy]:
    """A running SOCKS 5 proxy."""
    return _running("socks5", _socks)
