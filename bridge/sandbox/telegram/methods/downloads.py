"""A file on its way to the bot, piece by piece; it may stand still or break off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bridge.sandbox.telegram.connection_faults import break_off
from bridge.sandbox.telegram.content.file_types import UNKNOWN
from bridge.sandbox.telegram.faults import BadDownload

PIECE_BYTES = 64 << 10


class Download(Response):
    """A file's bytes, of a length that is told before."""

    media_type = UNKNOWN

    def __init__(
        self, content: bytes, fault: BadDownload, pause: Callable[[float], Awaitable[None]]
    ) -> None:
        super().__init__(content)
        self._whole = content
        self._fault = fault
        self._pause = pause

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it as far as the fault lets."""
        headers = self.raw_headers
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        before, after = self._whole[: self._fault.after], self._whole[self._fault.after :]
        await _send_pieces(send, before)
        await self._pause(self._fault.seconds)
        if self._fault.breaks:
            await break_off(scope, receive, gently=True)
            return
        await _send_pieces(send, after)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send_pieces(send: Send, content: bytes) -> None:
    for at in range(0, len(content), PIECE_BYTES):
        piece = content[at : at + PIECE_BYTES]
        await send({"type": "http.response.body", "body": piece, "more_body": True})
