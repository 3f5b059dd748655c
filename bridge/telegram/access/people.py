"""Who writes to the bot: kept for operators, and for the language in which they are spoken to."""

import time
from collections import OrderedDict

from bridge.model import ChatKey, Sender
from bridge.store import chats
from bridge.store.engine import Store
from bridge.store.operators import people

FRESH_SECONDS = 3600.0
"""How long somebody is known as they are before it is written down again."""
MOST_KNOWN = 10_000


class People:
    """Remembers people; an unchanged one costs a write an hour."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: OrderedDict[int, tuple[Sender, float]] = OrderedDict()

    async def meet(self, sender: Sender) -> None:
        """Note that somebody writes or presses a button. Raises StoreTrouble."""
        if sender.id <= 0 and not sender.channel:  # a group speaks
            return
        known, at = self._known.get(sender.id, (None, 0.0))
        if known == sender and time.monotonic() - at < FRESH_SECONDS:
            return
        async with self._store.writing(single=True) as tx:
            await people.seen(tx, sender, sender.username)
        self._known[sender.id] = (sender, time.monotonic())
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    async def language_of(self, person_id: int) -> str:
        """Return in which language to speak to somebody: as they chose, or as in their Telegram.

        Raises StoreTrouble.
        """
        async with self._store.reading() as tx:
            chosen = (await chats.preferences(tx, ChatKey(person_id))).language
            return chosen or await people.language_of(tx, person_id)

    def forget(self, person_id: int) -> None:
        """Write them down anew when they come back."""
        self._known.pop(person_id, None)
