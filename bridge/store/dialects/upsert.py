"""Insert a row, or keep or change the one that is there, in the words of either database."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Insert, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

Values = Mapping[str, Any] | Sequence[Mapping[str, Any]]


def insert_or_ignore(tx: AsyncConnection, table: Table, values: Values) -> Insert:
    """Return the statement that inserts what is not there yet; its row count says how much was not."""
    return _insert(tx, table).values(values).on_conflict_do_nothing()


def insert_or_update(
    tx: AsyncConnection,
    table: Table,
    values: Mapping[str, Any],
    changes: Mapping[str, Any],
    *,
    key: Sequence[str] = (),
    where: ColumnElement[bool] | None = None,
) -> Insert:
    """Return the statement that inserts a row, or makes the changes to the one that is there.

    That is the row with the same primary key, or with the same `key`; with `where`, only if that
    holds for it.
    """
    unique = key or [column.name for column in table.primary_key]
    return (
        _insert(tx, table)
        .values(values)
        .on_conflict_do_update(index_elements=unique, set_=dict(changes), where=where)
    )


def _insert(tx: AsyncConnection, table: Table) -> sqlite.Insert | postgresql.Insert:
    if tx.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
