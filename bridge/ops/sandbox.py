"""`bridge sandbox`: a local Telegram with a web page, a local Coze, and the very same bridge."""

import errno
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import typer
from starlette.applications import Starlette
from starlette.routing import Mount

from bridge.errors import Trouble
from bridge.ops.run import until_signal
from bridge.sandbox import page
from bridge.sandbox.coze import DEFAULT_BOT_ID, CozeEmulator
from bridge.sandbox.journal import Journal
from bridge.sandbox.telegram import Budgets, TelegramEmulator, read_budgets
from bridge.serving import serving
from bridge.settings.environment import environment, settings_from

_BOT_TOKEN = "42:SANDBOX"
_COZE_TOKEN = "pat_sandbox"
_PEOPLE = (("Ann", "ann", "en"), ("Bo", "bo", "en"), ("小雨", "xiaoyu", "zh-hans"))


async def sandbox(
    port: int, *, real_coze: bool = False, real_telegram: bool = False, limits: str = ""
) -> None:
    """Run the sandbox until SIGINT or SIGTERM. Raises Trouble when it cannot start.

    `limits` are those of the local Telegram, as `--limits` takes them.
    """
    async with AsyncExitStack() as stack:
        address, variables = await stack.enter_async_context(
            neighbours(port, real_coze=real_coze, real_telegram=real_telegram, limits=limits)
        )
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bridge-sandbox-"))
        variables["DATABASE_URL"] = f"sqlite+aiosqlite:///{Path(folder) / 'sandbox.db'}"

        def ready() -> None:
            typer.echo(f"The sandbox is ready: {address}")
            typer.echo("Open it in a browser, write to the bot, and watch. Ctrl-C ends it.")

        await until_signal(settings_from(variables), ready)


@asynccontextmanager
async def neighbours(
    port: int, *, real_coze: bool, real_telegram: bool, limits: str = ""
) -> AsyncIterator[tuple[str, dict[str, str]]]:
    """Give the page's address, and the variables by which the bridge finds both neighbours.

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
        variables = {"BRIDGE_GRACE_SECONDS": "1", **_real("BRIDGE_")}
        if not real_telegram:
            operator = _populate(emulator)
            variables = {"BRIDGE_ACCESS": "open"} | variables
            if "BRIDGE_OPERATORS" not in os.environ:  # an empty one is a wish, too
                variables.setdefault("BRIDGE_OPERATORS", str(operator))
            variables |= {"TELEGRAM_BOT_TOKEN": _BOT_TOKEN, "TELEGRAM_API_BASE_URL": address}
        else:
            variables |= _real("TELEGRAM_")
        if not real_coze:
            variables |= await stack.enter_async_context(_local_coze(journal))
        else:
            variables |= _real("COZE_")
        yield address, variables


@asynccontextmanager
async def _local_coze(journal: Journal) -> AsyncIterator[dict[str, str]]:
    emulator = CozeEmulator(journal=journal)
    emulator.add_agent()
    emulator.add_token(_COZE_TOKEN)
    async with serving(emulator.app, only_local=True) as address:
        try:
            yield {
                "COZE_API_BASE": address,
                "COZE_API_TOKEN": _COZE_TOKEN,
                "COZE_BOT_ID": DEFAULT_BOT_ID,
                "BRIDGE_PICTURE_HOSTS": address.removeprefix("http://"),
            }
        finally:
            await emulator.close()


def _budgets(limits: str) -> Budgets:
    try:
        return read_budgets(limits)
    except ValueError as error:
        raise Trouble(
            "Starting the sandbox",
            f"--limits cannot be read: {error}",
            cure="Write it like 'private=1/1:3,group=20/60:5,overall=30/1,hold=8'.",
        ) from error


def _populate(emulator: TelegramEmulator) -> int:
    """People, a group of them and a forum; returns the id of who is the operator."""
    emulator.add_bot(_BOT_TOKEN)
    people = [emulator.add_person(name, username, language) for name, username, language in _PEOPLE]
    emulator.add_group("Friends", people)
    forum = emulator.add_group("Workshop", people, forum=True, admins=people[1:2])
    for name in ("Ideas", "Tools"):
        emulator.add_topic(forum, name)
    return people[0].id


def _real(prefix: str) -> dict[str, str]:
    return {name: value for name, value in environment().items() if name.startswith(prefix)}


def _taken(port: int, error: OSError) -> Trouble:
    why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
    return Trouble("Starting the sandbox", f"port {port} {why}", cure="Choose another with --port.")
