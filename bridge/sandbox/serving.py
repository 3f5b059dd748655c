"""Serve an ASGI application on 127.0.0.1 inside the running event loop, and end at once.

Uvicorn's own `serve` takes the process's signals and ends on a 0.1 s tick; an emulator that lives
inside a test or beside the bridge may do neither, so only its startup and shutdown are used.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate

import uvicorn
from starlette.types import ASGIApp

LOOPBACK = "127.0.0.1"


@asynccontextmanager
async def serving(
    app: ASGIApp, port: int = 0, clock: Callable[[], float] = time.time
) -> AsyncIterator[str]:
    """Serve `app` on the loopback address and yield its base URL, without a trailing slash.

    Port 0 takes any free port; `clock` tells the `Date` of answers. Raises OSError when the port is
    taken.
    """
    # The protocol is named so that asyncio sets TCP_NODELAY; else every answer takes 40 ms more.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
    except OSError:
        listening.close()
        raise
    config = uvicorn.Config(
        app,
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
        yield f"http://{LOOPBACK}:{listening.getsockname()[1]}"
    finally:
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)
        await _end(server, listening)


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
