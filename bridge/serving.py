"""Serve an ASGI application inside the running event loop, on 127.0.0.1 unless told, and end at once.

Uvicorn's own `serve` takes the process's signals and ends on a 0.1 s tick; an emulator that lives
inside a test or beside the bridge may do neither, so only its startup and shutdown are used.
"""

import asyncio
import re
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate

import uvicorn
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"  # noqa: S104  # listened on only where a setting says so
_LOCAL = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?")
MOST_CONNECTIONS = 5000
REQUEST_SECONDS = 30.0
"""How long a connection may take to send a whole request."""


@asynccontextmanager
async def serving(
    app: ASGIApp,
    port: int = 0,
    clock: Callable[[], float] = time.time,
    *,
    most_connections: int = MOST_CONNECTIONS,
    only_local: bool = False,
    host: str = LOOPBACK,
) -> AsyncIterator[str]:
    """Serve `app` on the loopback address and yield its base URL there, without a trailing slash.

    Another `host` is the address of this machine on which it listens, `0.0.0.0` for all of them.
    Port 0 takes any free port; `clock` tells the `Date` of answers; further connections are refused;
    with `only_local`, requests by another name than this machine's, too. Raises OSError when the
    port is taken.
    """

    class _Bounded(_TimeoutProtocol):
        most = most_connections

    # The protocol is named so that asyncio sets TCP_NODELAY; else every answer takes 40 ms more.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    config = uvicorn.Config(
        local_only(app) if only_local else app,
        http=_Bounded,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_keep_alive=500,  # as long as the real Bot API server keeps an idle connection
        ws="none",
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listening])
    ticking = asyncio.create_task(_tell_the_time(server, clock), name="date")
    try:
        named = LOOPBACK if host == EVERYWHERE else host
        yield f"http://{named}:{listening.getsockname()[1]}"
    finally:
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)
        await _end(server, listening)


def local_only(app: ASGIApp) -> ASGIApp:
    """Return the same for requests by this machine's own names.

    A foreign site whose name was made to lead here (DNS rebinding) sends its own name; a tunnel may
    have another port.
    """

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _LOCAL.fullmatch(Headers(scope=scope).get("host", "")):
            await PlainTextResponse("This address is local only.\n", 403)(scope, receive, send)
            return
        await app(scope, receive, send)

    return guarded


class _TimeoutProtocol(H11Protocol):
    """Ends connections on which no whole request comes, and takes only so many."""

    most = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or refuse one too many.

        (Uvicorn itself gives this method a narrower type than asyncio does.)
        """
        super().connection_made(transport)
        self._late: asyncio.TimerHandle | None = None
        if len(self.connections) > self.most:
            transport.abort()
        else:
            self._wait_for_a_request()

    def data_received(self, data: bytes) -> None:
        """Take some bytes of a request."""
        super().data_received(data)
        if self._incomplete:
            self._wait_for_a_request()
        elif self._late is not None:
            self._late.cancel()
            self._late = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        if self._late is not None:
            self._late.cancel()

    @property
    def _incomplete(self) -> bool:
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    def _wait_for_a_request(self) -> None:
        if self._late is None:
            loop = asyncio.get_running_loop()
            self._late = loop.call_later(REQUEST_SECONDS, self.transport.abort)


async def _tell_the_time(server: uvicorn.Server, clock: Callable[[], float]) -> None:
    """Keep the `Date` header of the answers true, which uvicorn's own tick would do."""
    while True:
        date = (b"date", formatdate(clock(), usegmt=True).encode("ascii"))
        server.server_state.default_headers = [date, *server.config.encoded_headers]
        await asyncio.sleep(1.0)


async def _end(server: uvicorn.Server, listening: socket.socket) -> None:
    """Close the door, then every connection, then whatever still answers a request."""
    for listener in server.servers:
        listener.close()
    for connection in list(server.server_state.connections):
        connection.shutdown()
        transport = connection.transport
        if transport is not None:
            transport.abort()
    answering = list(server.server_state.tasks)
    if answering:  # what ends by itself need not be cancelled, which uvicorn would log
        await asyncio.wait(answering, timeout=0.2)
    for task in answering:
        task.cancel()
    await asyncio.gather(*answering, return_exceptions=True)
    for listener in server.servers:
        await listener.wait_closed()
    listening.close()
