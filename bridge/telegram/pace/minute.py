"""Whether Telegram counts the calls of a chat in a window of a minute: suspected, tested, proved. Pure.

A rate and a burst follow such a window badly: the first minute goes well however fast calls are, and then
nothing goes for long, in all chats at once. So when a chat is refused after more calls in a minute than
were answered anywhere, no other chat makes as many for now. It is cleared by a call that is answered
beyond that number: the first chat's next one, or one that a chat tries which has rested for a while. It is
proved when such a call is refused: after so long any bucket has a call again.
"""

from math import inf

from bridge.telegram.pace.evidence import FORGET_SECONDS

WINDOW_SECONDS = 61.0
"""A minute, and what the ways of two calls to Telegram may differ by."""
LEAST_A_MINUTE, MOST_A_MINUTE = 8, 120
"""No window is suspected that allows fewer calls than the one, or so many as the other."""
TEST_SECONDS = 9.0
"""So long after the last test a chat tries that has rested as long: longer than Telegram holds a call."""


class MinuteWindow:
    """The most calls that a chat may make in a minute, if Telegram counts them so.

    The `count` of a chat is its calls of the last minute; those that were refused do not count.
    """

    def __init__(self) -> None:
        self.proved = False
        self._most, self._suspected_at = inf, -inf
        self._answered, self._answered_at = 0, -inf
        """The most calls of one chat in a minute that were answered, and when."""
        self._first, self._first_at, self._tries = 0, -inf, False
        """The chat that was refused, when it had called, and whether it may try once more."""
        self._tested_at = -inf

    @property
    def limited(self) -> bool:
        """Whether there is such a limit, or may be."""
        return self._most < inf

    def most(self, now: float, chat_id: int, last_at: float) -> float:
        """Return how many calls a chat may make in `WINDOW_SECONDS` that called last at that time."""
        if self.limited and now - self._suspected_at > FORGET_SECONDS:
            self._clear()
        tries = self._tries and chat_id == self._first
        tests = tries or now - max(self._tested_at, last_at) >= TEST_SECONDS
        return inf if tests and not self.proved else self._most

    def called(self, now: float, count: int) -> None:
        """Note a call that goes out; it counts already."""
        if count > self._most:
            self._tested_at = now

    def answered(self, now: float, count: int) -> None:
        """Note that a chat was answered that has made so many calls."""
        if self.proved:
            return
        if count >= self._answered or now - self._answered_at > FORGET_SECONDS:
            self._answered, self._answered_at = count, now
        if count > self._most:
            self._clear()

    def suspect(self, now: float, chat_id: int, count: int, sent_at: float) -> None:
        """Note that a chat with so many calls was refused one more, or was not answered in time."""
        new = count >= max(self._answered, LEAST_A_MINUTE) and count < MOST_A_MINUTE
        if new and not self.limited:
            self._most, self._suspected_at, self._tested_at = count, now, now
            self._first, self._first_at, self._tries = chat_id, sent_at, True

    def refused(
        self, now: float, chat_id: int, count: int, *, sent_at: float, made_at: float
    ) -> float | None:
        """Note that a chat with so many calls was refused one more; return how many are proved by it.

        `made_at` is when its last call went out that was not refused.
        """
        if self.proved or not self.limited:
            return None
        if chat_id == self._first and sent_at > self._first_at:
            self._tries = False
        if count < self._most or now - made_at < TEST_SECONDS:
            return None
        self.proved, self._suspected_at, self._answered = True, now, 0
        return self._most

    def _clear(self) -> None:
        self.proved, self._most, self._tries = False, inf, False
