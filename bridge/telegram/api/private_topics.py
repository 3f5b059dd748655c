"""Know whether private chats with our bot have topics, which is for its owner to switch at @BotFather.

Only getMe says so: no setting of ours can force it, and nothing tells of a change.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from telegram import User
from telegram.error import BadRequest, TelegramError

from bridge.model import ChatKey
from bridge.telegram.post import shortened
from bridge.telegram.updates.message import whole_number

log = structlog.get_logger(__name__)
MOST_NAME = 128
"""UTF-16 units of a topic's name that are certainly kept: the server cuts at so many characters."""
Raw = Callable[..., Awaitable[Any]]
"""Make a call of the Bot API by its name."""


class PrivateTopics:
    """What getMe said last."""

    def __init__(self, raw: Raw) -> None:
        self._raw = raw
        self.on = False
        """Whether private chats have topics."""
        self.people_open = False
        """Whether what people write outside of them opens one."""

    def learn(self, me: User) -> None:
        """Take what was heard at the start."""
        self.on = bool(me.has_topics_enabled)
        self.people_open = bool(me.allows_users_to_create_topics)

    async def look(self) -> bool | None:
        """Ask once more whether private chats have topics; None when that cannot be asked now."""
        try:
            me = await self._raw("getme")
        except TelegramError:
            return None
        on = isinstance(me, dict) and me.get("has_topics_enabled") is True
        if on != self.on:
            log.info("topics of private chats switched", on=on)
        self.on = on
        self.people_open = on and me.get("allows_users_to_create_topics") is True
        return on

    def seen(self) -> None:
        """Note that something came from a topic of a private chat: there are some, then."""
        self.on = True

    async def open(self, chat_id: int, name: str) -> int | None:
        """Return a new topic of a private chat; None when there may be none. Its slot was taken before.

        Cannot be repeated. Raises what the library raises, but for a refusal.
        """
        try:
            made = await self._raw("createforumtopic", chat_id=chat_id, name=name)
        except BadRequest as error:
            log.info("topic not opened", chat=chat_id, why=str(error))
            await self.look()
            return None
        return whole_number(made["message_thread_id"])

    async def rename(self, key: ChatKey, name: str) -> None:
        """Give a topic a name; the slot was taken before. Safe to repeat. Raises what the library raises."""
        try:
            await self._raw(
                "editforumtopic",
                chat_id=key.chat_id,
                message_thread_id=key.thread_id,
                name=shortened(name, MOST_NAME),
            )
        except BadRequest as error:
            if "topic_not_modified" not in str(error).casefold():
                raise
