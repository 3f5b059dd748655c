"""Insert a row, or keep or change the one that is there: the one place that knows the dialect."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table
from sqlalchemy.dialects.sqlite import Insert, insert

Values = Mapping[str, Any] | Sequence[Mapping[str, Any]]


def insert_or_ignore(table: Table, values: Values) -> Insert:
    """Return the statement that inserts what is not there yet; its row count says how much was not."""
    return insert(table).values(values).on_conflict_do_nothing()


def insert_or_update(
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
        insert(table)
        .values(values)
        .on_conflict_do_update(index_elements=unique, set_=dict(changes), where=where)
    )
