"""A database as the store needs it, whichever it is."""

import re
from collections.abc import Collection, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bridge.errors import StoreTrouble

_POSTGRESQL = re.compile(r"(?i)^postgres(?:ql)?(?:\+asyncpg)?://")


class Fence(Protocol):
    """What this process holds, where several work with one database."""

    def check(self) -> None:
        """Raise LeaseLost when it is not sure that it still holds what it held."""

    def epochs(self, chats: Collection[int]) -> Mapping[int, int]:
        """Return the leases of chats, and their epochs. Raises LeaseLost for another's chat."""


class Database(Protocol):
    """One database: how it is opened and closed, and what its errors mean."""

    engine: AsyncEngine
    reader: AsyncEngine
    """The same for transactions that only read."""
    one_writer: bool
    """Whether it lets one transaction at a time write."""

    async def enter(
        self, connection: AsyncConnection, chats: tuple[int, ...] | None, leases: Mapping[int, int]
    ) -> None:
        """Keep others from the chats until the transaction ends; from everything for None.

        Raises LeaseLost if a lease is not in that epoch any more.
        """

    def in_thread(self, connection: AsyncConnection) -> AbstractAsyncContextManager[None]:
        """Let a connection do what takes long where it keeps nobody waiting."""

    def trouble(self, doing: str, error: Exception) -> StoreTrouble:
        """Return what an error of the database means, without people's words."""

    async def wipe_log(self) -> None:
        """Let nothing that was deleted stay in files beside the tables. Raises SQLAlchemyError."""

    def cut(self) -> None:
        """End every connection at once: what waits for one fails now."""

    async def close(self) -> None:
        """Close every connection."""


def is_postgresql(address: str) -> bool:
    """Return whether that is the address of a PostgreSQL database."""
    return _POSTGRESQL.match(address) is not None


def checked(address: str) -> str:
    """Return the address of a database. Raises ValueError, worded for the operator and without a password."""
    if is_postgresql(address):
        return _POSTGRESQL.sub("postgresql://", address)  # as libpq takes it
    try:
        url = make_url(address)
    except ArgumentError:
        raise ValueError(
            "is not a database URL, e.g. sqlite+aiosqlite:///bridge.db or postgresql://host/bridge"
        ) from None
    if url.drivername not in ("sqlite", "sqlite+aiosqlite"):
        raise ValueError("must begin with sqlite+aiosqlite:/// or postgresql://")
    return url.set(drivername="sqlite+aiosqlite").render_as_string(hide_password=False)
