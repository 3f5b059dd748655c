"""Short messages of ours, such as answers to commands: written down first, sent one after another.

Whoever causes one does not wait until it is sent: Telegram lets few messages a minute into a group,
and an update is settled when its answer is written down. One person's come in order; what others
caused in the same chat takes turns with them.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.errors import Happened, LeaseLost, StoreTrouble, TelegramUnreachable
from bridge.model import ChatKey
from bridge.relay.protocols import ReplyLater
from bridge.sharing.coordinator import Bell
from bridge.store import outbox
from bridge.store.engine import Store
from bridge.store.outbox import Notice
from bridge.telegram.api.cancelling import break_off
from bridge.telegram.api.client import BotClient
from bridge.telegram.api.deliver import Patience, deliver, pauses
from bridge.telegram.api.errors import ChatClosed, ChatMoved, ContentRejected, PostGone
from bridge.telegram.api.search import find
from bridge.telegram.api.unconfirmed import Search, UnconfirmedSend
from bridge.telegram.pace.budget import Priority
from bridge.telegram.post import Button, Cause, Entity, Keyboard, PostContent, Rendered

log = structlog.get_logger(__name__)
_Act = Callable[[], Awaitable[object]]


class NoticeQueue:
    """Sends what is written down, and makes small changes of what stands, each in its turn."""

    def __init__(self, calls: BotClient) -> None:
        """A chat's notices are sent by the process that works for it, whoever wrote them down."""
        self.sharing = calls.sharing
        self._lined_up: dict[str, int] = {}
        """The causes of notices that wait here, and their chats."""
        self._bot_id = calls.bot.id
        self.calls = calls
        self._store = calls.store
        self._waiting: dict[tuple[int, Hashable], deque[_Act]] = {}
        """What is to be done, by the lines in which one goes after another."""
        self._tasks: dict[asyncio.Task[None], int] = {}
        """What works off a line, and for which chat."""
        self._closing = False
        self._droppable: set[asyncio.Task[None]] = set()
        """Those of `_tasks` that nobody waits for at the end."""
        self._sending = WeakValueDictionary[int, asyncio.Lock]()

    async def recall(self) -> None:
        """Send what another process wrote down and did not send. Raises StoreTrouble."""
        before = {*self._lined_up}  # one that is sent meanwhile is read as if it were not
        async with self._store.reading() as tx:
            left = await outbox.notices(tx)
        for notice in left:
            ours = notice.cause.startswith(f"bot {self._bot_id} ")
            here = notice.cause in before or notice.cause in self._lined_up
            if ours and not here and self.sharing.owns(notice.chat.chat_id):
                self._line_up(notice)

    def chats(self) -> set[int]:
        """Return the ids of chats for which something is being done."""
        return {*self._tasks.values()}

    async def drop_chats(self, dropped: Callable[[int], bool]) -> None:
        """Break off what is done for chats that are `dropped`; it stays in the store."""
        tasks = [task for task, chat_id in self._tasks.items() if dropped(chat_id)]
        for line in [line for line in self._waiting if dropped(line[0])]:
            del self._waiting[line]  # a task that has not even begun clears nothing away
        await break_off(tasks)
        self._lined_up = {
            cause: chat_id for cause, chat_id in self._lined_up.items() if not dropped(chat_id)
        }

    async def send(
        self,
        key: ChatKey,
        frame: PostContent,
        cause: Cause,
        priority: Priority = Priority.COMMAND,
        then: Callable[[], object] = lambda: None,
        along: Callable[[AsyncConnection], Awaitable[object]] | None = None,
    ) -> None:
        """Have a message sent on account of a cause: once, also when this is said again.

        `then` is called when it stands there, or never will; `along` is written down with it, once,
        too. Raises StoreTrouble.
        """
        name = self.name_of(cause)
        content = _dump(frame)
        notice = Notice(
            cause=name,
            chat=key,
            near_id=cause.message_id,
            asker_id=cause.asker_id,
            priority=priority,
            content=content,
        )
        known = name in self._lined_up  # a recall reads it as soon as it is written
        self._lined_up[name] = key.chat_id
        fresh = False
        try:
            async with self._store.writing(of=()) as tx:
                fresh = await outbox.put(tx, notice)
                if fresh and along is not None:
                    await along(tx)
                if fresh and not self.sharing.owns(key.chat_id):
                    await self.sharing.ring(tx, Bell.NOTICE, key.chat_id)
        finally:
            ours = fresh and self.sharing.owns(key.chat_id)
            if not ours and not known:
                self._lined_up.pop(name, None)
        if ours:
            self._line_up(notice, then)
        else:
            then()

    def name_of(self, cause: Cause) -> str:
        """Return the name in the outbox of what is sent on account of a cause."""
        return f"bot {self._bot_id} {cause.name}"

    def edit(self, key: ChatKey, post: int, frame: PostContent, asker_id: int) -> None:
        """Change a short message of ours, after what the same person caused before."""
        change = partial(self.calls.edit, key, post, frame)
        self._do((key.chat_id, asker_id), partial(self.change, key, change))

    def edit_buttons(self, key: ChatKey, post: int, keyboard: Keyboard, asker_id: int) -> None:
        """Change the buttons of a post, after what the same person caused before."""
        change = partial(self.calls.change_buttons, key, post, keyboard)
        self._do((key.chat_id, asker_id), partial(self.change, key, change))

    def later(self, key: ChatKey, act: _Act, line: str, *, droppable: bool = False) -> None:
        """Do something in a chat, after others of its kind there; nothing once the end has begun.

        The end waits a little for it, but not for what is `droppable`.
        """
        if not self._closing:
            self._do((key.chat_id, line), act, droppable=droppable)

    def answer_callback(self, key: ChatKey, query_id: str, text: str | None, asker_id: int) -> None:
        """Answer a pressed button once what it does is seen: Telegram shows it as waiting until then."""
        self._do((key.chat_id, asker_id), partial(self.calls.answer_callback, query_id, text))

    def react(self, key: ChatKey, message_id: int, emoji: str) -> None:
        """Put our reaction under somebody's message, or take it away."""
        act = partial(self.calls.react, key, message_id, emoji)
        self._do((key.chat_id, ("reaction", message_id)), act)

    async def close(self, seconds: float) -> None:
        """Send what goes out within so many seconds; the rest waits for the next start."""
        self._closing = True
        for task in self._droppable:
            task.cancel()
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks), timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _line_up(self, notice: Notice, then: Callable[[], object] = lambda: None) -> None:
        self._lined_up[notice.cause] = notice.chat.chat_id
        act = partial(self._send, notice, then)
        chat_id, asker_id = notice.chat.chat_id, notice.asker_id
        of_strangers = notice.priority == Priority.STRANGER
        self._do((chat_id, "strangers" if of_strangers else asker_id), act)

    def _do(self, line: tuple[int, Hashable], act: _Act, *, droppable: bool = False) -> None:
        """Do something after all else in its line."""
        waiting = self._waiting.get(line)
        if waiting is not None:
            waiting.append(act)
            return
        self._waiting[line] = deque([act])
        task = asyncio.create_task(self._work(line), name=f"notices {line}")
        self._tasks[task] = line[0]
        if droppable:
            self._droppable.add(task)
            task.add_done_callback(self._droppable.discard)
        task.add_done_callback(self._tasks.__delitem__)

    async def _work(self, line: tuple[int, Hashable]) -> None:
        waiting = self._waiting.get(line, deque())
        try:
            while waiting:
                try:
                    await waiting[0]()
                except Exception:  # the edge: a defect must not keep back what others caused
                    log.exception("notice not sent")
                waiting.popleft()
        finally:
            if self._waiting.get(line) is waiting:
                del self._waiting[line]

    async def change(
        self, key: ChatKey, change: _Act, priority: Priority = Priority.COMMAND
    ) -> bool:
        """Change something of ours, again when Telegram was busy: a receipt must come to be read.

        Returns whether it is done, or never can be; else it may be tried another time.
        """

        async def attempt() -> None:
            async with self.calls.pacer.slot(key.chat_id, priority):
                await change()

        try:
            await deliver(self.calls.pacer, key.chat_id, attempt)
        except (ContentRejected, PostGone, ChatMoved):
            pass  # it says so already, or it is not there any more
        except (ChatClosed, ReplyLater, TelegramUnreachable) as error:
            log.info("edit dropped", chat=key.chat_id, why=str(error))
            return False
        return True

    async def _send(self, notice: Notice, then: Callable[[], object]) -> None:
        """Send it until it stands or cannot, and write that down."""
        try:
            post = await self._sent(notice)
        except ChatClosed as error:
            log.info("notice not delivered, chat closed", chat=notice.chat.chat_id, why=str(error))
            post = None
        for pause in pauses():
            try:
                async with self._store.writing(of=notice.chat.chat_id) as tx:
                    if post is None:
                        await outbox.not_sent(tx, notice.cause)
                    else:
                        await outbox.sent(tx, notice.cause, post)
                break
            except LeaseLost:
                self._lined_up.pop(notice.cause, None)
                return  # whoever has the chat now looks for it
            except StoreTrouble as trouble:
                log.error("notice not recorded", trouble=str(trouble))
                await asyncio.sleep(pause)
        self._lined_up.pop(notice.cause, None)
        then()

    async def _sent(self, notice: Notice) -> int | None:
        """Return the message in which it stands; None where it never will. Raises ChatClosed."""
        sending = _Sending(self.calls, self._store, notice)
        lock = self._sending.setdefault(notice.chat.chat_id, asyncio.Lock())
        try:
            return await deliver(
                self.calls.pacer,
                notice.chat.chat_id,
                lambda: sending.attempt(lock),
                Patience(),
                outlives=(StoreTrouble,),
            )
        except (ContentRejected, ChatMoved):
            return None  # what belongs to the old group is said there or never


class _Sending:
    """One notice on its way: whether it may stand already is known from try to try."""

    def __init__(self, calls: BotClient, store: Store, notice: Notice) -> None:
        self._calls = calls
        self._store = store
        self._notice = notice
        begun = notice.begun
        self._unconfirmed = None if begun is None else UnconfirmedSend(notice.cause, begun, begun)
        self._failed_search: Search | None = None

    async def attempt(self, lock: asyncio.Lock) -> int | None:
        """Send it once, unless it stands already; the message in which it stands.

        With the lock one message at a time goes into a chat: of two in doubt, one might be taken
        for the other. Raises what a call does, and StoreTrouble.
        """
        notice, key = self._notice, self._notice.chat
        priority, frame = Priority(notice.priority), _load(notice.content)
        if self._unconfirmed is not None:
            await asyncio.sleep(self._unconfirmed.wait(time.time()))
            near = notice.near_id
            self._failed_search = await find(
                self._calls, key, frame, near, self._unconfirmed, priority
            )
            if self._failed_search is not None and self._failed_search.post is not None:
                return self._failed_search.post
            self._unconfirmed = None
        async with lock, self._calls.pacer.slot(key.chat_id, priority, new=True):
            async with self._store.writing(of=key.chat_id) as tx:
                if not await outbox.begin(tx, notice.cause):
                    return None
            post = await self._send(frame)
        if self._failed_search is not None and self._failed_search.copied_by(post):
            async with self._store.writing(of=key.chat_id) as tx:
                await outbox.lost(tx, notice.cause, key.chat_id)
        return post

    async def _send(self, frame: PostContent) -> int:
        notice, begun = self._notice, time.time()
        try:
            return await self._calls.send(notice.chat, frame, near=notice.near_id or None)
        except TelegramUnreachable as trouble:
            if trouble.happened is not Happened.NO:
                self._unconfirmed = UnconfirmedSend(notice.cause, begun, time.time())
            raise


def _dump(frame: PostContent) -> Mapping[str, object]:
    """Return a frame as JSON."""
    return asdict(frame)


def _load(stored: Mapping[str, Any]) -> PostContent:
    """Return the frame that was stored."""
    content = stored["content"]
    entities = tuple(Entity(**one) for one in content["entities"])
    rows = tuple(tuple(Button(**one) for one in row) for row in stored["keyboard"])
    return PostContent(Rendered(content["text"], entities), rows)
