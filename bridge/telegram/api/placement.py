"""Decide where in a chat a message goes, and what follows when Telegram refuses that place.

A refusal that is about the place is none of the text: the topic of a private chat is refused when
topics were switched off (and for a moment, when a server's memory is stale); an old topic of a forum
is refused though it is alive, and takes what answers a message in it; a message that is to be
answered may be gone. What belongs to a topic goes to the root of its private chat only when there are no
topics any more: while there are, it would stand in another conversation there.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from telegram.error import BadRequest

from bridge.model import ChatKey
from bridge.telegram.api.errors import Result
from bridge.telegram.api.private_topics import PrivateTopics

log = structlog.get_logger(__name__)
REMEMBERED_SECONDS = 600.0
"""How long a refused place is not tried again."""
STALE_SECONDS = 61.0
"""How long a server may refuse a living topic of a private chat, by its own memory."""
_NO_THREAD = re.compile("message thread not found|topic_deleted|the chat is not a forum")
_NO_TARGET = re.compile("(?:reply message|replied message|message to be replied|reply_to_message)")


@dataclass(frozen=True)
class Place:
    """Where in its chat a message goes."""

    thread_id: int | None = None
    reply_to: int | None = None
    only_there: bool = False
    """Whether it must not stand elsewhere when what it answers is gone."""

    @property
    def parameters(self) -> dict[str, object]:
        """The parameters of a call; those that are None are left out."""
        answers = {
            "message_id": self.reply_to,
            "allow_sending_without_reply": not self.only_there,
        }
        return {
            "message_thread_id": self.thread_id,
            "reply_parameters": answers if self.reply_to else None,
        }


def _now() -> float:
    return asyncio.get_running_loop().time()


class Placement:
    """Knows which places were refused of late."""

    def __init__(self, topics: PrivateTopics) -> None:
        self._topics = topics
        self._refused: dict[ChatKey, float] = {}
        """Topics into which nothing goes by their number, and until when."""
        self._stale_since: dict[ChatKey, float] = {}

    async def placed(
        self,
        key: ChatKey,
        call: Callable[[Place], Awaitable[Result]],
        reply_to: int | None = None,
        near: int | None = None,
    ) -> Result:
        """Make a call that writes something, elsewhere in the chat where its place is refused."""
        place: Place | None = self.place(key, reply_to, near)
        while place is not None:
            try:
                return await call(place)
            except BadRequest as error:
                place = await self.other(key, place, str(error).casefold(), near)
                if place is None:
                    raise
        raise AssertionError("the last place returns or raises")

    def moved_to_root(self, key: ChatKey) -> bool:
        """Return whether what belongs to a topic of a private chat goes to the chat's root now."""
        return key.private and self._refused.get(key, 0.0) > _now()

    def place(self, key: ChatKey, reply_to: int | None = None, near: int | None = None) -> Place:
        """Return where a message goes; `near` is one of its topic, which it may answer."""
        refused = self._refused.get(key, 0.0) > _now()
        other = self._other(key, reply_to, near) if refused else None
        return other or Place(key.thread_id or None, reply_to)

    def _other(self, key: ChatKey, reply_to: int | None, near: int | None) -> Place | None:
        if key.private:
            return Place(None, reply_to)
        target = reply_to or near
        return Place(None, target, only_there=True) if target else None

    async def other(
        self, key: ChatKey, place: Place, refusal: str, near: int | None
    ) -> Place | None:
        """Return where a message goes that was refused at a place; None when it is not about that."""
        if place.reply_to and not place.only_there and _NO_TARGET.search(refusal):
            return Place(place.thread_id)
        if not place.thread_id or not _NO_THREAD.search(refusal):
            return None
        if key.private and await self._topics.look() is not False:
            return None
        log.warning("topic refused", chat=key.chat_id, thread=key.thread_id, why=refusal)
        other = self._other(key, place.reply_to, near)
        if other is not None:
            self._refused[key] = _now() + REMEMBERED_SECONDS
        return other

    def may_be_stale(self, key: ChatKey, refusal: str) -> bool:
        """Return whether a topic of a private chat may be refused by a stale memory: once, for a minute."""
        if not key.private or not key.thread_id or not _NO_THREAD.search(refusal):
            return False
        since = self._stale_since.setdefault(key, _now())
        if _now() - since < STALE_SECONDS - 1.0:
            return True
        del self._stale_since[key]
        return False
