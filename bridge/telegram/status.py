"""How the bridge is: what operators ask for with /status, and what the dashboard shows."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bridge import __version__
from bridge.model import LearnedLimit
from bridge.relay.agents import Agents
from bridge.relay.lanes import Lanes
from bridge.sharing import processes
from bridge.sharing.processes import Process
from bridge.store import inbox
from bridge.store.engine import Store
from bridge.telegram.pace.scheduler import Pacer

DEAF_SECONDS = 90.0
"""After so long without an answer to a poll the connection is dead, whatever it says."""
STUCK_SECONDS = 120.0
"""After so long with updates of which none is settled, something is wrong."""


class PollingHealth:
    """What the poller knows of its connection, for those who watch over it."""

    def __init__(self) -> None:
        self.fault: str | None = "Polling has not started."
        """Why no updates are taken now; None when they are, or when another process takes them."""
        self._heard = asyncio.get_running_loop().time()
        self.resting = False
        """Whether another process polls."""

    def begins(self) -> None:
        """Note that polling begins."""
        self.resting, self.fault = False, None
        self.heard()

    def rests(self) -> None:
        """Note that another process polls, if any does."""
        self.resting, self.fault = True, None

    def heard(self) -> None:
        """Note that Telegram has answered a poll."""
        self._heard = asyncio.get_running_loop().time()

    @property
    def silent_seconds(self) -> float:
        """How long Telegram has not been heard, though it answers a poll after 50 s at most."""
        return 0.0 if self.resting else asyncio.get_running_loop().time() - self._heard


@dataclass(frozen=True)
class BridgeStatus:
    """How it is now."""

    version: str
    uptime: float
    """Seconds."""
    heard: float
    """Seconds since Telegram last answered a poll."""
    updates_waiting: int
    calls_in_flight: int
    silences: dict[int, float]
    """Chats in which Telegram wants silence, and for how many seconds more."""
    budgets: dict[int, float]
    """Of chats that are being written to, which part of the calls that they allow is left."""
    allowed: dict[str, LearnedLimit]
    """What Telegram allows of each kind of call, as far as it was found out."""
    token_left: float | None
    """Seconds that Coze's token is still good for; None where that is not known."""
    retrying: frozenset[int] = frozenset()
    """Turns of this process whose question did not reach Coze so far, and is tried again."""
    processes: Sequence[Process] = ()
    """All that share the work; empty where there is but one."""


@dataclass(frozen=True)
class StatusReader:
    """Reads how the parts of the bridge are."""

    store: Store
    agents: Agents
    lanes: Lanes
    pacer: Pacer
    polling: PollingHealth
    began: float = field(default_factory=time.monotonic)

    async def read(self) -> BridgeStatus:
        """Return how it is now. Raises StoreTrouble."""
        async with self.store.reading() as tx:
            waiting = await inbox.count(tx, "new")
            sharing = await processes.all_of(tx)
        loop = asyncio.get_running_loop()
        return BridgeStatus(
            version=__version__,
            uptime=time.monotonic() - self.began,
            heard=self.polling.silent_seconds,
            updates_waiting=waiting,
            calls_in_flight=self.pacer.in_flight,
            silences=self.pacer.silences(loop.time()),
            budgets=self.pacer.left(loop.time()),
            allowed=self.pacer.learned(),
            token_left=self.agents.token_seconds_left,
            retrying=frozenset(self.lanes.retrying),
            processes=sharing,
        )
