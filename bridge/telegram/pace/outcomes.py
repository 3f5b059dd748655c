"""Keep what became of calls: answered, held for a while, refused, and the silence that follows. Pure.

Times are in seconds and arguments.
"""

from collections import deque
from math import inf

from bridge.telegram.pace.bucket_fit import MOST_BURST, CallHistory
from bridge.telegram.pace.tokens import MOST_REMEMBERED, Recent

AFTER_PENALTY_SECONDS = 60.0
"""How long the gaps stay doubled after a 429 that says nothing about other chats."""
MARGIN_SECONDS = 0.5
"""What is added to the silence that Telegram asks for."""
MOST_SECONDS = 120.0
"""What was called longer ago tells less of what is allowed now than what it hides."""
REST_SECONDS = 60.0
"""After so long without a call a chat has all that it can have."""
MOST_AT_ONCE = 10
"""Calls that an album counts for."""


class FloodWaitState:
    """Somewhere that Telegram may want silence for a while."""

    def __init__(self) -> None:
        self.closed_until = float("-inf")
        self.slow_until = float("-inf")
        """Until when the gaps are doubled."""

    def silenced(self, now: float, seconds: float) -> None:
        """Silence for as long as asked and a little."""
        self.closed_until = max(self.closed_until, now + seconds + MARGIN_SECONDS)

    def slowed(self) -> None:
        """Double the gaps for a minute after the silence."""
        self.slow_until = max(self.slow_until, self.closed_until + AFTER_PENALTY_SECONDS)


class CallOutcomes:
    """What became of one chat's last calls."""

    def __init__(self, recent: Recent) -> None:
        """`recent` goes on being filled by others."""
        self._recent = recent
        self._refused: deque[float] = deque(maxlen=64)
        """When calls were sent that were refused, for whatever reason."""
        self._too_much: deque[float] = deque(maxlen=16)
        """When calls were sent that were refused, or held, as the chat had called too much."""
        self._held: deque[tuple[float, float]] = deque(maxlen=16)
        """When calls were sent that Telegram held, and when they were answered."""

    def note_refused(self, sent_at: float) -> bool:
        """Note that a call was refused that was sent then; False when that was known."""
        known = sent_at in self._refused
        if not known:
            self._refused.append(sent_at)
        return not known

    def note_too_much(self, sent_at: float) -> None:
        """Note that it was the chat itself that had called too much when a call was sent."""
        if sent_at not in self._too_much:
            self._too_much.append(sent_at)

    def note_held(self, sent_at: float, now: float) -> None:
        """Note that a call was answered now that Telegram held."""
        self._held.append((sent_at, now))

    def made_before(self, sent_at: float) -> float:
        """Return when the last call was sent before that one that was not refused."""
        made = (at for at in reversed(self._recent.times) if at not in self._refused)
        return next((at for at in made if at < sent_at), -inf)

    def made_between(self, begin: float, end: float) -> int:
        """Return how many calls there were that were not refused."""
        refused = sum(begin < at <= end for at in self._refused)
        return self._recent.between(begin, end) - refused

    def history(self, until: float, *, whole: bool) -> CallHistory:
        """Return what was called before then, not too long ago.

        `whole` says that the chat was at rest before its first call of all.
        """
        held, refused = dict(self._held), set(self._refused)
        begin = until - MOST_SECONDS
        times = [at for at in self._recent.times if at > begin]
        answered = sorted(held.get(at, at) for at in times if at < until and at not in refused)
        earlier = [at for at in self._recent.times if at <= begin]
        if earlier and times:
            whole = times[0] - earlier[-1] > REST_SECONDS
        elif len(self._recent.times) > MOST_REMEMBERED - MOST_AT_ONCE:
            whole = False  # there were others before
        too_much = [at for at in self._too_much if times and at >= times[0]]
        return CallHistory(answered, too_much, 0.0 if whole else MOST_BURST)
