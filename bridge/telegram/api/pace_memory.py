"""What is kept of the pace for the next process: silences that Telegram asked for, learned limits."""

import asyncio
from contextlib import suppress

import structlog

from bridge.errors import StoreTrouble
from bridge.model import LearnedLimit
from bridge.sharing.coordinator import Bell, Coordinator
from bridge.sharing.solo import SoloCoordinator
from bridge.store import pace
from bridge.store.engine import Store
from bridge.store.pace import Reserved, Wanted
from bridge.telegram.pace.budget import BudgetKind
from bridge.telegram.pace.scheduler import Pacer

log = structlog.get_logger(__name__)
KEEP_SECONDS = 60.0


class PaceMemory:
    """Keeps what a pacer knows."""

    def __init__(self, store: Store, pacer: Pacer, sharing: Coordinator | None = None) -> None:
        self._store = store
        self._sharing = sharing or SoloCoordinator()
        self._pacer = pacer
        self._kept: dict[str, LearnedLimit] = {}

    async def recall(self) -> None:
        """Go on with what an earlier process knew: calls during a silence make it longer.

        Raises StoreTrouble.
        """
        await self.recall_silences()
        async with self._store.reading() as tx:
            learned = await pace.known_limits(tx)
        self._kept = dict(learned)
        self._pacer.recall(learned)

    def share(self, bot_id: int) -> None:
        """Let all processes of the bot call within one budget."""

        async def reserve(kind: str, wanted: Wanted) -> Reserved:
            async with self._store.writing(single=True) as tx:
                return await pace.reserve(tx, bot_id, kind, wanted)

        self._pacer.share(reserve, lambda: self._sharing.processes > 1)

    async def recall_silences(self) -> None:
        """Take up the silences that another process was asked for. Raises StoreTrouble."""
        async with self._store.writing(of=()) as tx:
            left = await pace.waits_left(tx)
        for chat_id, wait in left.items():
            self._pacer.silenced(chat_id, wait)

    async def refused(self, chat_id: int, retry_after: float, kind: BudgetKind) -> None:
        """Keep silent in a chat for so many seconds, as Telegram asks, also after a restart."""
        self._pacer.refused(chat_id, retry_after, kind)
        with suppress(StoreTrouble):  # then it only counts for this process
            async with self._store.writing(of=()) as tx:
                await pace.keep_wait(tx, chat_id, retry_after)
                await self._sharing.ring(tx, Bell.SILENCE, chat_id)

    async def keep(self) -> None:
        """Write down what was learned, each minute and at the end."""
        try:
            while True:
                await asyncio.sleep(KEEP_SECONDS)
                await self._write()
        finally:
            await self._write()

    async def _write(self) -> None:
        learned = self._pacer.learned()
        changed = {name: one for name, one in learned.items() if one != self._kept.get(name)}
        if not changed:
            return
        try:
            async with self._store.writing(of=()) as tx:
                await pace.keep_limits(tx, changed)
        except StoreTrouble as trouble:
            log.warning("learned limits not kept", trouble=str(trouble))
        else:
            self._kept |= changed
