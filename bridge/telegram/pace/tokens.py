"""Count calls: tokens that come back, and when the last calls went out. Pure: time is an argument."""

from collections import deque
from typing import Protocol

IDLE_PART = 0.7
"""Who has more than this part of a burst was idle: what all others have turns out to be less."""
LAST_CALLS, LEAST_BURST = 16, 2
"""Over how many calls the last rate is measured, and how many of them are taken for a burst."""
LONG_SECONDS = 60.0
"""How far a chat remembers its calls."""
MOST_REMEMBERED = 128
INSTANT = 1e-6
"""Seconds that are nothing: sums of them are not exact."""


class Allowance(Protocol):
    """How many calls may come at once, and how many a second."""

    burst: float
    lowered_at: float
    """When it turned out last that there was less than was thought."""

    def rate_for(self, chat_id: int) -> float:
        """Return how many calls a second a chat may make."""


class Tokens:
    """Tokens that come back one by one."""

    def __init__(self, allowance: Allowance, chat_id: int, now: float) -> None:
        self._allowance = allowance
        self._chat_id = chat_id
        self._tokens = self._burst = allowance.burst
        self._counted = now
        self.full_at = now
        """When there were as many as it can hold, last."""

    @property
    def rate(self) -> float:
        """How many come back a second."""
        return self._allowance.rate_for(self._chat_id)

    def level(self, now: float) -> float:
        """Return how many there are."""
        lowered_at, burst = self._allowance.lowered_at, self._allowance.burst
        if burst < self._burst:  # what was used stays used
            self._tokens -= self._burst - burst
        self._burst = burst
        if lowered_at > self._counted:
            level = min(burst, self._tokens + (lowered_at - self._counted) * self.rate)
            self._counted = lowered_at
            self._tokens = level if level > IDLE_PART * burst else min(0.0, level)
        return min(burst, self._tokens + (now - self._counted) * self.rate)

    def wait(self, now: float, needed: float) -> float:
        """Return seconds until there are that many, or as many as it can hold."""
        return max(0.0, min(needed, self._allowance.burst) - self.level(now)) / self.rate

    def take(self, now: float, count: float = 1) -> None:
        """Take some; what is not there yet is owed."""
        level = self.level(now)
        if level >= self._allowance.burst:
            self.full_at = now
        self._tokens, self._counted = level - count, now

    def give_back(self, count: float = 1) -> None:
        """Undo a take that was not used."""
        self._tokens += count

    def set(self, now: float, level: float) -> None:
        """Note that there are so many."""
        self._burst = self._allowance.burst
        self._tokens, self._counted = min(level, self._burst), now

    def drain(self, now: float) -> None:
        """Note that there are none."""
        self._burst = self._allowance.burst
        self._tokens, self._counted = min(0.0, self.level(now)), now


class Recent:
    """The times of the last calls somewhere."""

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self.times: deque[float] = deque(maxlen=most)

    def add(self, now: float, count: int = 1) -> None:
        """Count calls that go out now."""
        self.times.extend([now] * count)

    def spread(self, begin: float, end: float, count: int) -> None:
        """Count calls that went out some time between then and then."""
        gap = (end - begin) / max(1, count)
        others = (begin + (number + 0.5) * gap for number in range(count))
        self.times = deque(sorted([*self.times, *others]), self.times.maxlen)

    def take_back(self, count: int = 1) -> None:
        """Undo the last count."""
        for _ in range(min(count, len(self.times))):
            self.times.pop()

    def between(self, begin: float, end: float) -> int:
        """Return how many calls there were from then, `begin` not included, until then."""
        count = 0
        for at in reversed(self.times):
            if at <= begin:
                break
            count += at <= end
        return count

    def wait(self, now: float, most: int, seconds: float) -> float:
        """Return seconds until fewer than so many calls are in the window."""
        if most <= 0 or len(self.times) < most:
            return 0.0
        return max(0.0, self.times[-most] + seconds - now)

    def span(self, calls: int) -> float:
        """Return the seconds from before so many calls to the last one; 0 when there were fewer."""
        return self.times[-1] - self.times[-1 - calls] if len(self.times) > calls else 0.0

    def last_rate(self, now: float) -> float:
        """Return at which rate the last calls until then came, without a small burst that was there too."""
        count = min(LAST_CALLS, self.between(now - LONG_SECONDS, now))
        begun = self.times[-count] if count else now
        return max(1, count - LEAST_BURST) / max(1.0, now - begun)

    def rate(self, now: float, seconds: float) -> float:
        """Return how many calls a second there were in so many seconds until then."""
        return self.between(now - seconds, now) / seconds
