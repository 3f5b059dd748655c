"""What each kind of chat allows: where that begins, what is learned of it, and what is published. Pure."""

from dataclasses import dataclass

from bridge.telegram.pace.bucket_fit import BucketFitter
from bridge.telegram.pace.estimates import Estimate, Range
from bridge.telegram.pace.tokens import LONG_SECONDS


@dataclass(frozen=True)
class Limits:
    """One kind of chat's budget of calls, as it begins, or as the operator fixed it."""

    burst: float
    """Calls at once."""
    every: float
    """Seconds until one more call may be made."""
    gap: float
    """The least time between an interim call and the call before it, in seconds."""
    kept: float
    """Calls kept back for durable ones."""
    quick: float
    """Durable calls that may follow each other without the gap."""
    minute: float = 0
    """The most calls in any 60 seconds; 0 is no such limit."""


PRIVATE = Limits(burst=10, every=2.5, gap=1.2, kept=1, quick=3)
# Telegram publishes 20 a minute for groups; one is left for a clock that differs.
GROUP = Limits(burst=6, every=3.5, gap=3.5, kept=2, quick=6, minute=19)
ACTIONS = Limits(burst=5, every=0.97, gap=0.4, kept=0, quick=1)
ACTION_TOPS = ((18, 5.0), (36, 30.0))
"""So many calls in so many seconds; what Telegram publishes for typing and drafts is 20 in 5 s and 40 in
30 s."""
QUICKER = 1.5
"""How much more closely calls may follow each other for a short while."""
MOST_A_SECOND = 4.0
"""More edits in one chat nobody can read."""


class ChatLimits:
    """What is allowed in every chat of one kind: what was learned, and what is never exceeded."""

    def __init__(
        self, limits: Limits, tops: tuple[tuple[int, float], ...] = (), *, fixed: bool = False
    ) -> None:
        """`tops` are sliding windows: so many calls in so many seconds."""
        if limits.minute:
            tops = (*tops, (int(limits.minute), LONG_SECONDS))
        most = min([MOST_A_SECOND, *(count / seconds for count, seconds in tops)])
        self.tops = tops
        self.kept = limits.kept
        self.estimate = Estimate(
            Range(
                rate=min(most, 1 / limits.every),
                burst=limits.burst,
                most_rate=most,
                most_burst=2 * limits.burst,
                least_burst=1.0,
            ),
            fixed=fixed,
        )
        self.fitter = BucketFitter()
        self.quick = Quick(limits, self.estimate)


class Quick:
    """How closely calls may follow each other."""

    def __init__(self, limits: Limits, estimate: Estimate) -> None:
        self.burst = limits.quick
        self.lowered_at = float("-inf")
        self._rate = 1 / limits.gap
        self._quicker = 0.0 if limits.minute else QUICKER
        """What comes closely would be missing in the rest of a minute that has a top."""
        self._estimate = estimate

    def rate_for(self, chat_id: int) -> float:
        """Return how many a second: more than what may come for long."""
        return max(self._rate, self._quicker * self._estimate.rate_for(chat_id))
