"""Run the migrations with Alembic, which is loaded only when there is something to do for it."""

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from bridge.store.migrate import scripts_folder
from bridge.store.schema import metadata


def upgrade_to_newest(connection: Connection) -> None:
    """Run all migrations that the database has not seen."""
    command.upgrade(config(connection), "head")


def differences(connection: Connection) -> int:
    """Return how many things of the database differ from the tables of this program."""
    return len(compare_metadata(MigrationContext.configure(connection), metadata))


def config(connection: Connection | None = None) -> Config:
    """Return where Alembic finds the migrations, and the connection that they run on."""
    found = Config()
    found.set_main_option("script_location", str(scripts_folder()).replace("%", "%%"))
    found.set_main_option("path_separator", "os")
    found.attributes["connection"] = connection
    return found
