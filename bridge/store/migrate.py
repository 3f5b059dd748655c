"""Bring a database to the schema of this program, and refuse one that is newer than it."""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from sqlalchemy import Connection, delete, func, insert, inspect, select, text

from bridge.errors import StoreTrouble
from bridge.store.dialects.postgresql import UPGRADE_LOCK
from bridge.store.engine import Store
from bridge.store.tables import facts

MADE_FOR = "0014"
"""Programs that know this revision work with the schema, also beside this one. A migration only adds
what they need not know; if one ever cannot, its own number is to stand here, and all must stop for it."""
MADE_FOR_FACT = "schema made for"
"""The fact that says so to programs that are older than the schema."""


@dataclass(frozen=True)
class Schema:
    """Where a database's schema stands."""

    current: str | None
    """The revision it has; None for an empty database."""
    newest: str
    """The revision of this program."""
    differences: int
    """How many things differ from the tables of this program."""
    newer: bool = False
    """Whether it is of a newer release."""
    made_for_this: bool = False
    """Whether a newer one was made for this program, too."""

    @property
    def ready(self) -> bool:
        """Whether this program can run on it."""
        return self.current == self.newest and not self.differences


async def upgrade(store: Store) -> None:
    """Migrate to this program's schema, in one transaction that holds the write lock.

    Raises StoreTrouble when the database is newer than the program.
    """
    async with store.writing() as tx:
        await tx.run_sync(_upgrade)


async def schema(store: Store) -> Schema:
    """Look at the schema without changing it."""
    async with store.reading() as tx:
        return await tx.run_sync(_schema)


def scripts_folder() -> Path:
    """Return the migrations: inside the wheel, or beside the package in a checkout."""
    package = Path(str(resources.files("bridge")))
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def known_revisions() -> list[str]:
    """Return the names of all revisions, oldest first, as their files are numbered."""
    files = (scripts_folder() / "versions").glob("[0-9]*.py")
    return sorted(path.name.partition("_")[0] for path in files)


def _current(connection: Connection) -> str | None:
    """Return the revision that the database has; None when it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # the driver begins for changes of rows only
    else:
        connection.execute(select(func.pg_advisory_xact_lock(*UPGRADE_LOCK)))
    current, known = _current(connection), known_revisions()
    if current is not None and current not in known:
        made_for = _made_for(connection)
        if made_for is not None and made_for <= known[-1]:
            return  # a newer release works with it, too, and has changed nothing that this one needs
        raise StoreTrouble(
            "Upgrading the database",
            f"its schema {current} is newer than this program",
            cure="Install the newer release of the bridge again, or restore a backup.",
        )
    if current != known[-1]:
        from bridge.store.migration_scripts import upgrade_to_newest  # seldom needed, and large

        upgrade_to_newest(connection)
        connection.execute(delete(facts).where(facts.c.name == MADE_FOR_FACT))
        connection.execute(insert(facts).values(name=MADE_FOR_FACT, value=MADE_FOR))


def _made_for(connection: Connection) -> str | None:
    """Return the newest revision that a program must know to work with the database."""
    found: str | None = connection.scalar(
        select(facts.c.value).where(facts.c.name == MADE_FOR_FACT)
    )
    return found


def _schema(connection: Connection) -> Schema:
    from bridge.store.migration_scripts import differences  # seldom needed, and large

    current, known = _current(connection), known_revisions()
    newer = current is not None and current not in known
    made_for = _made_for(connection) if newer else None
    return Schema(
        current=current,
        newest=known[-1],
        differences=differences(connection) if current == known[-1] else 0,
        newer=newer,
        made_for_this=made_for is not None and made_for <= known[-1],
    )
