"""Find which token buckets explain what was answered and what was refused. Pure: times in seconds.

At a given rate, how much of a bucket is in use depends on when calls came, and not on how many may come at
once. So each answered call says that its burst is at least so large, and each refused one that it is
smaller. At few rates there is room between the two, and after some refusals at hardly more than one.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf, sqrt

LEAST_RATE, RATE_STEP, STEPS = 0.04, 1.03, 156
RATES = tuple(LEAST_RATE * RATE_STEP**step for step in range(STEPS))
"""The rates that are tried, in calls a second: to 4, more edits in one chat nobody can read."""
SLACK = 0.15
"""By so many calls a refused one may miss its place: the ways of calls to Telegram differ."""
MOST_BURST = 20.0
"""More calls at once than any bucket takes: whoever made as many and was answered met something else."""
MUCH_TIMES = 1.8
"""More than so many times the burst that was believed in is far from it."""
EXACT_TIMES = 1.5
"""Rates are known well if the highest is no more than so many times the lowest."""
MOST_HISTORIES, RECENT_SECONDS = 8, 180.0
"""So many histories are known, and for so long: limits change."""
USUAL_BURST = 3.0
"""What comes back beyond so many calls may be lost: hardly a bucket holds less."""

Bursts = Sequence[tuple[float, float]]
"""At each of the rates, the least burst that is large enough, and one that is too large."""


@dataclass(frozen=True)
class CallHistory:
    """What was called in one chat."""

    answered: Sequence[float]
    """When calls were answered, each of which took one; in order."""
    refused: Sequence[float] = ()
    """When calls were sent that were refused, or held before they were answered."""
    used: float = 0.0
    """How many calls may have been in use before the first of them."""

    def bursts(self, rate: float) -> tuple[float, float]:
        """Return the least burst for what was answered, and one that is too large for what was refused.

        None is large enough where more came back after a refusal than can be, or less.
        """
        if not self.refused:
            return self._least(rate), inf
        events = self._events
        least, too_large, low, high = 0.0, inf, 0.0, self.used
        most_left, least_left = inf, 0.0
        then = events[0][0] if events else 0.0
        for at, answered in events:
            back, then = (at - then) * rate, at
            low, high = max(0.0, low - back), max(0.0, high - back)
            most_left, least_left = most_left + back, min(USUAL_BURST, least_left + back)
            if answered:
                low, high = low + 1, high + 1
                least = max(least, low)
                most_left, least_left = most_left - 1, max(0.0, least_left - 1)
            else:
                too_large = min(too_large, high + 1)
                most_left = min(1.0, most_left)
            if most_left < -SLACK or (least_left >= 1 + SLACK and not answered):
                return inf, 0.0
        return least, too_large

    def _least(self, rate: float) -> float:
        least = used = 0.0
        then = self.answered[0] if self.answered else 0.0
        for at in self.answered:
            used = used - (at - then) * rate
            used, then = (used if used > 0 else 0.0) + 1, at
            if used > least:
                least = used
        return least

    def since_refused(self) -> "CallHistory":
        """Return what came after the first call that was refused."""
        first, *others = sorted(self.refused)
        return CallHistory([at for at in self.answered if at > first], others, MOST_BURST)

    def with_refused(self, at: float) -> "CallHistory":
        """Return it with one more refused call."""
        return replace(self, refused=sorted({*self.refused, at}))

    @cached_property
    def _events(self) -> list[tuple[float, int]]:
        return sorted([(at, 1) for at in self.answered] + [(at, 0) for at in self.refused])

    def left(self, rate: float, burst: float, now: float) -> float:
        """Return how many calls a bucket has now that took all that was answered."""
        left, then = burst - min(burst, self.used), self.answered[0] if self.answered else now
        for at in self.answered:
            left, then = max(0.0, min(burst, left + (at - then) * rate) - 1), at
        return min(burst, left + (now - then) * rate)


@dataclass(frozen=True)
class BucketFit:
    """The buckets that explain all that is known."""

    low: float
    """The lowest rate, in calls a second."""
    high: float
    burst: float
    """The least burst at the middle of the rates; 0 where nothing is known of it."""
    least_burst: float
    """The least burst at the rate nearest to the one that was believed in."""

    @property
    def exact(self) -> bool:
        """Whether there is hardly more than one."""
        return self.high <= EXACT_TIMES * self.low


class BucketFitter:
    """Knows the histories of some chats that were refused."""

    def __init__(self) -> None:
        self._found: deque[tuple[float, Bursts]] = deque(maxlen=MOST_HISTORIES)
        """When each was added."""

    def explains(self, burst: float, history: CallHistory, others: Sequence[CallHistory]) -> bool:
        """Return whether a bucket explains the history beside those of `others`, who were not refused.

        It must have called clearly more than they. `burst` is the one that was believed in: what is far
        from that is no explanation.
        """
        most = _most_burst(burst)
        found = [_newest(history, most), *map(_bursts, others)]
        return bool(_fitting(found, most, -SLACK))

    def fit(
        self,
        now: float,
        believed: tuple[float, float],
        history: CallHistory,
        others: Sequence[CallHistory] = (),
    ) -> BucketFit | None:
        """Return which buckets explain one more history with those before, or with the newest of them.

        None where none explains it beside those of `others`, who were not refused: then it is left out.
        Older ones are forgotten where they contradict it: limits change. `believed` are the rate and the
        burst that were believed in.
        """
        rate, burst = believed
        most = _most_burst(burst)
        known = [_bursts(one) for one in others]
        newest = _newest(history, most)
        if not _fitting([newest, *known], most):
            return None
        self._found.append((now, newest))
        while self._found[0][0] < now - RECENT_SECONDS:
            self._found.popleft()
        while not (fitting := _fitting(found := [*known, *(one for _, one in self._found)], most)):
            self._found.popleft()
        low, high = RATES[fitting[0]], RATES[fitting[-1]]
        middle, near = (
            min(fitting, key=lambda place: abs(RATES[place] - wanted))
            for wanted in (sqrt(low * high), rate)
        )
        bursts = [max(one[place][0] for one in found) for place in (middle, near)]
        return BucketFit(low, high, *bursts)


def _most_burst(believed: float) -> float:
    """Return from which burst on a bucket is no explanation."""
    return min(MOST_BURST, MUCH_TIMES * believed)


def _newest(history: CallHistory, most: float) -> Bursts:
    """Return the bounds of as much of the history as one bucket explains: limits change, or are several."""
    found = _bursts(history)
    while len(history.refused) > 1 and not _fitting([found], most):
        history = history.since_refused()
        found = _bursts(history)
    return found


def _bursts(history: CallHistory) -> Bursts:
    return [history.bursts(rate) for rate in RATES]


def _fitting(found: Sequence[Bursts], most: float, slack: float = SLACK) -> list[int]:
    """Return the places of the rates at which there is room between all bounds."""
    places = []
    for place in range(STEPS):
        least = max(one[place][0] for one in found)
        too_large = min(one[place][1] for one in found)
        if least < most and too_large > 1 and least < too_large + slack:
            places.append(place)
    return places
