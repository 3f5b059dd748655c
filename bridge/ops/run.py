"""`bridge run`: the bot, until a signal or a trouble that it cannot outlive."""

import asyncio
import gc
import os
import signal
from collections.abc import Callable
from contextlib import suppress

import structlog

from bridge.app import running
from bridge.ops.http import health_page
from bridge.settings import Settings

log = structlog.get_logger(__name__)


async def run(settings: Settings) -> None:
    """Run the bridge until SIGINT or SIGTERM.

    Raises the Trouble that ends it: a revoked token, or another program that takes the updates.
    """
    await until_signal(settings, lambda: None)
    log.info("stopped")


async def until_signal(settings: Settings, ready: Callable[[], None]) -> None:
    """Run the bridge until a signal; `ready` is called once it has started.

    A signal that comes before that ends the start. Raises the Trouble that ends the bridge.
    """
    stop = _stop_signal()
    started = asyncio.Event()

    async def serve() -> None:
        async with running(settings) as app:
            started.set()
            _settle_memory()
            ready()
            stopping = asyncio.create_task(stop.wait(), name="signal")
            async with health_page(app, settings.bridge_health_port):
                await asyncio.wait({stopping, app.taking}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if app.taking.done():
                app.taking.result()
            log.info("stopping", seconds=settings.bridge_grace_seconds)

    serving = asyncio.create_task(serve(), name="bridge")
    asked = asyncio.create_task(stop.wait(), name="signal at start")
    await asyncio.wait({serving, asked}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if not started.is_set() and not serving.done():
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
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
    """An event that SIGINT or SIGTERM sets.

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
