"""Wakes everybody who waits for a change."""

import asyncio
from collections.abc import Callable


class ChangeSignal:
    """Rung at every change of the emulator's state."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        """Wake everybody who waits now."""
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        self._waiting.clear()

    async def rung(self) -> None:
        """Wait for the next ring."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        try:
            await waiting
        finally:
            self._waiting.discard(waiting)

    async def until(self, predicate: Callable[[], object], seconds: float, what: str) -> None:
        """Wait until `predicate` is true, looking again at every ring.

        Raises TimeoutError after so many seconds of the loop, naming `what` was awaited.
        """
        try:
            async with asyncio.timeout(seconds):
                while not predicate():
                    await self.rung()
        except TimeoutError:
            raise TimeoutError(f"not within {seconds} s: {what or predicate}") from None
