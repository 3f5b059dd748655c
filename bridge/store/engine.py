"""Open the database: two doors to it, with writers that queue instead of failing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog
from sqlalchemy import make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    IntegrityError,
    InterfaceError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.errors import StoreTrouble, Unstorable
from bridge.store.dialects.sqlite import SqliteConnections, sqlite_engine

log = structlog.get_logger(__name__)
_OF_THE_DATA = (DataError, IntegrityError, InterfaceError, ProgrammingError)
Change = Callable[[AsyncConnection], Awaitable[object]]
"""Changes something within a transaction."""
SOON_SECONDS = 1.0


class Store:
    """The database behind two doors: `reading` and `writing`, each a short transaction."""

    def __init__(self, url: str) -> None:
        self.url = database_url(url)
        self._connections = SqliteConnections()
        self.engine = sqlite_engine(self.url, self._connections)
        # SQLite lets one writer in and the others sleep and try again; our own wait here in
        # line instead. Other processes are still kept apart by SQLite itself.
        self._line = asyncio.Lock()
        self._soon: list[Change] = []
        """Changes that go with the next transaction."""
        self._flushing: asyncio.Task[None] | None = None
        self.fault: StoreTrouble | None = None
        """Why nothing could be written at the last try; None when it could."""
        self.fault_at = 0.0
        """When that was, on the loop's clock."""

    @asynccontextmanager
    async def writing(self, *, long: bool = False) -> AsyncIterator[AsyncConnection]:
        """Give a transaction that commits at its end; a `long` one works in a thread.

        Raises StoreTrouble when the database fails.
        """
        try:
            async with (
                self._line,
                self.engine.begin() as connection,
                self._in_thread(connection, long),
                self._with_soon(connection),
            ):
                yield connection
        except SQLAlchemyError as error:
            trouble = _trouble("Writing to the database", error)
            if not isinstance(trouble, Unstorable):
                self.fault, self.fault_at = trouble, asyncio.get_running_loop().time()
            raise trouble from error
        else:
            self.fault = None

    @asynccontextmanager
    async def reading(self, *, long: bool = False) -> AsyncIterator[AsyncConnection]:
        """Give a transaction that only reads, beside any writer; a `long` one works in a thread.

        Raises StoreTrouble.
        """
        try:
            async with self.engine.connect() as connection, self._in_thread(connection, long):
                yield connection
        except SQLAlchemyError as error:
            raise _trouble("Reading the database", error) from error

    def soon(self, change: Change) -> None:
        """Make a change with the next transaction, within a moment.

        It is for what costs a search, and loses nothing, should the process die before that.
        """
        self._soon.append(change)
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush(), name="late changes")

    async def _flush(self) -> None:
        """Make the changes that no transaction has taken along."""
        await asyncio.sleep(SOON_SECONDS)
        self._flushing = None
        await self._write_soon()

    async def _write_soon(self) -> None:
        try:
            if self._soon:
                async with self.writing():
                    pass
        except StoreTrouble as trouble:
            log.warning("late changes not written", trouble=str(trouble))
            self._soon.clear()

    @asynccontextmanager
    async def _with_soon(self, connection: AsyncConnection) -> AsyncIterator[None]:
        """Make the changes that wait, too; they wait on if the transaction comes to nothing."""
        changes, self._soon = self._soon, []
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        try:
            for change in changes:
                await change(connection)
            yield
        except BaseException:
            for change in changes:
                self.soon(change)
            raise

    @asynccontextmanager
    async def _in_thread(self, connection: AsyncConnection, long: bool) -> AsyncIterator[None]:
        if not long:
            yield
            return
        async with self._connections.in_thread(connection):
            yield

    async def wipe_log(self) -> None:
        """Put the write-ahead log into the database and empty it: it holds what was deleted.

        SQLite itself waits for who is reading just then; at worst the next time does it. Raises
        StoreTrouble.
        """
        try:
            async with self._line, self.engine.connect() as connection:
                await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        except SQLAlchemyError as error:
            raise _trouble("Emptying the database's log", error) from error

    async def close(self) -> None:
        """Make the changes that wait, and close every connection."""
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.gather(self._flushing, return_exceptions=True)
            self._flushing = None
            await self._write_soon()
        await self.engine.dispose()
        await self._connections.close()


def database_url(text: str) -> URL:
    """Return the database's URL. Raises ValueError, worded for the operator and without a password."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise ValueError("is not a database URL, e.g. sqlite+aiosqlite:///bridge.db") from None
    if url.drivername == "sqlite":
        url = url.set(drivername="sqlite+aiosqlite")
    if url.drivername != "sqlite+aiosqlite":
        raise ValueError("must begin with sqlite+aiosqlite:///")
    return url


def _trouble(doing: str, error: SQLAlchemyError) -> StoreTrouble:
    """Name the cause without the statement's parameters: they hold people's words."""
    cause = getattr(error, "orig", None)
    kind = Unstorable if isinstance(error, _OF_THE_DATA) else StoreTrouble
    return kind(doing, str(cause) if cause else type(error).__name__)
