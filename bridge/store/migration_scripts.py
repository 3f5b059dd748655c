"""Run the migrations with Alembic, which is loaded only when there is something to do for it."""

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from bridge.store.migrate import scripts_folder
from bridge.store.schema import metadata


def revisions() -> list[str]:
    """Return the names of all revisions, oldest first."""
    scripts = ScriptDirectory.from_config(_config())
    return [found.revision for found in scripts.walk_revisions()][::-1]


def upgrade_to_newest(connection: Connection) -> None:
    """Run all migrations that the database has not seen."""
    command.upgrade(_config(connection), "head")


def differences(connection: Connection) -> int:
    """Return how many things of the database differ from the tables of this program."""
    return len(compare_metadata(MigrationContext.configure(connection), metadata))


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts_folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
