"""Open the database: two doors to it, with writers that queue instead of failing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.errors import StoreTrouble, Unstorable
from bridge.store.dialects.database import Database, checked, is_postgresql
from bridge.store.dialects.postgresql import PostgresqlDatabase
from bridge.store.dialects.sqlite import SqliteDatabase

log = structlog.get_logger(__name__)
Change = Callable[[AsyncConnection], Awaitable[object]]
"""Changes something within a transaction."""
Chats = int | tuple[int, ...] | None
"""The ids of chats that a transaction is about."""
SOON_SECONDS = 1.0


class Store:
    """The database behind two doors: `reading` and `writing`, each a short transaction."""

    def __init__(self, address: str) -> None:
        """Raises ValueError for no address of a database, and StoreTrouble."""
        self.address = checked(address)
        self._database: Database = (
            PostgresqlDatabase(self.address)
            if is_postgresql(self.address)
            else SqliteDatabase(self.address)
        )
        self.engine = self._database.engine
        # SQLite lets one writer in and the others sleep and try again; our own wait here in
        # line instead. Other processes are still kept apart by SQLite itself.
        self._line = asyncio.Lock() if self._database.one_writer else nullcontext()
        self._soon: list[Change] = []
        """Changes that go with the next transaction."""
        self._flushing: asyncio.Task[None] | None = None
        self.fault: StoreTrouble | None = None
        """Why nothing could be written at the last try; None when it could."""
        self.fault_at = 0.0
        """When that was, on the loop's clock."""

    @asynccontextmanager
    async def writing(
        self, *, of: Chats = None, long: bool = False
    ) -> AsyncIterator[AsyncConnection]:
        """Give a transaction that commits at its end; a `long` one works in a thread.

        It decides by what it reads `of` a chat, or of several, and nobody else changes that meanwhile;
        () for one that decides by nothing; None for one that may read anything, beside which no other
        goes on. Raises StoreTrouble when the database fails.
        """
        try:
            async with (
                self._line,
                self.engine.begin() as connection,
                self._database.in_thread(connection) if long else nullcontext(),
                # Where several write at once, late changes go by themselves: two transactions that
                # take some along would wait for each other's rows.
                self._with_soon(connection) if self._database.one_writer else nullcontext(),
            ):
                await self._database.enter(connection, (of,) if isinstance(of, int) else of)
                yield connection
        except SQLAlchemyError as error:
            trouble = self._database.trouble("Writing to the database", error)
            self._note(trouble)
            raise trouble from error
        except StoreTrouble as trouble:
            self._note(trouble)
            raise
        else:
            self.fault = None

    def _note(self, trouble: StoreTrouble) -> None:
        if not isinstance(trouble, Unstorable):
            self.fault, self.fault_at = trouble, asyncio.get_running_loop().time()

    @asynccontextmanager
    async def reading(self, *, long: bool = False) -> AsyncIterator[AsyncConnection]:
        """Give a transaction that only reads, beside any writer; a `long` one works in a thread.

        Raises StoreTrouble.
        """
        try:
            async with (
                self.engine.connect() as connection,
                self._database.in_thread(connection) if long else nullcontext(),
            ):
                yield connection
        except SQLAlchemyError as error:
            raise self._database.trouble("Reading the database", error) from error

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
                async with self.writing(of=()) as tx, self._with_soon(tx):
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

    async def wipe_log(self) -> None:
        """Let nothing that was deleted stay in files beside the tables. Raises StoreTrouble."""
        try:
            async with self._line:
                await self._database.wipe_log()
        except SQLAlchemyError as error:
            raise self._database.trouble("Emptying the database's log", error) from error

    async def close(self) -> None:
        """Make the changes that wait, and close every connection."""
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.gather(self._flushing, return_exceptions=True)
            self._flushing = None
            await self._write_soon()
        await self._database.close()
