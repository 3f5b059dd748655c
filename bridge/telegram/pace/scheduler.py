"""Which call may go next, and when: every Bot API call that shows something passes here.

A ticket says who wants to call, never what: what to show is asked for when the slot is granted, so
that nothing stale is ever queued. `Pacing` decides and is pure (time in seconds is an argument);
`Pacer` waits.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from math import ceil

from bridge.model import LearnedLimit
from bridge.telegram.pace.budget import BudgetKind, Priority
from bridge.telegram.pace.chat_limits import Limits
from bridge.telegram.pace.pacing import Pacing
from bridge.telegram.pace.shared import Reserve, SharedBudget
from bridge.telegram.pace.ticket import Ticket

TICK = 0.001
"""Seconds: uvloop's clock is no finer, and a timer that is up too early would be set again and again."""


class Slot:
    """The right to make one call now."""

    def __init__(self) -> None:
        self.used = True

    def skip(self) -> None:
        """Give the slot back: there is nothing to call for after all."""
        self.used = False


class Pacer:
    """Waits for slots, by the loop's clock."""

    def __init__(self, private: Limits | None = None, group: Limits | None = None) -> None:
        """Limits that are given are kept; what is not given is learned."""
        self._pacing = Pacing(private, group)
        self._granted: dict[int, asyncio.Future[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._shared: SharedBudget | None = None

    def share(self, reserve: Reserve, others: Callable[[], bool]) -> None:
        """Reserve calls in a budget of several processes, while there are `others`."""
        self._shared = SharedBudget(self._pacing.overall, reserve, others, self._pump)

    async def close(self) -> None:
        """Reserve nothing more."""
        if self._shared is not None:
            await self._shared.close()

    @asynccontextmanager
    async def slot(
        self,
        chat_id: int,
        priority: Priority,
        *,
        family: BudgetKind = BudgetKind.MESSAGE,
        new: bool = False,
        count: int = 1,
        since: float | None = None,
    ) -> AsyncIterator[Slot]:
        """Give the slot for one call, which is made inside; `since` is on the loop's clock."""
        loop = asyncio.get_running_loop()
        ticket = self._pacing.ask(
            loop.time(), chat_id, priority, family=family, new=new, count=count, since=since
        )
        granted = self._granted[ticket.number] = loop.create_future()
        self._pump()
        try:
            await granted
        except asyncio.CancelledError:
            if not granted.cancelled():  # it was granted in the very moment
                self._end(ticket, used=False)
            elif self._granted.pop(ticket.number, None):
                self._pacing.withdraw(ticket)
            raise
        slot = Slot()
        try:
            yield slot
        finally:
            self._end(ticket, used=slot.used)

    def may_type(self, chat_id: int) -> bool:
        """Count a typing action that may go at once; False: leave it, it is never waited for."""
        return self._pacing.at_once(
            asyncio.get_running_loop().time(), chat_id, Priority.TYPING, BudgetKind.ACTION
        )

    @contextmanager
    def calling(self, chat_id: int, family: BudgetKind = BudgetKind.MESSAGE) -> Iterator[None]:
        """Learn from how long the call takes that is made inside."""
        clock = asyncio.get_running_loop().time
        call, well = self._pacing.began(clock(), chat_id, family), False
        try:
            yield
            well = True
        finally:
            self._pacing.ended(clock(), call, well=well)

    def refused(
        self, chat_id: int, retry_after: float, family: BudgetKind = BudgetKind.MESSAGE
    ) -> None:
        """Keep silent in the chat for `retry_after` seconds: Telegram answered 429."""
        self._pacing.refused(asyncio.get_running_loop().time(), chat_id, retry_after, family)
        if self._shared is not None:
            self._shared.pause(self._pacing.silent_until)
        self._pump()

    def silenced(self, chat_id: int, seconds: float) -> None:
        """Keep silent in the chat for so many seconds more, as an earlier process was told."""
        self._pacing.silenced(asyncio.get_running_loop().time(), chat_id, seconds)

    def begin_empty(self, chat_id: int) -> None:
        """Take a chat's budget as used up: another process has called there a moment ago."""
        self._pacing.begin_empty(asyncio.get_running_loop().time(), chat_id)

    def silence(self, chat_id: int) -> float:
        """Return for how many seconds Telegram still wants silence in the chat; 0 for none."""
        return self._pacing.silence(asyncio.get_running_loop().time(), chat_id)

    def silences(self, now: float) -> dict[int, float]:
        """Return the chats in which Telegram wants silence; `now` is on the loop's clock."""
        return self._pacing.silences(now)

    def left(self, now: float) -> dict[int, float]:
        """Return which part of their calls chats have left; `now` is on the loop's clock."""
        return self._pacing.left(now)

    def learned(self) -> dict[str, LearnedLimit]:
        """Return what was found out about each kind of call, by name."""
        return {name: one.learned for name, one in self._pacing.estimates.items()}

    def recall(self, learned: Mapping[str, LearnedLimit]) -> None:
        """Begin with what an earlier process found out."""
        self._pacing.recall(asyncio.get_running_loop().time(), learned)

    def adopt_lower(self, name: str, learned: LearnedLimit) -> None:
        """Fall to what another process found out about one kind of chat when it was refused.

        What all chats share is told with each call that is reserved; other releases may know other kinds.
        """
        if name in self._pacing.estimates.keys() - self._pacing.overall.keys():
            now = asyncio.get_running_loop().time()
            self._pacing.estimates[name].adopt_lower(now, learned)

    @property
    def in_flight(self) -> int:
        """How many calls are on their way."""
        return self._pacing.in_flight

    @contextmanager
    def growing(self, chat_id: int) -> Iterator[None]:
        """Keep a call back for the final text of a reply that grows in the chat."""
        loop = asyncio.get_running_loop()
        self._pacing.grows(loop.time(), chat_id, 1)
        try:
            yield
        finally:
            self._pacing.grows(loop.time(), chat_id, -1)

    def _end(self, ticket: Ticket, *, used: bool) -> None:
        self._pacing.done()
        if not used:
            self._pacing.unused(asyncio.get_running_loop().time(), ticket)
        self._pump()

    def _next(self, now: float) -> Ticket | float | None:
        """Return the ticket whose call goes out now; else the seconds to wait; None: something else pumps."""
        if self._shared is None:
            return self._pacing.next(now)
        self._shared.fill(now, self._pacing.ready)
        found = self._pacing.next(now)
        if isinstance(found, Ticket):
            self._shared.use("all calls", *(("new messages",) if found.new else ()))
        else:
            self._shared.fill(now, self._pacing.ready)  # its time may have come meanwhile
        return found

    def _pump(self) -> None:
        """Grant what may go now, and come back when the next one may."""
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while isinstance(found := self._next(loop.time()), Ticket):
            granted = self._granted.pop(found.number)
            if granted.cancelled():  # its task is about to hear of it
                self._pacing.done()
                self._pacing.unused(loop.time(), found)
            else:
                granted.set_result(None)
        if found is not None:
            self._timer = loop.call_later(ceil(found / TICK) * TICK, self._pump)
