"""Find a message of ours whose sending got no answer, by an edit that it takes."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from bridge.model import ChatKey
from bridge.store import outbox
from bridge.telegram.api.client import BotClient
from bridge.telegram.api.errors import ContentRejected, FloodWait, PostGone
from bridge.telegram.api.unconfirmed import (
    GIVEN_UP,
    MOST_LOOKS,
    Search,
    UnconfirmedSend,
    alone,
    candidates,
)
from bridge.telegram.pace.budget import Priority
from bridge.telegram.post import PostContent


async def find(
    calls: BotClient,
    key: ChatKey,
    frame: PostContent,
    after: int,
    doubt: UnconfirmedSend,
    priority: Priority,
) -> Search:
    """Show a frame in the message that is in doubt, if it stands.

    Raises ChatClosed, FloodWait, TelegramUnreachable and StoreTrouble.
    """
    return await look(calls, key, lambda post: calls.edit(key, post, frame), after, doubt, priority)


async def look(
    calls: BotClient,
    key: ChatKey,
    show: Callable[[int], Awaitable[None]],
    after: int,
    doubt: UnconfirmedSend,
    priority: Priority,
) -> Search:
    """Return the message that is in doubt, if it stands: the first that takes what is to be shown.

    Raises ChatClosed, FloodWait, TelegramUnreachable and StoreTrouble.
    """
    looked: list[int] = []
    while True:
        if calls.pacer.silence(key.chat_id):
            raise FloodWait
        async with calls.pacer.slot(key.chat_id, priority) as slot:
            # What others have begun meanwhile is seen only now.
            async with calls.store.reading() as tx:
                known = await outbox.known(tx, key.chat_id)
            left = [one for one in candidates(after, doubt, known) if one not in looked]
            if not left or len(looked) == MOST_LOOKS or not alone(doubt, known):
                slot.skip()
                if left and not alone(doubt, known):
                    return GIVEN_UP
                return Search(None, max(looked, default=after))
            looked.append(left[0])
            with suppress(PostGone, ContentRejected):
                await show(left[0])
                return Search(left[0], left[0])
