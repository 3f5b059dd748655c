"""A session with PostgreSQL whose advisory locks are the leases: they end when it ends, however it does."""

import secrets
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from bridge.errors import StoreTrouble
from bridge.sharing.shards import LEASES
from bridge.store.dialects.postgresql import (
    ALONE_LOCK,
    BELL_CHANNEL,
    CLOSE_SECONDS,
    LEASE_LOCKS,
    MEMBER_LOCKS,
    POOLER_CURE,
    PROBE_LOCKS,
    connect,
    driver_errors,
    trouble_of,
)

if TYPE_CHECKING:
    import asyncpg

_DOING = "Sharing the database with other processes"
_SETTINGS = {
    "idle_session_timeout": "4s",  # a process that is frozen or cut off says nothing
    "tcp_keepalives_idle": "2",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "3",
    "lock_timeout": "1s",
}
_LOOK = """
WITH held AS (
    SELECT classid::int8 AS space, objid::int8 AS number FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid IN ($1, $2)
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
SELECT ARRAY(SELECT number FROM held WHERE space = $1) AS taken,
    (SELECT count(*) FROM held WHERE space = $2) AS processes,
    EXISTS (SELECT FROM inbox WHERE state = 'new') AS updates
"""
_SHARE = "SELECT pg_try_advisory_lock_shared($1, $2)"
_TRY = "SELECT n FROM unnest($2::int[]) AS n WHERE pg_try_advisory_lock($1, n)"
_FREE = "SELECT pg_advisory_unlock($1, n) FROM unnest($2::int[]) AS n"
_RAISE_EPOCHS = """
WITH free AS MATERIALIZED (
    SELECT number FROM leases WHERE number = ANY($1::int[]) FOR UPDATE SKIP LOCKED
)
UPDATE leases SET epoch = epoch + 1 FROM free WHERE leases.number = free.number
RETURNING leases.number, leases.epoch
"""
_NUMBERS = """
INSERT INTO leases SELECT n, 0 FROM unnest($1::int[]) AS n ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True)
class Holders:
    """Who holds what now."""

    processes: int
    """How many share the work."""
    taken: frozenset[int]
    """The leases that anybody holds."""
    updates: bool
    """Whether any are stored that are not settled."""


class LeaseSession:
    """One session; each of its methods raises what asyncpg does when it is lost."""

    def __init__(self, session: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._session = session
        self._member = secrets.randbelow(1 << 31)

    @classmethod
    async def open(cls, address: str, heard: Callable[[str], None]) -> Self:
        """Open one that hears the bells of all. Raises StoreTrouble."""
        made = cls(await connect(address, _SETTINGS))
        try:
            await made._begin(address, heard)
        except BaseException as error:
            made.terminate()
            if isinstance(error, driver_errors()):
                raise trouble_of(_DOING, error) from None
            raise
        return made

    async def _begin(self, address: str, heard: Callable[[str], None]) -> None:
        if not await self._session.fetchval(_SHARE, *ALONE_LOCK):
            what = "a bridge works with it that is too old to share"
            raise StoreTrouble(_DOING, what, cure="Stop that one first.")
        await self._session.execute("SELECT pg_advisory_lock($1, $2)", MEMBER_LOCKS, self._member)
        await refuse_pooler(self._session, address)
        await self._session.execute(_NUMBERS, [*LEASES])
        await self._session.add_listener(
            BELL_CHANNEL, lambda _session, _pid, _channel, said: heard(str(said))
        )

    async def look(self) -> Holders:
        """Return who holds what, and whether updates wait."""
        (row,) = await self._session.fetch(_LOOK, LEASE_LOCKS, MEMBER_LOCKS)
        return Holders(row["processes"], frozenset(row["taken"]), row["updates"])

    async def take(self, numbers: Collection[int]) -> Mapping[int, int]:
        """Take those that are free, each in a new epoch.

        One into which an earlier owner still writes is left for later.
        """
        if not numbers:
            return {}
        got = [row["n"] for row in await self._session.fetch(_TRY, LEASE_LOCKS, [*numbers])]
        rows = await self._session.fetch(_RAISE_EPOCHS, got)
        epochs: dict[int, int] = {row["number"]: row["epoch"] for row in rows}
        await self.release({*got} - epochs.keys())
        return epochs

    async def release(self, numbers: Collection[int]) -> None:
        """Let others have these."""
        if numbers:
            await self._session.execute(_FREE, LEASE_LOCKS, [*numbers])

    async def leave(self) -> None:
        """Count no more among those that share the work."""
        await self._session.execute("SELECT pg_advisory_unlock($1, $2)", MEMBER_LOCKS, self._member)

    def terminate(self) -> None:
        """End it at once: what waits for it fails now."""
        self._session.terminate()

    async def close(self) -> None:
        """End it."""
        with suppress(*driver_errors()):
            await self._session.close(timeout=CLOSE_SECONDS)


async def refuse_pooler(session: "asyncpg.Connection[asyncpg.Record]", address: str) -> None:
    """Raise StoreTrouble if a second session gets the lock of the first, or the first one changes."""
    key = PROBE_LOCKS, secrets.randbelow(1 << 31)
    await session.execute("SELECT pg_advisory_lock($1, $2)", *key)
    pids = {await session.fetchval("SELECT pg_backend_pid()") for _ in range(3)}
    other = await connect(address)
    try:
        taken = await other.fetchval("SELECT pg_try_advisory_lock($1, $2)", *key)
    finally:
        await other.close(timeout=CLOSE_SECONDS)
    if taken or len(pids) > 1:
        what = "a pooler stands in between that gives each transaction another session"
        raise StoreTrouble(_DOING, what, cure=POOLER_CURE)
    await session.execute("SELECT pg_advisory_unlock($1, $2)", *key)
