"""End tasks that another process goes on with."""

import asyncio
from collections.abc import Sequence

BREAK_OFF_SECONDS = 5.0
"""How long what is cancelled may take to end."""


async def break_off(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks, and wait until they have ended, but not for ever."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=BREAK_OFF_SECONDS)
