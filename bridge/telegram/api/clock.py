"""Compare our clock with Telegram's, whose answers all say what time it is.

A machine whose clock is minutes ahead would take every message of a group for an old one.
"""

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import structlog

log = structlog.get_logger(__name__)
SMALLEST_SECONDS = 5.0
"""What may be the way of an answer, and the second that a date has."""
WARNING_SECONDS = 60.0


class TelegramClock:
    """Knows how far our clock is ahead of Telegram's."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._warned = False
        self.ahead_seconds = 0.0
        """Negative when our clock is behind; 0 for less than `SMALLEST_SECONDS`."""

    def note(self, date: str | None) -> None:
        """Take the `Date` of an answer that has just come."""
        try:
            there = parsedate_to_datetime(date or "").timestamp()
        except (ValueError, TypeError, OverflowError):
            return
        ahead = self._clock() - there
        self.ahead_seconds = ahead if abs(ahead) >= SMALLEST_SECONDS else 0.0
        off = abs(ahead) >= WARNING_SECONDS
        if off and not self._warned:
            log.warning(
                "system clock is off, set it by NTP",
                ahead_seconds=round(ahead),
            )
        self._warned = off
