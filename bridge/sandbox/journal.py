"""The journal: each call and event of both emulators as it happens, for the inspector and tests."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

Side = Literal["telegram", "coze"]


@dataclass(frozen=True)
class Entry:
    """One thing that happened at one of the emulators."""

    number: int
    at: float
    """Unix time in seconds."""
    side: Side
    name: str
    """The method, path or event, e.g. `editMessageText` or `conversation.message.delta`."""
    outcome: str
    """`ok`, or what was refused and why, in a few words."""
    detail: Mapping[str, object] = field(default_factory=dict)
    """What to show beside it; never a token."""


class Journal:
    """Keeps the newest entries and wakes those who follow it."""

    def __init__(self, keep: int = 2000) -> None:
        self.entries: deque[Entry] = deque(maxlen=keep)
        self._count = 0
        self._followers: set[asyncio.Queue[Entry]] = set()

    def note(self, side: Side, name: str, outcome: str = "ok", **detail: object) -> Entry:
        """Write down one thing that happened now."""
        self._count += 1
        entry = Entry(
            number=self._count, at=time.time(), side=side, name=name, outcome=outcome, detail=detail
        )
        self.entries.append(entry)
        for follower in self._followers:
            follower.put_nowait(entry)
        return entry

    async def follow(self) -> AsyncIterator[Entry]:
        """Yield every entry from now on, until the caller stops asking."""
        coming: asyncio.Queue[Entry] = asyncio.Queue()
        self._followers.add(coming)
        try:
            while True:
                yield await coming.get()
        finally:
            self._followers.discard(coming)
