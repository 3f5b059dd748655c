"""Keep what became of one chat's calls: answered, held for a while, refused. Pure: time is an argument."""

from collections import deque
from math import inf

from bridge.telegram.pace.bucket_fit import MOST_BURST, CallHistory
from bridge.telegram.pace.tokens import MOST_REMEMBERED, Recent


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

    def history(self, until: float, *, whole: bool, empty_at: float = -inf) -> CallHistory:
        """Return what was called before then, and since nothing was left.

        `whole` says that the chat was at rest before its first call here.
        """
        times = [at for at in self._recent.times if at > empty_at]
        held, refused = dict(self._held), set(self._refused)
        answered = sorted(held.get(at, at) for at in times if at < until and at not in refused)
        whole = whole and len(times) < MOST_REMEMBERED
        too_much = [at for at in self._too_much if times and at >= times[0]]
        return CallHistory(answered, too_much, 0.0 if whole else MOST_BURST, empty_at)
