"""Call a topic of a private chat by its first question, where nobody has given it a name."""

from functools import partial

import structlog

from bridge.errors import StoreTrouble
from bridge.model import ChatKey, Turn
from bridge.store import chats
from bridge.store.coze import conversations
from bridge.telegram.api.notices import NoticeQueue

log = structlog.get_logger(__name__)


class TopicNames:
    """Names topics, each once: every rename leaves a line in its chat."""

    def __init__(self, notices: NoticeQueue) -> None:
        self._notices = notices
        self._store = notices.calls.store

    def answered(self, turn: Turn) -> None:
        """Name the topic in which something was answered, if it has no name of its own."""
        if turn.chat.private and turn.chat.thread_id:
            self._notices.later(turn.chat, partial(self._name, turn.chat), "naming")

    async def _name(self, key: ChatKey) -> None:
        """Name it; what fails is tried again after the next answer."""
        try:
            async with self._store.reading() as tx:
                nameless = await chats.is_nameless(tx, key)
                found = await conversations.current_one(tx, key) if nameless else None
            if found is not None and found.title:
                await self._notices.change(key, partial(self._rename, key, found.title))
        except StoreTrouble as trouble:
            log.warning("topic not named", chat=key.chat_id, trouble=str(trouble))

    async def _rename(self, key: ChatKey, title: str) -> None:
        await self._notices.calls.rename_topic(key, title)
        async with self._store.writing(of=key.chat_id) as tx:
            await chats.name_topic(tx, key, nameless=False)
