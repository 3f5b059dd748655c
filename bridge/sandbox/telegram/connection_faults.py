"""Breaking a connection instead of answering, or in the middle of an answer."""

from __future__ import annotations

import asyncio

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

TRANSPORT = "bridge.sandbox.transport"
"""Where the application keeps the connection of a request, to be able to break it."""


class LostAnswer(Response):
    """No answer: the connection breaks."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Break it, and return when the server has noticed."""
        await break_off(scope, receive)


async def break_off(scope: Scope, receive: Receive, *, gently: bool = False) -> None:
    """Break a request's connection, and return when the server has noticed.

    Gently means that what was written before still arrives.
    """
    transport = scope.get(TRANSPORT)
    if not isinstance(transport, asyncio.Transport):
        raise ConnectionResetError("The answer is lost.")
    if gently:
        transport.close()
    else:
        transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
