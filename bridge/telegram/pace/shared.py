"""The part of a bot's calls that this process may make, where several processes call Telegram."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from math import inf

import structlog

from bridge.errors import StoreTrouble
from bridge.store.pace import Reserved, Wanted
from bridge.telegram.pace.overall import Overall
from bridge.telegram.pace.slots import MOST_AT_ONCE, Slots

log = structlog.get_logger(__name__)
AGAIN_SECONDS = 0.5
"""How long it takes until slots are asked for again that could not be had."""
LATELY_SECONDS = 2.0
"""What others called before is of no account any more."""

ALONE_SECONDS = 10.0
"""So long nobody else must have been seen: all lose their sessions when the database starts anew."""

Reserve = Callable[[str, Wanted], Awaitable[Reserved]]
"""Reserves calls of a kind in the budget that all processes share. Raises StoreTrouble."""


class SharedBudget:
    """Reserves slots for calls, a few at a time, and learns with them what the others do."""

    def __init__(
        self,
        limits: Mapping[str, Overall],
        reserve: Reserve,
        others: Callable[[], bool],
        ready: Callable[[], None],
    ) -> None:
        """`others` says whether there is another process; `ready` is called when slots have come."""
        self._others = others
        self._together_at = -inf
        """When another process was seen last."""
        self._limits = {
            name: _SharedLimit(name, overall, reserve, ready) for name, overall in limits.items()
        }

    def fill(self, now: float, ready: Mapping[str, int]) -> None:
        """Ask for slots of each kind of which some calls are `ready` to go, and none is in hand."""
        if self._others():
            self._together_at = now
        together = now - self._together_at < ALONE_SECONDS
        for name, limit in self._limits.items():
            if together:
                limit.fill(now, ready[name])
            else:
                limit.open()

    def use(self, *names: str) -> None:
        """Count a call of these kinds that goes out now."""
        for name in names:
            self._limits[name].use()

    def pause(self, until: float) -> None:
        """Let no process call before a time (on the loop's clock): Telegram wants silence of the bot."""
        if self._others():
            for limit in self._limits.values():
                limit.pause(until)

    async def close(self) -> None:
        """Ask for nothing more."""
        await asyncio.gather(*(limit.close() for limit in self._limits.values()))


class _SharedLimit:
    """One kind of calls."""

    def __init__(
        self, name: str, overall: Overall, reserve: Reserve, ready: Callable[[], None]
    ) -> None:
        self._name = name
        self._overall = overall
        self._reserve = reserve
        self._ready = ready
        self._slots = Slots()
        self._pause_until = 0.0
        self._last: Reserved | None = None
        self._asked_at = -inf
        self._asking: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Leave it to this process alone."""
        self._overall.opens_at = 0.0

    def fill(self, now: float, ready: int) -> None:
        wait = self._slots.wait(now)
        self._overall.opens_at = inf if wait is None else now + wait
        if wait is None and ready:
            self._ask(min(MOST_AT_ONCE, ready))

    def use(self) -> None:
        if len(self._slots):
            self._slots.use()

    def pause(self, until: float) -> None:
        if until > self._pause_until:
            self._pause_until = until
            self._ask(0)

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    def _ask(self, calls: int) -> None:
        if self._asking is None:
            self._asking = asyncio.create_task(self._asked(calls), name=f"slots: {self._name}")

    async def _asked(self, calls: int) -> None:
        loop = asyncio.get_running_loop()
        pause = max(0.0, self._pause_until - loop.time())
        version = self._last.version if self._last else -1
        try:
            wanted = Wanted(calls, self._overall.estimate.learned, version, pause)
            found = await self._reserve(self._name, wanted)
        except StoreTrouble as trouble:
            log.warning("no slots for calls", trouble=str(trouble))
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            self._take(loop.time(), wanted, found)
        finally:
            self._asking = None
        self._ready()

    def _take(self, now: float, wanted: Wanted, found: Reserved) -> None:
        calls, estimate = wanted.calls, self._overall.estimate
        self._slots.add(now, found.wait, calls, found.limit.rate)
        last, self._last = self._last, found
        of_others = found.limit != wanted.limit and (last is None or found.version != last.version)
        as_asked = estimate.learned == wanted.limit  # else it has learned something since it asked
        if of_others and (as_asked or found.limit.rate < estimate.rate):
            estimate.adopt(now, found.limit)
        if last is not None and now - self._asked_at < LATELY_SECONDS:
            self._overall.others_called(self._asked_at, now, found.calls - last.calls - calls)
        self._asked_at = now
