"""`bridge sandbox`: a local Telegram with a web page, a local Coze, and the very same bridge."""

import errno
import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import typer
from starlette.applications import Starlette
from starlette.routing import Mount

from bridge.errors import Trouble
from bridge.ops.run import until_signal
from bridge.ops.sandbox_agents import (
    APP_ID,
    CLIENT_ID,
    COZE_TOKEN,
    FLOW_ID,
    KEY_ID,
    PROJECT_TOKEN,
    LocalCoze,
    local_coze,
)
from bridge.sandbox import page
from bridge.sandbox.coze import DEFAULT_BOT_ID
from bridge.sandbox.journal import Journal
from bridge.sandbox.telegram import Budgets, TelegramEmulator, read_budgets
from bridge.serving import serving
from bridge.settings.environment import environment, settings_from
from bridge.store import migrate
from bridge.store.engine import Store
from bridge.store.operators import access, audit
from bridge.store.operators.access import Access

_BOT_TOKEN = "42:SANDBOX"
_PEOPLE = (
    ("Ann", "ann", "en"),
    ("Bo", "bo", "en"),
    ("小雨", "xiaoyu", "zh-hans"),
    ("Dora", "dora", "en"),
)
"""The first is the operator, the last is new: she has to be let in."""


async def sandbox(
    port: int, *, real_coze: bool = False, real_telegram: bool = False, limits: str = ""
) -> None:
    """Run the sandbox until SIGINT or SIGTERM. Raises Trouble when it cannot start.

    `limits` are those of the local Telegram, as `--limits` takes them.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bridge-sandbox-")))
        address, variables, coze, known = await stack.enter_async_context(
            neighbours(
                port, folder, real_coze=real_coze, real_telegram=real_telegram, limits=limits
            )
        )
        variables["DATABASE_URL"] = f"sqlite+aiosqlite:///{folder / 'sandbox.db'}"
        await _let_in(variables["DATABASE_URL"], known)

        def ready() -> None:
            typer.echo(f"The sandbox is ready: {address}")
            typer.echo("Open it in a browser, write to the bot, and watch. Ctrl-C ends it.")
            if coze is not None:
                typer.echo(_ways_in(coze))

        await until_signal(settings_from(variables), ready)


@asynccontextmanager
async def neighbours(
    port: int, folder: Path, *, real_coze: bool, real_telegram: bool, limits: str = ""
) -> AsyncIterator[tuple[str, dict[str, str], LocalCoze | None, Mapping[int, str]]]:
    """Give the page's address, the variables by which the bridge finds both neighbours, and our Coze.

    Last come who uses the bot already, people and groups with their names: nobody at a real Telegram.

    A real neighbour is the one in the environment. Raises Trouble when the port is taken, or when
    nobody can read the limits.
    """
    journal = Journal()
    emulator = TelegramEmulator(journal=journal, budgets=_budgets(limits))
    async with AsyncExitStack() as stack:
        web = Starlette(routes=[*page.routes(), Mount("/", emulator.app)])
        try:
            address = await stack.enter_async_context(serving(web, port, only_local=True))
        except OSError as error:
            raise _taken(port, error) from error
        stack.push_async_callback(emulator.close)
        local = not (real_coze or real_telegram)  # then no file of a real bridge counts
        given = dict(os.environ) if local else environment()
        variables = {
            "BRIDGE_GRACE_SECONDS": "1",
            "BRIDGE_REASONING": "brief",
            **_named(given, "BRIDGE_"),
        }
        known: Mapping[int, str] = {}
        if not real_telegram:
            operator, known = _populate(emulator)
            if "BRIDGE_OPERATORS" not in os.environ:  # an empty one is a wish, too
                variables["BRIDGE_OPERATORS"] = str(operator)
            variables |= {"TELEGRAM_BOT_TOKEN": _BOT_TOKEN, "TELEGRAM_API_BASE_URL": address}
        else:
            variables |= _named(given, "TELEGRAM_")
        coze = None
        if not real_coze:
            coze = await stack.enter_async_context(local_coze(journal, folder))
            variables |= coze.variables
        else:
            variables = _for_coze() | variables
        yield address, variables, coze, known


async def _let_in(database_url: str, known: Mapping[int, str]) -> None:
    """Have people and groups let in already, so that only who is new has to wait for the operator."""
    store = Store(database_url)
    try:
        await migrate.upgrade(store)
        async with store.writing() as tx:
            for chat_id, name in known.items():
                await access.decide(tx, chat_id, Access.ALLOWED, name, audit.DASHBOARD)
    finally:
        await store.close()


def _for_coze() -> dict[str, str]:
    """Return what the environment holds for a real Coze: also tokens under names of the operator's."""
    return {
        name: value
        for name, value in environment().items()
        if not name.startswith("TELEGRAM_")
        and (name == "COZE_PROXY" or not name.lower().endswith("_proxy"))
    }


def _ways_in(coze: LocalCoze) -> str:
    """Return how other programs reach the local Coze."""
    return (
        "/agent has a chatflow and a project, too. For other programs:\n"
        f"  Coze     {coze.address} · token {COZE_TOKEN}\n"
        f"           OAuth app {CLIENT_ID} · key id {KEY_ID} · key in {coze.key_file}\n"
        f"           agent {DEFAULT_BOT_ID} · chatflow {FLOW_ID} of app {APP_ID}\n"
        f"  project  {coze.project} · token {PROJECT_TOKEN}"
    )


def _budgets(limits: str) -> Budgets:
    try:
        return read_budgets(limits)
    except ValueError as error:
        raise Trouble(
            "Starting the sandbox",
            f"--limits cannot be read: {error}",
            cure="Write it like 'private=1/1:3,group=20/60:5,overall=30/1,hold=8'.",
        ) from error


def _populate(emulator: TelegramEmulator) -> tuple[int, Mapping[int, str]]:
    """Make people, a group of them and a forum; returns who is the operator, and who uses the bot."""
    emulator.add_bot(_BOT_TOKEN)
    people = [emulator.add_person(name, username, language) for name, username, language in _PEOPLE]
    for one in people[:-1]:
        emulator.open_chat(one)
    group = emulator.add_group("Friends", people[:-1])
    forum = emulator.add_group("Workshop", people[:-1], forum=True, admins=people[1:2])
    for name in ("Ideas", "Tools"):
        emulator.add_topic(forum, name)
    theirs = {one.id: one.first_name for one in people[:-1]}
    return people[0].id, theirs | {group.id: group.title, forum.id: forum.title}


def _named(given: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {name: value for name, value in given.items() if name.startswith(prefix)}


def _taken(port: int, error: OSError) -> Trouble:
    why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
    return Trouble("Starting the sandbox", f"port {port} {why}", cure="Choose another with --port.")
