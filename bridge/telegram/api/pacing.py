"""Decide which call may go next, and when. Pure: time in seconds is an argument."""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from heapq import heappop, heappush
from itertools import count

from bridge.telegram.api.budget import (
    GROUP,
    PRIVATE,
    ActionBudget,
    Budget,
    FloodWaitState,
    Limits,
    Priority,
    Window,
)

MANY_CHATS, MANY_SECONDS = 3, 10.0
"""So many chats refused within so many seconds: it is the whole bot that is too fast."""
MOST_NEW_A_SECOND = 25
"""New messages over all chats; edits are not counted there."""


_KEPT_BACK = {Priority.BULK: 5, Priority.STRANGER: 15}  # for others


SECOND = 1.25
"""A second, and what the ways of two calls to Telegram may differ by."""


MOST_AT_ONCE = 48
"""Calls in flight; with more replies than they serve, all gaps grow."""


IDLE_CHATS = 1000


_INSTANT = 1e-6
"""Seconds that are nothing: sums of them are not exact."""


class BudgetKind(Enum):
    """Which budget a call is counted in."""

    MESSAGE = "message"
    ACTION = "action"
    """Typing and drafts."""
    FREE = "free"
    """Neither, such as the answer to a pressed button."""


@dataclass(order=True)
class Ticket:
    """A wish to make one call. Earlier ones compare smaller: by priority, then by age."""

    priority: Priority
    since: float
    """Since when there is something to say: the oldest unseen text goes first."""
    number: int
    chat_id: int = field(compare=False, default=0)
    family: BudgetKind = field(compare=False, default=BudgetKind.MESSAGE)
    new: bool = field(compare=False, default=False)
    """Whether it makes a new message."""
    count: int = field(compare=False, default=1)
    """How many: an album is one call and several messages."""
    withdrawn: bool = field(compare=False, default=False)


class _Chat:
    """One chat's budget in one family, and who waits for it."""

    def __init__(self, budget: Budget | ActionBudget | None) -> None:
        self.budget = budget
        self.waiting: list[Ticket] = []
        self.place = 0
        """Its place in the lines of `Pacing`; a place with an earlier number is given up."""

    def first(self) -> Ticket | None:
        """Return who goes next there."""
        while self.waiting and self.waiting[0].withdrawn:
            heappop(self.waiting)
        return self.waiting[0] if self.waiting else None


_Key = tuple[int, BudgetKind]


class Pacing:
    """All budgets of one bot and all tickets that wait. Pure."""

    def __init__(self, private: Limits = PRIVATE, group: Limits = GROUP) -> None:
        self.in_flight = 0
        self._bot = FloodWaitState()
        self._limits = (private, group)
        self._chats: dict[_Key, _Chat] = {}
        self._new = Window(MOST_NEW_A_SECOND, SECOND)
        self._numbers = count()
        self._later: list[tuple[float, int, int, _Key]] = []
        """Chats whose next call may go at a time, with the number of their place."""
        self._ready: tuple[list[tuple[Ticket, int, _Key]], ...] = ([], [])
        """Chats whose next call may go now: those that edit, and those that make a message."""
        self._refusals: deque[tuple[float, int]] = deque(maxlen=64)
        self._forget_at = IDLE_CHATS

    def ask(
        self,
        now: float,
        chat_id: int,
        priority: Priority,
        *,
        family: BudgetKind = BudgetKind.MESSAGE,
        new: bool = False,
        count: int = 1,
        since: float | None = None,
    ) -> Ticket:
        """Get in line."""
        begun = now if since is None else since
        ticket = Ticket(priority, begun, next(self._numbers), chat_id, family, new, count)
        key = (chat_id, family)
        chat = self._chat(now, key)
        heappush(chat.waiting, ticket)
        if chat.waiting[0] is ticket:
            self._line_up(now, key)
        return ticket

    def withdraw(self, ticket: Ticket) -> None:
        """Leave the line."""
        ticket.withdrawn = True

    def next(self, now: float) -> Ticket | float | None:
        """Return the ticket whose call goes out now; else the seconds to wait; None: nobody waits."""
        if self.in_flight >= MOST_AT_ONCE:
            return None  # the end of a call asks again
        if now < self._bot.closed_until:
            return self._bot.closed_until - now
        while self._later and self._later[0][0] <= now:
            _, _, place, key = heappop(self._later)
            self._line_up(now, key, place)
        while (line := self._best(now)) is not None:
            _, place, key = heappop(line)
            ticket = self._take(now, key, place)
            if ticket is not None:
                return ticket
        waits = [self._later[0][0] - now] if self._later else []
        if self._ready[1]:
            waits.append(self._new_wait(now, self._ready[1][0][0]))
        return max(_INSTANT, min(waits)) if waits else None

    def at_once(self, now: float, chat_id: int, priority: Priority, family: BudgetKind) -> bool:
        """Count a call that goes out now, if it may; it never waits."""
        chat = self._chat(now, (chat_id, family))
        if self.silence(now, chat_id) or chat.first() or chat.budget is None:
            return False
        if chat.budget.wait(now, priority) > 0:
            return False
        chat.budget.spend(now)
        return True

    def done(self) -> None:
        """Note that a call has ended, however."""
        self.in_flight -= 1

    def unused(self, now: float, ticket: Ticket) -> None:
        """Give a granted ticket back: its call is not made, and does not count."""
        key = (ticket.chat_id, ticket.family)
        chat = self._chats.get(key)
        if chat is None or chat.budget is None:
            return
        chat.budget.give_back(ticket.count)
        if ticket.new:
            self._new.give_back(ticket.count)
        self._line_up(now, key)

    def refused(self, now: float, chat_id: int, retry_after: float) -> None:
        """Telegram answered 429: nothing goes into the chat for `retry_after` seconds."""
        self.silenced(now, chat_id, retry_after)
        self._refusals.append((now, chat_id))
        hit = {each for at, each in self._refusals if now - at <= MANY_SECONDS}
        if len(hit) >= MANY_CHATS:
            self._bot.refused(now, retry_after)

    def silenced(self, now: float, chat_id: int, seconds: float) -> None:
        """Nothing goes into the chat for so many seconds."""
        for family in (BudgetKind.MESSAGE, BudgetKind.ACTION):
            budget = self._chat(now, (chat_id, family)).budget
            if budget is not None:
                budget.refused(now, seconds)

    def silence(self, now: float, chat_id: int) -> float:
        """Return for how many seconds Telegram still wants silence in the chat; 0 for none."""
        budget = self._chat(now, (chat_id, BudgetKind.MESSAGE)).budget
        until = budget.closed_until if budget else now
        return max(0.0, until - now, self._bot.closed_until - now)

    def silences(self, now: float) -> dict[int, float]:
        """Return the chats in which Telegram wants silence, and for how many seconds more."""
        return {
            chat_id: chat.budget.closed_until - now
            for (chat_id, family), chat in self._chats.items()
            if family is BudgetKind.MESSAGE and chat.budget and chat.budget.closed_until > now
        }

    def left(self, now: float) -> dict[int, float]:
        """Of the chats that do not have all their calls: which part of them is left."""
        parts = {chat_id: chat.budget.left(now) for (chat_id, _), chat in self._chats.items()
                 if isinstance(chat.budget, Budget)}  # fmt: skip
        return {chat_id: part for chat_id, part in parts.items() if part < 1}

    def grows(self, now: float, chat_id: int, by: int) -> None:
        """One reply more, or one less, is growing in the chat."""
        budget = self._chat(now, (chat_id, BudgetKind.MESSAGE)).budget
        if isinstance(budget, Budget):
            budget.replies += by

    def _best(self, now: float) -> list[tuple[Ticket, int, _Key]] | None:
        """Return the line whose first ticket goes next, if any may."""
        edits, news = self._ready
        if not news or self._new_wait(now, news[0][0]) > _INSTANT:
            return edits or None
        return edits if edits and edits[0] < news[0] else news

    def _new_wait(self, now: float, ticket: Ticket) -> float:
        return self._new.wait(now, ticket.count + _KEPT_BACK.get(ticket.priority, 0))

    def _take(self, now: float, key: _Key, place: int) -> Ticket | None:
        """Grant the chat's first ticket if it may really go, and line the chat up again."""
        chat = self._chats.get(key)
        if chat is None or place != chat.place:
            return None
        ticket = chat.first()
        if ticket is not None and self._wait(now, chat, ticket) <= 0:
            heappop(chat.waiting)
            if chat.budget is not None:
                chat.budget.spend(now, ticket.count)
            if ticket.new:
                self._new.take(now, ticket.count)
            self.in_flight += 1
        else:
            ticket = None
        self._line_up(now, key)
        return ticket

    def _line_up(self, now: float, key: _Key, place: int | None = None) -> None:
        """Give the chat its one place in line; with `place`, only if that is still its place."""
        chat = self._chats.get(key)
        ticket = chat.first() if chat else None
        if chat is None or ticket is None or (place is not None and place != chat.place):
            return
        chat.place = next(self._numbers)  # no earlier place of a forgotten chat has it
        wait = self._wait(now, chat, ticket)
        if wait > 0:
            heappush(self._later, (now + wait, ticket.number, chat.place, key))
        else:
            heappush(self._ready[ticket.new], (ticket, chat.place, key))

    def _wait(self, now: float, chat: _Chat, ticket: Ticket) -> float:
        budget = chat.budget
        wait = budget.wait(now, ticket.priority, ticket.count) if budget else 0.0
        return wait if wait > _INSTANT else 0.0

    def _chat(self, now: float, key: _Key) -> _Chat:
        chat = self._chats.get(key)
        if chat is None:
            if len(self._chats) >= self._forget_at:
                self._forget_idle(now)
            chat = self._chats[key] = _Chat(self._budget(now, key))
        return chat

    def _forget_idle(self, now: float) -> None:
        self._chats = {
            key: chat
            for key, chat in self._chats.items()
            if chat.first() or (chat.budget is not None and not chat.budget.idle(now))
        }
        self._forget_at = max(IDLE_CHATS, 2 * len(self._chats))

    def _budget(self, now: float, key: _Key) -> Budget | ActionBudget | None:
        chat_id, family = key
        if family is BudgetKind.FREE:
            return None
        if family is BudgetKind.ACTION:
            return ActionBudget()
        private, group = self._limits
        return Budget(private if chat_id > 0 else group, now)
