"""The life of a group: our bot comes, goes, is muted; the group becomes a supergroup."""

import time

import structlog
from telegram import Bot
from telegram.error import ChatMigrated, TelegramError

from bridge.errors import StoreTrouble
from bridge.model import ChatKey
from bridge.relay.lanes import Lanes
from bridge.store import chat_state, chats
from bridge.store.engine import Store
from bridge.store.turns import lifecycle, queue
from bridge.telegram.access.approval import Approval
from bridge.telegram.access.introduction import Introduction
from bridge.telegram.access.rights import Rights
from bridge.telegram.api.client import BotClient
from bridge.telegram.api.errors import moved_to
from bridge.telegram.api.notices import NoticeQueue
from bridge.telegram.api.unwritable import TRY_AGAIN_SECONDS, UnwritableChats
from bridge.telegram.post import PostContent, Rendered
from bridge.telegram.questions.overheard import OverheardLines
from bridge.telegram.updates.events import ChatMigration, MembershipChange, TopicClosed

log = structlog.get_logger(__name__)


class Membership:
    """What follows from what happens to chats."""

    def __init__(
        self,
        bot: Bot,
        calls: BotClient,
        notices: NoticeQueue,
        store: Store,
        lanes: Lanes,
        shut: UnwritableChats,
        rights: Rights,
        door: Approval,
        context: OverheardLines,
        introduction: Introduction,
    ) -> None:
        self._introduction = introduction
        self._bot = bot
        self._calls = calls
        self._notices = notices
        self._store = store
        self._lanes = lanes
        self._shut = shut
        self._rights = rights
        self._door = door
        self._context = context

    async def take(self, item: MembershipChange | ChatMigration | TopicClosed) -> None:
        """Do what follows from an update. Raises StoreTrouble."""
        match item:
            case MembershipChange():
                await self.change(item)
            case ChatMigration(old, new):
                await self.move(old, new)
            case TopicClosed():
                await self.topic(item)

    async def change(self, standing: MembershipChange) -> None:
        """Our bot was added, removed, muted, promoted or blocked. Raises StoreTrouble."""
        key = standing.chat
        self._rights.forget(key.chat_id)
        if standing.left and key.upgradable and (new := await self._moved_to(key.chat_id)):
            await self.move(key.chat_id, new)
            return
        if standing.left or standing.mute:
            why = "muted" if standing.mute else "left"
            lasts = max(0.0, standing.mute_until - time.time()) if standing.mute_until else None
            await self._shut.close(key, why, TRY_AGAIN_SECONDS if lasts is None else lasts)
            if standing.left:  # else answers wait until it may write again
                await self._end(key)
            return
        if standing.title:
            async with self._store.writing() as tx:
                await chats.entitle(tx, key, standing.title)
        await self._shut.reopen(key)
        if standing.is_admin:
            await self._shut.reopen_topics(key)
        await self._go_on(key)
        if standing.came and not key.private:
            await self._introduce(standing)

    async def _moved_to(self, chat_id: int) -> int | None:
        """The supergroup that a group has become; else we have really left it.

        Whether Telegram says that our bot leaves the group that is no more is not established.
        """
        try:
            await self._bot.get_chat(chat_id)
        except ChatMigrated as error:
            return moved_to(ChatKey(chat_id), error)
        except TelegramError:
            return None
        return None

    async def _go_on(self, key: ChatKey) -> None:
        """What waited for this is shown and answered now."""
        async with self._store.reading() as tx:
            open_ = await lifecycle.open_chats(tx)
        for one in open_:
            if one.chat_id == key.chat_id:
                self._lanes.wake(one)

    async def _end(self, key: ChatKey) -> None:
        """Nobody can read an answer any more: what runs is stopped, what waits is dropped."""
        self._context.forget(key.chat_id)
        async with self._store.writing() as tx:
            open_ = [one for one in await lifecycle.open_chats(tx) if one.chat_id == key.chat_id]
            for one in open_:
                await queue.drop_waiting(tx, one)
                await lifecycle.stopping(tx, one, None)
        for one in open_:
            self._lanes.stop(one)

    async def _introduce(self, standing: MembershipChange) -> None:
        """Say once how to address us, and what privacy mode keeps from us."""
        async with self._store.writing() as tx:
            await chats.ensure_chat(tx, standing.chat)
        if not await self._door.group_opens(standing):
            return
        text = await self._introduction.words(standing.chat, standing.by.language)
        await self._notices.send(standing.chat, PostContent(Rendered(text)), standing.cause)

    async def topic(self, change: TopicClosed) -> None:
        """A topic was closed: only administrators write there; or it was opened again."""
        if not change.closed:
            await self._shut.reopen_topic(change.chat)
            await self._go_on(change.chat)
        elif not await self._rights.is_administrator(change.chat.chat_id, self._bot.id):
            await self._shut.close_topic(change.chat, "topic closed")

    async def move(self, old: int, new: int) -> None:
        """A group became a supergroup, perhaps while it is answered. Raises StoreTrouble."""
        await self._lanes.drop(old)
        async with self._store.writing() as tx:
            keys = await chat_state.move(tx, old, new)
        await self._lanes.drop(old)  # what was begun meanwhile under the old id
        self._rights.forget(old)
        self._context.forget(old)
        for key in keys:
            self._lanes.wake(key)

    async def follow_moves(self) -> None:
        """Take up, for ever, the moves that calls find out."""
        while True:
            old, new = await self._calls.moved.get()
            try:
                await self.move(old, new)
            except StoreTrouble as trouble:
                log.error("a group's move waits", chat=old, trouble=str(trouble))
