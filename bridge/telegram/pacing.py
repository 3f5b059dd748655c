"""Which call may go next in a chat, and when: a pure budget and the thin shell that waits.

Sends and edits share a budget per chat; going over it earns waits that grow with every further
try. The numbers keep a little below what Telegram is known to allow.
"""

import asyncio
from dataclasses import dataclass
from enum import Enum

AFTER_PENALTY_SECONDS = 60.0
_MARGIN_SECONDS = 0.5
_IDLE_CHATS = 1000


class Urgency(Enum):
    """What may wait for what."""

    DURABLE = "durable"
    """A final text, or the answer to a command or a button: it must go out."""
    INTERIM = "interim"
    """A picture of an unfinished answer: a newer one will follow."""


@dataclass(frozen=True)
class Limits:
    """One kind of chat's budget of sends and edits."""

    capacity: float
    refill_seconds: float
    """Seconds until one more call may be made."""
    gap_seconds: float
    """The least time between an interim call and the call before it."""
    reserve: float
    """Calls kept back for durable ones."""
    burst: float
    """Durable calls that may follow each other without the gap."""


PRIVATE = Limits(capacity=10, refill_seconds=2.5, gap_seconds=1.2, reserve=1, burst=3)
GROUP = Limits(capacity=5, refill_seconds=3.5, gap_seconds=3.0, reserve=2, burst=2)


class _Bucket:
    """Tokens that come back one by one, up to a capacity."""

    def __init__(self, capacity: float, refill_seconds: float, now: float) -> None:
        self.capacity = capacity
        self._refill_seconds = refill_seconds
        self._tokens = capacity
        self._counted = now

    def level(self, now: float) -> float:
        """How many tokens there are."""
        return min(self.capacity, self._tokens + (now - self._counted) / self._refill_seconds)

    def wait(self, now: float, needed: float) -> float:
        """Seconds until there are that many."""
        return max(0.0, needed - self.level(now)) * self._refill_seconds

    def take(self, now: float) -> None:
        """Take one."""
        self._tokens = self.level(now) - 1
        self._counted = now


class Budget:
    """One chat's budget. Pure: time in seconds is an argument, and only differences count."""

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._stock = _Bucket(limits.capacity, limits.refill_seconds, now)
        self._burst = _Bucket(limits.burst, limits.gap_seconds, now)
        self._last = float("-inf")
        self._closed_until = float("-inf")
        self._slow_until = float("-inf")

    def wait(self, now: float, urgency: Urgency) -> float:
        """Seconds until a call of that urgency may go; 0 means now."""
        limits = self._limits
        interim = urgency is Urgency.INTERIM
        waits = [
            self._closed_until - now,
            self._stock.wait(now, 1 + (limits.reserve if interim else 0)),
            self._burst.wait(now, min(2, limits.burst) if interim else 1),
        ]
        if interim:
            gap = limits.gap_seconds * (2 if now < self._slow_until else 1)
            waits.append(self._last + gap - now)
        return max(0.0, *waits)

    def spend(self, now: float) -> None:
        """Count a call that goes out now."""
        self._stock.take(now)
        self._burst.take(now)
        self._last = now

    def refused(self, now: float, retry_after: float) -> None:
        """Close the chat after a 429: silence for as long as asked and a little, then slower."""
        self._closed_until = max(self._closed_until, now + retry_after + _MARGIN_SECONDS)
        self._slow_until = self._closed_until + AFTER_PENALTY_SECONDS

    def closed(self, now: float) -> bool:
        """Whether Telegram asked for silence in this chat."""
        return now < self._closed_until

    def idle(self, now: float) -> bool:
        """Whether forgetting it changes nothing."""
        full = self._stock.level(now) >= self._stock.capacity
        return full and now > max(self._slow_until, self._last + self._limits.gap_seconds * 3)


class Pacer:
    """Every call of the process passes here before it goes out; topics share their group's."""

    def __init__(self, private: Limits = PRIVATE, group: Limits = GROUP) -> None:
        self._private = private
        self._group = group
        self._budgets: dict[int, Budget] = {}

    async def slot(self, chat_id: int, urgency: Urgency) -> None:
        """Wait until a send or edit in the chat may go out, and count it."""
        loop = asyncio.get_running_loop()
        budget = self._budget(chat_id)
        while (seconds := budget.wait(loop.time(), urgency)) > 0:  # noqa: ASYNC110  # as told
            await asyncio.sleep(seconds)
        budget.spend(loop.time())

    def refused(self, chat_id: int, retry_after: float) -> None:
        """Telegram answered 429 in the chat: keep silent there for `retry_after` seconds."""
        self._budget(chat_id).refused(asyncio.get_running_loop().time(), retry_after)

    def closed(self, chat_id: int) -> bool:
        """Whether no call at all, typing included, should go to the chat now."""
        return self._budget(chat_id).closed(asyncio.get_running_loop().time())

    def _budget(self, chat_id: int) -> Budget:
        now = asyncio.get_running_loop().time()
        budget = self._budgets.get(chat_id)
        if budget is None:
            if len(self._budgets) >= _IDLE_CHATS:
                self._budgets = {k: v for k, v in self._budgets.items() if not v.idle(now)}
            limits = self._private if chat_id > 0 else self._group
            budget = self._budgets[chat_id] = Budget(limits, now)
        return budget
