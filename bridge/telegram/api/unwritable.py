"""Chats and topics into which nothing can be written, as far as we know: no call is made there.

Telegram counts calls that it must refuse. What says that a chat is open again is an update: of our
own standing there, of the topic, or a private message; after a day it is simply tried once more.
"""

import time
from collections.abc import Sequence
from contextlib import suppress

import structlog

from bridge.errors import StoreTrouble
from bridge.model import ChatKey
from bridge.sharing.coordinator import Bell, Coordinator
from bridge.sharing.solo import SoloCoordinator
from bridge.store import chat_state
from bridge.store.engine import Store

log = structlog.get_logger(__name__)
TRY_AGAIN_SECONDS = 86_400.0
REFUSED_SECONDS = 600.0
"""The same where a call was refused: what a group allows all its members changes unheard."""
GENERAL = 1
"""Telegram's own number of a forum's first topic, whose messages name none: it can be shut alone."""


class UnwritableChats:
    """The places that are shut, in memory and in the store."""

    def __init__(self, store: Store, sharing: Coordinator | None = None) -> None:
        self._store = store
        self._sharing = sharing or SoloCoordinator()
        self._places: dict[ChatKey, tuple[str, float]] = {}
        self._changes = 0
        """How often something was changed here, and has been written down."""

    async def recall(self) -> None:
        """Take up what another process learned. Raises StoreTrouble."""
        while True:
            changes = self._changes
            async with self._store.reading() as tx:
                found = dict(await chat_state.unwritable(tx))
            if changes == self._changes:  # else what was read may be older than what is known
                break
        self._places = found

    def why(self, key: ChatKey) -> str | None:
        """Return why nothing can be written there; None when something can."""
        for place in (key, _topic(key), key.whole):
            why, since = self._places.get(place, ("", 0.0))
            if why and time.time() - since < TRY_AGAIN_SECONDS:
                return why
        return None

    def topics(self, chat_id: int) -> Sequence[ChatKey]:
        """Return the topics of a chat that were shut, also those that would be tried again by now."""
        return [one for one in self._places if one.chat_id == chat_id and one.thread_id]

    async def close(self, key: ChatKey, why: str, seconds: float = TRY_AGAIN_SECONDS) -> None:
        """Note that nothing can be written there; it is tried again after so many seconds."""
        since = time.time() + seconds - TRY_AGAIN_SECONDS  # as if it were shut for so long already
        _, known = self._places.get(key, ("", float("-inf")))
        if since <= known:
            return
        log.info("chat not writable", chat=key.chat_id, thread=key.thread_id, why=why)
        self._places[key] = (why, since)
        self._changes += 1
        with suppress(StoreTrouble):  # then only this process knows
            async with self._store.writing(of=()) as tx:
                await chat_state.close(tx, key, why, since)
                await self._sharing.ring(tx, Bell.PLACE, key.chat_id)
        self._changes += 1

    async def close_topic(self, key: ChatKey, why: str, seconds: float = TRY_AGAIN_SECONDS) -> None:
        """Note that nothing can be written into this topic; the rest of its forum is open."""
        await self.close(_topic(key), why, seconds)

    async def reopen_topic(self, key: ChatKey) -> None:
        """Note that the topic can be written to again."""
        await self.reopen(_topic(key))

    async def reopen_topics(self, key: ChatKey) -> None:
        """Try all topics of the forum again: they may be open now."""
        for topic in [one for one in self._places if one.whole == key and one.thread_id]:
            await self.reopen(topic)

    async def reopen(self, key: ChatKey) -> None:
        """Note that it can be written to again."""
        if self._places.pop(key, None) is not None:
            log.info("chat writable again", chat=key.chat_id, thread=key.thread_id)
            self._changes += 1
            with suppress(StoreTrouble):
                async with self._store.writing(of=()) as tx:
                    await chat_state.reopen(tx, key)
                    await self._sharing.ring(tx, Bell.PLACE, key.chat_id)
            self._changes += 1


def _topic(key: ChatKey) -> ChatKey:
    """Return the topic in which something without a topic's number stands: the forum's first one."""
    return key if key.thread_id or key.private else ChatKey(key.chat_id, GENERAL)
