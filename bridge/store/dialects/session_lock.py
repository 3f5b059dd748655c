"""Hold a lock of PostgreSQL for as long as a session of ours lives."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import structlog

from bridge.errors import StoreTrouble
from bridge.store.dialects.postgresql import (
    CLOSE_SECONDS,
    POOLER_CURE,
    connect,
    driver_errors,
    trouble_of,
)

if TYPE_CHECKING:
    import asyncpg

log = structlog.get_logger(__name__)
_DOING = "Opening the database"
LOOK_SECONDS = 1.0
_TRY_SECONDS = 0.2


class SessionLock:
    """An advisory lock: the server gives it back when the session ends, however it ends."""

    def __init__(self, address: str, key: tuple[int, int]) -> None:
        self._address = address
        self._key = key
        self._session: asyncpg.Connection[asyncpg.Record] | None = None

    async def taken_within(self, seconds: float) -> bool:
        """Take the lock; False if somebody else holds it for so long.

        Raises StoreTrouble, also where sessions do not last: then a lock keeps nobody away.
        """
        latest = time.monotonic() + seconds
        session = await connect(self._address)
        try:
            while not await session.fetchval("SELECT pg_try_advisory_lock($1, $2)", *self._key):
                if time.monotonic() >= latest:
                    return False
                await asyncio.sleep(_TRY_SECONDS)
            await self._refuse_pooler(session)
            self._session = session
        except driver_errors() as error:
            raise trouble_of(_DOING, error) from None
        finally:
            if self._session is not session:
                await session.close(timeout=CLOSE_SECONDS)
        return True

    async def _refuse_pooler(self, session: "asyncpg.Connection[asyncpg.Record]") -> None:
        """Raise StoreTrouble if a second session gets the same lock, or the first one changes."""
        pids = {await session.fetchval("SELECT pg_backend_pid()") for _ in range(3)}
        other = await connect(self._address)
        try:
            taken = await other.fetchval("SELECT pg_try_advisory_lock($1, $2)", *self._key)
        finally:
            await other.close(timeout=CLOSE_SECONDS)
        if taken or len(pids) > 1:
            what = "a pooler stands in between that gives each transaction another session"
            raise StoreTrouble(_DOING, what, cure=POOLER_CURE)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Keep the lock, and take it again should its session be lost."""
        keeping = asyncio.create_task(self._keep(), name="database lock")
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            if self._session is not None:
                with suppress(*driver_errors()):
                    await self._session.close(timeout=CLOSE_SECONDS)

    async def _keep(self) -> None:
        lost: tuple[type[Exception], ...] = (*driver_errors(), StoreTrouble)
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                if self._session is None:
                    if await self.taken_within(0):
                        log.info("database lock taken again")
                    else:
                        log.error("database lock held by another process")
                else:
                    await self._session.fetchval("SELECT 1")
            except lost as error:
                log.warning("database lock lost", error=type(error).__name__)
                self._session = None
