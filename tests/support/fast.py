"""An event loop whose seconds are short, for journeys that take long in their own."""

import asyncio
import sys
import time
from collections.abc import Coroutine
from typing import Any


class FastLoop(asyncio.SelectorEventLoop):
    """A loop that waits `speed` times as fast as the wall.

    Only waiting is hurried: work counts as long as it takes, also that of threads (SQLite has
    one), and a wait that the machine ends late counts no longer than was asked for. So a slow
    machine does not bend a journey. Where several processes share one time, `everything` is
    hurried alike.
    """

    def __init__(self, speed: float, *, everything: bool = False) -> None:
        super().__init__()
        self.speed = speed
        self._everything = everything
        self._in_threads = 0
        self._passed = 0.0
        self._since = time.monotonic()
        self._select = self._selector.select  # type: ignore[attr-defined]  # private to asyncio
        self._selector.select = self._wait  # type: ignore[attr-defined]

    def time(self) -> float:
        """The loop's own seconds."""
        pace = self.speed if self._everything else 1.0
        return self._passed + (time.monotonic() - self._since) * pace

    def _wait(self, timeout: float | None = None) -> Any:
        if timeout is not None and timeout <= 0:
            return self._select(timeout)
        pace = 1.0 if self._in_threads and not self._everything else self.speed
        begun, real = self.time(), time.monotonic()
        found = self._select(None if timeout is None else timeout / pace)
        waited = (time.monotonic() - real) * pace
        if timeout is not None and not self._everything:
            waited = min(waited, timeout)
        self._passed, self._since = begun + waited, time.monotonic()
        return found

    def create_future(self) -> "asyncio.Future[Any]":
        """A future; those of SQLite's thread are counted until they are done."""
        future = super().create_future()
        if sys._getframe(1).f_globals.get("__name__") == "aiosqlite.core":
            self._count(future)
        return future

    def run_in_executor(self, *work: Any) -> "asyncio.Future[Any]":
        """Work in a thread, counted until it is done."""
        future: asyncio.Future[Any] = super().run_in_executor(*work)
        self._count(future)
        return future

    def _count(self, future: "asyncio.Future[Any]") -> None:
        def done(_: "asyncio.Future[Any]") -> None:
            self._in_threads -= 1

        self._in_threads += 1
        future.add_done_callback(done)


def run_fast(work: Coroutine[Any, Any, None], speed: float = 60.0) -> None:
    """Run a journey whose waits are long, such as one through a flood limit."""
    with asyncio.Runner(loop_factory=lambda: FastLoop(speed)) as runner:
        runner.run(work)


def run_fast_together(work: Coroutine[Any, Any, None], speed: float) -> None:
    """Run a journey in which other processes take part, with the same short seconds."""
    with asyncio.Runner(loop_factory=lambda: FastLoop(speed, everything=True)) as runner:
        runner.run(work)
