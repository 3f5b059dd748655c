"""How many calls a chat takes, and how close together. Pure: time in seconds is an argument.

Sends and edits share a budget per chat, typing and drafts another; going over one earns waits that
grow with every further try. What Telegram allows is an estimate of the chat's kind (see `estimates`);
what is published about it is never exceeded.
"""

from collections.abc import Iterable, Sequence
from enum import Enum, IntEnum
from heapq import nlargest
from math import inf

from bridge.telegram.pace.bucket_fit import CallHistory
from bridge.telegram.pace.chat_limits import ChatLimits
from bridge.telegram.pace.estimates import Rates
from bridge.telegram.pace.evidence import Evidence
from bridge.telegram.pace.minute import WINDOW_SECONDS
from bridge.telegram.pace.outcomes import CallOutcomes, FloodWaitState
from bridge.telegram.pace.tokens import (
    INSTANT,
    LEAST_BURST,
    LONG_SECONDS,
    Recent,
    Tokens,
)

NEXT_ANSWER = 2
"""Calls kept back for the first and the final text of a chat's next answer."""
SPREAD_SECONDS = 7.0
"""Over so long a time the calls of a burst are spread: dense at first, wider later."""
NEARLY_CALLS = 2
"""With so few calls more than what the next answer needs, a budget counts as used up: the last ones are
spread so widely that few answers take long enough to use them."""
SOON_TIMES = 2.2
"""A call came soon if no more than this many could have come back since the one before."""
FEW_CALLS, REALLY_TIMES = 6, 1.3
"""What is allowed is really used if the last calls came at no less than a part of its rate."""
SAVE_SECONDS = 20.0
"""Over so long a time they are saved up again."""
BUSIEST = 3
"""So many other chats are asked what was answered there."""
LOOK_SECONDS = 0.5
"""How often a chat looks whether a suspicion is cleared."""


class Priority(IntEnum):
    """What goes before what, when both could go."""

    FINAL = 0
    """A text that is complete: it must go out, and soon."""
    FIRST = 1
    """The first text of a reply."""
    COMMAND = 2
    """The answer to a command or a pressed button: it must go out, too."""
    INTERIM = 3
    """A state of an unfinished answer: a newer one will follow."""
    TYPING = 4
    BULK = 5
    """The same to everybody: it waits for all that people wait for."""
    STRANGER = 6
    """What strangers cause: to them, and about them to operators."""

    @property
    def durable(self) -> bool:
        """Whether it may use what is kept back from the others."""
        return self in (Priority.FINAL, Priority.COMMAND)


class BudgetKind(Enum):
    """Which budget a call is counted in."""

    MESSAGE = "message"
    ACTION = "action"
    """Typing and drafts."""
    FREE = "free"
    """Neither, such as the answer to a pressed button."""


class Budget(FloodWaitState):
    """One chat's budget of calls of one family."""

    def __init__(self, limits: ChatLimits, chat_id: int, now: float) -> None:
        super().__init__()
        self.chat_id = chat_id
        self.replies = 0
        """How many replies are growing in the chat: for each one a call is kept back."""
        self.sent_at = float("-inf")
        """When the last call went out."""
        self._limits = limits
        self._stock = Tokens(limits.estimate, chat_id, now)
        self._quick = Tokens(limits.quick, chat_id, now)
        self._recent = Recent()
        self.evidence = Evidence(self._recent)
        """Of what was called in the chat, for other chats."""
        self._before = self._whole_burst_at = self._emptied_at = float("-inf")
        self._refused_at = float("-inf")
        self._last_count = 1
        self._outcomes = CallOutcomes(self._recent)
        self._fitted_at = now
        """When it was counted again what is left, last."""
        self._guessed_at = float("-inf")
        """When it was taken for empty: until it has been full, nothing is proved by what goes through."""

    def wait(self, now: float, priority: Priority, count: int = 1) -> float:
        """Return seconds until a call of that priority may go, which makes `count` messages; 0 means now."""
        if self._limits.estimate.fitted_at > self._fitted_at:
            self._count_again(now)
        kept = self._kept(priority)
        at_once = priority <= Priority.COMMAND or not self._limits.kept
        quick = 1 if at_once else 1 + max(1, self.replies)
        waits = [
            self.closed_until - now,
            self._stock.wait(now, count + kept),
            self._quick.wait(now, quick),
        ]
        needed = count + int(kept)
        for most, seconds in self._limits.tops:
            waits.append(self._recent.wait(now, max(1, most + 1 - needed), seconds))
        waits.append(self._minute_wait(now, needed))
        if priority >= Priority.INTERIM:
            waits.append(self.sent_at + self._gap(now) - now)
        return max(0.0, *waits)

    def _minute_wait(self, now: float, needed: int) -> float:
        """Return seconds until so many more calls may be made in a minute, if that is a limit."""
        minute = self._limits.estimate.minute
        most = minute.most(now, self.chat_id, self.sent_at)
        if most == inf:
            return 0.0
        wait = self._recent.wait(now, max(1, int(most) + 1 - needed), WINDOW_SECONDS)
        return wait if minute.proved else min(wait, LOOK_SECONDS)  # it may be cleared any moment

    def _kept(self, priority: Priority) -> float:
        """Return how many calls are kept back from one of that priority."""
        if priority.durable or not self._limits.kept:
            return 0.0
        most = max(0.0, self._limits.estimate.burst - 1)
        if priority is Priority.FIRST:  # its own final text comes later
            return min(1, max(0, self.replies - 1), most)
        return min(max(self._limits.kept, self.replies + 1), most)  # the next answer's first text

    def _gap(self, now: float) -> float:
        """Return the seconds between interim calls: what can be spared is spread over a while.

        What the next answer needs comes back just as slowly.
        """
        rate, target = self._stock.rate, 1 + self.replies + NEXT_ANSWER
        spare = self._stock.level(now) - min(target, self._limits.estimate.burst)
        even = rate + spare / (SPREAD_SECONDS if spare > 0 else SAVE_SECONDS)
        gap = max(1 / self._quick.rate, 1 / max(even, rate / 2))
        return gap * (2 if now < self.slow_until else 1)

    def spend(self, now: float, count: int = 1) -> None:
        """Count a call that goes out now."""
        self._stock.take(now, count)
        self._quick.take(now)
        self._before, self.sent_at, self._last_count = self.sent_at, now, count
        self._recent.add(now, count)
        minute = self._limits.estimate.minute
        if minute.limited:
            minute.called(now, self._minute(now))

    def give_back(self, count: int = 1) -> None:
        """Undo the last count: the call was not made."""
        self._recent.take_back(count)
        self._stock.give_back(count)
        self._quick.give_back()
        self.sent_at = self._before

    def answered(self, now: float) -> None:
        """Let the estimate rise if the last call used what it allows; it was answered promptly."""
        few = self._recent.span(FEW_CALLS)
        guessed = self._guessed_at >= self._stock.full_at
        if guessed or not self.used_up(now) or self._stock.rate * few > REALLY_TIMES * FEW_CALLS:
            return
        estimate = self._limits.estimate
        estimate.answered(now, self.chat_id)
        if now - self._refused_at > LONG_SECONDS:
            estimate.note_well(now, self.chat_id)
        if self._whole_burst_at < self._stock.full_at:
            self._whole_burst_at = now
            estimate.larger_burst(now, self.chat_id)

    def took_effect(self, now: float, *, late: bool = False) -> None:
        """Note that the last call was answered, promptly or late."""
        self.evidence.answered(now)
        if late:
            self._outcomes.note_held(self.sent_at, now)
        self._limits.estimate.minute.answered(now, self._minute(now))

    def _minute(self, at: float) -> int:
        """Return how many calls there were in the minute until then that were not refused."""
        return self._outcomes.made_between(at - LONG_SECONDS, at)

    @property
    def tries(self) -> bool:
        """Whether it is the one that tries more than was found out so far."""
        return self._limits.estimate.tries(self.chat_id)

    def used_up(self, now: float) -> bool:
        """Return whether the last call came soon, and left little but what is saved for the next answer."""
        rate = self._stock.rate
        left = self._stock.level(now) - (now - self.sent_at) * rate
        soon = self.sent_at - self._before <= SOON_TIMES / rate
        return soon and left <= 1 + self.replies + NEXT_ANSWER + NEARLY_CALLS

    @property
    def _used(self) -> int:
        """How many calls were made since there were as many as it can hold."""
        return self._recent.between(self._stock.full_at - INSTANT, self.sent_at)

    @property
    def suspect(self) -> bool:
        """Whether so much was called that the chat itself may have been too much."""
        estimate = self._limits.estimate
        again = self.sent_at - self._refused_at < LONG_SECONDS
        return self._used > estimate.least_burst or (again and not self.well_elsewhere)

    @property
    def well_elsewhere(self) -> bool:
        """Whether others use what is allowed, and have not been refused for long."""
        return self._limits.estimate.well_elsewhere(self.sent_at, self.chat_id)

    def note_refused(self, now: float, *, late: bool = False) -> None:
        """Note that the last call was refused, or answered late, for whatever reason."""
        self._refused_at = now
        self._limits.estimate.forget_well(self.chat_id)
        if not late and self._outcomes.note_refused(self.sent_at):
            self._limits.estimate.refused_in_minute(
                now,
                self.chat_id,
                self._minute(self.sent_at),
                sent_at=self.sent_at,
                made_at=self._outcomes.made_before(self.sent_at),
            )
        self.evidence.refused(self.sent_at)

    def explained(self, others: Sequence["Budget"], *, alone: bool) -> bool:
        """Return whether the chat may have called too much.

        So it may if it tries more than the others, or if none of its kind called as much unrefused; and if
        it `alone` is to blame and a bucket explains what became of its calls and of theirs.
        """
        if self.tries:
            return True
        at = self.sent_at
        counts = self.evidence.counts(at)
        as_much = any(
            other.evidence.speaks_against(counts, at)
            for other in others
            if other is not self and other._limits is self._limits
        )
        if not as_much or not alone:
            return not as_much
        found, limits = self._histories(others), self._limits
        return found is not None and limits.fitter.explains(limits.estimate.burst, *found)

    def lower(self, now: float, others: Iterable["Budget"] = (), *, late: bool = False) -> None:
        """Lower the estimate: the last call was refused, or answered late.

        `others` are all budgets: what was answered elsewhere is allowed here.
        """
        estimate, full_at, sent_at = self._limits.estimate, self._stock.full_at, self.sent_at
        found, believed = self._histories(others), (self._stock.rate, estimate.burst)
        fit = self._limits.fitter.fit(now, believed, *found) if found else None
        self._outcomes.note_too_much(sent_at)
        used = self._used
        refilled = (sent_at - full_at) * self._stock.rate
        at_once = estimate.burst > LEAST_BURST and used > 1 and refilled < used / 2
        known = fit is not None and fit.exact and not estimate.minute.proved
        if at_once and not known and sent_at - self._emptied_at > LONG_SECONDS:
            least = fit.least_burst if fit else 0.0
            estimate.smaller_burst(now, sent_at, max(least, used - 1 - refilled))
        else:
            rates = self._rates(late=late)
            estimate.refused(now, self.chat_id, sent_at, rates, late=late, fit=fit)
        self._stock.drain(now)
        self._quick.drain(now)
        self._emptied_at = self._fitted_at = now

    def _rates(self, *, late: bool) -> Rates:
        """Return at which rates calls went through before the last one was refused."""
        sent_at = self.sent_at
        minute = 0 if self._limits.tops else self._minute(sent_at) - late  # a late one counts yet
        return Rates(
            of_late=self._recent.last_rate(sent_at),
            for_long=self._recent.rate(sent_at, LONG_SECONDS),
            minute=minute,
            again=-inf < self._emptied_at < self._outcomes.made_before(sent_at),
        )

    def _histories(
        self, others: Iterable["Budget"]
    ) -> tuple[CallHistory, Sequence[CallHistory]] | None:
        """Return what was called here until the last call was refused, and what in others that were not."""
        sent_at, estimate = self.sent_at, self._limits.estimate
        if self._limits.tops or self._last_count > 1 or not estimate.learns(sent_at):
            return None
        history = self._outcomes.history(sent_at, whole=self._guessed_at == -inf)
        well = [one.well_history() for one in self._busiest(others)]
        return history.with_refused(sent_at), well

    def _busiest(self, others: Iterable["Budget"]) -> Sequence["Budget"]:
        """Return those of the same kind that called most in the last minute and were not refused in it."""
        at = self.sent_at
        well = [
            one
            for one in others
            if one is not self
            and one._limits is self._limits
            and at - one._refused_at > LONG_SECONDS
        ]
        return nlargest(BUSIEST, well, key=lambda one: one._recent.between(at - LONG_SECONDS, at))

    def well_history(self) -> CallHistory:
        """Return what was answered here, none of which was too much."""
        history = self._outcomes.history(self.evidence.answered_at, whole=True)
        return CallHistory(history.answered)

    def _count_again(self, now: float) -> None:
        """Count what is left, as it was found out what is allowed."""
        estimate = self._limits.estimate
        self._fitted_at = estimate.fitted_at
        history = self._outcomes.history(now, whole=self._guessed_at == -inf)
        if history.answered:
            self._stock.set(now, history.left(self._stock.rate, estimate.burst, now))

    def begin_empty(self, now: float) -> None:
        """Take what may be called at once as used up, and half of what is allowed in any minute."""
        self._guessed_at = now
        self._stock.drain(now)
        self._quick.drain(now)
        for most, _ in self._limits.tops:
            self._recent.add(now, most // 2)

    def left(self, now: float) -> float:
        """Return how many calls may be made now, as a part of all that it can hold."""
        return max(0.0, self._stock.level(now) / self._limits.estimate.burst)

    def idle(self, now: float) -> bool:
        """Return whether forgetting it changes nothing."""
        full = self._stock.level(now) >= self._limits.estimate.burst
        longest = max([3 / self._quick.rate, *(seconds for _, seconds in self._limits.tops)])
        if self._limits.estimate.minute.limited:
            longest = max(longest, WINDOW_SECONDS)
        quiet = now > max(self.slow_until, self.closed_until, self.sent_at + longest)
        return full and quiet and not self.replies
