"""How many calls a chat takes, and how close together. Pure: time in seconds is an argument.

Sends and edits share a budget per chat, typing and drafts another; going over one earns waits that
grow with every further try. What Telegram allows is an estimate of the chat's kind (see `estimates`);
what is published about it is never exceeded.
"""

from collections import deque
from collections.abc import Iterable
from enum import Enum, IntEnum
from math import inf

from bridge.telegram.pace.chat_limits import ChatLimits
from bridge.telegram.pace.estimates import SETTLE_SECONDS, Rates
from bridge.telegram.pace.evidence import Evidence
from bridge.telegram.pace.minute import WINDOW_SECONDS
from bridge.telegram.pace.tokens import (
    INSTANT,
    LEAST_BURST,
    LONG_SECONDS,
    Recent,
    Tokens,
    refill_rate,
)

AFTER_PENALTY_SECONDS = 60.0
"""How long the gaps stay doubled after a 429 that says nothing about other chats."""
MARGIN_SECONDS = 0.5
"""What is added to the silence that Telegram asks for."""
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
ENOUGH_CALLS = 4
"""Fewer calls between two refusals tell no rate, but right after the first."""
EXACT_SECONDS = 120.0
"""Longer ago tells less than what is known of the last minute."""
USUAL_BURST, LOST_PART = 6.0, 0.4
"""So many calls at once are taken for what Telegram allows: what would have come back beyond them is lost. At
most it is this part of what was used."""
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


class FloodWaitState:
    """Somewhere that Telegram may want silence for a while."""

    def __init__(self) -> None:
        self.closed_until = float("-inf")
        self.slow_until = float("-inf")
        """Until when the gaps are doubled."""

    def silenced(self, now: float, seconds: float) -> None:
        """Silence for as long as asked and a little."""
        self.closed_until = max(self.closed_until, now + seconds + MARGIN_SECONDS)

    def slowed(self) -> None:
        """Double the gaps for a minute after the silence."""
        self.slow_until = max(self.slow_until, self.closed_until + AFTER_PENALTY_SECONDS)


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
        self._not_made: deque[float] = deque(maxlen=64)
        """When calls were sent that were refused."""
        self._owed = 0
        """Calls that were held when it was empty last."""
        self._guessed_at = float("-inf")
        """When it was taken for empty: until it has been full, nothing is proved by what goes through."""

    def wait(self, now: float, priority: Priority, count: int = 1) -> float:
        """Return seconds until a call of that priority may go, which makes `count` messages; 0 means now."""
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
        self._before, self.sent_at = self.sent_at, now
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

    def took_effect(self, now: float) -> None:
        """Note that the last call was answered, promptly or late."""
        self.evidence.answered(now)
        self._limits.estimate.minute.answered(now, self._minute(now))

    def _minute(self, at: float) -> int:
        """Return how many calls there were in the minute until then that were not refused."""
        refused = sum(at - LONG_SECONDS < one <= at for one in self._not_made)
        return self._recent.between(at - LONG_SECONDS, at) - refused

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
        return self._used > estimate.least_burst or (
            again and not estimate.well_elsewhere(self.sent_at, self.chat_id)
        )

    def note_refused(self, now: float, *, late: bool = False) -> None:
        """Note that the last call was refused, or answered late, for whatever reason."""
        self._refused_at = now
        if not late and self.sent_at not in self._not_made:
            self._not_made.append(self.sent_at)
            made = (at for at in reversed(self._recent.times) if at not in self._not_made)
            self._limits.estimate.refused_in_minute(
                now,
                self.chat_id,
                self._minute(self.sent_at),
                sent_at=self.sent_at,
                made_at=next(made, -inf),
            )
        self.evidence.refused(self.sent_at)

    def explained(self, others: Iterable["Budget"]) -> bool:
        """Return whether the chat may have called too much.

        So it may if it tries more than the others, or if none of its kind called as much unrefused.
        """
        at = self.sent_at
        counts = self.evidence.counts(at)
        return self.tries or not any(
            other.evidence.speaks_against(counts, at)
            for other in others
            if other is not self and other._limits is self._limits
        )

    def lower(self, now: float, *, late: bool = False) -> None:
        """Lower the estimate: the last call was refused, or answered late."""
        estimate, full_at, sent_at = self._limits.estimate, self._stock.full_at, self.sent_at
        used = self._used
        refilled = (sent_at - full_at) * self._stock.rate
        at_once = estimate.burst > LEAST_BURST and refilled < used / 2
        if at_once and sent_at - self._emptied_at > LONG_SECONDS:
            estimate.smaller_burst(now, sent_at, used - 1 - refilled)
        else:
            estimate.refused(now, self.chat_id, sent_at, self._rates(late=late), late=late)
        self._stock.drain(now)
        self._quick.drain(now)
        self._emptied_at, self._owed = now, 1 if late else 0  # a call that is held takes one yet

    def _rates(self, *, late: bool) -> Rates:
        """Return at which rates calls went through before the last one was refused."""
        sent_at = self.sent_at
        since = sent_at - self._emptied_at
        passed = self._recent.between(self._emptied_at, sent_at) - 1
        enough = 2 if since < SETTLE_SECONDS else ENOUGH_CALLS
        between = 0.0
        if passed >= enough and since <= EXACT_SECONDS:
            times = [at for at in self._recent.times if self._emptied_at < at < sent_at]
            filled = refill_rate(times, self._emptied_at, sent_at, USUAL_BURST, self._owed)
            between = min(filled, passed / since * (1 + LOST_PART))
        minute = 0 if self._limits.tops else self._minute(sent_at) - late  # a late one counts yet
        return Rates(
            of_late=self._recent.last_rate(sent_at),
            for_long=self._recent.rate(sent_at, LONG_SECONDS),
            minute=minute,
            between=between,
        )

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
