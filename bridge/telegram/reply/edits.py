"""Grow a reply by edits: a first post soon, then what is new whenever the chat takes it."""

import asyncio

from telegram.constants import ChatAction

from bridge.telegram.pace.budget import Priority
from bridge.telegram.post import units
from bridge.telegram.reply.growth import TYPING_SECONDS, Growth

ENOUGH_UNITS = 24
"""Text worth a first post at once; with less, a little more is awaited."""
FIRST_TEXT_SECONDS = 0.15
STATUS_SECONDS = 1.0
"""How long the agent must do something else than write before the reply says so."""


async def something_to_see(growth: Growth) -> None:
    """Wait for the first text, or for something else that the agent does for a while."""
    loop, newest = asyncio.get_running_loop(), growth.newest
    busy_since: float | None = None
    while not newest.state.answers and not growth.over:
        left = None
        if newest.state.status:
            busy_since = busy_since or loop.time()
            left = busy_since + STATUS_SECONDS - loop.time()
            if left <= 0:
                break
        await newest.until_changed(left)
    newest.changed.set()


async def grow_by_edits(growth: Growth) -> None:
    """Show states as they come, until the end is next. Raises ReplyImpossible."""
    while not growth.over:
        await growth.newest.changed.wait()
        if not growth.posts.ids:
            await _enough(growth)
        await growth.advance(Priority.INTERIM if growth.posts.ids else Priority.FIRST)


async def _enough(growth: Growth) -> None:
    """Wait until there is enough to read, or a little and nothing more for a moment."""
    loop, newest = asyncio.get_running_loop(), growth.newest
    latest = loop.time() + FIRST_TEXT_SECONDS
    while (
        newest.state.answers
        and not growth.over
        and not newest.state.whole
        and units(newest.state.text) < ENOUGH_UNITS
        and loop.time() < latest
    ):
        await newest.until_changed(latest - loop.time())


async def show_uploads(growth: Growth) -> None:
    """Show that files are on their way to the agent, for as long as they are."""
    while not growth.over and not growth.newest.state.answers:
        if growth.newest.state.status == "status.files":
            await growth.posts.send_action(ChatAction.UPLOAD_DOCUMENT)
        await asyncio.sleep(TYPING_SECONDS)
