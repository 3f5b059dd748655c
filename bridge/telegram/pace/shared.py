"""The part of a bot's calls that this process may make, where several processes call Telegram."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from bridge.errors import StoreTrouble
from bridge.store.pace import Reserved, Wanted
from bridge.telegram.pace.pacing import Pacing
from bridge.telegram.pace.slots import MOST_AT_ONCE, Slots

log = structlog.get_logger(__name__)
AGAIN_SECONDS = 0.5
"""How long it takes until slots are asked for again that could not be had."""

Reserve = Callable[[Wanted], Awaitable[Reserved]]
"""Reserves calls in the budget that all processes share. Raises StoreTrouble."""


class SharedBudget:
    """Reserves slots for calls, a few at a time, and learns with them what the others do."""

    def __init__(
        self,
        pacing: Pacing,
        reserve: Reserve,
        others: Callable[[], bool],
        ready: Callable[[], None],
    ) -> None:
        """`others` says whether there is another process; `ready` is called when slots have come."""
        self._pacing = pacing
        self._reserve = reserve
        self._others = others
        self._ready = ready
        self._slots = Slots()
        self._new = 0
        """New messages that were not told yet."""
        self._pause_until = 0.0
        self._last: Reserved | None = None
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    def wait(self, now: float, wanted: int) -> float | None:
        """Return seconds until the next call may go; None: that is being asked, for so many calls."""
        if not self._others():
            return 0.0
        wait = self._slots.wait(now)
        if wait is None:
            self._ask(min(MOST_AT_ONCE, wanted))
        return wait

    def use(self, *, new: bool) -> None:
        """Count a call that goes out now, perhaps one that makes a message."""
        self._new += new
        if len(self._slots):
            self._slots.use()

    def pause(self, until: float) -> None:
        """Let no process call before a time (on the loop's clock): Telegram wants silence of the bot."""
        if self._others() and until > self._pause_until:
            self._pause_until = until
            self._ask(0)

    async def close(self) -> None:
        """Ask for nothing more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    def _ask(self, calls: int) -> None:
        if self._asking is None:
            self._asking = asyncio.create_task(self._asked(calls), name="slots for calls")

    async def _asked(self, calls: int) -> None:
        loop = asyncio.get_running_loop()
        new, self._new = self._new, 0
        pause = max(0.0, self._pause_until - loop.time())
        version = self._last.version if self._last else -1
        wanted = Wanted(calls, new, self._pacing.estimates["all calls"].learned, version, pause)
        try:
            found = await self._reserve(wanted)
        except StoreTrouble as trouble:
            self._new += new
            log.warning("no slots for calls", trouble=str(trouble))
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            self._take(loop.time(), wanted, found)
        finally:
            self._asking = None
        self._ready()

    def _take(self, now: float, wanted: Wanted, found: Reserved) -> None:
        if wanted.calls:
            self._slots.add(now, found.wait, wanted.calls, found.limit.rate)
        if self._last is not None and now - self._asked_at < 2.0:
            calls = found.calls - self._last.calls - wanted.calls
            new = found.new_messages - self._last.new_messages - wanted.new_messages
            self._pacing.others_called(now, calls, new)
        if self._last is None or found.version != self._last.version:
            self._pacing.estimates["all calls"].adopt(now, found.limit)
        self._last, self._asked_at = found, now
