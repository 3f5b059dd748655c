"""One process that does everything itself, as with SQLite."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.sharing.coordinator import Bell, ShardWorker, Work
from bridge.sharing.shards import ALL_SHARDS, Duty


class SoloCoordinator:
    """Gives every chat and every duty to this process; nobody else hears a bell."""

    shared = False
    name = "alone"
    processes = 1

    def owns(self, chat_id: int) -> bool:
        """Return True: there is nobody else."""
        return True

    def holds(self, number: int) -> bool:
        """Return True: there is nobody else."""
        return True

    @asynccontextmanager
    async def working(self, worker: ShardWorker) -> AsyncIterator[None]:
        """Have the worker take up everything. Raises StoreTrouble."""
        await worker.take_up(ALL_SHARDS)
        yield

    async def leave(self) -> None:
        """Do nothing: what is open waits for the next start."""

    async def perform(self, duty: Duty, work: Work) -> None:
        """Do the work of a duty. Raises what the work raises."""
        await work()

    async def ring(self, tx: AsyncConnection, bell: Bell, about: object = "") -> None:
        """Do nothing: whoever rings knows it already."""

    def ringing(
        self, bell: Bell, about: ColumnElement[str | None]
    ) -> Sequence[ColumnElement[object]]:
        """Return nothing: there is nobody else."""
        return ()

    def on(self, bell: Bell, heard: Callable[[str], None]) -> None:
        """Do nothing: nobody rings."""
