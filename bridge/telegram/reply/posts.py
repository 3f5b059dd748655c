"""The posts of one reply: what each of them shows, and the calls that bring them further."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import structlog
from telegram.constants import ChatAction

from bridge.errors import Happened, TelegramUnreachable
from bridge.model import Turn
from bridge.relay.protocols import ReplyImpossible, ReplyLater
from bridge.telegram.api.client import BotClient
from bridge.telegram.api.deliver import deliver, postponed
from bridge.telegram.api.errors import ChatClosed, ChatMoved, ContentRejected, FloodWait, PostGone
from bridge.telegram.pace.budget import BudgetKind, Priority
from bridge.telegram.pace.scheduler import Slot
from bridge.telegram.post import PostContent, Rendered
from bridge.telegram.reply.layout import Edit, Remove, Send, Step, next_step
from bridge.telegram.reply.reply_store import ReplyStore

log = structlog.get_logger(__name__)


KEPT_SECONDS = 7 * 86_400.0
"""How long an answer is kept for its person whose topic of a private chat is gone."""
UNKNOWN = PostContent(Rendered())
"""Stands for a post that is to stay as it is."""


class Posts:
    """One reply's posts in a chat. One call at a time: hold `calling` for it."""

    def __init__(self, calls: BotClient, turn: Turn, store: ReplyStore) -> None:
        self.calling = asyncio.Lock()
        self.turn = turn
        self.ids = list(turn.posts)
        self._closed = False
        """Whether nothing can be written into the chat."""
        self._lost = False
        """Whether somebody deleted a post, or the answer goes on elsewhere or later."""
        self._plainly = False
        """Whether nothing but the text is sent: all else was refused."""
        self._shown: list[PostContent | None] = [None] * len(turn.posts)
        self._calls = calls
        self._store = store
        self._read = bool(turn.posts)
        """Whether words of the agent stand there."""
        self._ended_at: float | None = None
        """When the last text came that does not stand yet; on the loop's clock."""

    @property
    def open(self) -> bool:
        """Whether something interim may be shown: nothing is lost, and the chat takes it."""
        return not self._closed and not self._lost

    @property
    def closed(self) -> bool:
        """Whether nothing can be written into the chat any more."""
        return self._closed

    def close(self) -> None:
        """Note that nothing can be written into the chat any more."""
        self._closed = True

    async def send_action(self, action: str = ChatAction.TYPING) -> None:
        """Show in the chat that something is under way."""
        await self._calls.send_action(self.turn.chat, action)

    def next(self, wanted: Sequence[PostContent], *, final: bool = False) -> Step | None:
        """Return the next call towards what is wanted."""
        return next_step(self._shown, wanted, final=final)

    def slot(
        self,
        priority: Priority,
        *,
        new: bool = False,
        family: BudgetKind = BudgetKind.MESSAGE,
        since: float | None = None,
    ) -> AbstractAsyncContextManager[Slot]:
        """Return the right to make one call in the chat, for a text that came then (loop's clock)."""
        return self._calls.pacer.slot(
            self.turn.chat.chat_id, priority, new=new, family=family, since=since
        )

    async def do(self, step: Step, slot: Slot, *, saying: bool) -> None:
        """Make one call and remember what it changed; its slot was taken before.

        `saying` says that it brings words of the agent. What was certainly not made does not count.

        Raises FloodWait, ContentRejected, TelegramUnreachable, StoreTrouble, ReplyLater and ReplyImpossible.
        """
        try:
            match step:
                case Edit(place, frame):
                    await self._calls.edit(self.turn.chat, self.ids[place], frame)
                    self._shown[place] = frame
                case Send(frame):
                    await self._stands(await self._send(frame), frame)
                case Remove():
                    await self._calls.delete(self.turn.chat, self.ids[-1])
                    self.ids.pop()
                    self._shown.pop()
                    await self._store.changed(self.ids)
        except TelegramUnreachable as trouble:
            if trouble.happened is Happened.NO:
                slot.skip()
            raise
        except PostGone as error:
            if isinstance(step, Send):
                raise ContentRejected(str(error)) from error
            await self._lose(step)
        except (ChatClosed, ChatMoved) as error:
            raise self._postponed(error) from error
        else:
            self._count_first(saying)

    def ending(self) -> None:
        """Note that the last text has come."""
        self._ended_at = asyncio.get_running_loop().time()

    def seen(self, since: float | None, *, saying: bool = False) -> None:
        """Note that an interim text stands, or is shown as a draft; its oldest part came then.

        `saying` says that a draft brings words of the agent: `do` counts those of posts.
        """
        self._count_first(saying)
        if since is not None:
            self._calls.metrics.interim(asyncio.get_running_loop().time() - since)

    def _count_first(self, saying: bool) -> None:
        if saying and not self._read:
            self._read = True
            self._calls.metrics.first_text(time.time() - self.turn.came_at)

    def _postponed(self, error: ChatClosed | ChatMoved) -> ReplyImpossible | ReplyLater:
        """Return what it means for the reply that nothing can be written: never, or not now."""
        here = self.turn.chat
        kept = here.private and time.time() - self.turn.came_at < KEPT_SECONDS
        means = postponed(error, kept=kept, nothing_stands=not self.ids)
        if isinstance(means, ReplyLater):
            self._lost = True  # nothing interim follows
        else:
            self._closed = True
        return means

    async def finish(self, wanted: Sequence[PostContent], *, saying: bool) -> None:
        """Make the calls until everything stands. Needs `calling`.

        Raises ContentRejected, StoreTrouble, ReplyImpossible, and ReplyLater when Telegram takes nothing
        for a long while.
        """
        while self.next(wanted, final=True):
            await deliver(
                self._calls.pacer,
                self.turn.chat.chat_id,
                lambda: self._advance(wanted, saying=saying),
            )
        if self._ended_at is not None:
            self._calls.metrics.final(asyncio.get_running_loop().time() - self._ended_at)
            self._ended_at = None

    async def _advance(self, wanted: Sequence[PostContent], *, saying: bool) -> None:
        """Make the next call towards the final posts, if one is needed."""
        step = self.next(wanted, final=True)
        if step is None:
            return
        async with self.slot(Priority.FINAL, new=isinstance(step, Send)) as slot:
            await self.do(step, slot, saying=saying)

    async def silence(self) -> None:
        """Wait a little while Telegram wants silence in the chat."""
        await asyncio.sleep(min(1.0, self._calls.pacer.silence(self.turn.chat.chat_id)))

    async def keep(self, count: int) -> None:
        """Leave so many posts as they are, but for their buttons: more stands below them."""
        await self._calls.edit_buttons(self.turn.chat, self.ids[-1], ())
        self._shown[:count] = [UNKNOWN] * count

    def plainly(self) -> None:
        """Send nothing but text from now on: all else was refused."""
        self._plainly = True

    async def _send(self, frame: PostContent) -> int:
        """Send a post. One whose sending got no answer is sent again: it is looked for afterwards."""
        place = len(self.ids)
        after = self.ids[-1] if self.ids else self.turn.parts[-1].message_id
        question = await self._store.sending(place, after)
        try:
            reply_to = self._reply_to(question)
            return await self._calls.send(self.turn.chat, frame, reply_to, **self._near())
        except TelegramUnreachable as trouble:
            if trouble.happened is Happened.NO:
                await self._store.not_sent(place)
            else:
                await self._store.unconfirmed(place, after)
            raise
        except (FloodWait, ContentRejected, PostGone, ChatClosed, ChatMoved):
            await self._store.not_sent(place)
            raise

    async def _stands(self, post: int, frame: PostContent) -> None:
        self.ids.append(post)
        self._shown.append(frame)
        if await self._store.sent(self.ids):
            self._calls.orphaned.set()

    async def _lose(self, step: Step) -> None:
        """Somebody deleted the post: nothing interim follows, the final text takes a new post."""
        self._lost = True
        if isinstance(step, Edit):
            del self.ids[step.place], self._shown[step.place]
            await self._store.changed(self.ids)

    def _near(self) -> dict[str, int]:
        """In a topic, a message of it, which a post may answer to get there."""
        if not self.turn.chat.thread_id or not self.turn.parts[-1].message_id:
            return {}
        return {"near": self.turn.parts[-1].message_id}

    def _reply_to(self, question: int | None) -> int | None:
        """Return which message the first post answers: in private `question`, if something stands between."""
        if self.ids or self._plainly:
            return None
        return question if self.turn.chat.private else self.turn.parts[-1].message_id or None
