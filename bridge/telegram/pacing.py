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


PRIVATE = Limits(capacity=10, refill_seconds=2.5, gap_seconds=1.2, reserve=1)
GROUP = Limits(capacity=5, refill_seconds=3.5, gap_seconds=3.0, reserve=2)


class Budget:
    """One chat's budget. Pure: time in seconds is an argument, and only differences count."""

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._tokens = limits.capacity
        self._counted = now
        self._last = float("-inf")
        self._closed_until = float("-inf")
        self._slow_until = float("-inf")

    def wait(self, now: float, urgency: Urgency) -> float:
        """Seconds until a call of that urgency may go; 0 means now."""
        limits = self._limits
        needed = 1 + (limits.reserve if urgency is Urgency.INTERIM else 0)
        missing = max(0.0, needed - self._level(now))
        waits = [missing * limits.refill_seconds, self._closed_until - now]
        if urgency is Urgency.INTERIM:
            gap = limits.gap_seconds * (2 if now < self._slow_until else 1)
            waits.append(self._last + gap - now)
        return max(0.0, *waits)

    def spend(self, now: float) -> None:
        """Count a call that goes out now."""
        self._tokens = self._level(now) - 1
        self._counted = now
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
        return self._level(now) >= self._limits.capacity and now > self._slow_until

    def _level(self, now: float) -> float:
        refilled = (now - self._counted) / self._limits.refill_seconds
        return min(self._limits.capacity, self._tokens + refilled)


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
