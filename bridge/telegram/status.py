"""How the bridge is: what operators ask for with /status, and what the dashboard shows."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bridge import __version__
from bridge.coze.client import Coze
from bridge.relay.lanes import Lanes
from bridge.store import inbox
from bridge.store.engine import Store
from bridge.telegram.api.scheduler import Pacer


@dataclass(frozen=True)
class BridgeStatus:
    """How it is now."""

    version: str
    uptime: float
    """Seconds."""
    heard: float
    """Seconds since Telegram last answered."""
    updates_waiting: int
    chats_answered: int
    calls_in_flight: int
    silences: dict[int, float]
    """Chats in which Telegram wants silence, and for how many seconds more."""
    budgets: dict[int, float]
    """Of chats that are being written to, which part of the calls that they allow is left."""
    token_left: float | None
    """Seconds that Coze's token is still good for; None where that is not known."""


@dataclass
class StatusReader:
    """Feels the pulse."""

    store: Store
    coze: Coze
    lanes: Lanes
    pacer: Pacer
    deaf_seconds: Callable[[], float] = lambda: 0.0
    """How long nothing was heard of Telegram; known once updates are taken."""
    began: float = field(default_factory=time.monotonic)

    async def pulse(self) -> BridgeStatus:
        """How it is now. Raises StoreTrouble."""
        async with self.store.reading() as tx:
            waiting = await inbox.count(tx, "new")
        loop = asyncio.get_running_loop()
        return BridgeStatus(
            __version__,
            time.monotonic() - self.began,
            self.deaf_seconds(),
            waiting,
            len(self.lanes),
            self.pacer.in_flight,
            self.pacer.silences(loop.time()),
            self.pacer.left(loop.time()),
            self.coze.token_seconds_left,
        )
