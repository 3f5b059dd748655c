"""How much a chat takes before the server asks for silence. Pure: time is an argument.

The real numbers are unpublished and vary; these let a well-behaved client through and stop one
that edits as fast as it can. Sends and edits share one budget, typing and drafts another.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Family = Literal["messages", "actions", "other"]
"""Sends and edits; typing and drafts; everything else that names a chat."""

FAMILIES: tuple[Family, ...] = ("messages", "actions", "other")
LATER_IS_WORSE = 2.0


@dataclass(frozen=True)
class Budgets:
    """The limits of one bot; times in seconds."""

    private_capacity: int = 12
    private_refill: float = 2.4
    """Seconds until one more send or edit is allowed in a private chat."""
    private_gap: float = 1.0
    private_burst: int = 3
    """How many sends and edits may ignore the gap in a row."""
    group_limit: int = 20
    group_window: float = 60.0
    action_windows: tuple[tuple[int, float], ...] = ((20, 5.0), (40, 30.0))
    """Typing and drafts of one chat: so many in so many seconds."""
    new_messages_limit: int = 30
    new_messages_window: float = 1.0
    """New messages over all chats."""
    first_wait: float = 3.0
    inner_wait: float = 0.0
    """Up to how many seconds the server waits by itself before it answers 429; really 8."""
    inner_wait_actions: float = 0.0
    """The same for typing and drafts; really 2."""


@dataclass(frozen=True)
class Bucket:
    """Tokens that come back one by one."""

    level: float
    at: float

    def drawn(self, capacity: int, every: float, now: float, count: int = 1) -> Bucket | None:
        """Return the bucket with so many tokens less, or None when it has too few."""
        level = min(float(capacity), self.level + (now - self.at) / every)
        return Bucket(level - count, now) if level >= count - 1e-9 else None


@dataclass(frozen=True)
class Ban:
    """Silence asked of one chat; calling during it makes it longer."""

    until: float
    wait: float
    told: bool
    """Whether the client can know; the call that finds out does not count as disobedience."""


def within(times: tuple[float, ...], limit: int, window: float, now: float, count: int = 1) -> bool:
    """Return whether so many more calls fit into a sliding window."""
    return sum(now - each < window for each in times) + count <= limit


class RateModel:
    """The budgets of every chat of one bot, and the bans that came of exceeding them."""

    def __init__(self, budgets: Budgets | None) -> None:
        self.budgets = budgets
        self.calls_during_ban = 0
        self._bans: dict[tuple[int, Family], Ban] = {}
        self._buckets: dict[tuple[int, str], Bucket] = {}
        self._times: dict[tuple[int, str], tuple[float, ...]] = {}

    def flood(self, chat_id: int, seconds: float, now: float) -> None:
        """Ask for silence in a chat from now on."""
        for family in FAMILIES:
            self._bans[chat_id, family] = Ban(now + seconds, seconds, told=False)

    def charge(
        self, chat_id: int, family: Family, now: float, *, new: bool = False, count: int = 1
    ) -> float:
        """Let one call pass (0), or say for how many seconds it should not have come.

        An album is one call that makes `count` messages.
        """
        ban = self._bans.get((chat_id, family))
        if ban is not None and now < ban.until - 1e-6:
            ban = self._called_during(ban, now)
        elif self._affords(chat_id, family, now, new=new, count=count):
            return 0.0
        else:
            wait = self.budgets.first_wait if self.budgets else 0.0
            ban = Ban(now + wait, wait, told=True)
        self._bans[chat_id, family] = ban
        return ban.until - now

    def _called_during(self, ban: Ban, now: float) -> Ban:
        if not ban.told:
            return replace(ban, told=True)
        self.calls_during_ban += 1
        wait = ban.wait * LATER_IS_WORSE
        return Ban(now + wait, wait, told=True)

    def _affords(self, chat_id: int, family: Family, now: float, *, new: bool, count: int) -> bool:
        limits = self.budgets
        if limits is None or family == "other":
            return True
        if family == "actions":
            return self._fits((chat_id, "actions"), limits.action_windows, now)
        overall = ((limits.new_messages_limit, limits.new_messages_window),)
        if new and not self._fits((0, "new"), overall, now, count):
            return False
        if chat_id < 0:
            windows = ((limits.group_limit, limits.group_window),)
            return self._fits((chat_id, "group"), windows, now, count)
        stock = (limits.private_capacity, limits.private_refill)
        gap = (limits.private_burst, limits.private_gap)  # one call, however many it makes
        drawn = self._draw((chat_id, "stock"), *stock, now, count)
        return drawn and self._draw((chat_id, "gap"), *gap, now)

    def _draw(
        self, key: tuple[int, str], capacity: int, every: float, now: float, count: int = 1
    ) -> bool:
        drawn = self._buckets.get(key, Bucket(capacity, now)).drawn(capacity, every, now, count)
        if drawn is None:
            return False
        self._buckets[key] = drawn
        return True

    def _fits(
        self,
        key: tuple[int, str],
        windows: tuple[tuple[int, float], ...],
        now: float,
        count: int = 1,
    ) -> bool:
        longest = max(window for _, window in windows)
        times = tuple(each for each in self._times.get(key, ()) if now - each < longest)
        if not all(within(times, limit, window, now, count) for limit, window in windows):
            return False
        self._times[key] = (*times, *[now] * count)
        return True
