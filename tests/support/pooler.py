"""A pooler in transaction mode: one connection to the server, lent to clients between transactions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

READY = b"Z"
IDLE = b"I"
SSL_REQUEST = 80877103


class Pooler:
    """Lends the server's one session to whoever speaks, until a transaction is over."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._turn = asyncio.Lock()
        self._client: asyncio.StreamWriter | None = None
        self._server: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._greeting = b""
        """What the server said to the first client before it was ready."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak with one client."""
        startup = await _startup(reader, writer)
        if self._server is None:
            self._server = await asyncio.open_unix_connection(self._socket)
            self._server[1].write(startup)
            kind, self._greeting = b"", b""
            while kind != READY:
                kind, message = await _message(self._server[0])
                self._greeting += message
            asyncio.create_task(self._listen(self._server[0]), name="pooler")  # noqa: RUF006
        writer.write(self._greeting)
        try:
            while True:
                kind, message = await _message(reader)
                if kind == b"X":  # goodbye: the session lives on
                    break
                if self._client is not writer:
                    await self._turn.acquire()
                    self._client = writer
                self._server[1].write(message)
        except asyncio.IncompleteReadError:
            pass
        finally:
            if self._client is writer:
                self._client = None
                self._turn.release()
            writer.close()

    async def _listen(self, server: asyncio.StreamReader) -> None:
        """Pass on what the server says, and take the session back when it is idle."""
        try:
            while True:
                kind, message = await _message(server)
                client = self._client
                if client is None:
                    continue
                client.write(message)
                if kind == READY and message[-1:] == IDLE:
                    self._client = None
                    self._turn.release()
        except asyncio.IncompleteReadError:
            pass

    def close(self) -> None:
        """End the session with the server."""
        if self._server is not None:
            self._server[1].close()


async def _startup(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    while True:
        size = await reader.readexactly(4)
        rest = await reader.readexactly(int.from_bytes(size) - 4)
        if int.from_bytes(rest[:4]) != SSL_REQUEST:
            return size + rest
        writer.write(b"N")


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    kind = await reader.readexactly(1)
    size = await reader.readexactly(4)
    return kind, kind + size + await reader.readexactly(int.from_bytes(size) - 4)


@asynccontextmanager
async def pooler(socket: str) -> AsyncIterator[int]:
    """A pooler before the server at that socket; gives its port."""
    made = Pooler(socket)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        made.close()
