"""The time by the clock that all processes share: the server's, or this machine's."""

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Float, cast, func
from sqlalchemy.ext.asyncio import AsyncConnection

_UNIX_EPOCH = 2440587.5
"""1970 began on this Julian day."""


def now(tx: AsyncConnection) -> ColumnElement[Any]:
    """Return the time in Unix seconds; the clocks of several hosts would not agree."""
    return now_of(tx.dialect.name)


@cache
def now_of(dialect: str) -> ColumnElement[Any]:
    """Return the same for a dialect, by its name."""
    if dialect == "postgresql":
        return cast(func.extract("epoch", func.clock_timestamp()), Float)
    return (func.julianday("now", type_=Float) - _UNIX_EPOCH) * 86400.0
