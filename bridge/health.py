"""What is wrong with the bridge itself now: read by `/healthz`, `/readyz` and the alarms."""

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.store.engine import Store
from bridge.store.ownership import OpenedFile
from bridge.telegram.alarms import clock_off, file_lost, updates_stuck
from bridge.telegram.api.clock import WARNING_SECONDS, TelegramClock
from bridge.telegram.inbound.polling import UpdatePoller
from bridge.telegram.status import DEAF_SECONDS, STUCK_SECONDS, PollingHealth


@dataclass(frozen=True)
class Health:
    """Looks at the parts of the bridge; it changes nothing, and asks nobody."""

    store: Store
    polling: PollingHealth
    poller: UpdatePoller
    file: OpenedFile | None
    """Where the database lies; None for one in memory."""
    clock: TelegramClock

    def unready(self) -> Sequence[str]:
        """Return why nothing is answered now; empty when messages are taken and can be kept."""
        found = [self.polling.fault, self.store.fault]
        return [str(fault) for fault in found if fault is not None]

    def faults(self) -> Sequence[str]:
        """Return what is wrong now, for the operator; empty when all is well."""
        found = [what for kind, what in self._wrong() if kind != "clock"]
        silent = self.polling.silent_seconds
        if silent > DEAF_SECONDS:
            found.insert(0, f"Nothing heard from Telegram for {silent:.0f} s.")
        return found

    async def alarming(self) -> Sequence[tuple[str, str]]:
        """Return the same by their kinds, in words that stay the same while it lasts."""
        found = self._wrong()
        if self.polling.silent_seconds > DEAF_SECONDS:
            cure = "Check the network, TELEGRAM_API_BASE_URL and TELEGRAM_PROXY."
            found.insert(0, ("telegram", f"Nothing was heard from Telegram for a while. {cure}"))
        return found

    def _wrong(self) -> list[tuple[str, str]]:
        found = []
        if (stuck := self.poller.stuck_seconds) > STUCK_SECONDS:
            found.append(("updates", updates_stuck(stuck)))
        if self.store.fault is not None:
            found.append(("store", str(self.store.fault)))
        if self.file is not None and (fault := self.file.fault) is not None:
            found.append(("file", file_lost(fault)))
        if abs(self.clock.ahead_seconds) >= WARNING_SECONDS:
            found.append(("clock", clock_off(self.clock.ahead_seconds)))
        return found
