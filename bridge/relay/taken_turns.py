"""Turns that were running when an earlier process ended: one that ends every process is given up.

Any of the turns that were open may have been the cause. So a turn that was open when two processes in a
row ended is a suspect, and suspects begin one at a time: whoever ends the process then has shown itself.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.errors import StoreTrouble
from bridge.model import Outcome, State, Turn
from bridge.relay.progress import Progress
from bridge.store.engine import Store
from bridge.store.turns import lifecycle

log = structlog.get_logger(__name__)
SUSPECT, MOST_TAKEN = 2, 5
"""So often taken up it may be the cause; so often, the last three times alone, it is."""
ALONE_SECONDS = 1.0
"""A process that lives on for so long with a suspect was not ended by it."""


class TakenTurns:
    """Remembers the turns that this process has begun to answer."""

    def __init__(self, store: Store, most: int) -> None:
        """It remembers so many, the newest."""
        self._store = store
        self._ids = deque[int](maxlen=most)
        self._suspects: set[int] = set()
        self._alone = asyncio.Lock()

    def claimed(self, turn: Turn) -> None:
        """Note a turn that no process had before."""
        self._ids.append(turn.id)

    async def resumed(self, tx: AsyncConnection, turn: Turn, taken: int) -> None:
        """Note a turn that ran already, and was taken up so often before."""
        if turn.id in self._ids:
            return
        self._ids.append(turn.id)
        if taken < SUSPECT:
            await lifecycle.take_up(tx, turn.id)
        else:
            self._suspects.add(turn.id)

    @asynccontextmanager
    async def begun(self, turn: Turn) -> AsyncIterator[Turn]:
        """Give the turn as it is to be answered: a suspect when no other begins, or with its end.

        Raises StoreTrouble.
        """
        if turn.id not in self._suspects:
            yield turn
            return
        self._suspects.discard(turn.id)
        starts = asyncio.get_running_loop().create_future()
        holding = asyncio.create_task(self._hold(turn, starts), name=f"suspect turn {turn.id}")
        try:
            await starts
            async with self._store.writing(of=turn.chat.chat_id) as tx:
                taken = await lifecycle.take_up(tx, turn.id)
            yield turn if taken <= MOST_TAKEN or turn.final else _given_up(turn)
        finally:
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)

    async def _hold(self, turn: Turn, starts: asyncio.Future[None]) -> None:
        """Let a suspect start, and no other one until it has shown that it ends nobody."""
        async with self._alone:
            starts.set_result(None)
            await asyncio.sleep(ALONE_SECONDS)
        await self._put_down([turn.id])

    async def put_down(self) -> None:
        """Note that none of them ended this process: it ends by itself."""
        await self._put_down([*self._ids])

    async def _put_down(self, turn_ids: list[int]) -> None:
        try:
            async with self._store.writing(of=()) as tx:
                await lifecycle.put_down(tx, turn_ids)
        except StoreTrouble as trouble:
            log.warning("turns not put down", trouble=str(trouble))


def _given_up(turn: Turn) -> Turn:
    log.error("turn given up", turn=turn.id, processes=MOST_TAKEN)
    shown = replace(Progress().broken_off("trouble.inside"), keeps=len(turn.posts))
    why = "Three processes ended one after the other as soon as they had begun to answer this"
    return replace(
        turn, final=Outcome(State.FAILED, shown, run_may_continue=turn.asked, trouble=why)
    )
