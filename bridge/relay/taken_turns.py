"""Turns that this process has taken up; one that ends process after process is given up."""

from collections import deque
from dataclasses import replace

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.errors import StoreTrouble
from bridge.model import Outcome, State, Turn
from bridge.relay.progress import Progress
from bridge.store.engine import Store
from bridge.store.turns import lifecycle

log = structlog.get_logger(__name__)
MOST_TAKEN = 3
"""So many processes in a row may end soon after they took a turn up; then it is given up."""


class TakenTurns:
    """Remembers the turns that this process has begun to answer."""

    def __init__(self, most: int) -> None:
        """It remembers so many, the newest."""
        self._ids = deque[int](maxlen=most)

    def claimed(self, turn: Turn) -> None:
        """Note a turn that no process had before."""
        self._ids.append(turn.id)

    async def resumed(self, tx: AsyncConnection, turn: Turn) -> Turn:
        """Return a turn that ran already: with its end, if it has ended too many processes."""
        if turn.id in self._ids or turn.final is not None:
            return turn
        self._ids.append(turn.id)
        if await lifecycle.take_up(tx, turn.id) < MOST_TAKEN:
            return turn
        log.error("turn given up", turn=turn.id, processes=MOST_TAKEN)
        shown = replace(Progress().broken_off("trouble.inside"), keeps=len(turn.posts))
        why = f"{MOST_TAKEN} processes ended soon after they had begun to answer this"
        end = Outcome(State.FAILED, shown, run_may_continue=turn.asked, trouble=why)
        return replace(turn, final=end)

    async def put_down(self, store: Store) -> None:
        """Note that none of them ended this process: it ends by itself."""
        try:
            async with store.writing(of=()) as tx:
                await lifecycle.put_down(tx, [*self._ids])
        except StoreTrouble as trouble:
            log.warning("turns not put down", trouble=str(trouble))
