"""Take the rows of one database over into another one, all of them or none."""

from collections.abc import Callable

from sqlalchemy import Table, delete, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.errors import StoreTrouble
from bridge.store import migrate
from bridge.store.engine import Store
from bridge.store.schema import metadata
from bridge.store.tables import facts

ROWS_AT_ONCE = 500
_DOING = "Copying the database"
Progress = Callable[[str, int, int], None]
"""Is told a table's name, how many of its rows are copied, and how many there are."""


async def copy(source: Store, target: Store, progress: Progress) -> int:
    """Copy every table into a database without rows, in one transaction; returns how many rows.

    Raises StoreTrouble when the source is not of this program's schema, or the target holds rows.
    """
    found = await migrate.schema(source)
    if not found.ready:
        what = f"the source's schema is {found.current or 'missing'}, not {found.newest}"
        raise StoreTrouble(_DOING, what, cure="Run `bridge db upgrade` on the source first.")
    await migrate.upgrade(target)
    copied = 0
    async with source.reading(long=True) as here, target.writing(long=True) as there:
        await there.execute(delete(facts).where(facts.c.name == migrate.MADE_FOR_FACT))
        for table in metadata.sorted_tables:
            if await _count(there, table):
                cure = "Name an empty database in DATABASE_URL."
                raise StoreTrouble(_DOING, f"the target holds rows ({table.name})", cure=cure)
        for table in metadata.sorted_tables:
            copied += await _copy_table(here, there, table, progress)
    return copied


async def _copy_table(
    here: AsyncConnection, there: AsyncConnection, table: Table, progress: Progress
) -> int:
    """Copy a table, and check that as many rows came as there are."""
    total, done = await _count(here, table), 0
    result = await here.stream(select(table).order_by(*table.primary_key.columns))
    async for rows in result.mappings().partitions(ROWS_AT_ONCE):
        await there.execute(insert(table), [dict(row) for row in rows])
        done += len(rows)
        progress(table.name, done, total)
    if await _count(there, table) != total:
        raise StoreTrouble(_DOING, f"{table.name} has other rows than the source")
    await _go_on_counting(there, table)
    return total


async def _count(tx: AsyncConnection, table: Table) -> int:
    return (await tx.execute(select(func.count()).select_from(table))).scalar_one()


async def _go_on_counting(there: AsyncConnection, table: Table) -> None:
    """Let ids that PostgreSQL makes begin behind those that were copied."""
    column = table.autoincrement_column
    if there.dialect.name != "postgresql" or column is None:
        return
    sequence = text("SELECT pg_get_serial_sequence(:table, :column)")
    named = {"table": table.name, "column": column.name}
    name = (await there.execute(sequence, named)).scalar()
    highest = (await there.execute(select(func.max(column)))).scalar()
    if name and highest:
        await there.execute(select(func.setval(name, highest)))
