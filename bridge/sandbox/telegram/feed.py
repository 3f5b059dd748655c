"""Telling what changed: to the pages that listen, and to those who wait for any change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True)
class News:
    """One change, as the page reads it."""

    event: str
    content: dict[str, object]


class Feed:
    """Tells every change to the pages that listen and wakes those who wait for any."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._listeners: set[asyncio.Queue[News | None]] = set()
        self._closed = False

    def tell(self, event: str, content: dict[str, object]) -> None:
        """Tell the pages that listen what changed, and wake those who wait for any change."""
        for listener in self._listeners:
            listener.put_nowait(News(event, content))
        self.wake()

    def wake(self) -> None:
        """Wake those who wait for any change."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def change(self) -> None:
        """Wait for the next change."""
        await self._changed.wait()

    async def listen(self) -> AsyncIterator[News]:
        """Yield every change from now on, until the emulator closes."""
        coming: asyncio.Queue[News | None] = asyncio.Queue()
        if self._closed:
            return
        self._listeners.add(coming)
        try:
            while (news := await coming.get()) is not None:
                yield news
        finally:
            self._listeners.discard(coming)

    def close(self) -> None:
        """End every listener."""
        self._closed = True
        for listener in self._listeners:
            listener.put_nowait(None)
        self.wake()


class Closing:
    """Ends every wait when the emulator closes."""

    def __init__(self) -> None:
        self._closed = asyncio.Event()

    def close(self) -> None:
        """End all waits, present and future."""
        self._closed.set()

    async def wait(self) -> None:
        """Wait until the emulator closes."""
        await self._closed.wait()

    async def pause(self, seconds: float) -> None:
        """Wait for so many seconds, but not beyond the end of the emulator."""
        if seconds <= 0:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closed.wait()
