"""Drafts: text that Telegram shows while the bot writes, without making a message of it.

To the server a draft is a kind of typing: no id, no keyboard of ours, gone after half a minute or
with the next real message. So the last one is sent again while nothing happens, and the complete
text is a message. Private chats only, and not with every server: then the reply goes on by edits.
"""

import asyncio
import secrets
from contextlib import suppress

import structlog

from bridge.errors import TelegramUnreachable
from bridge.model import ChatKey
from bridge.telegram.api.client import BotClient
from bridge.telegram.api.errors import ChatClosed, ContentRejected, DraftsImpossible, FloodWait
from bridge.telegram.pace.budget import BudgetKind, Priority
from bridge.telegram.post import Rendered
from bridge.telegram.reply.features import Features
from bridge.telegram.reply.growth import Growth

log = structlog.get_logger(__name__)
AGAIN_SECONDS = 20.0
"""After this long without news the same draft is sent again: clients drop it after 30 s."""
MOST_FAILURES = 3


class Draft:
    """The draft of one reply."""

    def __init__(self, calls: BotClient, key: ChatKey, features: Features) -> None:
        self._calls = calls
        self._key = key
        self._features = features
        self._id = _new_id()
        self._shown: Rendered | None = None
        self._shown_at = float("-inf")
        self._failures = 0
        self.possible = True
        """Whether drafts work here."""

    def renew(self) -> None:
        """Begin a new draft: a real message took this one away."""
        self._id = _new_id()
        self._shown = None

    def due(self, now: float) -> float:
        """Return seconds until the draft must be shown again though nothing changed."""
        return max(0.0, self._shown_at + AGAIN_SECONDS - now)

    def wants(self, content: Rendered, now: float) -> bool:
        """Return whether showing this makes a difference now."""
        return content != self._shown or self.due(now) <= 0

    async def show(self, content: Rendered, now: float) -> bool:
        """Show a text, nothing at all as thinking; whether it is shown. No draft is repeated."""
        self._shown_at = now
        try:
            await self._calls.draft(self._key, self._id, content)
        except FloodWait:
            return False  # the chat wants silence; the next slot comes when that is over
        except DraftsImpossible as error:
            log.info("drafts not supported", chat=self._key.chat_id, why=str(error))
            if error.everywhere:
                self._features.switch_off("drafts")
            self.possible = False
        except (ContentRejected, TelegramUnreachable) as error:
            self._failures += 1
            self.possible = self._failures < MOST_FAILURES
            log.info("draft failed", chat=self._key.chat_id, error=str(error))
        else:
            self._failures = 0
            self._shown = content
            return True
        return False


def _new_id() -> int:
    """Return an id: the same one means that the text changed, another one another text; never 0."""
    return secrets.randbelow(2**31 - 1) + 1


async def grow_by_drafts(growth: Growth, draft: Draft) -> None:
    """Show states as drafts until the end is next, or it turns out that there are none here.

    Raises ReplyImpossible.
    """
    loop, newest, posts = asyncio.get_running_loop(), growth.newest, growth.posts
    newest.changed.set()  # even nothing is worth showing: it shows that the agent thinks
    while draft.possible and not growth.over:
        with suppress(TimeoutError):
            async with asyncio.timeout(draft.due(loop.time())):
                await newest.changed.wait()
        if growth.unfinished(full_only=True):  # a full post is a message already
            await growth.advance(Priority.INTERIM, full_only=True)
            draft.renew()
        slot = posts.slot(Priority.INTERIM, family=BudgetKind.ACTION, since=newest.unseen_since)
        async with slot as taken:
            since, wanted = newest.take(), growth.wanted()
            content = wanted[-1].content if wanted else Rendered()
            if growth.over or not draft.wants(content, loop.time()):
                taken.skip()
                continue
            async with posts.calling:
                await _show(growth, draft, content, since)


async def _show(growth: Growth, draft: Draft, content: Rendered, since: float | None) -> None:
    if growth.over:  # it would come behind the final message
        return
    try:
        if await draft.show(content, asyncio.get_running_loop().time()):
            growth.posts.seen(since, saying=growth.newest.says_something)
    except ChatClosed as error:
        log.info(
            "draft not shown, chat closed", chat=growth.posts.turn.chat.chat_id, why=str(error)
        )
        growth.posts.close()
