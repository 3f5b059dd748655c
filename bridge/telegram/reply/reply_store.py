"""What a reply writes down: before a post is sent that it is, and after that where it stands."""

import time
from collections.abc import Sequence

from sqlalchemy import or_

from bridge.model import Turn
from bridge.store import orphans, outbox
from bridge.store.engine import Store
from bridge.store.orphans import Orphan
from bridge.store.turns import lifecycle, queue, suggestions


class ReplyStore:
    """The store, for one reply. Everything here raises StoreTrouble."""

    def __init__(self, store: Store, turn: Turn, language: str) -> None:
        self._store = store
        self._turn = turn
        self._chat_id = turn.chat.chat_id
        self._language = language
        self._copied: set[int] = set()
        """The places of posts of which a copy may stand."""

    async def sending(self, place: int, after: int) -> int | None:
        """Note that the post at that place goes out now, below message `after`.

        If it was begun before, and nobody knows whether it stands, it may be a copy. Returns for the
        first one of a private chat its question, where something stands between the two.
        """
        cause, chat = self.cause(place), self._turn.chat
        async with self._store.writing(of=self._chat_id) as tx:
            question = await queue.shown(tx, self._turn) if chat.private and not place else 0
            if question:
                between = or_(queue.asked_after(self._turn), outbox.below(chat, question))
                apart = await outbox.begin_first(tx, cause, chat, between)
                if apart is not None:
                    return question if apart else None
            earlier = await outbox.sending(tx, cause, chat)
            if earlier is not None:
                self._copied.add(place)
                await outbox.sending(tx, cause, chat, anew=True)
                copy = Orphan(
                    cause=cause,
                    chat=chat,
                    language=self._language,
                    after_id=after,
                    heard_at=earlier.since,
                )
                await orphans.add(tx, copy)
        return None

    async def unconfirmed(self, place: int, after: int) -> None:
        """Note that nobody knows whether the post at that place stands: another one will."""
        cause, chat = self.cause(place), self._turn.chat
        self._copied.add(place)
        async with self._store.writing(of=self._chat_id) as tx:
            await outbox.not_sent(tx, cause)
            await orphans.add(
                tx,
                Orphan(
                    cause=cause,
                    chat=chat,
                    language=self._language,
                    after_id=after,
                    heard_at=time.time(),
                ),
            )

    async def not_sent(self, place: int) -> None:
        """Note that it certainly does not stand there."""
        async with self._store.writing(of=self._chat_id) as tx:
            await outbox.not_sent(tx, self.cause(place))

    async def sent(self, posts: Sequence[int]) -> bool:
        """Note that the last of these posts stands there; returns whether a copy of it may stand."""
        cause = self.cause(len(posts) - 1)
        async with self._store.writing(of=self._chat_id) as tx:
            await outbox.sent(tx, cause, posts[-1])
            await lifecycle.posted(tx, self._turn.id, posts)
            copied = len(posts) - 1 in self._copied
            return copied and await orphans.replaced(tx, cause, posts[-1])

    async def changed(self, posts: Sequence[int]) -> None:
        """Note which posts are left."""
        async with self._store.writing(of=self._chat_id) as tx:
            await lifecycle.posted(tx, self._turn.id, posts)

    async def offer(self, questions: Sequence[str]) -> str:
        """Keep questions that go out as buttons; returns the token that stands for them."""
        async with self._store.writing(of=self._chat_id) as tx:
            return await suggestions.offer(
                tx, self._turn.chat, questions, token=self._turn.correlation_id
            )

    def cause(self, place: int) -> str:
        """Return the name of a post in the outbox."""
        return f"turn {self._turn.id} post {place}"
