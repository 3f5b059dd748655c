"""Tell whether a refusal is explained by what was called before it, or has a cause of its own. Pure.

Telegram refuses a chat now and then though others call as much and are answered. A limit of whatever form
(a bucket, a window) refuses nobody who called no more, over any time, than somebody who was answered.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence

from bridge.telegram.pace.tokens import LONG_SECONDS, Recent

HORIZONS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Over how many seconds calls are counted to compare two moments."""
NEARLY_SECONDS = 0.3
"""What was called so close to a refused call may have been refused, too."""
OFTEN = 3
"""Who is refused so often within a minute is refused for what they call."""
MOST_MOMENTS = 512
"""So many moments are compared with a refusal, however many calls there were."""
FORGET_SECONDS = 1800.0
"""How long it is remembered what was refused: limits change."""
MANY_CHATS, MANY_SECONDS = 3, 10.0
"""So many chats refused within so many seconds are many."""


class Evidence:
    """What was called somewhere, and which of it was answered promptly or refused."""

    def __init__(self, recent: Recent, horizons: Sequence[float] = HORIZONS) -> None:
        """`recent` goes on being filled by others."""
        self._recent = recent
        self._horizons = horizons
        self._refused: deque[float] = deque(maxlen=64)
        """When calls were sent that were refused, or answered late."""
        self.answered_at = float("-inf")
        """When a call was answered, last."""

    def answered(self, now: float) -> None:
        """Note that the last call was answered."""
        self.answered_at = now

    def refused(self, sent_at: float) -> None:
        """Note that a call sent then was refused, or answered late."""
        if sent_at not in self._refused:  # a late answer may be a refusal in the end
            self._refused.append(sent_at)

    def often(self, now: float) -> bool:
        """Return whether one that is refused now is refused often."""
        return sum(0 < now - at < LONG_SECONDS for at in self._refused) >= OFTEN - 1

    def counts(self, at: float) -> Sequence[int]:
        """Return how many calls there were over each horizon until then."""
        return [self._recent.between(at - seconds, at) for seconds in self._horizons]

    def speaks_against(self, counts: Sequence[int], at: float) -> bool:
        """Return whether as much was called in the minute before, over each horizon, and was answered."""
        times = [*self._recent.times]
        latest = bisect_right(times, min(at, self.answered_at))
        step = 1 + len(times) // MOST_MOMENTS
        for place in range(latest, max(1, *counts) - 1, -step):  # before that there are too few
            here = times[place - 1]
            if here <= at - LONG_SECONDS:
                return False
            if any(abs(here - one) < NEARLY_SECONDS for one in self._refused):
                continue
            before = (bisect_right(times, here - seconds) for seconds in self._horizons)
            if all(place - first >= count for first, count in zip(before, counts, strict=True)):
                return True
        return False


class Refusals:
    """Which chats were refused lately: when they are many, it may be the whole bot that is too fast."""

    def __init__(self) -> None:
        self._found: deque[tuple[float, int]] = deque(maxlen=64)

    def note(self, now: float, chat_id: int) -> float | None:
        """Note one more; return since when many chats are refused, None when they are few."""
        self._found.append((now, chat_id))
        hit = {one: at for at, one in self._found if now - at <= MANY_SECONDS}
        return min(hit.values()) if len(hit) >= MANY_CHATS else None
