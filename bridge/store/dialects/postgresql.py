"""Open PostgreSQL (14 or newer) with asyncpg, at any address that libpq takes."""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from bridge.errors import StoreTrouble, Unstorable

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
    "idle_in_transaction_session_timeout": "60s",
}
_SPACE = 0x62726467
PROCESS_LOCK, UPGRADE_LOCK, ALL_CHATS = (_SPACE, 1), (_SPACE, 2), (_SPACE, 3)
"""Keys of advisory locks; chats have keys of the other kind, their ids."""
_NO_RIGHT = "42501"
_OF_A_POOLER = ("26000", "42P05")
"""A prepared statement is not there, or is there already: another session was lent."""
_OF_THE_DATA = ("22", "23", "42")
"""Classes of SQLSTATE: what is wrong with the values, their uniqueness, or the statement."""


async def connect(address: str) -> "asyncpg.Connection[asyncpg.Record]":
    """Open a connection outside of any pool. Raises StoreTrouble."""
    doing = "Connecting to the database"
    try:
        import asyncpg  # only those install it who use it
    except ModuleNotFoundError:
        cure = "Install the bridge with its extra: pip install 'coze-telegram-bridge[postgres]'"
        raise StoreTrouble(doing, "asyncpg is not installed", cure=cure) from None
    try:
        session = await asyncpg.connect(
            address,
            timeout=CONNECT_SECONDS,
            command_timeout=STATEMENT_SECONDS,
            server_settings=_SERVER_SETTINGS,
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
        raise StoreTrouble(doing, _words(error), cure=CURE) from None
    version = session.get_server_version()
    if version.major < OLDEST:
        await session.close(timeout=CLOSE_SECONDS)
        what = f"the server is PostgreSQL {version.major}"
        raise StoreTrouble(doing, what, cure=f"Use PostgreSQL {OLDEST} or newer.")
    return session


def driver_errors() -> tuple[type[Exception], ...]:
    """Return what asyncpg raises where it is used without SQLAlchemy, and the network below it."""
    import asyncpg

    return OSError, asyncpg.PostgresError, asyncpg.InterfaceError


def trouble_of(doing: str, error: BaseException) -> StoreTrouble:
    """Return what an error of asyncpg means, by its SQLSTATE; PostgreSQL's details quote rows."""
    state = str(getattr(error, "sqlstate", None) or "")
    if state in _OF_A_POOLER:
        return StoreTrouble(doing, "a pooler takes prepared statements away", cure=POOLER_CURE)
    if state.startswith(_OF_THE_DATA) and state != _NO_RIGHT:
        return Unstorable(doing, f"{type(error).__name__} ({state})")
    return StoreTrouble(doing, _words(error), cure=CURE)


class PostgresqlDatabase:
    """A database on a server; the server looks after files, threads and logs.

    Transactions about different chats go on beside each other: each holds a lock of its chats, and
    one for all in common. Who does not say of which chats it is has that one for itself.
    """

    one_writer = False

    def __init__(self, address: str) -> None:
        self._address = address
        self.engine = create_async_engine(
            "postgresql+asyncpg://",
            pool_size=8,
            max_overflow=4,
            pool_timeout=CONNECT_SECONDS,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={"async_creator_fn": self._connect},
        )

    async def _connect(self, *_: Any, **__: Any) -> "asyncpg.Connection[asyncpg.Record]":
        return await connect(self._address)

    def in_thread(self, connection: AsyncConnection) -> AbstractAsyncContextManager[None]:
        """Change nothing: whoever waits for the server keeps nobody waiting."""
        return nullcontext()

    async def enter(self, connection: AsyncConnection, chats: tuple[int, ...] | None) -> None:
        """Keep others from the chats until the transaction ends; from everything for None."""
        if chats is None:
            await connection.execute(select(func.pg_advisory_xact_lock(*ALL_CHATS)))
            return
        locks = [func.pg_advisory_xact_lock(chat_id) for chat_id in sorted(set(chats))]
        await connection.execute(select(func.pg_advisory_xact_lock_shared(*ALL_CHATS), *locks))

    def trouble(self, doing: str, error: Exception) -> StoreTrouble:
        """Return what an error means, without people's words."""
        cause = error.orig if isinstance(error, DBAPIError) else None
        return trouble_of(doing, (cause.__cause__ or cause) if cause is not None else error)

    async def wipe_log(self) -> None:
        """Do nothing: what was deleted leaves the server's log by the server's own rules."""

    async def close(self) -> None:
        """Close every connection, also those whose server does not answer any more."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.engine.dispose()
        except TimeoutError:
            await self.engine.dispose(close=False)


def _words(error: BaseException) -> str:
    """Return the first line of an error: details behind it quote rows."""
    return str(error).partition("\n")[0] or type(error).__name__
