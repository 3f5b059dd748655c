"""How much a bot may call before the server asks for silence. Pure: time is an argument.

The real numbers are unpublished, differ by bot and by hour; these let a well-behaved client through and
stop one that edits as fast as it can. Any others can be given, for every class of calls.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

Family = Literal["messages", "actions", "other"]
"""Sends and edits; typing and drafts; everything else that names a chat."""

FAMILIES: tuple[Family, ...] = ("messages", "actions", "other")


@dataclass(frozen=True)
class Limit:
    """So many calls in so many seconds: a sliding window, or with a burst a bucket that refills evenly."""

    count: int
    seconds: float
    burst: int = 0
    """How many calls may come at once; 0 makes it a window."""
    albums_once: bool = False
    """Whether an album counts as one, not as its messages."""

    @property
    def every(self) -> float:
        """Seconds until a bucket holds one more."""
        return self.seconds / self.count


Limits = tuple[Limit, ...]
"""All of them must allow a call; none means that anything goes."""


@dataclass(frozen=True)
class Budgets:
    """The limits of one bot; times in seconds."""

    private: Limits = (Limit(25, 60.0, burst=12), Limit(1, 1.0, burst=3, albums_once=True))
    """Sends and edits of one private chat."""
    group: Limits = (Limit(20, 60.0),)
    """The same of one group with all its topics."""
    actions: Limits = (Limit(20, 5.0), Limit(40, 30.0))
    """Typing and drafts of one chat."""
    overall: Limits = ()
    """All calls that name a chat, over all chats."""
    new: Limits = (Limit(30, 1.0),)
    """New messages over all chats."""
    first_wait: float = 3.0
    """The silence that is asked for."""
    whole_wait: bool = False
    """Whether it lasts at least until the call would fit; nobody knows whether it really does."""
    inner_wait: float = 0.0
    """Up to how many seconds the server waits by itself before it answers 429; really 8."""
    inner_wait_actions: float = 0.0
    """The same for typing and drafts; really 2."""
    escalation: float = 2.0
    """By how much a call during the silence makes it longer."""


_LIMIT = re.compile(r"(\d+)/(\d+(?:\.\d+)?)(?::(\d+))?")
_CLASSES = ("private", "group", "actions", "overall", "new")
_NUMBERS = {
    "first": "first_wait",
    "hold": "inner_wait",
    "hold-actions": "inner_wait_actions",
    "whole": "whole_wait",
    "escalation": "escalation",
}


def read_budgets(text: str) -> Budgets:
    """Return the budgets that a text describes, such as `private=1/1:3, overall=30/1, hold=8`.

    A limit is `CALLS/SECONDS` for a sliding window, `CALLS/SECONDS:BURST` for a bucket; several of one
    class are joined by `+`, and `none` takes a class's limits away; `whole=1` asks for silence until a
    call would fit. What is not named stays as it is.
    Raises ValueError with the part that cannot be read.
    """
    changed: dict[str, Limits | float | bool] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _, value = (each.strip() for each in part.partition("="))
        if name in _CLASSES:
            changed[name] = () if value == "none" else tuple(map(_limit, value.split("+")))
        elif name in _NUMBERS:
            number = _number(part, value)
            changed[_NUMBERS[name]] = bool(number) if name == "whole" else number
        else:
            known = ", ".join((*_CLASSES, *_NUMBERS))
            raise ValueError(f"'{part}': there is no limit of that name; known are {known}")
    return replace(Budgets(), **changed)  # type: ignore[arg-type]  # of the kind that its name has


def _limit(text: str) -> Limit:
    found = _LIMIT.fullmatch(text.strip())
    if found is None or not int(found[1]) or not float(found[2]):
        raise ValueError(
            f"'{text}': a limit is CALLS/SECONDS or CALLS/SECONDS:BURST, such as 20/60:5"
        )
    return Limit(int(found[1]), float(found[2]), int(found[3] or 0))


def _number(part: str, text: str) -> float:
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        raise ValueError(f"'{part}': a number of seconds is needed")
    return float(text)


class Gauge:
    """What one limit still allows somewhere. An album that never fits counts as one call."""

    def __init__(self, limit: Limit, now: float) -> None:
        self._limit = limit
        self._level, self._at = float(limit.burst), now
        self._times: tuple[float, ...] = ()

    def wait(self, now: float, count: int = 1) -> float:
        """Return seconds until so many more calls fit; 0 means now."""
        limit, count = self._limit, self._size(count)
        if limit.burst:
            missing = count - self._now(now)
            return missing * limit.every if missing > 1e-9 else 0.0
        self._times = tuple(each for each in self._times if now - each < limit.seconds)
        over = len(self._times) + count - limit.count
        return max(0.0, self._times[over - 1] + limit.seconds - now) if over > 0 else 0.0

    def take(self, now: float, count: int = 1) -> None:
        """Count calls that came."""
        count = self._size(count)
        self._level, self._at = self._now(now) - count, now
        if not self._limit.burst:
            self._times = (*self._times, *[now] * count)

    def _now(self, now: float) -> float:
        return min(float(self._limit.burst), self._level + (now - self._at) / self._limit.every)

    def _size(self, count: int) -> int:
        fits = count <= (self._limit.burst or self._limit.count)
        return count if fits and not self._limit.albums_once else 1


@dataclass(frozen=True)
class Ban:
    """Silence asked of one chat; calling during it makes it longer."""

    until: float
    wait: float
    told: bool
    """Whether the client can know; the call that finds out does not count as disobedience."""


@dataclass
class RateModel:
    """The budgets of every chat of one bot, and the bans that came of exceeding them."""

    budgets: Budgets | None
    calls_during_ban: int = 0
    _bans: dict[tuple[int, Family], Ban] = field(default_factory=dict)
    _gauges: dict[tuple[int, str], Sequence[Gauge]] = field(default_factory=dict)

    def flood(self, chat_id: int, seconds: float, now: float) -> None:
        """Ask for silence in a chat from now on."""
        for family in FAMILIES:
            self._bans[chat_id, family] = Ban(now + seconds, seconds, told=False)

    def limit(self, budgets: Budgets | None) -> None:
        """Set other limits from now on: what came before is not counted by them."""
        self.budgets = budgets
        self._gauges.clear()

    def charge(
        self, chat_id: int, family: Family, now: float, *, new: bool = False, count: int = 1
    ) -> float:
        """Let one call pass (0), or say for how many seconds it should not have come.

        An album is one call that makes `count` messages.
        """
        ban = self._bans.get((chat_id, family))
        if ban is not None and now < ban.until - 1e-6:
            ban = self._called_during(ban, now)
        elif not (missing := self._draw(chat_id, family, now, new=new, count=count)):
            return 0.0
        else:
            wait = self._silence(missing)
            ban = Ban(now + wait, wait, told=True)
        self._bans[chat_id, family] = ban
        return ban.until - now

    def held(
        self, chat_id: int, family: Family, now: float, *, new: bool = False, count: int = 1
    ) -> float:
        """Let one call pass (0), or say for how long the server itself has to hold it.

        Nothing of that is known to the client.
        """
        ban = self._bans.get((chat_id, family))
        if ban is not None and now < ban.until - 1e-6:
            return ban.until - now
        missing = self._draw(chat_id, family, now, new=new, count=count)
        return self._silence(missing) if missing else 0.0

    def _silence(self, missing: float) -> float:
        budgets = self.budgets or Budgets()
        return max(budgets.first_wait, missing if budgets.whole_wait else 0.0)

    def _called_during(self, ban: Ban, now: float) -> Ban:
        if not ban.told:
            return replace(ban, told=True)
        self.calls_during_ban += 1
        wait = ban.wait * (self.budgets.escalation if self.budgets else Budgets.escalation)
        return Ban(now + wait, wait, told=True)

    def _draw(self, chat_id: int, family: Family, now: float, *, new: bool, count: int) -> float:
        """Count a call everywhere (0), or nowhere: then return seconds until it fits."""
        if self.budgets is None:
            return 0.0
        met: list[tuple[Gauge, int]] = []
        for place, name, limits, size in _concerned(self.budgets, chat_id, family, new, count):
            gauges = self._gauges.get((place, name))
            if gauges is None:
                gauges = self._gauges[place, name] = [Gauge(each, now) for each in limits]
            met += [(gauge, size) for gauge in gauges]
        wait = max((gauge.wait(now, size) for gauge, size in met), default=0.0)
        if not wait:
            for gauge, size in met:
                gauge.take(now, size)
        return wait


def _concerned(
    budgets: Budgets, chat_id: int, family: Family, new: bool, count: int
) -> Sequence[tuple[int, str, Limits, int]]:
    """Whose limits a call meets: the chat's (0: the bot's), which ones, and as how many calls."""
    found = [(0, "overall", budgets.overall, 1)]
    if family == "messages":
        if new:
            found.append((0, "new", budgets.new, count))
        own = ("private", budgets.private) if chat_id > 0 else ("group", budgets.group)
        found.append((chat_id, *own, count))
    elif family == "actions":
        found.append((chat_id, "actions", budgets.actions, 1))
    return found
