"""Ids and log ids as Coze makes them."""

import time
import uuid
from collections.abc import Callable

_STEP = 65_537


class Ids:
    """Decimal ids above 2^53, unique and increasing, whose upper half is the Unix second.

    The second in front keeps an id of an earlier run of the emulator from naming something new.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = 0

    def take(self) -> str:
        """Return the next id."""
        self._last = max(self._last + _STEP, int(self._clock()) << 32)
        return str(self._last)

    def log(self) -> str:
        """Return a log id: the UTC time to the second, then twenty hexadecimal digits."""
        stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime(self._clock()))
        return stamp + uuid.uuid4().hex[:20].upper()
