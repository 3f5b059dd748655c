"""Open the database: two doors to it, with writers that queue instead of failing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.errors import LeaseLost, StoreTrouble, Unstorable
from bridge.store.dialects.database import Database, Fence, checked, is_postgresql
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
        self._soon: list[tuple[int, Change]] = []
        """Changes that go with the next transaction, each with its chat."""
        self._flushing: asyncio.Task[None] | None = None
        self.fence: Fence | None = None
        """What this process may write for, where others work with the database, too."""
        self.fault: StoreTrouble | None = None
        """Why nothing could be written at the last try; None when it could."""

    @asynccontextmanager
    async def writing(
        self, *, of: Chats = None, long: bool = False, single: bool = False
    ) -> AsyncIterator[AsyncConnection]:
        """Give a transaction that commits at its end; a `long` one works in a thread.

        A `single` one is about no chat, and its statements need not come to something together: where
        several write at once, each commits by itself, which spares asking the server four times.

        It decides by what it reads `of` a chat, or of several, and nobody else changes that meanwhile;
        () for one that decides by nothing; None for one that may read anything, beside which no other
        goes on. Raises StoreTrouble when the database fails, and LeaseLost when another process works
        for the chat.
        """
        chats = (of,) if isinstance(of, int) else () if single else of
        leases = self._leases(chats)
        try:
            async with (
                self._line,
                self._single() if single else self.engine.begin() as connection,
                self._database.in_thread(connection) if long else nullcontext(),
                # Where several write at once, late changes go by themselves: two transactions that
                # take some along would wait for each other's rows.
                self._with_soon(connection) if self._database.one_writer else nullcontext(),
            ):
                if not single:
                    await self._database.enter(connection, chats, leases)
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

    def _single(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return self.engine.begin() if self._database.one_writer else self._database.reader.connect()

    def _leases(self, chats: tuple[int, ...] | None) -> Mapping[int, int]:
        if self.fence is None or chats == ():
            return {}
        self.fence.check()
        return self.fence.epochs(chats or ())

    def check_lease(self) -> None:
        """Raise LeaseLost when another process may work in this one's place, as after a freeze.

        It is asked right before an outside act that cannot be repeated.
        """
        if self.fence is not None:
            self.fence.check()

    def _note(self, trouble: StoreTrouble) -> None:
        if not isinstance(trouble, (Unstorable, LeaseLost)):
            self.fault = trouble

    @asynccontextmanager
    async def reading(self, *, long: bool = False) -> AsyncIterator[AsyncConnection]:
        """Give a transaction that only reads, beside any writer; a `long` one works in a thread.

        Raises StoreTrouble.
        """
        try:
            async with (
                self._database.reader.connect() as connection,
                self._database.in_thread(connection) if long else nullcontext(),
            ):
                yield connection
        except SQLAlchemyError as error:
            raise self._database.trouble("Reading the database", error) from error

    def soon(self, change: Change, *, of: int) -> None:
        """Make a change to a chat with the next transaction, within a moment.

        It is for what costs a search, and loses nothing, should the process die before that.
        """
        self._soon.append((of, change))
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush(), name="late changes")

    async def _flush(self) -> None:
        """Make the changes that no transaction has taken along."""
        await asyncio.sleep(SOON_SECONDS)
        self._flushing = None
        await self._write_soon()

    async def _write_soon(self) -> None:
        """Make the changes that wait: those of one chat, and all others with them on SQLite."""
        while self._soon:
            chat_id = self._soon[0][0]
            try:
                async with self.writing(of=chat_id) as tx, self._with_soon(tx, of=chat_id):
                    pass
            except StoreTrouble as trouble:
                if not isinstance(trouble, LeaseLost):  # else the new owner needs none of them
                    log.warning("late changes not written", trouble=str(trouble))
                self._soon = [one for one in self._soon if one[0] != chat_id]
        if self._flushing is not None:  # it was planned for what failed
            self._flushing.cancel()
            self._flushing = None

    @asynccontextmanager
    async def _with_soon(
        self, connection: AsyncConnection, of: int | None = None
    ) -> AsyncIterator[None]:
        """Make the changes that wait, too, or a chat's; they wait on if the transaction comes to nothing."""
        changes = [one for one in self._soon if of in (None, one[0])]
        self._soon = [one for one in self._soon if one not in changes]
        if self._flushing is not None and not self._soon:
            self._flushing.cancel()
            self._flushing = None
        try:
            for _, change in changes:
                await change(connection)
            yield
        except BaseException:
            for chat_id, change in changes:
                self.soon(change, of=chat_id)
            raise

    async def wipe_log(self) -> None:
        """Let nothing that was deleted stay in files beside the tables. Raises StoreTrouble."""
        try:
            async with self._line:
                await self._database.wipe_log()
        except SQLAlchemyError as error:
            raise self._database.trouble("Emptying the database's log", error) from error

    def cut(self) -> None:
        """End every connection at once: what waits for one fails now."""
        self._database.cut()

    async def flush(self) -> None:
        """Make the changes that wait."""
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.gather(self._flushing, return_exceptions=True)
            self._flushing = None
            await self._write_soon()

    async def close(self) -> None:
        """Make the changes that wait, and close every connection."""
        await self.flush()
        await self._database.close()
