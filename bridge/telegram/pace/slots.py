"""Slots that several processes share: what one of them reserved and has not used yet. Pure."""

from collections import deque

MOST_AT_ONCE = 4
"""Slots that are reserved together: what is not used is lost for all."""
KEEP_SECONDS = 0.06
"""A slot that was not used for so long is given up: so much of the rate may come too late into a second."""


class Slots:
    """The slots in hand, by the loop's clock."""

    def __init__(self) -> None:
        self._times = deque[float]()

    def __len__(self) -> int:
        """How many there are, due or not."""
        return len(self._times)

    def add(self, now: float, wait: float, count: int, rate: float) -> None:
        """Take so many, the first of them in `wait` seconds, at that rate (slots a second)."""
        self._times.extend(now + wait + number / rate for number in range(count))

    def wait(self, now: float) -> float | None:
        """Return seconds until the next one is due; None when there is none."""
        while self._times and self._times[0] < now - KEEP_SECONDS:
            self._times.popleft()
        return max(0.0, self._times[0] - now) if self._times else None

    def use(self) -> None:
        """Use the next one."""
        self._times.popleft()
