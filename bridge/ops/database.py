"""`bridge db`: look after the database."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.errors import SettingsTrouble, StoreTrouble
from bridge.ops import logs

if TYPE_CHECKING:
    from bridge.store.engine import Store

db = typer.Typer(help="Look after the database.", no_args_is_help=True, rich_markup_mode=None)


@db.command()
def upgrade() -> None:
    """Bring the database to this version's schema."""
    from bridge.store import migrate

    async def work(store: "Store") -> None:
        await migrate.upgrade(store)
        typer.echo("The database is up to date.")

    _with_store(work, may_create=True)


@db.command()
def check() -> None:
    """Say whether the database fits this version."""
    from bridge.store import migrate

    async def work(store: "Store") -> None:
        found = await migrate.schema(store)
        if found.made_for_this:
            typer.echo(
                f"The database has the schema of a newer release ({found.current}), "
                f"with which this one ({found.newest}) may work."
            )
            return
        if not found.ready:
            what = f"its schema is {found.current or 'missing'}, this version needs {found.newest}"
            cure = "Install the newer release." if found.newer else "Run: bridge db upgrade"
            raise StoreTrouble("Checking the database", what, cure=cure)
        typer.echo(f"The database is up to date (schema {found.current}).")

    _with_store(work)


@db.command()
def backup(
    target: Annotated[
        Path | None, typer.Argument(help="File to write; a dated name by default.")
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option(help="Delete older copies with dated names, but so many.", min=1),
    ] = None,
) -> None:
    """Copy a file of SQLite, also while the bridge is running."""
    from bridge.store import backup as backups

    path = target or Path(backups.dated_name(time.time()))

    async def work(store: "Store") -> None:
        await backups.backup(store, path)
        typer.echo(f"Copied to {path}.")
        for name in backups.drop_older(path.absolute().parent, keep) if keep else ():
            typer.echo(f"Deleted {name}.")

    _with_store(work)


@db.command()
def restore(
    source: Annotated[Path, typer.Argument(help="A copy that `bridge db backup` has made.")],
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
) -> None:
    """Put a backup in the place of the database, which is kept beside it."""
    from bridge.store.backup import restore as restored

    if not source.is_file():
        cure = "Name a copy that `bridge db backup` has made."
        raise StoreTrouble("Restoring the database", f"there is no file at {source}", cure=cure)
    if not yes:
        typer.confirm(f"Put {source} in the place of the database?", abort=True)

    async def work(store: "Store") -> None:
        done = await restored(store, source)
        if done.aside:
            typer.echo(f"The database that was there is {done.aside} now.")
        typer.echo("Restored. Open questions are finished when the bridge starts.")

    _with_store(work, may_create=True)


@db.command()
def copy(
    source: Annotated[Path, typer.Argument(help="A file of SQLite, e.g. bridge.db.")],
) -> None:
    """Take a SQLite database over into the one of DATABASE_URL, which must be empty."""
    from bridge.store.copy import copy as copied
    from bridge.store.engine import Store
    from bridge.store.ownership import alone

    if not source.exists():
        cure = "Name the file that DATABASE_URL named before."
        raise StoreTrouble("Copying the database", f"there is none at {source}", cure=cure)

    def progress(table: str, done: int, total: int) -> None:
        typer.echo(f"{table}: {done} of {total}")

    async def work(target: "Store") -> None:
        old = Store(f"sqlite+aiosqlite:///{source.resolve()}")
        try:
            with alone(old), alone(target):
                rows = await copied(old, target, progress)
        finally:
            await old.close()
        typer.echo(f"Copied {rows} {'row' if rows == 1 else 'rows'}.")

    _with_store(work, may_create=True)


def _with_store(work: "Callable[[Store], Awaitable[None]]", *, may_create: bool = False) -> None:
    """Do something with the database in DATABASE_URL; nothing else needs to be set for that."""
    from bridge.settings import Settings
    from bridge.settings.environment import environment
    from bridge.store.dialects.database import checked, is_postgresql
    from bridge.store.dialects.sqlite import database_file
    from bridge.store.engine import Store

    logs.set_up("WARNING", "console")
    url = environment().get("DATABASE_URL") or str(Settings.model_fields["database_url"].default)
    try:
        path = database_file(checked(url))
    except ValueError as error:
        raise SettingsTrouble((f"DATABASE_URL {error}",)) from None
    if not may_create and not is_postgresql(url) and (path is None or not path.exists()):
        what = f"there is none at {path or url}"
        cure = "Go to the folder of the bridge, or set DATABASE_URL; bridge db upgrade makes a new one."
        raise StoreTrouble("Opening the database", what, cure=cure)

    made = path is not None and not path.exists()

    async def opened() -> None:
        store = Store(url)
        try:
            await work(store)
            if made:
                typer.echo(f"There was no database: {path} is new.")
        finally:
            await store.close()

    asyncio.run(opened())
