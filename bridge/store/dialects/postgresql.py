"""Open PostgreSQL (14 or newer) with asyncpg, at any address that libpq takes."""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from sqlalchemy import BigInteger, ExceptionContext, Select, bindparam, event, func, select
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from bridge.errors import LeaseLost, StoreTrouble, Unstorable
from bridge.store.tables import leases as lease_table

if TYPE_CHECKING:
    import asyncpg

CURE = "Check DATABASE_URL, and the server: that it runs, takes connections and has disk space."
POOLER_CURE = "Name the server itself in DATABASE_URL, or let the pooler keep sessions."
OLDEST = 14
"""Major version of the server."""
CONNECT_SECONDS = 10.0
STATEMENT_SECONDS = 60.0
CLOSE_SECONDS = 5.0
"""A link that was cut in silence would keep an ending process waiting."""
_SERVER_SETTINGS = {
    "application_name": "bridge",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "4s",  # of a process that is frozen in the middle
}
_SPACE = 0x62726467
UPGRADE_LOCK, ALL_CHATS = (_SPACE, 2), (_SPACE, 3)
"""Keys of advisory locks; chats have keys of the other kind, their ids."""
ALONE_LOCK = (_SPACE, 1)
"""Held by a process of a release that shared with nobody; those that share hold it in common."""
LEASE_LOCKS, MEMBER_LOCKS, PROBE_LOCKS = _SPACE + 1, _SPACE + 2, _SPACE + 3
"""First halves of such keys: of leases by their numbers, of the processes that share them, and of those
by which it is found out whether locks are kept at all."""
BELL_CHANNEL = "bridge"
"""On which processes tell each other that something is to be looked at."""
_NO_RIGHT = "42501"
_OF_A_POOLER = ("26000", "42P05")
"""A prepared statement is not there, or is there already: another session was lent."""
_CURES = {
    "3D000": "Create it: createdb --encoding UTF8 --owner ROLE NAME",
    "25006": "Name the primary in DATABASE_URL; several hosts want target_session_attrs=read-write.",
    "42501": "The role in DATABASE_URL must own the tables: name their owner.",
    "42P07": "There are tables of something else in it: use a database of its own.",
}
_OPTIONS_OF_LIBPQ = ("connect_timeout=", "keepalives", "tcp_user_timeout=", "channel_binding=",
                     "gssencmode=", "load_balance_hosts=", "sslcompression=")  # fmt: skip
_OF_THE_DATA = ("22", "23", "42")
"""Classes of SQLSTATE: what is wrong with the values, their uniqueness, or the statement."""


async def connect(
    address: str, settings: Mapping[str, str] | None = None
) -> "asyncpg.Connection[asyncpg.Record]":
    """Open a connection outside of any pool, perhaps with settings of its own. Raises StoreTrouble."""
    doing = "Connecting to the database"
    try:
        import asyncpg  # only those install it who use it
    except ModuleNotFoundError:
        cure = "Install the bridge with its extra: pip install 'coze-telegram-bridge[postgres]'"
        raise StoreTrouble(doing, "asyncpg is not installed", cure=cure) from None
    try:
        session = await asyncpg.connect(
            without_options_of_libpq(address),
            timeout=CONNECT_SECONDS,
            command_timeout=STATEMENT_SECONDS,
            server_settings={**_SERVER_SETTINGS, **(settings or {})},
        )
    except TimeoutError:
        what = f"no answer within {CONNECT_SECONDS:.0f} s"
        raise StoreTrouble(doing, what, cure=CURE) from None
    except ValueError:  # it quotes the address, perhaps the password
        what = "its address cannot be read"
        cure = (
            "In a password in DATABASE_URL, write other signs than letters and digits as %2F etc."
        )
        raise StoreTrouble(doing, what, cure=cure) from None
    except driver_errors() as error:
        raise trouble_of(doing, error) from None
    version = session.get_server_version()
    if version.major < OLDEST:
        await session.close(timeout=CLOSE_SECONDS)
        what = f"the server is PostgreSQL {version.major}"
        raise StoreTrouble(doing, what, cure=f"Use PostgreSQL {OLDEST} or newer.")
    encoding = session.get_settings().server_encoding
    if encoding.upper() != "UTF8":
        await session.close(timeout=CLOSE_SECONDS)
        cure = "Make one that holds every language: createdb --encoding UTF8 --template template0"
        raise StoreTrouble(doing, f"the database's encoding is {encoding}", cure=cure)
    return session


def without_options_of_libpq(address: str) -> str:
    """Return an address without what only libpq itself knows: else the server would be asked to set it."""
    place, mark, query = address.partition("?")
    kept = [one for one in query.split("&") if not one.startswith(_OPTIONS_OF_LIBPQ)]
    return place + mark * bool(kept) + "&".join(kept)


def driver_errors() -> tuple[type[Exception], ...]:
    """Return what asyncpg raises where it is used without SQLAlchemy, and the network below it."""
    import asyncpg

    return OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError


def trouble_of(doing: str, error: BaseException) -> StoreTrouble:
    """Return what an error of asyncpg means, by its SQLSTATE; PostgreSQL's details quote rows."""
    state = str(getattr(error, "sqlstate", None) or "")
    if state in _OF_A_POOLER:
        return StoreTrouble(doing, "a pooler takes prepared statements away", cure=POOLER_CURE)
    if state.startswith(_OF_THE_DATA) and state != _NO_RIGHT:
        return Unstorable(doing, f"{type(error).__name__} ({state})", cure=_CURES.get(state))
    return StoreTrouble(doing, _words(error), cure=_CURES.get(state, CURE))


class PostgresqlDatabase:
    """A database on a server; the server looks after files, threads and logs.

    Transactions about different chats go on beside each other: each holds a lock of its chats, and
    one for all in common. Who does not say of which chats it is has that one for itself.
    """

    one_writer = False

    def __init__(self, address: str) -> None:
        self._address = address
        self._connections = WeakSet["asyncpg.Connection[asyncpg.Record]"]()
        self.engine = create_async_engine(
            "postgresql+asyncpg://",
            pool_size=8,
            pool_use_lifo=True,
            max_overflow=4,
            pool_timeout=CONNECT_SECONDS,
            hide_parameters=True,
            connect_args={"async_creator_fn": self._connect},
        )
        # One statement sees one moment, and so does each of a transaction here: none is begun.
        self.reader = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        event.listen(self.engine.sync_engine, "checkout", _refuse_closed)
        event.listen(self.engine.sync_engine, "handle_error", _no_answer, retval=True)

    async def _connect(self, *_: Any, **__: Any) -> "asyncpg.Connection[asyncpg.Record]":
        made = await connect(self._address)
        self._connections.add(made)
        return made

    def in_thread(self, connection: AsyncConnection) -> AbstractAsyncContextManager[None]:
        """Change nothing: whoever waits for the server keeps nobody waiting."""
        return nullcontext()

    async def enter(
        self, connection: AsyncConnection, chats: tuple[int, ...] | None, leases: Mapping[int, int]
    ) -> None:
        """Keep others from the chats until the transaction ends; from everything for None.

        A new owner of a lease waits until the transaction has ended. Raises LeaseLost if there is
        a new owner already.
        """
        if chats is None:
            await connection.execute(select(func.pg_advisory_xact_lock(*ALL_CHATS)))
            return
        ids = sorted(set(chats))
        values = {f"chat{place}": chat_id for place, chat_id in enumerate(ids)}
        values |= {f"lease{place}": number for place, number in enumerate(leases)}
        row = (await connection.execute(_entering(len(ids), len(leases)), values)).one()
        if [*row][1 + len(ids) :] != [*leases.values()]:
            raise LeaseLost("Writing to the database", "another process has taken the chat over")

    def trouble(self, doing: str, error: Exception) -> StoreTrouble:
        """Return what an error means, without people's words."""
        cause = error.orig if isinstance(error, DBAPIError) else None
        return trouble_of(doing, (cause.__cause__ or cause) if cause is not None else error)

    async def wipe_log(self) -> None:
        """Do nothing: what was deleted leaves the server's log by the server's own rules."""

    def cut(self) -> None:
        """End every connection at once: what waits for one fails now."""
        for connection in [*self._connections]:
            connection.terminate()

    async def close(self) -> None:
        """Close every connection, also those whose server does not answer any more."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.engine.dispose()
        except TimeoutError:
            await self.engine.dispose(close=False)


@lru_cache
def _entering(chats: int, leases: int) -> Select[Any]:
    """Return the statement that locks so many chats and reads the epochs of so many leases.

    It is made once: each transaction begins with it, and to make it is as dear as to send it.
    """
    shared = func.pg_advisory_xact_lock_shared(*ALL_CHATS)
    locks = [
        func.pg_advisory_xact_lock(bindparam(f"chat{place}", type_=BigInteger))
        for place in range(chats)
    ]
    epochs = [
        select(lease_table.c.epoch)
        .where(lease_table.c.number == bindparam(f"lease{place}"))
        .with_for_update(read=True)
        .scalar_subquery()
        for place in range(leases)
    ]
    return select(shared, *locks, *epochs)


def _refuse_closed(connection: Any, *_: object) -> None:
    """Have the pool open another connection in place of one that was closed, without asking the server."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _no_answer(context: ExceptionContext) -> BaseException | None:
    """Return a trouble for a statement without an answer: the driver says TimeoutError as anybody does."""
    if not isinstance(context.original_exception, TimeoutError):
        return None
    context.is_disconnect = True
    what = f"no answer within {STATEMENT_SECONDS:.0f} s"
    return StoreTrouble("Asking the database", what, cure=CURE)


def _words(error: BaseException) -> str:
    """Return the first line of an error: details behind it quote rows."""
    return str(error).partition("\n")[0] or type(error).__name__
