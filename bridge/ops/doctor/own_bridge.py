"""Whether the bridge of these very settings runs: then it is the one that polls."""

from pathlib import Path

from filelock import FileLock, Timeout

from bridge.errors import StoreTrouble
from bridge.settings import Settings
from bridge.sharing import processes
from bridge.store import ownership
from bridge.store.dialects.database import is_postgresql
from bridge.store.dialects.sqlite import database_file
from bridge.store.engine import Store


async def own_bridge(settings: Settings) -> str:
    """Return who works with our database now, such as `process 123 on host`; empty when nobody does."""
    try:
        store = Store(settings.database_url)
    except StoreTrouble:
        return ""
    try:
        if is_postgresql(store.address):
            async with store.reading() as tx:
                alive = [one for one in await processes.all_of(tx) if not one.lost]
            return ", ".join(f"process {one.pid} on {one.host}" for one in alive)
        path = database_file(store.address)
        return ownership.who(path.resolve()) if path is not None and _held(path.resolve()) else ""
    except StoreTrouble:  # the database has a line of its own
        return ""
    finally:
        await store.close()


def _held(path: Path) -> bool:
    """Return whether a process holds the lock beside a database."""
    lock = path.with_name(f"{path.name}.lock")
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0, mode=0o600):
            return False
    except Timeout:
        return True
    except OSError:
        return False
