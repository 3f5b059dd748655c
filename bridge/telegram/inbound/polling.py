"""Poll for updates for ever, whatever goes wrong on the way.

The library's own poller confirms a batch at once and keeps it in memory, so polling is ours.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from bridge.errors import SecondPoller, StoreTrouble, TelegramUnreachable, TokenRevoked
from bridge.telegram.api.deliver import pauses
from bridge.telegram.inbound.dispatch import Dispatcher
from bridge.telegram.inbound.get_updates import DOING, GetUpdates, Raw
from bridge.telegram.status import DEAF_SECONDS, PollingHealth

log = structlog.get_logger(__name__)
CONFLICT_SECONDS = 60.0
"""How long another poller is taken for a shadow of our own past."""
HELD_SECONDS = 20.0
"""A poll that was held so long was alone: the doctor, or a start by mistake, is another matter."""
REVOKED_SECONDS = 30.0
"""How long a refused token is tried again: servers and gateways refuse good ones for moments."""
FORGET_OFFSET_SECONDS = 86400.0
"""After so long without an update all are confirmed, and their numbers may begin anew."""


class UpdatePoller:
    """Fetches updates and has them dispatched; the next call confirms what was stored."""

    def __init__(
        self,
        source: GetUpdates,
        dispatcher: Dispatcher,
        health: PollingHealth,
        recovered: Callable[[], None],
    ) -> None:
        """`recovered` is called when updates come again after a failure."""
        self._source = source
        self._dispatcher = dispatcher
        self._health = health
        self._recovered = recovered
        self._came = asyncio.get_running_loop().time()
        """When updates came last."""
        self._offset: int | None = None
        """Behind the newest batch: what is below is confirmed by the next call."""
        self._vain = 0
        """How many batches in a row held nothing new."""
        self._vain_since: float | None = None

    @property
    def stuck_seconds(self) -> float:
        """How long updates have come of which none was settled; 0 when that is not so."""
        now = asyncio.get_running_loop().time()
        since = self._vain_since if self._vain > 1 else None
        waiting = self._dispatcher.stuck_since()
        if waiting is not None:
            since = min(waiting, since or now)
        return now - since if since is not None else 0.0

    async def run(self) -> None:
        """Take updates until cancelled.

        Raises TokenRevoked when Telegram no longer knows us, and SecondPoller when another
        program takes the updates for good.
        """
        self._health.begins()
        self._offset, self._vain, self._vain_since = None, 0, None
        try:
            await self._take_for_ever()
        finally:
            self._health.rests()

    async def _take_for_ever(self) -> None:
        tries = pauses()
        conflict_since: float | None = None
        revoked_since: float | None = None
        failing = False
        loop = asyncio.get_running_loop()
        while True:
            begun = loop.time()
            try:
                await self._poll()
            except TimeoutError:
                self._health.fault = "Nothing is heard from Telegram."
                log.error("no response from Telegram, reconnecting", seconds=DEAF_SECONDS)
                await self._source.renew()
            except TokenRevoked as trouble:
                revoked_since = revoked_since or loop.time()
                pause = next(tries)
                if loop.time() + pause - revoked_since > REVOKED_SECONDS:
                    raise
                self._health.fault = str(trouble)
                log.warning("token refused, retrying", trouble=self._health.fault)
                await asyncio.sleep(pause)
            except SecondPoller as trouble:
                held = loop.time() - begun > HELD_SECONDS  # nobody was there for a while
                conflict_since = loop.time() if held else conflict_since or loop.time()
                lasting = loop.time() - conflict_since > CONFLICT_SECONDS
                if lasting or "webhook" in trouble.what.casefold():
                    raise
                self._health.fault = str(trouble)
                log.warning("another poller", trouble=self._health.fault)
                await asyncio.sleep(5.0)
            except (TelegramUnreachable, StoreTrouble) as trouble:
                failing, self._health.fault = True, str(trouble)
                if self._health.silent_seconds > DEAF_SECONDS:
                    await self._source.renew()
                pause = next(tries)
                log.warning("polling failed", trouble=self._health.fault, next_try_seconds=pause)
                await asyncio.sleep(pause)
            else:
                tries, self._health.fault = pauses(), None
                conflict_since = revoked_since = None
                if failing:
                    failing = False
                    self._recovered()

    async def _poll(self) -> None:
        """Fetch once, and have dispatched what has come."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._came > FORGET_OFFSET_SECONDS:
            self._offset = None
        async with asyncio.timeout(DEAF_SECONDS):
            updates = await self._source.fetch(self._offset)
        try:
            fresh = await self._take(updates)
        finally:  # what the store takes its time for is not silence
            self._health.heard()
        if not updates or fresh:
            self._vain_since, self._vain = None, 0
            return
        self._vain += 1
        if self._vain_since is None:
            self._vain_since = loop.time()
        if self._vain > 1:  # once is a batch of which we had not confirmed all
            await asyncio.sleep(min(30.0, 2.0 ** (self._vain - 2)))

    async def _take(self, updates: Sequence[Raw]) -> bool:
        """Have a batch dispatched; the offset behind it is what confirms it with the next call.

        The newest batch counts, whatever came before: their numbers begin anew, lower. Returns
        whether there was anything new in it.
        """
        numbered = {}
        for content in updates:
            update_id = content.get("update_id")
            if type(update_id) is int and 0 <= update_id < 1 << 63:
                numbered[update_id] = content
        if updates and not numbered:
            raise TelegramUnreachable(DOING, "no update has a number by which to confirm it")
        if not numbered:
            return False
        fresh = await self._dispatcher.accept(numbered)
        self._came = asyncio.get_running_loop().time()
        behind = max(numbered) + 1
        if self._offset is not None and behind < self._offset:
            log.warning("update ids restarted lower", before=self._offset, now=behind)
        self._offset = behind
        return fresh
