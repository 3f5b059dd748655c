"""What a reply writes down: before a post is sent that it is, and after that where it stands."""

from collections.abc import Sequence

from bridge.model import Turn
from bridge.store import outbox
from bridge.store.engine import Store
from bridge.store.outbox import Sent
from bridge.store.turns import lifecycle, suggestions


class ReplyStore:
    """The store, for one reply. Everything here raises StoreTrouble."""

    def __init__(self, store: Store, turn: Turn) -> None:
        self._store = store
        self._turn = turn

    async def sending(self, place: int, *, anew: bool = False) -> Sent | None:
        """Note that the post at that place goes out now; what is known of it if it was begun before."""
        async with self._store.writing() as tx:
            return await outbox.sending(tx, self.cause(place), self._turn.chat.chat_id, anew=anew)

    async def lost(self, place: int) -> None:
        """Note that a copy of the post at that place may stand somewhere."""
        async with self._store.writing() as tx:
            await outbox.lost(tx, self.cause(place), self._turn.chat.chat_id)

    async def not_sent(self, place: int) -> None:
        """It certainly does not stand there."""
        async with self._store.writing() as tx:
            await outbox.not_sent(tx, self.cause(place))

    async def sent(self, posts: Sequence[int]) -> None:
        """Note that the last of these posts stands there."""
        async with self._store.writing() as tx:
            await outbox.sent(tx, self.cause(len(posts) - 1), posts[-1])
            await lifecycle.posted(tx, self._turn.id, posts)

    async def changed(self, posts: Sequence[int]) -> None:
        """Note which posts are left."""
        async with self._store.writing() as tx:
            await lifecycle.posted(tx, self._turn.id, posts)

    async def offer(self, questions: Sequence[str]) -> str:
        """Keep questions that go out as buttons; returns the token that stands for them."""
        async with self._store.writing() as tx:
            return await suggestions.offer(
                tx, self._turn.chat, questions, token=self._turn.correlation_id
            )

    def cause(self, place: int) -> str:
        """Return the name of a post in the outbox."""
        return f"turn {self._turn.id} post {place}"
