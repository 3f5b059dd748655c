"""The posts of one reply: what each of them shows, and the calls that bring them further."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

import structlog

from bridge.errors import Happened, TelegramUnreachable
from bridge.model import Turn
from bridge.relay.protocols import ReplyImpossible, ReplyLater
from bridge.telegram.api.budget import Priority
from bridge.telegram.api.client import BotClient
from bridge.telegram.api.deliver import deliver, postponed
from bridge.telegram.api.errors import ChatClosed, ChatMoved, ContentRejected, FloodWait, PostGone
from bridge.telegram.api.scheduler import Family, Slot
from bridge.telegram.api.unconfirmed import Search, UnconfirmedSend
from bridge.telegram.post import PostContent
from bridge.telegram.reply.layout import Edit, Remove, Send, Step, next_step
from bridge.telegram.reply.outbox import ReplyOutbox

log = structlog.get_logger(__name__)


class Posts:
    """One reply's posts in a chat. One call at a time: hold `calling` for it."""

    def __init__(self, calls: BotClient, turn: Turn, ledger: ReplyOutbox) -> None:
        self.calling = asyncio.Lock()
        self.closed = False
        """Whether nothing can be written into the chat."""
        self.lost = False
        """Whether somebody deleted a post."""
        self.plainly = False
        """Whether nothing but the text is sent: all else was refused."""
        self.copied = False
        """Whether a copy of the first post may stand above it."""
        self.unseen_since: float | None = None
        """When the oldest text came that nobody has seen; on the loop's clock."""
        self.saying = False
        """Whether the newest state holds words of the agent."""
        self.ids = list(turn.posts)
        self.shown: list[PostContent | None] = [None] * len(turn.posts)
        self._calls = calls
        self._turn = turn
        self._ledger = ledger
        self._doubt: UnconfirmedSend | None = None
        """The next post, when its sending was begun and got no answer."""
        self._read = bool(turn.posts)
        """Whether words of the agent stand there."""
        self._ended_at: float | None = None
        """When the last text came that does not stand yet; on the loop's clock."""
        self._vain: Search | None = None
        """A search for it that found nothing."""

    def next(self, wanted: Sequence[PostContent], *, final: bool = False) -> Step | None:
        """The next call towards what is wanted."""
        return next_step(self.shown, wanted, final=final)

    def slot(
        self, priority: Priority, *, new: bool = False, family: Family = Family.MESSAGE
    ) -> AbstractAsyncContextManager[Slot]:
        """The right to make one call in the chat."""
        return self._calls.pacer.slot(
            self._turn.chat.chat_id, priority, new=new, family=family, since=self.unseen_since
        )

    async def do(self, step: Step) -> None:
        """Make one call and remember what it changed; its slot was taken before.

        Raises Dropped, Refused, TelegramUnreachable, StoreTrouble, ReplyLater and ReplyImpossible.
        """
        saying = self.saying
        try:
            match step:
                case Edit(place, frame):
                    await self._calls.edit(self._turn.chat, self.ids[place], frame)
                    self.shown[place] = frame
                case Send(frame):
                    await self._stands(await self._send(frame), frame)
                case Remove():
                    await self._calls.delete(self._turn.chat, self.ids[-1])
                    self.ids.pop()
                    self.shown.pop()
                    await self._ledger.changed(self.ids)
        except PostGone as error:
            if isinstance(step, Send):
                raise ContentRejected(str(error)) from error
            await self._lose(step)
        except (ChatClosed, ChatMoved) as error:
            raise self._postponed(error) from error
        else:
            self._count_first(saying)

    def ending(self, *, saying: bool) -> None:
        """The last text has come; `saying` when it holds words of the agent."""
        self.saying = saying
        self._ended_at = asyncio.get_running_loop().time()

    def seen(self, since: float | None, *, draft: bool = False) -> None:
        """An interim text stands, or is shown as a draft; its oldest part came then."""
        if draft:
            self._count_first(self.saying)
        if since is not None:
            self._calls.metrics.interim(asyncio.get_running_loop().time() - since)

    def _count_first(self, saying: bool) -> None:
        if saying and not self._read:
            self._read = True
            self._calls.metrics.first_text(time.time() - self._turn.came_at)

    def _postponed(self, error: ChatClosed | ChatMoved) -> ReplyImpossible | ReplyLater:
        """What it means for the reply that nothing can be written: never, or not now."""
        means = postponed(error, nothing_stands=not self.ids)
        if isinstance(means, ReplyLater):
            self.lost = True  # nothing interim follows
        else:
            self.closed = True
        return means

    async def insist(self, wanted: Sequence[PostContent]) -> None:
        """Make the calls until everything stands. Needs `calling`.

        Raises Refused, StoreTrouble, ReplyImpossible, and ReplyLater when Telegram takes nothing
        for a long while.
        """
        while self.next(wanted, final=True):
            await deliver(self._calls.pacer, self._turn.chat.chat_id, lambda: self._advance(wanted))
        if self._ended_at is not None:
            self._calls.metrics.final(asyncio.get_running_loop().time() - self._ended_at)
            self._ended_at = None

    async def _advance(self, wanted: Sequence[PostContent]) -> None:
        """Make the next call towards the final posts, if one is needed."""
        step = self.next(wanted, final=True)
        if step is None or (
            isinstance(step, Send) and await self.found(step.frame, Priority.FINAL)
        ):
            return
        async with self.slot(Priority.FINAL, new=isinstance(step, Send)):
            await self.do(step)

    async def silence(self) -> None:
        """Wait a little while Telegram wants silence in the chat."""
        await asyncio.sleep(min(1.0, self._calls.pacer.silence(self._turn.chat.chat_id)))

    async def doubted(self) -> bool:
        """Whether a post was begun of which nobody knows whether it stands; not too early to look."""
        if self._doubt is None:
            return False
        await asyncio.sleep(self._doubt.wait(time.time()))
        return self._doubt is not None

    async def found(
        self, frame: PostContent, priority: Priority, over: Callable[[], bool] = lambda: False
    ) -> bool:
        """Put the frame into the post that was begun before, if it stands. Needs `calling`.

        Ends early when it is `over`. Raises Dropped, TelegramUnreachable, StoreTrouble and
        ReplyImpossible.
        """
        if not await self.doubted() or self._doubt is None:
            return False
        after = self.ids[-1] if self.ids else self._turn.parts[-1].message_id
        try:
            found = await self._calls.find(
                self._turn.chat, frame, after, self._doubt, priority, over
            )
        except (ChatClosed, ChatMoved) as error:
            raise self._postponed(error) from error
        if found is None:
            return False
        self._doubt = None
        log.info("looked for a post", turn=self._turn.id, found=found.post is not None)
        if found.post is None:
            self._vain = found
            return False
        await self._stands(found.post, frame)
        self._count_first(self.saying)
        return True

    async def keep(self) -> None:
        """Take the buttons away from the posts: more stands below them."""
        if self.ids:
            await self._calls.edit_buttons(self._turn.chat, self.ids[-1], ())

    async def _send(self, frame: PostContent) -> int:
        """Send a post; one whose sending is in doubt is looked for first: it is Dropped."""
        place, begun = len(self.ids), time.time()
        if self._doubt is not None:
            raise FloodWait
        earlier = await self._ledger.sending(place, anew=self._vain is not None)
        if earlier is not None:
            self._doubt = UnconfirmedSend(self._ledger.cause(place), earlier.since, earlier.since)
            raise FloodWait
        try:
            return await self._calls.send(self._turn.chat, frame, self._reply_to(), **self._near())
        except TelegramUnreachable as trouble:
            if trouble.happened is Happened.NO:
                await self._ledger.not_sent(place)
            else:
                self._doubt = UnconfirmedSend(self._ledger.cause(place), begun, time.time())
            raise
        except (FloodWait, ContentRejected, PostGone, ChatClosed, ChatMoved):
            await self._ledger.not_sent(place)
            raise

    async def _stands(self, post: int, frame: PostContent) -> None:
        vain, self._vain = self._vain, None
        if vain is not None and vain.copied_by(post):
            self.copied = self.copied or not self.ids
            await self._ledger.lost(len(self.ids))
        self.ids.append(post)
        self.shown.append(frame)
        await self._ledger.sent(self.ids)

    async def _lose(self, step: Step) -> None:
        """Somebody deleted the post: nothing interim follows, the final text takes a new post."""
        self.lost = True
        if isinstance(step, Edit):
            del self.ids[step.place], self.shown[step.place]
            await self._ledger.changed(self.ids)

    def _near(self) -> dict[str, int]:
        """In a topic, a message of it, which a post may answer to get there."""
        if not self._turn.chat.thread_id or not self._turn.parts[-1].message_id:
            return {}
        return {"near": self._turn.parts[-1].message_id}

    def _reply_to(self) -> int | None:
        """In a group the first post answers a message; in a private chat that says nothing."""
        if self._turn.chat.private or self.ids or self.plainly:
            return None
        return self._turn.parts[-1].message_id
