"""How long Telegram takes to answer, and which of its answers are late. Pure: time is an argument."""

from collections.abc import Hashable
from dataclasses import dataclass
from itertools import count
from typing import Generic, TypeVar

TYPICAL_SECONDS = 0.25
"""What an answer takes before any was heard."""
LATE_SECONDS, LATE_TIMES = 0.8, 4.0
"""An answer is late after so many seconds, and so many times what is typical."""
WEIGHT = 0.05
"""How much the last answer counts for what is typical."""
SEVERAL = 5
"""Where so many wait and nobody is answered, the network or a machine stands still: that is no limit."""

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Ended(Generic[Key]):
    """A call that was answered."""

    key: Key
    late: bool


class CallTimes(Generic[Key]):
    """The calls that are on their way, and what an answer typically takes."""

    def __init__(self) -> None:
        self.typical = TYPICAL_SECONDS
        self._numbers = count()
        self._calls: dict[int, tuple[float, Key]] = {}
        """In the order of their beginning, without those that are late."""
        self._late: dict[int, Key] = {}
        """Those that are late, and on their way still."""
        self._stalled = set[int]()
        """Those during which nothing moved: how long they take tells nothing."""
        self._heard_at = float("-inf")
        """When a call ended, last."""

    def began(self, now: float, key: Key) -> int:
        """Note that a call is on its way; returns its number."""
        number = next(self._numbers)
        self._calls[number] = (now, key)
        return number

    def ended(self, now: float, number: int) -> Ended[Key] | None:
        """Note that a call has ended; returns None when nothing moved meanwhile."""
        self._heard_at = now
        if number in self._late:
            return Ended(self._late.pop(number), late=True)
        begun, key = self._calls.pop(number)
        self._note(now - begun)
        stalled = number in self._stalled
        self._stalled.discard(number)
        return None if stalled else Ended(key, late=False)

    def late(self, now: float) -> list[Key]:
        """Return the keys of calls that have become late since this was asked last."""
        found = []
        most = max(LATE_SECONDS, LATE_TIMES * self.typical)
        while self._calls:
            number, (begun, key) = next(iter(self._calls.items()))
            if now - begun <= most:
                break
            if now - self._heard_at > most / 2 and self._chats() >= SEVERAL:
                self._calls = {one: (now, of) for one, (_, of) in self._calls.items()}
                self._stalled.update(self._calls)
                break
            del self._calls[number]
            self._stalled.discard(number)
            self._note(now - begun)
            self._late[number] = key
            found.append(key)
        return found

    def _chats(self) -> int:
        """Return in how many places calls are on their way."""
        return len({key for _, key in self._calls.values()})

    def _note(self, seconds: float) -> None:
        self.typical += (min(seconds, LATE_TIMES * self.typical) - self.typical) * WEIGHT
