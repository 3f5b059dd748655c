"""Whose a database is: of one bot, and a file of one process, which is the one that was opened."""

import json
import os
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
from filelock import FileLock, Timeout
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.errors import StoreTrouble
from bridge.store import chats
from bridge.store.dialects.sqlite import database_file, opened_to_read
from bridge.store.engine import Store

log = structlog.get_logger(__name__)
_BOT = "bot"
"""The fact that says to which bot the database belongs."""
_PROCESS = "process"
"""The fact that says who works with it."""
_DOING = "Opening the database"
DYING_SECONDS = 3.0
"""How long one that was killed a moment ago may take to be gone."""


@contextmanager
def alone(store: Store) -> Iterator[None]:
    """Be the only process that works with a file. Raises StoreTrouble when another does.

    The system gives the lock beside it back when a process ends, however it ends.
    """
    path = database_file(store.address)
    if path is None:
        yield
        return
    path = path.resolve()  # by whatever name it is opened
    lock = FileLock(path.with_name(f"{path.name}.lock"), timeout=DYING_SECONDS, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        what = f"another bridge works with {path}" + (f" ({by})" if (by := who(path)) else "")
        cure = "Stop that one, or give this one a DATABASE_URL of its own."
        raise StoreTrouble(_DOING, what, cure=cure) from None
    except OSError as error:
        what = f"{path.parent} takes no lock file ({error.strerror or error})"
        raise StoreTrouble(_DOING, what) from error
    try:
        yield
    finally:
        lock.release()


def who(path: Path) -> str:
    """Return who works with a database and since when, as far as that can be read."""
    return _known(_fact(path, _PROCESS))


def bot_of(path: Path) -> str:
    """Return to which bot a file belongs, such as `@name (42)`; empty when to none."""
    bot_id, _, name = (_fact(path, _BOT) or "").partition(" ")
    return f"@{name} ({bot_id})" if bot_id else ""


def _fact(path: Path, name: str) -> str | None:
    """Return a fact of a file that another process may work with; None where it cannot be read."""
    try:
        with closing(opened_to_read(path)) as base:
            row = base.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    except sqlite3.Error:
        return None
    return str(row[0]) if row else None


def _known(fact: str | None) -> str:
    """Return what a process wrote down of itself, in words."""
    try:
        known = json.loads(fact or "")
        since = datetime.fromtimestamp(known["since"], UTC)
        return f"process {known['pid']} on {known['host']}, since {since:%Y-%m-%d %H:%M} UTC"
    except (ValueError, TypeError, KeyError):
        return ""


async def note_process(tx: AsyncConnection) -> None:
    """Write down who works with the database, for whoever is refused."""
    known = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}
    await chats.remember(tx, _PROCESS, json.dumps(known))


async def claim(tx: AsyncConnection, bot_id: int, name: str) -> None:
    """Take the database for a bot. Raises StoreTrouble when it belongs to another.

    Turns, posts and who is let in are one bot's: another one would answer people in its place.
    """
    known = await chats.fact(tx, _BOT)
    owner, _, owner_name = (known or "").partition(" ")
    if owner and owner != str(bot_id):
        what = (
            f"it belongs to the bot @{owner_name} ({owner}), and the token is of @{name} ({bot_id})"
        )
        cure = (
            f"Set TELEGRAM_BOT_TOKEN to a token of @{owner_name}, or DATABASE_URL to another file."
        )
        raise StoreTrouble(_DOING, what, cure=cure)
    await chats.remember(tx, _BOT, f"{bot_id} {name}")


@dataclass(frozen=True)
class OpenedFile:
    """The file of a database as it was when it was opened."""

    path: Path
    inode: tuple[int, int]

    @property
    def fault(self) -> str | None:
        """What has become of it; None when it is as it was."""
        try:
            now = self.path.stat()
        except FileNotFoundError:
            return f"{self.path} was deleted while the bridge works with it"
        except OSError as error:
            return f"{self.path} cannot be looked at ({error.strerror})"
        if (now.st_dev, now.st_ino) != self.inode:
            return f"{self.path} was replaced while the bridge works with it"
        return None


def opened(address: str) -> OpenedFile | None:
    """Return the file of an open database; None for one that is no file."""
    path = database_file(address)
    if path is None:
        return None
    there = path.absolute().stat()
    return OpenedFile(path.absolute(), (there.st_dev, there.st_ino))
