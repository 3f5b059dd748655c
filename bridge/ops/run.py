"""`bridge run`: the bot, until a signal or a trouble that it cannot outlive."""

import asyncio
import signal

import structlog

from bridge.app import running
from bridge.settings import Settings

log = structlog.get_logger(__name__)


async def run(settings: Settings) -> None:
    """Run the bridge until SIGINT or SIGTERM.

    Raises the Trouble that ends it: a revoked token, or another program that takes the updates.
    """
    stop = stop_signal()
    async with running(settings) as app:
        stopping = asyncio.create_task(stop.wait(), name="signal")
        await asyncio.wait({stopping, app.intake}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if app.intake.done():
            app.intake.result()
        log.info("stopping", seconds=settings.bridge_grace_seconds)
    log.info("stopped")


def stop_signal() -> asyncio.Event:
    """An event that SIGINT or SIGTERM sets; a second SIGINT ends the process at once."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def heard(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)
        signal.signal(
            number, signal.default_int_handler if number is signal.SIGINT else signal.SIG_IGN
        )

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, heard, number)
    return stop
