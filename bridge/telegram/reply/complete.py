"""Show a complete text at once: it does not wait for what the agent may suggest after it."""

import asyncio

from bridge.telegram.pace.budget import Priority
from bridge.telegram.reply.growth import Growth

COMPLETE_SECONDS = 0.1
"""How long a text that is complete waits for the end of its run: then one call does for both."""


async def show_complete(growth: Growth) -> None:
    """Show complete texts as they come, until the end is next. Raises ReplyImpossible."""
    newest = growth.newest
    while not growth.over:
        await newest.complete.wait()
        await asyncio.sleep(COMPLETE_SECONDS)
        while newest.state.whole and not growth.over and growth.unfinished():
            if not await growth.advance(Priority.FINAL):
                break
        if not growth.over:
            newest.complete.clear()
