"""Whether Telegram counts the calls of a chat in a window of a minute: suspected, tested, proved. Pure.

A rate and a burst follow such a window badly: the first minute goes well however fast calls are, and then
nothing goes for long, in all chats at once. So when a chat is refused after more calls in a minute than
were ever answered, no other one makes as many before that chat has tried again: a call that is answered
clears the suspicion, one that is refused, too, though nothing was called meanwhile, proves it.
"""

from math import inf

from bridge.telegram.pace.evidence import FORGET_SECONDS

WINDOW_SECONDS = 61.0
"""A minute, and what the ways of two calls to Telegram may differ by."""
MOST_A_MINUTE = 120
"""Where more were made no window of a minute is suspected."""
TEST_SECONDS = 8.0
"""After so long without a call of the chat that was refused, another one tries."""


class MinuteWindow:
    """The most calls that a chat may make in a minute, if Telegram counts them so."""

    def __init__(self) -> None:
        self.proved = False
        self._most, self._suspected_at = inf, -inf
        self._answered = 0
        """The most calls in a minute that were answered."""
        self._tester, self._tried_at = 0, -inf
        """Who tries whether more are answered."""

    def most(self, now: float, chat_id: int) -> float:
        """Return how many calls a chat may make in `WINDOW_SECONDS`."""
        if self._most < inf and now - self._suspected_at > FORGET_SECONDS:
            self.proved, self._most = False, inf
        tries = chat_id == self._tester or now - self._tried_at > TEST_SECONDS
        return inf if tries and not self.proved else self._most

    def called(self, now: float, chat_id: int, count: int) -> None:
        """Note a call that goes out, the chat's so manieth of the minute."""
        if count > self._most:
            self._tester, self._tried_at = chat_id, now

    def answered(self, count: int) -> None:
        """Note that a chat was answered that has made so many calls in a minute."""
        if self.proved:
            return
        self._answered = max(self._answered, count)
        if count > self._most:
            self._most = inf

    def refused(self, now: float, chat_id: int, count: int, *, again: bool) -> float | None:
        """Note that a chat was refused its so manieth call of the minute; `again`: nothing else went before.

        Returns how many are allowed if that proves it.
        """
        if self.proved or not 0 < count < MOST_A_MINUTE:
            return None
        if again and chat_id == self._tester and self._most < inf:
            self.proved, self._suspected_at, self._answered = True, now, 0
            return self._most
        if self._answered < count <= self._most:
            self._most, self._suspected_at, self._tester = count - 1, now, chat_id
        if chat_id == self._tester:
            self._tried_at = now
        return None
