"""Grow a reply by one call at a time: what edits, drafts and complete texts have in common."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress

import structlog

from bridge.errors import TelegramUnreachable
from bridge.relay.protocols import ReplyLater
from bridge.telegram.api.errors import ContentRejected, FloodWait
from bridge.telegram.pace.budget import Priority
from bridge.telegram.post import PostContent
from bridge.telegram.reply.newest import NewestState
from bridge.telegram.reply.posts import Posts

log = structlog.get_logger(__name__)
TYPING_SECONDS = 4.5
FIRST_PAUSE, MOST_PAUSE = 0.1, 8.0
"""Seconds before the next try while Telegram cannot be reached: doubled each time."""


class Growth:
    """Brings what stands closer to the newest state, while nothing final is shown."""

    def __init__(
        self,
        posts: Posts,
        newest: NewestState,
        wanted: Callable[[], Sequence[PostContent]],
    ) -> None:
        """`wanted` gives the posts that should stand now."""
        self.posts = posts
        self.newest = newest
        self._wanted = wanted
        self._failures = 0

    @property
    def over(self) -> bool:
        """Whether nothing interim follows."""
        return self.newest.frozen or not self.posts.open

    def wanted(self, *, full_only: bool = False) -> Sequence[PostContent]:
        """Return what should stand there now; with `full_only`, just the posts that cannot grow."""
        posts = self._wanted()
        return posts[:-1] if full_only else posts

    def unfinished(self, *, full_only: bool = False) -> bool:
        """Return whether a call is missing."""
        return self.posts.next(self.wanted(full_only=full_only)) is not None

    async def type(self) -> None:
        """Show that something is being written, until it is over."""
        while not self.over:
            await self.posts.send_action()
            await asyncio.sleep(TYPING_SECONDS)

    async def advance(self, priority: Priority, *, full_only: bool = False) -> bool:
        """Make one call when its slot comes, for the newest state that there is then.

        Returns whether a call was made and something new stands. Raises ReplyImpossible and
        StoreTrouble.
        """
        posts, newest = self.posts, self.newest
        since = newest.unseen_since
        try:
            async with AsyncExitStack() as stack:
                new = full_only or not posts.ids
                slot = posts.slot(priority, new=new, since=since)
                taken = await stack.enter_async_context(slot)
                if not self.over:  # else who holds the lock may be waiting for a slot
                    await stack.enter_async_context(posts.calling)
                if self.over:  # the final state is next
                    taken.skip()
                    return False
                since = newest.take()
                wanted = self.wanted(full_only=full_only)
                step = posts.next(wanted)
                if step is None:
                    taken.skip()
                    return False
                await posts.do(step, taken, saying=newest.says_something)
                self._failures = 0
                posts.seen(since)
                if posts.next(wanted) is not None:
                    newest.give_back(since)
                return True
        except FloodWait:
            newest.give_back(since)
            await posts.silence()
        except ContentRejected:
            pass  # it was logged; the next state has other content
        except ReplyLater:
            return False  # the group moves; the answer goes on there
        except TelegramUnreachable as trouble:
            log.info("interim text dropped", turn=posts.turn.id, trouble=str(trouble))
            newest.give_back(since)
            await self._pause()
        await asyncio.sleep(0)
        return False

    async def _pause(self) -> None:
        """Wait before the next try, the longer the more failed; the end is not kept waiting."""
        self._failures += 1
        with suppress(TimeoutError):
            async with asyncio.timeout(min(MOST_PAUSE, FIRST_PAUSE * 2**self._failures)):
                await self.newest.ended.wait()
