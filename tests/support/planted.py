"""Search what a journey leaves behind for what must not be there: tokens, and people's words."""

import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path

HOLD_WORDS = {
    ("turns", "parts"),
    ("turns", "heard"),
    ("turns", "final"),
    ("inbox", "payload"),
    ("outbox", "content"),
    ("suggestions", "texts"),
    ("broadcasts", "text"),
    ("people", "name"),
    ("people", "username"),
    ("access", "name"),
    ("access", "words"),
    ("access", "question"),
    ("chats", "title"),
    ("conversations", "title"),
    ("chats", "wake_word"),
    ("agents", "name"),
    ("audit", "detail"),
    ("audit", "subject"),
    ("turns", "sender_name"),
    ("operators", "name"),
}
"""The columns of which the README and `/privacy` say that words or names stand there, and how long."""


def files(folder: Path) -> Iterator[Path]:
    """The databases of a folder, with what belongs to them."""
    for path in folder.rglob("*.db*"):
        if path.is_file():
            yield path


def bytes_with(folder: Path, secrets: Collection[str]) -> list[str]:
    """Which files of a folder's databases hold any of these, as pairs of name and text."""
    found = []
    for path in files(folder):
        content = path.read_bytes()
        found += [f"{path.name}: {one}" for one in secrets if one.encode() in content]
    return found


def columns_with(folder: Path, words: Collection[str]) -> list[str]:
    """In which columns words stand that are not for words."""
    found = []
    for path in folder.rglob("*.db"):
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as base:
            base.text_factory = lambda raw: raw.decode("utf-8", "replace")
            for table, column in _columns(base):
                rows = base.execute(f'SELECT "{column}" FROM "{table}"').fetchall()
                text = "\n".join(str(row[0]) for row in rows)
                found += [f"{table}.{column}: {one}" for one in words if one in text]
        base.close()
    return found


def _columns(base: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    tables = base.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        for row in base.execute(f'PRAGMA table_info("{table}")').fetchall():
            if (table, row[1]) not in HOLD_WORDS:
                yield table, row[1]
