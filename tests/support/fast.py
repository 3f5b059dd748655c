"""An event loop whose seconds are short, for journeys that take long in their own."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any


class FastLoop(asyncio.SelectorEventLoop):
    """A loop that waits `speed` times as fast as the wall.

    Only waiting is hurried: work counts as long as it takes, and a wait that the machine ends
    late counts no longer than was asked for, so that a slow machine does not bend a journey.
    Where several processes share one time, `everything` is hurried alike.
    """

    def __init__(self, speed: float, *, everything: bool = False) -> None:
        super().__init__()
        self.speed = speed
        self._gained = 0.0
        self._pace_of_work = speed if everything else 1.0
        self._since = time.monotonic()
        select = self._selector.select  # type: ignore[attr-defined]  # private to asyncio

        def hurried(timeout: float | None = None) -> Any:
            if timeout is not None and timeout <= 0:
                return select(timeout)
            begun = self.time()
            real = time.monotonic()
            found = select(None if timeout is None else timeout / speed)
            waited = (time.monotonic() - real) * speed
            if timeout is not None and not everything:
                waited = min(waited, timeout)
            self._gained = begun + waited
            self._since = time.monotonic()
            return found

        self._selector.select = hurried  # type: ignore[attr-defined]

    def time(self) -> float:
        """The loop's own seconds."""
        return self._gained + (time.monotonic() - self._since) * self._pace_of_work


def run_fast(work: Coroutine[Any, Any, None], speed: float = 60.0) -> None:
    """Run a journey whose waits are long, such as one through a flood limit."""
    with asyncio.Runner(loop_factory=lambda: FastLoop(speed)) as runner:
        runner.run(work)


def run_fast_together(work: Coroutine[Any, Any, None], speed: float) -> None:
    """Run a journey in which other processes take part, with the same short seconds."""
    with asyncio.Runner(loop_factory=lambda: FastLoop(speed, everything=True)) as runner:
        runner.run(work)
