"""`bridge run`: the bot, until a signal or a trouble that it cannot outlive."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import structlog
import typer

from bridge.app import running
from bridge.errors import SettingsTrouble, Trouble
from bridge.ops.dashboard import DEFAULT_PORT, dashboard, link
from bridge.ops.dashboard.auth import new_token
from bridge.ops.http import look_at_ports, pages
from bridge.ops.logs import set_up
from bridge.ops.public_files import public_files
from bridge.ops.systemd import Systemd
from bridge.redaction import redacted
from bridge.settings import Settings
from bridge.telegram.commands.context import ProcessControls

log = structlog.get_logger(__name__)
RELOAD_SECONDS = 1.0
"""What an operator reads goes out before the bridge starts anew."""
START_SECONDS = 60.0
"""How long a start after a reload may take; the first one waits for a network as long as it must."""

Reread = Callable[[], Settings]
"""Reads the settings again. Raises SettingsTrouble."""


async def run(settings: Settings, reread: Reread | None = None) -> None:
    """Run the bridge until SIGINT or SIGTERM.

    Raises the Trouble that ends it: a revoked token, or another program that takes the updates.
    """
    await until_signal(settings, lambda: None, reread)
    log.info("stopped")


def with_dashboard(settings: Settings) -> Settings:
    """Return the settings with a port for the dashboard, if they name none."""
    port = settings.bridge_dashboard_port or DEFAULT_PORT
    return settings.model_copy(update={"bridge_dashboard_port": port})


class Restarts:
    """What an operator wants of the process: another log level, or another start."""

    def __init__(self, settings: Settings, reread: Reread | None) -> None:
        self.settings = settings
        self.again = asyncio.Event()
        self._reread = reread
        self._made = new_token()
        self._told: set[str] = set()
        """The dashboard's addresses that were printed."""
        self._before: Settings | None = None
        """With what the bridge ran before a reload, until it runs with the new settings."""
        self._stands = asyncio.Event()
        self._failure = ""
        """Why the last reload was taken back."""

    @property
    def controls(self) -> ProcessControls:
        """By which the bridge tells it."""
        if self._reread is None:
            return ProcessControls(self._set_level)
        return ProcessControls(self._set_level, self._reload, self._outcome)

    @property
    def seconds(self) -> float | None:
        """How long the start may take; None where there is nothing to go back to."""
        return None if self._before is None else START_SECONDS

    @property
    def token(self) -> str:
        """What opens the dashboard: the setting's, or one of this process."""
        own = self.settings.bridge_dashboard_token
        return own.get_secret_value() if own else self._made

    def tell(self, address: str | None) -> None:
        """Print where the dashboard is, once. It is the only place where its token is told.

        One that the settings name is known already; where nobody but a log reads, it stays out, as
        it does of a log for machines.
        """
        if address is None or address in self._told:
            return
        self._told.add(address)
        if self.settings.bridge_log_format == "json":
            named = self.settings.bridge_dashboard_token is not None
            cure = (
                {} if named else {"cure": "Set BRIDGE_DASHBOARD_TOKEN; no log tells one made here."}
            )
            log.info("dashboard", address=address, **cure)
            return
        known = self.settings.bridge_dashboard_token is not None and not sys.stdout.isatty()
        typer.echo(f"The dashboard: {address if known else link(address, self.token)}")

    def _set_level(self, level: str) -> None:
        set_up(level, self.settings.bridge_log_format)

    def _reload(self) -> Sequence[str]:
        try:
            fresh = self._reread() if self._reread else self.settings
        except SettingsTrouble as trouble:
            return trouble.faults
        self._before, self.settings = self._before or self.settings, fresh
        asyncio.get_running_loop().call_later(RELOAD_SECONDS, self.again.set)
        return ()

    def begins(self) -> None:
        """Note that the bridge is about to start."""
        self.again.clear()
        self._stands.clear()

    def stands(self) -> None:
        """Note that it has started, with all that the settings want."""
        self._before = None
        self._stands.set()

    def takes_back(self, error: Exception) -> bool:
        """Take back a reload with which it did not start; False when there was none."""
        if self._before is None:
            return False
        self.settings, self._before = self._before, None
        self._failure = redacted(str(error) if isinstance(error, Trouble) else repr(error))
        log.error("restart failed, going back", trouble=self._failure)
        return True

    async def _outcome(self) -> str:
        await self._stands.wait()
        failure, self._failure = self._failure, ""
        return failure


async def until_signal(
    settings: Settings, ready: Callable[[], None], reread: Reread | None = None
) -> None:
    """Run the bridge until a signal; `ready` is called once it has started.

    A signal that comes before that ends the start. When an operator wishes so, it starts anew with
    the settings read again; when that fails, with those from before. Raises the Trouble that ends
    the bridge.
    """
    stop = _stop_signal()
    wishes = Restarts(settings, reread)
    while True:
        wishes.begins()
        try:
            await _once(wishes, stop, ready)
        except Exception as error:
            if stop.is_set() or not wishes.takes_back(error):
                raise
        else:
            if stop.is_set() or not wishes.again.is_set():
                return
        set_up(wishes.settings.bridge_log_level, wishes.settings.bridge_log_format)
        log.info("restarting")


async def _once(wishes: Restarts, stop: asyncio.Event, ready: Callable[[], None]) -> None:
    started, settings, systemd = asyncio.Event(), wishes.settings, Systemd(os.environ)

    async def serve() -> None:
        look_at_ports(settings)
        async with running(settings, wishes.controls) as app:
            started.set()
            _settle_memory()
            ready()
            awaited: set[asyncio.Task[Any]] = {
                asyncio.create_task(stop.wait(), name="signal"),
                asyncio.create_task(wishes.again.wait(), name="reload"),
            }
            async with (
                pages(app, settings),
                public_files(app, settings),
                dashboard(app, settings, wishes.token) as address,
            ):
                wishes.tell(address)
                wishes.stands()
                async with systemd.told(lambda: not app.health.faults()):
                    await asyncio.wait(
                        {*awaited, app.polling_task}, return_when=asyncio.FIRST_COMPLETED
                    )
            for task in awaited:
                task.cancel()
            if app.polling_task.done():
                app.polling_task.result()
            log.info("stopping", seconds=settings.bridge_grace_seconds)

    serving = asyncio.create_task(serve(), name="bridge")
    asked = asyncio.create_task(stop.wait(), name="signal at start")
    first = asyncio.FIRST_COMPLETED
    await asyncio.wait({serving, asked}, timeout=wishes.seconds, return_when=first)
    asked.cancel()
    if not started.is_set() and not serving.done():
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
        if not stop.is_set():
            what = f"it took more than {START_SECONDS:.0f} s"
            cure = "Check the network, TELEGRAM_API_BASE_URL and TELEGRAM_PROXY."
            raise Trouble("Starting with the new settings", what, cure=cure)
        return
    await serving


def _settle_memory() -> None:
    """Take what is there for good out of the garbage collector's sight, and let it look more often.

    By itself it looks for old garbage once there may be a hundred thousand objects of it, since a
    look at all that the libraries have loaded takes long: ten megabytes would pile up in between.
    """
    gc.collect()
    gc.freeze()
    gc.collect()  # it counts what is left to see
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, 1)


def _stop_signal() -> asyncio.Event:
    """Return an event that SIGINT or SIGTERM sets.

    A second SIGINT ends the process at once, which is safe: what happened is in the database.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def heard(number: signal.Signals) -> None:
        if stop.is_set() and number is signal.SIGINT:
            os._exit(130)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, heard, number)
    return stop
