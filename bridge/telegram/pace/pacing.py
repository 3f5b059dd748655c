"""Decide which call may go next, and when. Pure: time in seconds is an argument."""

from collections.abc import Mapping
from heapq import heappop, heappush
from itertools import count
from math import inf

from bridge.model import LearnedLimit
from bridge.telegram.pace.budget import Budget, BudgetKind, Priority
from bridge.telegram.pace.call_times import CallTimes
from bridge.telegram.pace.chat_limits import (
    ACTION_TOPS,
    ACTIONS,
    GROUP,
    PRIVATE,
    ChatLimits,
    Limits,
)
from bridge.telegram.pace.estimates import Estimate
from bridge.telegram.pace.evidence import Refusals
from bridge.telegram.pace.outcomes import FloodWaitState
from bridge.telegram.pace.overall import BURST, NEW, OVERALL, STEADY, Overall
from bridge.telegram.pace.ticket import ChatLine, Ticket
from bridge.telegram.pace.tokens import INSTANT

MANY_PART = 0.4
"""Where many chats are refused, the whole bot is too fast only if at least this part of its rate was used."""
KEPT_BACK = {
    Priority.INTERIM: BURST - STEADY,
    Priority.TYPING: BURST - STEADY,
    Priority.BULK: BURST - STEADY + 1,
    Priority.STRANGER: BURST - STEADY + 2,
}
"""Calls of all chats that are kept back from some, for others."""
MOST_AT_ONCE = 48
"""Calls in flight; with more replies than they serve, all gaps grow."""
IDLE_CHATS = 1000

_Key = tuple[int, BudgetKind]


class Pacing:
    """All budgets of one bot and all tickets that wait. Pure."""

    def __init__(self, private: Limits | None = None, group: Limits | None = None) -> None:
        """Limits that are given are kept; what is not given is learned."""
        self.in_flight = 0
        self._bot = FloodWaitState()
        self._limits = {
            "private": ChatLimits(private or PRIVATE, fixed=private is not None),
            "group": ChatLimits(group or GROUP, fixed=group is not None),
            "typing": ChatLimits(ACTIONS, ACTION_TOPS),
        }
        self._chats: dict[_Key, ChatLine] = {}
        self._all, self._new = Overall(OVERALL), Overall(NEW)
        self._well_at = float("-inf")
        """When a call was answered promptly, last."""
        self._calls: CallTimes[_Key] = CallTimes()
        self._numbers = count()
        self._later: list[tuple[float, int, int, _Key]] = []
        """Chats whose next call may go at a time, with the number of their place."""
        self._ready: tuple[list[tuple[Ticket, int, _Key]], ...] = ([], [])
        """Chats whose next call may go now: those that edit, and those that make a message."""
        self._refusals = Refusals()
        self._forget_at = IDLE_CHATS

    @property
    def estimates(self) -> dict[str, Estimate]:
        """All that is learned, by name."""
        found = {name: overall.estimate for name, overall in self.overall.items()}
        return found | {name: limits.estimate for name, limits in self._limits.items()}

    @property
    def silent_until(self) -> float:
        """Until when Telegram wants silence of the whole bot."""
        return self._bot.closed_until

    @property
    def overall(self) -> dict[str, Overall]:
        """What all chats together may call, by name."""
        return {"all calls": self._all, "new messages": self._new}

    @property
    def ready(self) -> dict[str, int]:
        """How many calls of each of these kinds may go as far as their chats are concerned."""
        edits, new = map(len, self._ready)
        return {"all calls": edits + new, "new messages": new}

    def recall(self, now: float, learned: Mapping[str, LearnedLimit]) -> None:
        """Begin with what an earlier process learned."""
        for name, estimate in self.estimates.items():
            if name in learned:
                estimate.recall(now, learned[name])

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
        number = next(self._numbers)
        ticket = Ticket(
            priority, begun, number, chat_id=chat_id, family=family, new=new, count=count
        )
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
        self._watch(now)
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
        waits += [self._bot_wait(now, line[0][0]) for line in self._ready if line]
        soonest = min(waits, default=inf)
        return max(INSTANT, soonest) if soonest < inf else None

    def at_once(self, now: float, chat_id: int, priority: Priority, family: BudgetKind) -> bool:
        """Count a call that goes out now, if it may; it never waits."""
        chat = self._chat(now, (chat_id, family))
        if self.silence(now, chat_id) or chat.first() or chat.budget is None:
            return False
        kept = KEPT_BACK.get(priority, 0)
        if chat.budget.wait(now, priority) > 0 or self._all.own_wait(now, 1, kept) > 0:
            return False
        chat.budget.spend(now)
        self._all.take(now, 1)
        return True

    def done(self) -> None:
        """Note that a call has ended, however."""
        self.in_flight -= 1

    def unused(self, now: float, ticket: Ticket) -> None:
        """Give a granted ticket back: its call is not made, and does not count."""
        self._all.give_back(1)
        key = (ticket.chat_id, ticket.family)
        chat = self._chats.get(key)
        if chat is None or chat.budget is None:
            return
        chat.budget.give_back(ticket.count)
        if ticket.new:
            self._new.give_back(ticket.count)
        self._line_up(now, key)

    def began(self, now: float, chat_id: int, family: BudgetKind) -> int:
        """Note that a call is handed to Telegram; returns its number."""
        return self._calls.began(now, (chat_id, family))

    def ended(self, now: float, number: int, *, well: bool) -> None:
        """Learn from how long a call took, if it took effect."""
        self._watch(now)
        call = self._calls.ended(now, number)
        chat = self._chats.get(call.key) if call and well else None
        if call is None or chat is None or chat.budget is None:
            return
        chat.budget.took_effect(now, late=call.late)
        if call.late:
            return
        self._well_at = now
        if not chat.for_people:
            return
        chat.budget.answered(now)
        for overall in (self._all, self._new) if chat.made_message else (self._all,):
            overall.answered(now)

    def _watch(self, now: float) -> None:
        """Learn from calls that Telegram holds: that is how it begins to refuse."""
        for key in self._calls.late(now):
            chat = self._chats.get(key)
            if chat is not None and chat.budget is not None:
                self._learn(now, chat, chat.budget, late=True)

    def refused(
        self,
        now: float,
        chat_id: int,
        retry_after: float,
        family: BudgetKind = BudgetKind.MESSAGE,
    ) -> None:
        """Note a 429: nothing goes into the chat for `retry_after` seconds."""
        self.silenced(now, chat_id, retry_after)
        chat = self._chat(now, (chat_id, family))
        blamed = chat.budget is not None and self._learn(now, chat, chat.budget)
        if (many_since := self._refusals.note(now, chat_id)) is None:
            return
        if not blamed and self._all.suspect(now, MANY_PART) and self._all.explained(now):
            self._all.refused(now, now, late=False)
            self._bot.silenced(now, retry_after)
        elif self._well_at < many_since:  # nobody was heard meanwhile
            self._bot.silenced(now, retry_after)

    def _learn(self, now: float, chat: ChatLine, budget: Budget, *, late: bool = False) -> bool:
        """Lower what may have been too high for the last call; False when nothing was."""
        kinds = (self._new, self._all) if chat.made_message else (self._all,)
        sent_at = budget.sent_at
        overall = [one for one in kinds if one.suspect(sent_at) and one.explained(sent_at)][:1]
        budgets = [one.budget for one in self._chats.values() if one.budget]
        again = budget.evidence.often(sent_at) and not (overall or budget.well_elsewhere)
        may = budget.suspect and self._new not in overall
        own = may and (again or budget.explained(budgets, alone=not overall))
        if own:
            overall = []
        budget.note_refused(now, late=late)
        if own:
            budget.lower(now, budgets, late=late)
        for one in (self._new, self._all):
            one.evidence.refused(sent_at)
            if one in overall:
                one.refused(now, sent_at, late=late)
        if not own and not overall and not late:
            budget.slowed()
        return own or bool(overall)

    def silenced(self, now: float, chat_id: int, seconds: float) -> None:
        """Silence the chat for so many seconds."""
        for family in (BudgetKind.MESSAGE, BudgetKind.ACTION):
            budget = self._chat(now, (chat_id, family)).budget
            if budget is not None:
                budget.silenced(now, seconds)

    def begin_empty(self, now: float, chat_id: int) -> None:
        """Take a chat's budget as used up: another process has called there a moment ago."""
        budget = self._chat(now, (chat_id, BudgetKind.MESSAGE)).budget
        if budget is not None:
            budget.begin_empty(now)

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
        """Return which part of their calls is left to chats that do not have them all."""
        parts = {chat_id: chat.budget.left(now) for (chat_id, family), chat in self._chats.items()
                 if chat.budget is not None and family is BudgetKind.MESSAGE}  # fmt: skip
        return {chat_id: part for chat_id, part in parts.items() if part < 1}

    def grows(self, now: float, chat_id: int, by: int) -> None:
        """Count one reply more, or one less, that is growing in the chat."""
        budget = self._chat(now, (chat_id, BudgetKind.MESSAGE)).budget
        if budget is not None:
            budget.replies += by

    def _best(self, now: float) -> list[tuple[Ticket, int, _Key]] | None:
        """Return the line whose first ticket goes next, if any may."""
        may = [line for line in self._ready if line and not self._bot_wait(now, line[0][0])]
        return min(may, key=lambda line: line[0][0], default=None)

    def _bot_wait(self, now: float, ticket: Ticket) -> float:
        """Return seconds until all chats together leave room for the call."""
        kept = KEPT_BACK.get(ticket.priority, 0)
        wait = self._all.wait(now, 1, kept)
        return max(wait, self._new.wait(now, ticket.count, kept)) if ticket.new else wait

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
            self._all.take(now, 1)
            if ticket.new:
                self._new.take(now, ticket.count)
            chat.last = ticket
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

    def _wait(self, now: float, chat: ChatLine, ticket: Ticket) -> float:
        budget = chat.budget
        wait = budget.wait(now, ticket.priority, ticket.count) if budget else 0.0
        return wait if wait > INSTANT else 0.0

    def _chat(self, now: float, key: _Key) -> ChatLine:
        chat = self._chats.get(key)
        if chat is None:
            if len(self._chats) >= self._forget_at:
                self._forget_idle(now)
            chat = self._chats[key] = ChatLine(self._budget(now, key))
        return chat

    def _forget_idle(self, now: float) -> None:
        self._chats = {
            key: chat
            for key, chat in self._chats.items()
            if chat.first() or (chat.budget is not None and not chat.budget.idle(now))
        }
        self._forget_at = max(IDLE_CHATS, 2 * len(self._chats))

    def _budget(self, now: float, key: _Key) -> Budget | None:
        chat_id, family = key
        if family is BudgetKind.FREE:
            return None
        kind = "typing" if family is BudgetKind.ACTION else "private" if chat_id > 0 else "group"
        return Budget(self._limits[kind], chat_id, now)
