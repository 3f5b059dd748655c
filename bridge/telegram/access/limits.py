"""The one gate for what people cause: how fast they act, and whether a run may begin for them.

Nothing is spent before that: not while paused, too fast, or over a quota.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import ChatKey, Sender
from bridge.store.engine import Store
from bridge.store.operators import quotas
from bridge.store.operators.quotas import Scope
from bridge.telegram.access.rights import Rights
from bridge.telegram.pace.estimates import Estimate, Range
from bridge.telegram.pace.tokens import Tokens
from bridge.telegram.updates.route import Route
from bridge.texts import age

PAUSED = "paused"
"""The fact that says why nobody is answered; empty when everybody is."""
TOLD_SECONDS = 60.0
"""How often somebody who is too fast is told so."""
MOST_PEOPLE = 10_000
IGNORED_SECONDS = 10.0
"""How long what is known of somebody who may not use the bot is not looked up again."""


@dataclass(frozen=True)
class Refusal:
    """Why somebody may not ask now."""

    key: str = ""
    """Of the sentence that they read; empty when they were told just now."""
    values: Mapping[str, str] = field(default_factory=dict)


class UserRateLimit:
    """How fast each person may act. Pure: time in seconds is an argument."""

    def __init__(self, most: float, refill_seconds: float, *, strict: bool = False) -> None:
        """With `strict`, who goes on too fast is not heard until they pause for a while."""
        self._allowed = Estimate(Range(1 / refill_seconds, most), fixed=True)
        self.refill_seconds = refill_seconds
        self._strict = strict
        self._people: OrderedDict[int, tuple[Tokens, float]] = OrderedDict()

    def refuses(self, person_id: int, now: float) -> Refusal | None:
        """Count an act; a refusal when it is one too many."""
        fresh = Tokens(self._allowed, person_id, now)
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


class IgnoredPeople:
    """Who is not heard for a while: their updates are done when they come, at no cost.

    It holds what was found out a moment ago, so that floods need no look into the store.
    """

    def __init__(self) -> None:
        self._until: OrderedDict[tuple[int, str], tuple[float, float]] = OrderedDict()
        self._welcome: OrderedDict[int, None] = OrderedDict()

    def welcome(self, chat_id: int) -> None:
        """Note that a chat may use the bridge."""
        self._welcome[chat_id] = None
        self._welcome.move_to_end(chat_id)
        if len(self._welcome) > MOST_PEOPLE:
            self._welcome.popitem(last=False)

    def unknown(self, route: Route) -> bool:
        """Return whether a private chat has not been let in, as far as is known: it is seen to slowly."""
        private = route.chat_id == route.sender_id > 0
        return private and route.chat_id not in self._welcome

    def note(self, person_id: int, what: str, seconds: float) -> None:
        """Hear nothing of somebody for so many seconds: `all`, their `acts`, or private `words`."""
        if person_id > 0:
            self._until[person_id, what] = (_now() + seconds, seconds)
            self._until.move_to_end((person_id, what))
        if len(self._until) > MOST_PEOPLE:
            self._until.popitem(last=False)

    def forget(self, person_id: int) -> None:
        """Hear them again: something was decided about them."""
        self._welcome.pop(person_id, None)
        for what in ("all", "acts", "words"):
            self._until.pop((person_id, what), None)

    def ignores(self, route: Route) -> bool:
        """Return whether an update has no consequence; acts that go on lengthen the time."""
        who = route.sender_id
        if route.all or who <= 0:
            return False
        if self._holds(who, "all"):
            return True
        if route.act and self._holds(who, "acts"):
            self.note(who, "acts", self._until[who, "acts"][1])
            return True
        return not route.act and route.chat_id == who and self._holds(who, "words")

    def _holds(self, person_id: int, what: str) -> bool:
        return self._until.get((person_id, what), (0.0, 0.0))[0] > _now()


def _now() -> float:
    return asyncio.get_running_loop().time()


class UsageLimits:
    """Decides what people may cause now."""

    def __init__(
        self,
        store: Store,
        rights: Rights,
        ignored: IgnoredPeople,
        flood: tuple[float, float],
    ) -> None:
        """`flood`: so many messages of one person at once, and the seconds until one more."""
        self.store = store
        self.ignored = ignored
        self._rights = rights
        self._questions = UserRateLimit(*flood)
        """What begins a run."""
        self._acts = UserRateLimit(*flood, strict=True)
        """Commands, pressed buttons and edits."""

    def hears(self, key: ChatKey, sender: Sender) -> bool:
        """Count an act of somebody's; False when it is one too many, of which nothing is said."""
        if sender.id in self._rights.operators:
            return True
        heard = self._acts.refuses(_counted(key, sender), _now()) is None
        if not heard:
            self.ignored.note(sender.id, "acts", self._acts.refill_seconds)
        return heard

    def too_fast(self, key: ChatKey, sender: Sender) -> Refusal | None:
        """Count a wish for a run; why it is one too many."""
        if sender.id in self._rights.operators:
            return None
        return self._questions.refuses(_counted(key, sender), _now())

    async def refuses(self, tx: AsyncConnection, key: ChatKey, sender: Sender) -> Refusal | None:
        """Return why no run may begin for somebody in a chat now; None when it may.

        It is asked in the transaction that lets the turn wait, so that of several wishes at once
        each sees those before it; what a run costs is counted from its turn.
        """
        operator = sender.id in self._rights.operators
        paused, there = await quotas.rules(tx, PAUSED)
        if paused and not operator:
            return Refusal("message.paused")
        over = await quotas.exceeded(tx, there, sender.id, key.chat_id, operator=operator)
        if over is None:
            return None
        whose = {Scope.PERSON: "quota.yours", Scope.CHAT: "quota.chats"}
        left = age(max(60.0, over.renews - time.time()), sender.language)
        return Refusal(whose.get(over.quota.scope, "quota.all"), {"left": left})


def _counted(key: ChatKey, sender: Sender) -> int:
    """Return whose acts they are: all channels of a group share what one person may."""
    return key.chat_id if sender.channel else sender.id
