"""The work for shards of chats: taken up, broken off, and looked at again when another process rings."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from typing import Protocol

import structlog

from bridge.errors import StoreTrouble
from bridge.model import ChatKey
from bridge.sharing.coordinator import Bell
from bridge.sharing.shards import shard_of
from bridge.store.turns import lifecycle
from bridge.telegram.api.orphans import OrphanSearch
from bridge.telegram.commands.context import BotContext
from bridge.telegram.inbound.dispatch import Dispatcher

log = structlog.get_logger(__name__)
LOOK_SECONDS = 10.0
"""How often a process that shares the work looks for what it heard nothing of."""


Look = Callable[[], Awaitable[None]]


class _Part(Protocol):
    """One part of the bridge that does something for chats."""

    def chats(self) -> Collection[int]:
        """Return the ids of chats for which it does something now."""

    async def drop_chats(self, dropped: Callable[[int], bool]) -> None:
        """Break off what it does for chats that are `dropped`."""


class ShardWork:
    """All that is done for chats, so that another process can go on with it."""

    def __init__(
        self,
        context: BotContext,
        dispatcher: Dispatcher,
        orphans: OrphanSearch,
        looks: Mapping[Bell, Look],
    ) -> None:
        """`looks` are what other parts read again when a bell rings, and once in a while."""
        self._sharing = context.calls.sharing
        self._context = context
        self._dispatcher = dispatcher
        self._parts: tuple[_Part, ...] = (context.lanes, dispatcher, context.notices, orphans)
        self._due: set[Bell] = set()
        self._wakeup = asyncio.Event()
        calls = context.calls
        self._looks: dict[Bell, Look] = {
            Bell.PLACE: calls.unwritable.recall,
            Bell.SILENCE: calls.pace_memory.follow_others,
            Bell.NOTICE: context.notices.recall,
            Bell.CHAT: context.lanes.resume_open,
            **looks,
        }
        for bell in self._looks:
            self._sharing.on(bell, self._look_at(bell))
        self._sharing.on(Bell.STOP, self._stop)

    async def take_up(self, shards: Collection[int]) -> None:
        """Go on with what is open in shards, as after a restart. Raises StoreTrouble."""
        calls = self._context.calls
        if self._sharing.shared:
            await calls.unwritable.recall()
            await calls.pace_memory.follow_others()
            await self._begin_empty(shards)
        await self._context.notices.recall()
        await self._context.lanes.resume_open()
        await self._dispatcher.look()
        calls.orphaned.set()

    async def _begin_empty(self, shards: Collection[int]) -> None:
        """Take the budgets of chats as used up into which another process wrote a moment ago."""
        async with self._context.store.reading() as tx:
            chats = await lifecycle.chats_of_late(tx)
        for chat_id in chats:
            if shard_of(chat_id) in shards:
                self._context.calls.pacer.begin_empty(chat_id)

    def busy(self) -> set[int]:
        """Return the shards in which something is being done."""
        return {shard_of(chat_id) for part in self._parts for chat_id in part.chats()}

    async def break_off(self, shards: Collection[int]) -> None:
        """Do nothing more in shards; what is broken off stays open in the store."""

        def dropped(chat_id: int) -> bool:
            return shard_of(chat_id) in shards

        await asyncio.gather(*(part.drop_chats(dropped) for part in self._parts))

    def note_updates(self) -> None:
        """Note that updates are stored which nobody has settled: some may be this process's."""
        self._dispatcher.look_again()

    async def follow(self) -> None:
        """Look at what other processes ring for, and now and then at everything; for ever."""
        loop = asyncio.get_running_loop()
        all_at = loop.time() + LOOK_SECONDS
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(all_at):
                    await self._wakeup.wait()
            self._wakeup.clear()
            if loop.time() >= all_at:  # however much was heard meanwhile
                self._due.update(self._looks)
                all_at = loop.time() + LOOK_SECONDS
            due, self._due = self._due, set()
            for bell in due:
                try:
                    await self._looks[bell]()
                except StoreTrouble as trouble:
                    log.warning("not looked at", bell=bell, trouble=str(trouble))

    def _look_at(self, bell: Bell) -> Callable[[str], None]:
        def heard(about: str) -> None:
            self._due.add(bell)
            self._wakeup.set()

        return heard

    def _stop(self, about: str) -> None:
        """Somebody takes back what they asked in a chat of this process."""
        chat_id, thread_id, turn_id = (int(one) for one in about.split())
        self._context.lanes.stop(ChatKey(chat_id, thread_id), turn_id)
