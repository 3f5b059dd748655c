"""A run's stream over HTTP: writes its frames as they come, and breaks on demand."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bridge.sandbox.coze.change_signal import ChangeSignal
from bridge.sandbox.coze.stream import RAW_SEND, body_message, gone, reset
from bridge.sandbox.coze_projects.faults import StreamFault
from bridge.sandbox.coze_projects.quirks import EndOfStream, Quirks
from bridge.sandbox.coze_projects.runs import Frame, Run

SPLIT = 5
"""So many bytes make a chunk where chunks end in the middle of characters."""

JOINED = 3
"""So many events at least are in a chunk where several are."""


@dataclass(eq=False)
class Streams:
    """Every stream being written now."""

    bell: ChangeSignal
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    writing: set["RunStream"] = field(default_factory=set)

    async def close(self) -> None:
        """Reset every connection and wait until nobody writes any more."""
        self.closing.set()
        while self.writing:  # noqa: ASYNC110  # a few turns of the loop
            await asyncio.sleep(0)
        self.closing.clear()


class RunStream(Response):
    """The frames of a run; the run never waits for it, yet learns when nobody listens."""

    def __init__(
        self,
        run: Run,
        fault: StreamFault | None,
        streams: Streams,
        quirks: Quirks,
        note: Callable[[Frame], None],
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(headers=headers)
        del self.headers["content-length"]
        self._run = run
        self._fault = fault
        self._streams = streams
        self._quirks = quirks
        self._note = note
        self._position = self._events = self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write until the stream ends, breaks, or the client goes away."""
        self._streams.writing.add(self)
        self._run.listening = True
        writing = asyncio.create_task(self._write(scope, send))
        leaving = asyncio.create_task(gone(receive))
        closing = asyncio.create_task(self._streams.closing.wait())
        tasks: tuple[asyncio.Task[object], ...] = (writing, leaving, closing)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if writing.done() and writing.result() == "hung up":  # the rest of it is on its way
                await asyncio.wait((leaving, closing), return_when=asyncio.FIRST_COMPLETED)
            if closing.done() and not leaving.done():
                await reset(scope)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._streams.writing.discard(self)
            self._run.listening = False
            self._run.stream_left = True
            self._streams.bell.ring()
        if not writing.cancelled():
            writing.result()

    async def _write(self, scope: Scope, send: Send) -> str:
        await send(
            {"type": "http.response.start", "status": 200, "headers": list(self.raw_headers)}
        )
        how = await self._break(bytearray(), send)  # a fault after nothing at all
        while how is None:
            frames = self._coming()
            how = await (self._write_frames(frames, send) if frames else self._wait())
        if how == "clean":
            await send(body_message(b"", more=False))
        elif how == "reset":
            await reset(scope)
        elif hang_up(scope):
            return "hung up"
        return ""

    def _coming(self) -> list[Frame]:
        frames = self._run.frames[self._position :]
        early = self._quirks.chunks == "joined" and not self._run.ended
        return [] if early and len(frames) < JOINED else frames

    async def _wait(self) -> EndOfStream | None:
        try:
            async with asyncio.timeout(self._quirks.idle_cut):
                await self._run.bell.rung()
        except TimeoutError:
            return "missing chunk"
        return None

    async def _write_frames(self, frames: list[Frame], send: Send) -> EndOfStream | None:
        """Write what there is; says how the stream ends, if it does."""
        waiting = bytearray()
        for frame in frames:
            self._position += 1
            if frame.end is not None:
                await self._flush(waiting, send)
                return frame.end
            waiting += frame.data
            if frame.name:
                self._events += 1
            whole = self._bytes + len(waiting)
            broken = await self._break(waiting, send)
            if frame.name and self._bytes + len(waiting) == whole:
                self._run.heard_start |= frame.name == "message_start"
                self._note(frame)
            if broken:
                return broken
            if self._quirks.chunks != "joined":
                await self._flush(waiting, send)
        await self._flush(waiting, send)
        return None

    async def _break(self, waiting: bytearray, send: Send) -> EndOfStream | None:
        fault = self._fault
        if fault is None:
            return None
        if fault.after_bytes is not None and self._bytes + len(waiting) >= fault.after_bytes:
            del waiting[fault.after_bytes - self._bytes :]
        elif fault.after_events is None or self._events < fault.after_events:
            return None
        await self._flush(waiting, send)
        if fault.stall_seconds is not None:
            self._fault = None
            await asyncio.sleep(fault.stall_seconds)
            return None
        return fault.end

    async def _flush(self, waiting: bytearray, send: Send) -> None:
        self._bytes += len(waiting)
        size = SPLIT if self._quirks.chunks == "split" else len(waiting) or 1
        for start in range(0, len(waiting), size):
            await send(body_message(bytes(waiting[start : start + size]), more=True))
            if size == SPLIT:
                await asyncio.sleep(0)  # so that each goes out by itself
        waiting.clear()


class Broken(Response):
    """HTTP 200 with the headers of a stream, and then a connection that ends without anything."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write the headers, and close the connection."""
        headers = [pair for pair in self.raw_headers if pair[0] != b"content-length"]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send(body_message(b"", more=True))
        if hang_up(scope):
            await gone(receive)


def hang_up(scope: Scope) -> bool:
    """Close the TCP connection (FIN) in the middle of a response; says whether it could."""
    connection = getattr(scope.get(RAW_SEND), "__self__", None)
    transport = getattr(connection, "transport", None)
    if not isinstance(transport, asyncio.Transport):
        return False
    transport.close()
    return True
