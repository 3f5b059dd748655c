"""The updates that wait to be fetched, and the one poll that may wait for them.

An update stays until an offset above it confirms it, so whoever crashes gets it again. A second
poll ends the first: two receivers of one bot would steal each other's updates.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bridge.sandbox.telegram.feed import Closing
from bridge.sandbox.telegram.refusals import Refused, conflict
from bridge.sandbox.telegram.world import Json, loop_time

FIRST_UPDATE_ID = 700_000_001
MOST_UPDATES = 100_000
DAY = 86_400.0
LIFE_TIMES = {"callback_query": 150.0}
"""Seconds in the queue; a day unless told otherwise."""
ONLY_WHEN_ASKED = frozenset(("chat_member", "message_reaction", "message_reaction_count"))

CONFLICT_GAP = 3.0
SAME_OFFSET_GAP = 3.0
HASTE_GAP = 0.5
TOO_FAR = 10

TWO_POLLERS = (
    "terminated by other getUpdates request; make sure that only one bot instance is running"
)
WEBHOOK_ACTIVE = (
    "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook "
    "first"
)
WEBHOOK_CAME = "terminated by setWebhook request"


@dataclass(frozen=True)
class Waiting:
    """One update in the queue."""

    update: Json
    update_id: int
    expires: float
    """Unix time in seconds."""


@dataclass(frozen=True)
class Ask:
    """A getUpdates call; `timeout` in seconds."""

    offset: int
    limit: int
    timeout: float


class Poll:
    """One getUpdates call that waits."""

    def __init__(self) -> None:
        self.woken = asyncio.Event()
        self.refused: Refused | None = None

    def refuse(self, refused: Refused) -> None:
        """End it with an error."""
        self.refused = refused
        self.woken.set()


class UpdateQueue:
    """The queue of one bot."""

    def __init__(
        self, clock: Callable[[], float], closing: Closing, changed: Callable[[], None]
    ) -> None:
        self.clock = clock
        self.polls = 0
        """How many calls have begun to wait so far."""
        self._changed = changed
        self.webhook_url = ""
        self.webhook_set_at = float("-inf")
        """Loop time of the last setWebhook."""
        self.max_connections = 40
        self.allowed: frozenset[str] | None = None
        """What was last asked for; None: all but what must be asked for."""
        self._queue: deque[Waiting] = deque()
        self._next_id = FIRST_UPDATE_ID
        self._poll: Poll | None = None
        self._last_conflict = float("-inf")
        self._last_offset: int | None = None
        self._last_start = float("-inf")
        self._last_end = float("-inf")
        self._closing = closing

    def wants(self, kind: str) -> bool:
        """Return whether updates of this kind are queued at all."""
        return kind not in ONLY_WHEN_ASKED if self.allowed is None else kind in self.allowed

    def add(self, kind: str, content: Json, date: float | None = None) -> int | None:
        """Put an update into the queue, if wanted; return its id. `date` is Unix time."""
        if not self.wants(kind):
            return None
        begins = self.clock() if date is None else date
        return self.inject({kind: content}, begins + LIFE_TIMES.get(kind, DAY))

    def inject(self, update: Json, expires: float | None = None) -> int:
        """Put any update into the queue, and return its id; only the id is ours."""
        number = self._next_id
        self._next_id += 1
        end = self.clock() + DAY if expires is None else expires
        self._queue.append(Waiting({"update_id": number} | update, number, end))
        if len(self._queue) > MOST_UPDATES:
            self._queue.popleft()
        if self._poll is not None:
            self._poll.woken.set()
        return number

    @property
    def polling(self) -> bool:
        """Whether a call waits now."""
        return self._poll is not None

    @property
    def pending(self) -> int:
        """How many are not confirmed yet."""
        self._forget_expired()
        return len(self._queue)

    def restart(self, first: int) -> None:
        """Begin to number at `first`, like a server after a week without updates, or a new one."""
        self._next_id = first

    def clear(self) -> None:
        """Drop everything that waits."""
        self._queue.clear()

    def end_poll(self, refused: Refused) -> None:
        """End the waiting poll, if there is one."""
        if self._poll is not None:
            self._poll.refuse(refused)
            self._poll = None

    async def fetch(self, ask: Ask, hung_up: Callable[[], Awaitable[None]]) -> list[Json]:
        """Confirm what lies below the offset and return what comes after it, waiting if need be.

        Raises Refused (409) while a webhook is set and when another poll takes over.
        """
        if self.webhook_url:
            raise conflict(WEBHOOK_ACTIVE)
        ask = self._slowed(ask)
        self._last_offset, self._last_start = ask.offset, loop_time()
        self._confirm(ask.offset)
        if not self.pending and ask.timeout > 0:
            await self._wait(ask.timeout, hung_up)
        self._last_end = loop_time()
        first = self._first(ask.offset)
        self._forget_expired()
        chosen = [each.update for each in self._queue if each.update_id >= first]
        return chosen[: ask.limit]

    def _slowed(self, ask: Ask) -> Ask:
        """Return who asks for the same again and again has to wait, and gets one update at a time."""
        if ask.offset != self._last_offset:
            return ask
        now = loop_time()
        hasty = now < self._last_start + SAME_OFFSET_GAP and ask.timeout < SAME_OFFSET_GAP
        timeout = SAME_OFFSET_GAP if hasty else ask.timeout
        limit = 1 if now < self._last_end + HASTE_GAP else ask.limit
        return Ask(ask.offset, limit, timeout)

    def _first(self, offset: int) -> int:
        """Return the lowest update id to return; an offset far beyond the end counts as none."""
        return 0 if offset < 0 or offset > self._next_id + TOO_FAR else offset

    def _confirm(self, offset: int) -> None:
        if offset < 0:
            while len(self._queue) > -offset:
                self._queue.popleft()
            return
        first = self._first(offset)
        while self._queue and self._queue[0].update_id < first:
            self._queue.popleft()

    def _forget_expired(self) -> None:
        now = self.clock()
        if any(each.expires <= now for each in self._queue):
            self._queue = deque(each for each in self._queue if each.expires > now)

    async def _wait(self, seconds: float, hung_up: Callable[[], Awaitable[None]]) -> None:
        if self._poll is not None:
            self._poll.refuse(conflict(TWO_POLLERS))
        poll = self._poll = Poll()
        self.polls += 1
        self._changed()
        ends = (poll.woken.wait(), hung_up(), self._closing.wait())
        tasks = [asyncio.ensure_future(each) for each in ends]
        try:
            await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if self._poll is poll:
                self._poll = None
            self._changed()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if poll.refused is not None:
            await self._refuse(poll.refused)

    async def _refuse(self, refused: Refused) -> None:
        """Conflicts are answered at most every 3 s; the next one is held back."""
        if refused.status == 409:
            now = loop_time()
            due = max(now, self._last_conflict + CONFLICT_GAP)
            self._last_conflict = due
            await self._closing.pause(due - now)
        raise refused
