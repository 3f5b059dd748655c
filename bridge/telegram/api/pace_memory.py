"""What is kept of the pace for the next process: silences that Telegram asked for, learned limits."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from math import isfinite

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
        self._refused_near: dict[str, float] = {}
        """What was refused last by each kind of call, as it was read or written last."""

    async def recall(self) -> None:
        """Go on with what an earlier process knew: calls during a silence make it longer.

        Raises StoreTrouble.
        """
        async with self._store.reading() as tx:
            left, learned = await pace.waits_left(tx), await pace.known_limits(tx)
        self._pacer.recall(learned)
        self._note(learned)
        self._silence(left)

    def share(self, bot_id: int) -> None:
        """Let all processes of the bot call within one budget."""

        async def reserve(kind: str, wanted: Wanted) -> Reserved:
            async with self._store.writing(single=True) as tx:
                return await pace.reserve(tx, bot_id, kind, wanted)

        self._pacer.share(reserve, lambda: self._sharing.processes > 1)

    async def follow_others(self) -> None:
        """Take up what other processes were told: silences, and limits that they met.

        Raises StoreTrouble.
        """
        async with self._store.reading() as tx:
            left, learned = await pace.waits_left(tx), await pace.known_limits(tx)
        for name, one in learned.items():
            if isfinite(one.near) and one.near != self._refused_near.get(name):
                self._refused_near[name] = one.near
                self._pacer.adopt_lower(name, one)
        self._silence(left)

    def _silence(self, left: Mapping[int, float]) -> None:
        for chat_id, wait in left.items():
            self._pacer.silenced(chat_id, wait)

    async def refused(self, chat_id: int, retry_after: float, kind: BudgetKind) -> None:
        """Keep silent in a chat for so many seconds, as Telegram asks, also after a restart.

        Other processes are told at once, of the silence and of the limit that was met.
        """
        self._pacer.refused(chat_id, retry_after, kind)
        learned = self._changed()
        with suppress(StoreTrouble):  # then it only counts for this process
            async with self._store.writing(of=()) as tx:
                await pace.keep_wait(tx, chat_id, retry_after)
                await pace.keep_limits(tx, learned)
                await self._sharing.ring(tx, Bell.SILENCE, chat_id)
            self._note(learned)

    async def keep(self) -> None:
        """Write down what was learned, each minute and at the end."""
        try:
            while True:
                await asyncio.sleep(KEEP_SECONDS)
                await self._write()
        finally:
            await self._write()

    async def _write(self) -> None:
        changed = self._changed()
        if not changed:
            return
        try:
            async with self._store.writing(of=()) as tx:
                await pace.keep_limits(tx, changed)
        except StoreTrouble as trouble:
            log.warning("learned limits not kept", trouble=str(trouble))
        else:
            self._note(changed)

    def _changed(self) -> Mapping[str, LearnedLimit]:
        """Return what was learned since it was written down last."""
        learned = self._pacer.learned()
        return {name: one for name, one in learned.items() if one != self._kept.get(name)}

    def _note(self, written: Mapping[str, LearnedLimit]) -> None:
        """Note what the database holds."""
        self._kept |= written
        self._refused_near |= {name: one.near for name, one in written.items()}
