"""How many calls a chat takes, and how close together. Pure: time in seconds is an argument.

Sends and edits share a budget per chat, typing and drafts another; going over one earns waits that
grow with every further try. The numbers keep a little below what Telegram is known to allow.
"""

from collections import deque
from dataclasses import dataclass
from enum import IntEnum

AFTER_PENALTY_SECONDS = 60.0
"""How long the gaps stay doubled after a 429."""
MARGIN_SECONDS = 0.5
"""What is added to the silence that Telegram asks for."""

MINUTE_SECONDS = 60.0
LONG_BURST_SECONDS = 5.0
"""Drafts that follow each other for longer than this get a longer gap."""


class Priority(IntEnum):
    """What goes before what, when both could go."""

    FINAL = 0
    """A text that is complete: it must go out, and soon."""
    FIRST = 1
    """The first text of a reply."""
    COMMAND = 2
    """The answer to a command or a pressed button: it must go out, too."""
    INTERIM = 3
    """A state of an unfinished answer: a newer one will follow."""
    TYPING = 4
    BULK = 5
    """The same to everybody: it waits for all that people wait for."""
    STRANGER = 6
    """What strangers cause: to them, and about them to operators."""

    @property
    def durable(self) -> bool:
        """Whether it may use what is kept back from the others."""
        return self in (Priority.FINAL, Priority.COMMAND)


@dataclass(frozen=True)
class Limits:
    """One kind of chat's budget of sends and edits."""

    capacity: float
    refill_seconds: float
    """Seconds until one more call may be made."""
    gap_seconds: float
    """The least time between an interim call and the call before it."""
    reserve: float
    """Calls kept back for durable ones."""
    burst: float
    """Durable calls that may follow each other without the gap."""
    a_minute: int = 0
    """The most calls in any 60 seconds; 0 is no such limit."""


PRIVATE = Limits(capacity=10, refill_seconds=2.5, gap_seconds=1.2, reserve=1, burst=3)
# Telegram publishes 20 a minute for groups; one is left for a clock that differs.
GROUP = Limits(capacity=6, refill_seconds=3.5, gap_seconds=3.0, reserve=2, burst=6, a_minute=19)


class Bucket:
    """Tokens that come back one by one, up to a capacity."""

    def __init__(self, capacity: float, refill_seconds: float, now: float) -> None:
        self.capacity = capacity
        self._refill_seconds = refill_seconds
        self._tokens = capacity
        self._counted = now

    def level(self, now: float) -> float:
        """Return how many tokens there are."""
        return min(self.capacity, self._tokens + (now - self._counted) / self._refill_seconds)

    def wait(self, now: float, needed: float) -> float:
        """Return seconds until there are that many, or as many as it can hold."""
        return max(0.0, min(needed, self.capacity) - self.level(now)) * self._refill_seconds

    def take(self, now: float, count: float = 1) -> None:
        """Take some; what is not there yet is owed."""
        self._tokens = self.level(now) - count
        self._counted = now

    def give_back(self, count: int = 1) -> None:
        """Undo a take that was not used."""
        self._tokens += count


class Window:
    """So many calls in any span of so many seconds."""

    def __init__(self, most: int, seconds: float) -> None:
        self._seconds = seconds
        self._times: deque[float] = deque([float("-inf")] * most, maxlen=most)

    def wait(self, now: float, count: int = 1) -> float:
        """Return seconds until so many more may go; 0 means now."""
        return max(0.0, self._times[count - 1] + self._seconds - now)

    def take(self, now: float, count: int = 1) -> None:
        """Count some that go out now."""
        self._times.extend([now] * count)

    def give_back(self, count: int = 1) -> None:
        """Undo the last count: the call was not made."""
        for _ in range(count):
            self._times.pop()
            self._times.appendleft(float("-inf"))


class FloodWaitState:
    """Somewhere that Telegram may want silence for a while."""

    def __init__(self) -> None:
        self.closed_until = float("-inf")
        self.slow_until = float("-inf")
        """Until when the gaps are doubled."""

    def refused(self, now: float, retry_after: float) -> None:
        """Silence after a 429, for as long as asked and a little; then slower for a minute."""
        self.closed_until = max(self.closed_until, now + retry_after + MARGIN_SECONDS)
        self.slow_until = self.closed_until + AFTER_PENALTY_SECONDS


class Budget(FloodWaitState):
    """One chat's budget of sends and edits."""

    def __init__(self, limits: Limits, now: float) -> None:
        super().__init__()
        self.replies = 0
        """How many replies are growing in the chat: for each one a call is kept back."""
        self._limits = limits
        self._stock = Bucket(limits.capacity, limits.refill_seconds, now)
        self._burst = Bucket(limits.burst, limits.gap_seconds, now)
        self._last = self._before_last = float("-inf")
        self._minute: deque[float] = deque(maxlen=limits.a_minute)

    def wait(self, now: float, priority: Priority, count: int = 1) -> float:
        """Return seconds until a call of that priority may go, which makes `count` messages; 0 means now."""
        kept = 0.0 if priority.durable else max(self._limits.reserve, self.replies)
        waits = [
            self.closed_until - now,
            self._stock.wait(now, count + kept),
            self._burst.wait(now, 1 if priority.durable else 1 + max(1, self.replies)),
        ]
        place = self._limits.a_minute and max(1, self._limits.a_minute + 1 - count - int(kept))
        if len(self._minute) >= place > 0:
            waits.append(self._minute[-place] + MINUTE_SECONDS - now)
        if priority >= Priority.INTERIM:
            gap = self._limits.gap_seconds * (2 if now < self.slow_until else 1)
            waits.append(self._last + gap - now)
        return max(0.0, *waits)

    def spend(self, now: float, count: int = 1) -> None:
        """Count a call that goes out now."""
        self._stock.take(now, count)
        self._burst.take(now)
        self._before_last, self._last = self._last, now
        self._minute.extend([now] * count)

    def give_back(self, count: int = 1) -> None:
        """Undo the last count: the call was not made."""
        for _ in range(min(count, len(self._minute))):
            self._minute.pop()
        self._stock.give_back(count)
        self._burst.give_back()
        self._last = self._before_last

    def left(self, now: float) -> float:
        """Return how many calls may be made now, as a part of all that it can hold."""
        return max(0.0, self._stock.level(now) / self._stock.capacity)

    def idle(self, now: float) -> bool:
        """Return whether forgetting it changes nothing."""
        full = self._stock.level(now) >= self._stock.capacity
        full = full and (not self._minute or now > self._minute[-1] + MINUTE_SECONDS)
        quiet = now > max(self.slow_until, self._last + self._limits.gap_seconds * 3)
        return full and quiet and not self.replies


@dataclass(frozen=True)
class ActionLimits:
    """A chat's budget of typing and drafts: sliding windows, and a gap."""

    windows: tuple[tuple[int, float], ...] = ((18, 5.0), (36, 30.0))
    """So many calls in so many seconds; Telegram's own are 20 in 5 s and 40 in 30 s."""
    gap_seconds: float = 0.4
    later_gap_seconds: float = 0.9
    """The gap after `LONG_BURST_SECONDS` of calls."""


ACTIONS = ActionLimits()


class ActionBudget(FloodWaitState):
    """One chat's budget of typing and drafts."""

    def __init__(self, limits: ActionLimits = ACTIONS) -> None:
        super().__init__()
        self._limits = limits
        self._times: list[float] = []
        self._begun = float("-inf")
        """When the calls without a longer pause between them began."""

    def wait(self, now: float, _priority: Priority, _count: int = 1) -> float:
        """Return seconds until one more may go; 0 means now."""
        waits = [0.0, self.closed_until - now]
        for most, window in self._limits.windows:
            if len(self._times) >= most:
                waits.append(self._times[-most] + window - now)
        if self._times:
            waits.append(self._times[-1] + self._gap(now) - now)
        return max(waits)

    def _gap(self, now: float) -> float:
        early = now - self._begun < LONG_BURST_SECONDS
        gap = self._limits.gap_seconds if early else self._limits.later_gap_seconds
        return gap * (2 if now < self.slow_until else 1)

    def spend(self, now: float, _count: int = 1) -> None:
        """Count one that goes out now."""
        if not self._times or now - self._times[-1] > LONG_BURST_SECONDS:
            self._begun = now
        most = max(most for most, _ in self._limits.windows)
        self._times = [*self._times[1 - most :], now]

    def give_back(self, _count: int = 1) -> None:
        """Undo the last count: the call was not made."""
        self._times.pop()

    def idle(self, now: float) -> bool:
        """Return whether forgetting it changes nothing."""
        longest = max(window for _, window in self._limits.windows)
        return now > max([self.slow_until, *(at + longest for at in self._times[-1:])])
