"""A run's stream over HTTP: writes its frames as they come, and breaks on demand."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.responses import Response
from starlette.types import Message as AsgiMessage
from starlette.types import Receive, Scope, Send

from bridge.sandbox.coze.change_signal import ChangeSignal
from bridge.sandbox.coze.faults import StreamFault
from bridge.sandbox.coze.framing import Frame
from bridge.sandbox.coze.resources.runs import Run

RAW_SEND = "coze.raw_send"
"""Where the scope keeps the server's own `send`, whose connection can be reset."""


@dataclass(eq=False)
class Streams:
    """Every stream being written now."""

    bell: ChangeSignal
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    writing: set["EventStream"] = field(default_factory=set)

    async def close(self) -> None:
        """Reset every connection and wait until nobody writes any more."""
        self.closing.set()
        while self.writing:  # noqa: ASYNC110  # a few turns of the loop
            await asyncio.sleep(0)


class EventStream(Response):
    """The frames of a run from `start` to the end of its stream; the run never waits for it."""

    def __init__(
        self,
        run: Run,
        start: int,
        fault: StreamFault | None,
        streams: Streams,
        note: Callable[[Frame], None],
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(headers=headers)
        del self.headers["content-length"]
        self._run = run
        self._position = start
        self._fault = fault
        self._streams = streams
        self._note = note
        self._events = 0
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write until the stream ends, breaks, or the client goes away."""
        self._streams.writing.add(self)
        writing = asyncio.create_task(self._write(scope, send))
        leaving = asyncio.create_task(gone(receive))
        closing = asyncio.create_task(self._streams.closing.wait())
        tasks = (writing, leaving, closing)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if closing.done() and not writing.done():
                await reset(scope)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._streams.writing.discard(self)
            self._streams.bell.ring()
        if not writing.cancelled():
            writing.result()

    async def _write(self, scope: Scope, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": 200, "headers": list(self.raw_headers)}
        )
        how = await self._break(bytearray(), send)  # a fault after nothing at all
        while True:
            frames = self._run.frames[self._position :]
            if not how and not frames:
                await self._run.bell.rung()
                continue
            how = how or await self._write_frames(frames, send)
            if how == "eof":
                await send(body_message(b"", more=False))
                return
            if how == "reset":
                await reset(scope)
                return

    async def _write_frames(self, frames: list[Frame], send: Send) -> str:
        """Write what there is, in one piece where it can; says how the stream ends, if it does."""
        waiting = bytearray()
        for frame in frames:
            self._position += 1
            if frame.kind in ("eof", "cut"):
                await self._flush(waiting, send)
                return "eof" if frame.kind == "eof" else "reset"
            waiting += frame.data
            if frame.kind == "event":
                self._events += 1
                self._note(frame)
            broken = await self._break(waiting, send)
            if broken:
                return broken
        await self._flush(waiting, send)
        return ""

    async def _break(self, waiting: bytearray, send: Send) -> str:
        fault = self._fault
        if fault is None:
            return ""
        if fault.after_bytes is not None and self._bytes + len(waiting) >= fault.after_bytes:
            del waiting[fault.after_bytes - self._bytes :]
        elif fault.after_events is None or self._events < fault.after_events:
            return ""
        await self._flush(waiting, send)
        if fault.stall_seconds is not None:
            self._fault = None
            await asyncio.sleep(fault.stall_seconds)
            return ""
        return "eof" if fault.clean_eof else "reset"

    async def _flush(self, waiting: bytearray, send: Send) -> None:
        if waiting:
            self._bytes += len(waiting)
            await send(body_message(bytes(waiting), more=True))
            waiting.clear()


class Lost(Response):
    """No answer at all: the connection is reset."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reset the connection."""
        await reset(scope)


def body_message(data: bytes, more: bool) -> AsgiMessage:
    """Return a piece of a response's body."""
    return {"type": "http.response.body", "body": data, "more_body": more}


async def gone(receive: Receive) -> None:
    """Wait until the client goes away."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def reset(scope: Scope) -> None:
    """Reset the TCP connection (RST), so that the client sees a broken one and no end."""
    connection = getattr(scope.get(RAW_SEND), "__self__", None)
    transport = getattr(connection, "transport", None)
    if not isinstance(transport, asyncio.Transport):
        return
    wire: object = transport.get_extra_info("socket")
    with contextlib.suppress(OSError, AttributeError):
        linger = struct.pack("ii", 1, 0)
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)  # type: ignore[attr-defined]  # asyncio's own socket wrapper has no public type
    transport.abort()
    for _ in range(3):  # lets the server notice before the application returns
        await asyncio.sleep(0)
