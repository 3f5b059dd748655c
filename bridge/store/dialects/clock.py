"""The time by the clock that all processes share: the server's, or this machine's."""

import time
from typing import Any

from sqlalchemy import ColumnElement, Float, cast, func, literal
from sqlalchemy.ext.asyncio import AsyncConnection


def now(tx: AsyncConnection) -> ColumnElement[Any]:
    """Return the time in Unix seconds; the clocks of several hosts would not agree."""
    if tx.dialect.name == "postgresql":
        return cast(func.extract("epoch", func.clock_timestamp()), Float)
    return literal(time.time())
