"""Copy a file of SQLite while it is used, and put such a copy back in its place."""

import asyncio
import os
import re
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bridge.errors import StoreTrouble
from bridge.store import migrate
from bridge.store.dialects.sqlite import database_file, opened_to_read
from bridge.store.engine import Store
from bridge.store.ownership import alone, bot_of

_DATED = re.compile(r"bridge-\d{8}-\d{6}\.db")
_RESTORING = "Restoring the database"
_BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a file."""


async def backup(store: Store, target: Path) -> None:
    """Write a consistent copy of the SQLite database to `target`, also while it is in use.

    Raises StoreTrouble when it is not a file, or `target` exists or cannot be written.
    """
    source = database_file(store.address)
    doing = "Backing up the database"
    if source is None:
        cure = 'Use the tool of PostgreSQL: pg_dump -Fc -f bridge.dump "$DATABASE_URL"'
        raise StoreTrouble(doing, "this is for files of SQLite", cure=cure)
    try:
        await asyncio.to_thread(_copy, source, target)
    except FileExistsError as error:
        raise StoreTrouble(
            doing, f"{target} exists", cure="Name a file that does not exist yet."
        ) from error
    except sqlite3.DatabaseError as error:
        cure = "Restore an earlier backup; `sqlite3 FILE .recover` saves what can be read."
        raise StoreTrouble(doing, str(error), cure=cure) from error
    except OSError as error:
        what = f"{target} cannot be written ({error.strerror})"
        raise StoreTrouble(doing, what, cure="Name a file in a folder that is there.") from error


def _copy(source: Path, target: Path) -> None:
    if target.exists():
        raise FileExistsError(target)
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)  # of one that was killed
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))  # private from the start
    try:
        with closing(_to_copy(source)) as here, closing(sqlite3.connect(part)) as there:
            here.backup(there)
            there.execute("PRAGMA journal_mode = DELETE")  # one file, which needs none beside it
            found = [str(row[0]) for row in there.execute("PRAGMA quick_check(3)").fetchall()]
        if found != ["ok"]:
            raise sqlite3.DatabaseError(f"the database is damaged: {'; '.join(found)}")
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    shutil.move(part, target)


def _to_copy(source: Path) -> sqlite3.Connection:
    """Open a database that may be in use; a copy in a folder that is only read as it is."""
    return sqlite3.connect(source) if os.access(source.parent, os.W_OK) else opened_to_read(source)


def dated_name(now: float) -> str:
    """Return what a copy is called when nobody names it."""
    return time.strftime("bridge-%Y%m%d-%H%M%S.db", time.gmtime(now))


def drop_older(folder: Path, keep: int) -> list[str]:
    """Delete all dated copies of a folder but the newest; returns which. Raises OSError."""
    dated = sorted(path for path in folder.iterdir() if _DATED.fullmatch(path.name))
    gone = dated[: max(0, len(dated) - keep)]
    for path in gone:
        path.unlink()
    return [path.name for path in gone]


@dataclass(frozen=True)
class Restored:
    """What restoring has done."""

    aside: Path | None
    """Where the database lies that was there; None where there was none."""


async def restore(store: Store, source: Path) -> Restored:
    """Put a copy in the place of the database, which is kept beside it, and upgrade it.

    Nothing is changed unless the copy is whole, ours, and of the same bot. Raises StoreTrouble.
    """
    target = database_file(store.address)
    if target is None:
        cure = 'Use the tool of PostgreSQL: pg_restore --clean -d "$DATABASE_URL" bridge.dump'
        raise StoreTrouble(_RESTORING, "this is for files of SQLite", cure=cure)
    target = await asyncio.to_thread(target.resolve)
    fresh = target.with_name(f"{target.name}.restoring")
    with alone(store):
        await asyncio.to_thread(_check, source, target)
        try:
            await asyncio.to_thread(_clear, fresh)  # of one that was killed
            await asyncio.to_thread(_copy, source, fresh)
            await _upgrade(fresh)
            return Restored(await asyncio.to_thread(_put, fresh, target))
        except (OSError, sqlite3.Error) as error:
            cure = (
                "The database is as it was. Look at the disk's free space and the folder's rights."
            )
            raise StoreTrouble(_RESTORING, str(error), cure=cure) from error
        finally:
            await asyncio.to_thread(_clear, fresh)


async def _upgrade(fresh: Path) -> None:
    """Bring the copy to this program's schema before anything depends on it. Raises StoreTrouble."""
    store = Store(f"sqlite+aiosqlite:///{fresh}")
    try:
        await migrate.upgrade(store)
    finally:
        await store.close()


def _clear(path: Path) -> None:
    """Delete a copy that was not finished, with all that SQLite and we keep beside it."""
    for part in (path, path.with_name(path.name + ".part")):
        for end in ("", *_BESIDE):
            part.with_name(part.name + end).unlink(missing_ok=True)


def _check(source: Path, target: Path) -> None:
    """Raises StoreTrouble for a copy that must not take the database's place."""
    if source.resolve() == target:
        what = f"{source} is the database itself"
        raise StoreTrouble(_RESTORING, what, cure="Name a copy of it.")
    if not source.is_file():
        what = f"there is no file at {source}"
        raise StoreTrouble(_RESTORING, what, cure="Name a copy that `bridge db backup` has made.")
    try:
        with closing(opened_to_read(source)) as base:
            found = [str(row[0]) for row in base.execute("PRAGMA quick_check(3)").fetchall()]
            tables = {row[0] for row in base.execute("SELECT name FROM sqlite_master").fetchall()}
    except sqlite3.Error as error:
        raise _unusable(source, f"is no database that can be read ({error})") from error
    if found != ["ok"]:
        raise _unusable(source, f"is damaged: {'; '.join(found)}")
    if not {"alembic_version", "turns", "facts"} <= tables:
        raise _unusable(source, "is not a database of this bridge")
    bots = bot_of(source), bot_of(target) if target.exists() else ""
    if all(bots) and bots[0] != bots[1]:
        what = f"it belongs to {bots[0]}, the database that is there to {bots[1]}"
        cure = f"If that is meant, move {target} away first."
        raise StoreTrouble(_RESTORING, what, cure=cure)


def _unusable(source: Path, what: str) -> StoreTrouble:
    cure = "Nothing was changed. Name another copy."
    return StoreTrouble(_RESTORING, f"{source} {what}", cure=cure)


def _put(fresh: Path, target: Path) -> Path | None:
    """Put the copy there in one step: whenever this ends, one whole database is in the place."""
    with closing(sqlite3.connect(fresh)) as base:  # what its upgrade has left beside it
        base.execute("PRAGMA journal_mode = DELETE")
    aside = None
    if target.exists() and target.stat().st_size:  # an empty one was made by opening it
        aside = _unused(target)
        _keep(target, aside)
    for end in _BESIDE:  # the old log must not be read into the new file
        target.with_name(target.name + end).unlink(missing_ok=True)
    os.replace(fresh, target)
    return aside


def _unused(target: Path) -> Path:
    """Return a name for what was there until now."""
    name = f"{target.name}.before-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
    names = (target.with_name(name + (f"-{number}" if number else "")) for number in range(1000))
    return next(one for one in names if not one.exists())


def _keep(target: Path, aside: Path) -> None:
    """Keep the old database beside its place; a damaged one byte for byte, with its log."""
    try:
        _copy(target, aside)
        with closing(sqlite3.connect(target)) as base:
            base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error:
        _clear(aside)
        for end in ("", *_BESIDE):
            part = target.with_name(target.name + end)
            if part.exists():
                copied = shutil.copyfile(part, aside.with_name(aside.name + end))
                os.chmod(copied, 0o600)
