"""Open SQLite: in WAL, its statements run where they are asked for, what waits in a thread."""

import asyncio
import os
import sqlite3
import stat
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiosqlite
import structlog
from sqlalchemy import event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
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
LAST_STATEMENT_SECONDS = 5.0
_OF_THE_DATA = (DataError, IntegrityError, InterfaceError, ProgrammingError)


class SqliteDatabase:
    """A database in a file of this machine."""

    one_writer = True

    def __init__(self, address: str) -> None:
        """Raises StoreTrouble if the file cannot be opened."""
        path = database_file(address)
        if path is not None:
            _make_private(path)
        self._all: list[_Connection] = []
        """All connections of the driver, also those that the pool has lost sight of."""
        # Our two doors end every transaction themselves; a second rollback is a wasted round trip.
        self.engine = create_async_engine(
            address,
            pool_reset_on_return=None,
            hide_parameters=True,
            connect_args={"async_creator_fn": self._connect},
        )
        self.reader = self.engine
        event.listen(self.engine.sync_engine, "connect", _prepare)

    async def enter(
        self, connection: AsyncConnection, chats: tuple[int, ...] | None, leases: Mapping[int, int]
    ) -> None:
        """Do nothing: no other transaction writes meanwhile."""

    def trouble(self, doing: str, error: Exception) -> StoreTrouble:
        """Return what an error means; the statement's parameters hold people's words."""
        cause = getattr(error, "orig", None)
        kind = Unstorable if isinstance(error, _OF_THE_DATA) else StoreTrouble
        return kind(doing, str(cause) if cause else type(error).__name__)

    def cut(self) -> None:
        """Do nothing: nobody waits for a file's answer."""

    async def wipe_log(self) -> None:
        """Put the write-ahead log into the database and empty it: it holds what was deleted.

        SQLite itself waits for who is reading just then; at worst the next time does it.
        """
        async with self.engine.connect() as connection:
            await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def _connect(self, *where: Any, **how: Any) -> aiosqlite.Connection:
        """Return the driver's own connecting, with its thread noted before that begins."""
        self._forget_ended()
        ours = {"check_same_thread": False, "factory": _Sqlite}
        one = _Connection(aiosqlite.connect(*where, **{**how, **ours}))
        self._all.append(one)
        return one.driver

    @asynccontextmanager
    async def in_thread(self, connection: AsyncConnection) -> AsyncIterator[None]:
        """Let a connection do everything in its thread: it would keep others waiting."""
        driver = (await connection.get_raw_connection()).driver_connection
        one = next(one for one in self._all if one.driver is driver)
        one.long = True
        try:
            yield
        finally:
            one.long = False

    async def close(self) -> None:
        """Close every connection: wait for the driver's threads, and close what they leave.

        One that was cancelled in the middle of a statement still has to end it, and to say so to
        the running loop. Where even its end was cancelled, the pool has given it up as it was: with
        its transaction open, which would lock the database for the next who opens it.
        """
        await self.engine.dispose()
        for one in [one for one in self._all if one.alive]:
            if one.driver._running:  # else it is about to end: another wish would never be heard
                one.driver.stop()
            await asyncio.to_thread(one.driver._thread.join, LAST_STATEMENT_SECONDS)
        self._forget_ended()

    def _forget_ended(self) -> None:
        """Close what lies behind drivers that have ended, and forget them.

        Who is cancelled while it is opened leaves it open: then nobody else knows of it.
        """
        for one in self._all:
            if not one.alive:
                one.close()
        self._all = [one for one in self._all if one.alive]


_SHORT = ("cursor", "fetchall", "fetchone", "fetchmany")
"""What only touches memory."""


class _Sqlite(sqlite3.Connection):
    """A connection that leaves no lock behind.

    Closed in the middle of a statement, SQLite keeps it open, with its transaction, until nobody holds
    that statement any more: a traceback of who was cancelled does, and nobody could write.
    """

    def close(self) -> None:
        """Take back what was not committed, and close."""
        with suppress(sqlite3.ProgrammingError):  # closed before
            self.rollback()
        super().close()


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


def database_file(address: str) -> Path | None:
    """Return the file of a SQLite database; None for one in memory, and for any other."""
    if not address.startswith("sqlite"):
        return None
    name = make_url(address).database
    return Path(name) if name and name != ":memory:" else None


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
        by = f" by user {os.getuid()}" if hasattr(os, "getuid") else ""
        what = f"{path.resolve()} cannot be opened{by} ({error.strerror or error})"
        raise StoreTrouble("Opening the database", what) from error


def opened_to_read(path: Path) -> sqlite3.Connection:
    """Open a file to read it only; one that nobody writes to, also where nothing may be written."""
    alone = not path.with_name(path.name + "-wal").exists()
    more = "&immutable=1" if alone else ""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{more}", uri=True)


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
