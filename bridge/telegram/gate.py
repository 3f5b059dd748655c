"""The one gate for what people cause: how fast they act, and whether a run may begin for them.

Nothing is spent before that: not while paused, too fast, or over a quota.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.model import ChatKey, Sender
from bridge.store import chats, quotas
from bridge.store.engine import Store
from bridge.store.quotas import Scope
from bridge.telegram.budget import Bucket
from bridge.telegram.rights import Rights
from bridge.texts import age

PAUSED = "paused"
"""The fact that says why nobody is answered; empty when everybody is."""
TOLD_SECONDS = 60.0
"""How often somebody who is too fast is told so."""
MOST_PEOPLE = 10_000


@dataclass(frozen=True)
class Refusal:
    """Why somebody may not ask now."""

    key: str = ""
    """Of the sentence that they read; empty when they were told just now."""
    values: Mapping[str, str] = field(default_factory=dict)


class Flood:
    """How fast each person may act. Pure: time in seconds is an argument."""

    def __init__(self, most: float, refill_seconds: float, *, strict: bool = False) -> None:
        """With `strict`, who goes on too fast is not heard until they pause for a while."""
        self._most = most
        self._refill_seconds = refill_seconds
        self._strict = strict
        self._people: OrderedDict[int, tuple[Bucket, float]] = OrderedDict()

    def refuses(self, person_id: int, now: float) -> Refusal | None:
        """Count an act; a refusal when it is one too many."""
        fresh = Bucket(self._most, self._refill_seconds, now)
        bucket, told = self._people.pop(person_id, (fresh, float("-inf")))
        refused = bucket.wait(now, 1) > 0
        says = refused and now - told >= TOLD_SECONDS
        if not refused:
            bucket.take(now)
        elif self._strict:
            bucket.take(now, bucket.level(now))
        self._people[person_id] = (bucket, now if says else told)
        if len(self._people) > MOST_PEOPLE:
            self._people.popitem(last=False)
        if not refused:
            return None
        return Refusal("message.too_fast" if says else "")


class Gate:
    """Decides what people may cause now."""

    def __init__(self, store: Store, rights: Rights, questions: Flood, acts: Flood) -> None:
        """`acts` counts commands, pressed buttons and edits, `questions` what begins a run."""
        self._store = store
        self._rights = rights
        self._questions = questions
        self._acts = acts

    def hears(self, key: ChatKey, sender: Sender) -> bool:
        """Count an act of somebody's; False when it is one too many, of which nothing is said."""
        if sender.id in self._rights.operators:
            return True
        now = asyncio.get_running_loop().time()
        return self._acts.refuses(_counted(key, sender), now) is None

    async def refuses(self, key: ChatKey, sender: Sender) -> Refusal | None:
        """Why no run may begin for somebody in a chat now; None when it may. Raises StoreTrouble.

        Every run passes here before it begins; what it costs is counted from its turn.
        """
        operator = sender.id in self._rights.operators
        if not operator:
            now = asyncio.get_running_loop().time()
            refusal = self._questions.refuses(_counted(key, sender), now)
            if refusal is not None:
                return refusal
        async with self._store.reading() as tx:
            paused = await chats.fact(tx, PAUSED)
            over = await quotas.exceeded(tx, sender.id, key.chat_id, operator=operator)
        if paused and not operator:
            return Refusal("message.paused")
        if over is None:
            return None
        whose = {Scope.PERSON: "quota.yours", Scope.CHAT: "quota.chats"}
        left = age(max(60.0, over.renews - time.time()), sender.language)
        return Refusal(whose.get(over.quota.scope, "quota.all"), {"left": left})


def _counted(key: ChatKey, sender: Sender) -> int:
    """Whose acts they are: all channels of a group share what one person may."""
    return key.chat_id if sender.channel else sender.id
