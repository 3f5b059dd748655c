"""Tell systemd how the bridge is, by the protocol of sd_notify(3); elsewhere nothing happens.

The watchdog is fed only while Telegram is heard and the store writes: a bridge that is deaf is started
anew, as one that hangs is.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import structlog

log = structlog.get_logger(__name__)
SOCKET, WATCHDOG, WATCHED_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"


class Systemd:
    """The service manager that started this process, if it did and listens."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        address = variables.get(SOCKET, "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        pid = variables.get(WATCHED_PID, "")
        microseconds = variables.get(WATCHDOG, "")
        ours = not pid or pid == str(os.getpid())
        self._watchdog = int(microseconds) / 1e6 if ours and microseconds.isdecimal() else 0.0

    @asynccontextmanager
    async def told(self, well: Callable[[], bool]) -> AsyncIterator[None]:
        """Say that the bridge works while the context is open, and that it ends; feed the watchdog."""
        self._tell("READY=1\nSTATUS=Listening to Telegram.")
        feeding = asyncio.create_task(self._feed(well), name="watchdog")
        try:
            yield
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            self._tell("STOPPING=1\nSTATUS=Ending what is being answered.")

    async def _feed(self, well: Callable[[], bool]) -> None:
        """Feed the watchdog while all is well, for ever; nothing where there is none."""
        fed = True
        while self._watchdog and self._address:
            before, fed = fed, well()
            if fed:
                self._tell("WATCHDOG=1")
            elif before:
                log.warning("watchdog not fed", restart_within_seconds=self._watchdog)
            await asyncio.sleep(self._watchdog / 3)

    def _tell(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as told:
                told.setblocking(False)
                told.sendto(message.encode(), self._address)
        except OSError as error:
            log.warning("systemd not told", why=error.strerror or str(error))
