"""The command line. Every error is one readable line, never a traceback.

The commands import what they need when they run: `bridge --help` answers at once, and Ctrl-C is
heard from the first moment on.
"""

import asyncio
import os
import sys
from collections.abc import Coroutine, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from bridge.errors import SettingsTrouble, Trouble
from bridge.ops import logs
from bridge.ops.database import db
from bridge.redaction import redacted

if TYPE_CHECKING:
    from bridge.settings import Settings

DEFAULT_PORT = 8765
_INTERRUPTED = 130
"""The exit code that Typer gives a program which Ctrl-C has ended."""
app = typer.Typer(
    name="bridge",
    help="Talk to a Coze agent from Telegram.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(db, name="db")


class Side(StrEnum):
    """Which of the two, of one neighbour of the sandbox."""

    LOCAL = "local"
    REAL = "real"


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[
        bool, typer.Option("--version", help="Print the versions that matter in a bug report.")
    ] = False,
) -> None:
    """Talk to a Coze agent from Telegram."""
    if show:
        from bridge.ops.doctor.bug_report import versions

        typer.echo(versions())
        raise typer.Exit


@app.command()
def run(
    dashboard: Annotated[
        bool, typer.Option("--dashboard", help="Serve the dashboard, on port 8088 if none is set.")
    ] = False,
) -> None:
    """Run the bot."""
    from bridge.ops.run import run as run_bridge
    from bridge.ops.run import with_dashboard

    def settings() -> "Settings":
        return with_dashboard(_settings()) if dashboard else _settings()

    try:
        first = settings()
        logs.set_up(first.bridge_log_level, first.bridge_log_format)
        _run(run_bridge(first, settings))
    except Trouble as trouble:
        if not _json_wanted():
            raise
        logs.set_up("INFO", "json")  # a collector of logs is to have the last word, too
        structlog.get_logger(__name__).critical("bridge ended", trouble=str(trouble))
        raise typer.Exit(1) from None


def _json_wanted() -> bool:
    """Return whether the log is for machines, as far as that can be read."""
    from bridge.settings.environment import environment

    try:
        variables: Mapping[str, str] = environment()
    except SettingsTrouble:
        variables = os.environ
    return variables.get("BRIDGE_LOG_FORMAT", "").strip().lower() == "json"


def _run(work: Coroutine[None, None, None]) -> None:
    """Run on uvloop where there is one: a call or a piece of a stream costs a fifth less."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


@app.command()
def sandbox(
    port: Annotated[
        int, typer.Option(help="Port of the page on 127.0.0.1; 0 for any.", min=0, max=65535)
    ] = DEFAULT_PORT,
    coze: Annotated[Side, typer.Option(help="The Coze to talk to.")] = Side.LOCAL,
    telegram: Annotated[Side, typer.Option(help="The Telegram to talk to.")] = Side.LOCAL,
    limits: Annotated[
        str,
        typer.Option(
            help="What the local Telegram allows, such as 'private=1/1:3,overall=30/1,hold=8': CALLS/SECONDS"
            " is a sliding window, CALLS/SECONDS:BURST a bucket; docs/start.md names the classes."
        ),
    ] = "",
) -> None:
    """Try it without any account: a local Telegram with a web page, a local Coze."""
    from bridge.ops.sandbox import sandbox as run_sandbox

    logs.set_up("WARNING", "console")
    asyncio.run(
        run_sandbox(
            port,
            real_coze=coze is Side.REAL,
            real_telegram=telegram is Side.REAL,
            limits=limits,
        )
    )


@app.command()
def init(
    token: Annotated[
        str | None, typer.Option(help="The bot's token, or set TELEGRAM_BOT_TOKEN.")
    ] = None,
    agent: Annotated[
        str | None, typer.Option(help="The address of the agent's page, or its number.")
    ] = None,
    credential: Annotated[
        str | None, typer.Option(help="A token of Coze, or the path of an OAuth app's key file.")
    ] = None,
    client_id: Annotated[str | None, typer.Option(help="The id of that OAuth app.")] = None,
    key_id: Annotated[
        str | None, typer.Option(help="The fingerprint of that app's public key.")
    ] = None,
    operator: Annotated[
        str | None, typer.Option(help="Who runs the bot: Telegram ids, comma-separated.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Ask nothing: for scripts. What is missing is an error.")
    ] = False,
) -> None:
    """Set the bridge up: ask for what it needs, try each answer, write .env."""
    from bridge.ops.init.dialog import Given, said

    logs.set_up("ERROR", "console")
    given = Given(
        token=token,
        agent=agent,
        credential=credential,
        client_id=client_id,
        public_key_id=key_id,
        operator=operator,
        yes=yes,
    )
    raise typer.Exit(0 if said(given, Path()) else 1)


@app.command()
def chat(
    no_stream: Annotated[
        bool, typer.Option("--no-stream", help="Poll for the answer instead of streaming it.")
    ] = False,
    agent: Annotated[
        str | None,
        typer.Option(help="The name of the agent, where BRIDGE_CONFIG declares several."),
    ] = None,
    conversations: Annotated[
        bool, typer.Option("--conversations", help="Begin with a list of earlier conversations.")
    ] = False,
    goes_on: Annotated[
        bool, typer.Option("--continue", help="Go on with the last conversation.")
    ] = False,
) -> None:
    """Talk to the agent in the terminal."""
    from bridge.ops.chat import TalkOptions
    from bridge.ops.chat import chat as talk
    from bridge.settings.environment import environment, settings_from

    variables = {**environment(), "TELEGRAM_BOT_TOKEN": "1:unused"}  # no Telegram is needed
    logs.set_up("WARNING", "console")
    options = TalkOptions(not no_stream, agent, lists=conversations, goes_on=goes_on)
    answered = asyncio.run(talk(settings_from(variables), options))
    raise typer.Exit(0 if answered else 1)


@app.command()
def doctor(
    write_to: Annotated[
        Path | None,
        typer.Option(
            "--report", help="Write a report for a bug report to this file, without secrets."
        ),
    ] = None,
) -> None:
    """Try every setting, and say what to change."""
    from bridge.ops.doctor.examine import report

    logs.set_up("ERROR", "console")
    raise typer.Exit(0 if asyncio.run(report(_settings(), write_to)) else 1)


@app.command()
def health() -> None:
    """Ask the running bridge whether it is well: exit code 0 or 1, for containers."""
    from bridge.ops.health import ask
    from bridge.settings.environment import environment

    well, said = asyncio.run(ask(environment()))
    typer.echo(said)
    raise typer.Exit(0 if well else 1)


def _settings() -> "Settings":
    from bridge.settings.environment import environment, settings_from

    return settings_from(environment())


def main() -> None:
    """Run the command line; a trouble becomes one line on standard error and exit code 1."""
    try:
        app()
    except Trouble as trouble:
        typer.secho(redacted(str(trouble)), err=True, fg=typer.colors.RED)
        if (
            isinstance(trouble, SettingsTrouble)
            and not Path(".env").exists()
            and "sandbox" not in sys.argv
        ):
            here = f"There is no .env in {Path.cwd()}: bridge init asks for what is needed and writes it."
            typer.secho(here, err=True)
        sys.exit(1)
    except SystemExit as end:
        if end.code == _INTERRUPTED and sys.stdout.isatty():
            typer.echo()  # the shell's prompt begins a line of its own
        raise
