"""Open the database: SQLite in WAL, with writers that queue instead of failing."""

import asyncio
import os
import sqlite3
import stat
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite
import structlog
from sqlalchemy import event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    IntegrityError,
    InterfaceError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from bridge.errors import StoreTrouble, Unstorable

log = structlog.get_logger(__name__)
BUSY_MILLISECONDS = 5000
_PRAGMAS = (
    f"PRAGMA busy_timeout={BUSY_MILLISECONDS}",
    "PRAGMA synchronous=FULL",  # an update confirmed to Telegram must survive a power cut
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",  # what is forgotten is overwritten, however SQLite was built
    "PRAGMA cache_size=-512",  # KiB of each connection; the system keeps the file in memory, too
)


_PAUSES = (0.01, 0.03, 0.1, 0.3)
"""Seconds; it happens once in a database's life."""
_OF_THE_DATA = (DataError, IntegrityError, InterfaceError, ProgrammingError)
LAST_STATEMENT_SECONDS = 5.0
Change = Callable[[AsyncConnection], Awaitable[object]]
"""Changes something within a transaction."""
SOON_SECONDS = 1.0


class Store:
    """The database behind two doors: `reading` and `writing`, each a short transaction."""

    def __init__(self, url: str) -> None:
        self.url = database_url(url)
        self._connections: list[_Connection] = []
        """All of the driver's, also those that the pool has lost sight of."""
        self.engine = _engine(self.url, self._connect)
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
        driver = (await connection.get_raw_connection()).driver_connection
        one = next(one for one in self._connections if one.driver is driver)
        one.long = True
        try:
            yield
        finally:
            one.long = False

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
        """Close every connection, and wait for the driver's threads.

        One that was cancelled in the middle of a statement still has to end it, and to say so to
        the running loop. Where even its end was cancelled, the pool has given it up as it was: with
        its transaction open, which would lock the database for the next who opens it.
        """
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.gather(self._flushing, return_exceptions=True)
            self._flushing = None
            await self._write_soon()
        await self.engine.dispose()
        for one in [one for one in self._connections if one.alive]:
            if one.driver._running:  # else it is about to end: another wish would never be heard
                one.driver.stop()
            await asyncio.to_thread(one.driver._thread.join, LAST_STATEMENT_SECONDS)
        self._forget_ended()

    def _connect(self, *where: Any, **how: Any) -> aiosqlite.Connection:
        """Return the driver's own connecting, with its thread noted before that begins."""
        self._forget_ended()
        one = _Connection(aiosqlite.connect(*where, **{**how, "check_same_thread": False}))
        self._connections.append(one)
        return one.driver

    def _forget_ended(self) -> None:
        """Close what lies behind drivers that have ended, and forget them.

        Who is cancelled while it is opened leaves it open: then nobody else knows of it.
        """
        for one in self._connections:
            if not one.alive:
                one.close()
        self._connections = [one for one in self._connections if one.alive]


_SHORT = ("cursor", "fetchall", "fetchone", "fetchmany")
"""What only touches memory."""


class _Connection:
    """A connection of the driver, with SQLite's own that it opens in its thread.

    What waits for a lock or for the disk stays in the thread: the first change of a transaction, and
    its commit. All else takes less time than the way there and back, and is done where it is asked for.
    """

    def __init__(self, driver: aiosqlite.Connection) -> None:
        self.driver = driver
        self.long = False
        """Whether everything is done in the thread: it would keep others waiting."""
        self._pending = 0
        """What the thread was asked for, and has not done yet; who asked may be gone."""
        self._queue: Callable[..., Awaitable[Any]] = driver._execute
        setattr(driver, "_execute", self._execute)  # noqa: B010  # there is no public way
        self._opened: sqlite3.Connection | None = None
        self._connector = driver._connector
        driver._connector = self._open  # there is no public way, neither for the next
        driver._thread.daemon = True  # as SQLAlchemy would

    async def _execute(self, act: Callable[..., Any], *given: Any, **named: Any) -> Any:
        """Do something now if it is short, else in the thread."""
        if self._pending or self.long or not self.driver._running or not self._short(act, given):
            self._pending += 1
            return await self._queue(self._counted, act, *given, **named)
        return act(*given, **named)

    def _counted(self, act: Callable[..., Any], *given: Any, **named: Any) -> Any:
        try:
            return act(*given, **named)
        finally:
            self._pending -= 1

    def _short(self, act: Callable[..., Any], given: tuple[Any, ...]) -> bool:
        name, opened = act.__name__, self._opened
        if opened is None or name == "commit":
            return False
        if name in _SHORT or (name == "close" and isinstance(act.__self__, sqlite3.Cursor)):  # type: ignore[attr-defined]  # a bound method
            return True
        if name == "rollback":
            return not opened.in_transaction
        if name not in ("execute", "executemany") or not given:
            return False
        return opened.in_transaction or str(given[0]).lstrip()[:6].upper() == "SELECT"

    @property
    def alive(self) -> bool:
        """Whether its thread may still work."""
        return self.driver._thread.is_alive()

    def _open(self) -> sqlite3.Connection:
        self._opened = self._connector()
        return self._opened

    def close(self) -> None:
        """Close SQLite's own; once more does nothing."""
        if self._opened is not None:
            self._opened.close()


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


def database_file(url: URL) -> Path | None:
    """Return the file of a SQLite database; None for one in memory."""
    return Path(url.database) if url.database and url.database != ":memory:" else None


def _engine(url: URL, connect: Callable[..., aiosqlite.Connection]) -> AsyncEngine:
    path = database_file(url)
    if path is not None:
        _make_private(path)
    # Our two doors end every transaction themselves; a second rollback is a wasted round trip.
    engine = create_async_engine(
        url,
        pool_reset_on_return=None,
        hide_parameters=True,
        connect_args={"async_creator_fn": connect},
    )
    event.listen(engine.sync_engine, "connect", _prepare)
    return engine


def _make_private(path: Path) -> None:
    """Open or create the file, readable for its owner only: it holds people's questions.

    Raises StoreTrouble here, in words, instead of somewhere in the driver's thread.
    """
    try:
        opened = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            if stat.S_IMODE(os.fstat(opened).st_mode) & 0o077:
                log.warning("database permissions restricted to its owner", path=str(path))
                os.chmod(path, 0o600)
        finally:
            os.close(opened)
    except OSError as error:
        what = f"{path} cannot be opened ({error.strerror or error})"
        raise StoreTrouble("Opening the database", what) from error


def _prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # The driver itself begins before the first change, and takes the write lock at once: a
    # transaction that turns writer half way fails under load. (A BEGIN of ours would cost as
    # much as the change: every statement is a round trip to the driver's thread.)
    connection.isolation_level = "IMMEDIATE"
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    _keep_log(cursor)
    cursor.close()


def _keep_log(cursor: DBAPICursor) -> None:
    """Switch to WAL; for who is doing just that in a new file, SQLite itself does not wait."""
    for pause in _PAUSES:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            time.sleep(pause)
        else:
            return
    cursor.execute("PRAGMA journal_mode=WAL")


def _trouble(doing: str, error: SQLAlchemyError) -> StoreTrouble:
    """Name the cause without the statement's parameters: they hold people's words."""
    cause = getattr(error, "orig", None)
    kind = Unstorable if isinstance(error, _OF_THE_DATA) else StoreTrouble
    return kind(doing, str(cause) if cause else type(error).__name__)
