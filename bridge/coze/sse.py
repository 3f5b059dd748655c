r"""Server-sent events from bytes, as Coze writes them.

Lines end at `\n` (or `\r\n`) only: text splitters that know more line ends cut a JSON string at
U+2028. An event counts at its blank line and also at the end of the stream, because Coze's
failures stop right after the JSON, without even a newline.
"""

from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from dataclasses import dataclass

LARGEST_EVENT = 8 * 1024 * 1024
"""Bytes of one event; audio deltas come near 100 KB in one line."""


@dataclass(frozen=True)
class ServerSentEvent:
    """One event: its name, and its data lines joined by newlines."""

    name: str
    data: str


class EventTooLarge(ValueError):
    """One event is over `LARGEST_EVENT` bytes."""


class Decoder:
    """Takes bytes however they were cut and gives the events that are whole."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._name = ""
        self._lines: list[str] = []
        self._size = 0

    def feed(self, piece: bytes) -> Iterator[ServerSentEvent]:
        """Yield the events that `piece` completes. Raises EventTooLarge."""
        start = len(self._rest)
        self._rest += piece
        while (end := self._rest.find(b"\n", start)) >= 0:
            line = bytes(self._rest[:end])
            del self._rest[: end + 1]
            start = 0
            event = self._line(line)
            if event:
                yield event
        if len(self._rest) + self._size > LARGEST_EVENT:
            raise EventTooLarge(f"an event is over {LARGEST_EVENT} bytes")

    def end(self) -> Iterator[ServerSentEvent]:
        """Yield the event that the stream's end completes, if there is one."""
        rest = bytes(self._rest)
        self._rest.clear()
        event = self._line(rest) or self._dispatch()
        if event:
            yield event

    def _line(self, line: bytes) -> ServerSentEvent | None:
        text = line.removesuffix(b"\r").decode("utf-8", "replace")
        if not text:
            return self._dispatch()
        name, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._name = value
        elif name == "data":
            self._lines.append(value)
            self._size += len(line)
        return None

    def _dispatch(self) -> ServerSentEvent | None:
        name, lines = self._name, self._lines
        self._name, self._lines, self._size = "", [], 0
        if not name and not lines:
            return None
        return ServerSentEvent(name, "\n".join(lines))


async def events(pieces: AsyncIterable[bytes]) -> AsyncGenerator[ServerSentEvent, None]:
    """Yield the events of a byte stream, the last one also when it only ends with the stream."""
    decoder = Decoder()
    async for piece in pieces:
        for event in decoder.feed(piece):
            yield event
    for event in decoder.end():
        yield event
