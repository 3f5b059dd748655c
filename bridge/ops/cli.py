"""The command line. Every error is one readable line, never a traceback."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from bridge import __version__
from bridge.errors import SettingsTrouble, StoreTrouble, Trouble
from bridge.ops import logs
from bridge.ops.chat import chat as talk
from bridge.ops.doctor import Health, examine
from bridge.ops.run import run as run_bridge
from bridge.ops.sandbox import DEFAULT_PORT, Side
from bridge.ops.sandbox import sandbox as run_sandbox
from bridge.settings import Settings, environment, settings_from
from bridge.store import migrate
from bridge.store.engine import Store, database_url

app = typer.Typer(
    name="bridge",
    help="Talk to a Coze agent from Telegram.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
db = typer.Typer(help="Look after the database.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(db, name="db")
Result = TypeVar("Result")
_COLOURS = {Health.GOOD: "green", Health.WARNING: "yellow", Health.BAD: "red"}


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Talk to a Coze agent from Telegram."""
    if show:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def run() -> None:
    """Run the bot."""
    settings = _settings()
    logs.set_up(settings.bridge_log_level, settings.bridge_log_format)
    _await(run_bridge(settings))


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(help="Port of the page on 127.0.0.1.")] = DEFAULT_PORT,
    coze: Annotated[Side, typer.Option(help="The Coze to talk to.")] = Side.LOCAL,
    telegram: Annotated[Side, typer.Option(help="The Telegram to talk to.")] = Side.LOCAL,
) -> None:
    """Try it without any account: a local Telegram with a web page, a local Coze."""
    logs.set_up("WARNING", "console")
    _await(run_sandbox(port, coze, telegram))


@app.command()
def chat(
    no_stream: Annotated[
        bool, typer.Option("--no-stream", help="Poll for the answer instead of streaming it.")
    ] = False,
) -> None:
    """Talk to the agent in the terminal."""
    variables = {**environment(), "TELEGRAM_BOT_TOKEN": "1:unused"}  # no Telegram is needed
    logs.set_up("WARNING", "console")
    answered = _await(talk(settings_from(variables), stream=not no_stream))
    raise typer.Exit(0 if answered else 1)


@app.command()
def doctor() -> None:
    """Try every setting, and say what to change."""
    logs.set_up("CRITICAL", "console")
    raise typer.Exit(0 if _await(_examine(_settings())) else 1)


async def _examine(settings: Settings) -> bool:
    console = Console(highlight=False)
    well = True
    async for finding in examine(settings):
        colour = _COLOURS[finding.health]
        console.print(f"[{colour}]{finding.health.value:>4}[/]  {finding.subject}: ", end="")
        console.print(logs.redacted(finding.what), markup=False)
        if finding.cure:
            console.print(f"      {finding.cure}", markup=False)
        well = well and finding.health is not Health.BAD
    console.print("All is well." if well else "Change what is marked as bad, and try again.")
    return well


@db.command()
def upgrade() -> None:
    """Bring the database to this version's schema."""

    async def work(store: Store) -> None:
        await migrate.upgrade(store)
        typer.echo("The database is up to date.")

    _with_store(work)


@db.command()
def check() -> None:
    """Say whether the database fits this version."""

    async def work(store: Store) -> None:
        found = await migrate.schema(store)
        if found.ready:
            typer.echo(f"The database is up to date (schema {found.current}).")
            return
        raise StoreTrouble(
            "Checking the database",
            f"its schema is {found.current or 'missing'}, this version needs {found.newest}",
            cure="Run: bridge db upgrade",
        )

    _with_store(work)


@db.command()
def backup(
    target: Annotated[
        Path | None, typer.Argument(help="File to write; a dated name by default.")
    ] = None,
) -> None:
    """Copy the database, also while the bridge is running."""
    path = target or Path(f"bridge-{datetime.now(UTC):%Y%m%d-%H%M%S}.db")

    async def work(store: Store) -> None:
        await migrate.backup(store, path)
        typer.echo(f"Copied to {path}.")

    _with_store(work)


def _with_store(work: Callable[[Store], Awaitable[None]]) -> None:
    """Do something with the database in DATABASE_URL; nothing else needs to be set for that."""
    logs.set_up("WARNING", "console")
    url = environment().get("DATABASE_URL") or str(Settings.model_fields["database_url"].default)
    try:
        database_url(url)
    except ValueError as error:
        raise SettingsTrouble((f"DATABASE_URL {error}",)) from None

    async def opened() -> None:
        store = Store(url)
        try:
            await work(store)
        finally:
            await store.close()

    _await(opened())


def _settings() -> Settings:
    return settings_from(environment())


def _await(work: Coroutine[None, None, Result]) -> Result:
    return asyncio.run(work)


def main() -> None:
    """Run the command line; a trouble becomes one line on standard error and exit code 1."""
    try:
        app()
    except Trouble as trouble:
        typer.secho(logs.redacted(str(trouble)), err=True, fg=typer.colors.RED)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
