"""What Telegram allows, as far as it was found out: a rate and a burst for each kind of call. Pure.

Telegram's limits are unpublished, differ by bot and by hour, and change. So each is an estimate that
begins low, rises while calls that had to wait for it are answered promptly, and falls at once when one is
refused, or answered late: Telegram holds a call for up to 8 s before it refuses. Below the rate that was
refused last it rises quickly, above it very slowly. One chat at a time, the scout, tries more than was
found out so far; the others follow when that went well.
"""

from dataclasses import dataclass
from math import inf

from bridge.model import LearnedLimit
from bridge.telegram.pace.bucket_fit import BucketFit
from bridge.telegram.pace.evidence import FORGET_SECONDS, MANY_CHATS
from bridge.telegram.pace.minute import MinuteWindow
from bridge.telegram.pace.tokens import LONG_SECONDS

RISE_PART, RISE_SECONDS = 0.15, 0.5
"""By which part the scout's rate grows with an answered call, once in so many seconds at most."""
FOLLOW_PART = 0.12
"""Which part of the way to theirs all others go with each of its calls."""
BEHIND_PART, BEHIND_EXACT_PART = 0.97, 0.985
"""The others' rate is this part of the scout's: what is a little too much shows there alone. They follow
more closely where the rate that was refused is known well."""
NEAR_PART = 0.90
"""Up to this part of the rate that was refused it rises quickly."""
FIT_PART, AGAIN_PART, LEAST_PART = 0.5, 0.96, 0.5
"""Where between the lowest and the highest rate that explain all refusals a rate goes on; and at most, and at
least, at these parts of the one that was refused: one error must not take all."""
PROBE_SECONDS = 60.0
PROBE, FIRST_TIMES, NEXT_PROBE, LEAST_PROBE = 0.02, 2.5, 0.2, 0.003
"""Above that it grows by a part in so many seconds: after a refusal; how much faster before any; and what is
left of it after each further one, as it is known better and better. Slowly, as each refusal takes seconds
from somebody's answer."""
SHARED_PROBE = 0.05
"""At least by this part, as long as it is known only about, where others use it, too: the next refusal is
another chat's."""
DOUBLE_SECONDS, MOST_PROBE = 300.0, 0.1
"""The longer nothing is refused, the faster it grows: twice as fast after each time of so many seconds."""
FIT_PROBE = 0.05
"""By this part of the way between the lowest and the highest rate, where these are known."""
REFUSED_PART, LATE_PART = 0.7, 0.85
"""What is left of a rate after a refusal, and after a late answer."""
MEASURED_PART = 0.92
"""What is left of what really went through before a refusal."""
FLOOR_PART = 0.8
"""A rate does not fall below this part of what went through for a long time."""
SETTLE_SECONDS = 15.0
SCOUT_SECONDS = 5.0
"""After so long without a call another chat becomes the scout."""
BURST_SECONDS = 60.0
"""How often a burst grows."""
WELL_SECONDS = 60.0
WINDOW_PART, WINDOW_BURST = 0.97, 4.0
"""Which part of what a window of a minute allows is spread over it, and how many calls may come at once:
what is used up in its first seconds is missing in all others."""
BOT = 0
"""Stands for all chats."""


@dataclass(frozen=True)
class Range:
    """Where an estimate begins, and what it never leaves."""

    rate: float
    """Calls a second."""
    burst: float
    """Calls at once."""
    most_rate: float = inf
    most_burst: float = inf
    least_rate: float = 1 / 60
    least_burst: float = 1.0
    near: float = inf
    """Up to where it rises quickly, before anything was refused: what is published."""
    probe: float = PROBE
    """By which part it grows in a minute above what was refused first."""


@dataclass(frozen=True)
class Rates:
    """At how many calls a second something went before a refusal."""

    of_late: float
    for_long: float
    minute: int = 0
    """Calls of the minute before that were not refused; 0 where that tells nothing."""
    again: bool = False
    """Whether the chat was refused before, and answered since."""


class Estimate:
    """What Telegram allows of one kind of call."""

    def __init__(self, range_: Range, *, fixed: bool = False) -> None:
        """A `fixed` one stays as the operator gave it."""
        self._range = range_
        self._fixed = fixed
        self.rate = self._ahead = range_.rate
        self.burst = range_.burst
        self.minute = MinuteWindow()
        self.fitted_at = -inf
        """When it was found out exactly, last: rate and burst."""
        self.lowered_at = -inf
        """When it turned out last that all chats had called too much."""
        self._near, self._refused_at = range_.near, -inf
        """Up to where it rises quickly."""
        self._fell_at = self._rose_at = -inf
        self._since_fall: set[int] = set()
        """Chats that were refused since then."""
        self._probe = FIRST_TIMES * range_.probe
        self._behind_part = BEHIND_PART
        self._burst_at = self._burst_fell_at = -inf
        self._well: tuple[tuple[int, float], ...] = ((BOT, -inf), (BOT, -inf))
        """The last two chats whose calls went well, and when."""
        self._scout: int | None = None
        self._scouted_at = -inf

    def rate_for(self, chat_id: int) -> float:
        """Return how many calls a second a chat may make."""
        return self._ahead if chat_id == self._scout else self.rate

    def tries(self, chat_id: int) -> bool:
        """Return whether the chat tries more than was found out so far."""
        return chat_id == self._scout and self._ahead > self.rate * 1.02

    def learns(self, sent_at: float) -> bool:
        """Return whether it learns from the refusal of a call that was sent then."""
        return not self._fixed and sent_at > self._fell_at

    def answered(self, now: float, chat_id: int) -> None:
        """Rise, if it is that chat's turn: a call that had to wait for this was answered promptly."""
        if self._fixed:
            return
        if chat_id != self._scout:
            if now - self._scouted_at < SCOUT_SECONDS:
                return
            self._scout, self._ahead = chat_id, self.rate
        self._scouted_at = now
        passed = min(SCOUT_SECONDS, now - self._rose_at)
        self._rose_at = now
        if now - self._refused_at > FORGET_SECONDS:
            self._near, self._probe = self._range.near, FIRST_TIMES * self._range.probe
        near = self._near
        if self._ahead < near:
            rise = 1 + RISE_PART * min(1.0, passed / RISE_SECONDS)
            self._ahead = min(near, self._range.most_rate, self._ahead * rise)
        else:
            rise = 1 + self._probe_after(now - self._refused_at) * passed / PROBE_SECONDS
            self._ahead = min(self._range.most_rate, self._ahead * rise)
        behind = max(0.0, self._ahead * self._behind_part - self.rate)
        self.rate += behind * FOLLOW_PART * min(1.0, passed / RISE_SECONDS)

    def _probe_after(self, seconds: float) -> float:
        """Return by which part it grows in a minute, so many seconds after the last refusal."""
        doublings = min(seconds, FORGET_SECONDS) / DOUBLE_SECONDS - 1
        return max(self._probe, min(MOST_PROBE, self._probe * 2**doublings))

    def refused(
        self,
        now: float,
        chat_id: int,
        sent_at: float,
        rates: Rates,
        *,
        late: bool,
        fit: BucketFit | None = None,
    ) -> None:
        """Fall: a call sent then was refused, or only answered late; `fit` is what explains it.

        For a while after a fall nothing new is learned but what is exact or below, or told by many or by a
        chat that had used up all before: what was sent earlier is still counted there.
        """
        if self._fixed:
            return
        self.minute.suspect(now, chat_id, rates.minute, sent_at)
        if not self.learns(sent_at):
            return
        self._since_fall.add(chat_id)
        exact = fit is not None and fit.exact and not self.minute.proved
        early = now - self._fell_at < SETTLE_SECONDS and len(self._since_fall) < MANY_CHATS
        settling = early and not rates.again
        too_much = fit is not None and fit.high < self.rate and not self.minute.limited
        if settling and not exact and not too_much:
            return
        self._fell_at = now
        self._since_fall.clear()
        tried = self.rate_for(chat_id)
        if fit is not None and exact:
            self._fall_exactly(now, tried, fit)
        else:
            self._fall_about(now, tried, rates, late=late)
            if self.well_elsewhere(now, chat_id):
                self._probe = max(self._probe, SHARED_PROBE)
            if fit is not None and not self.minute.limited:
                self._keep_within(now, tried, fit)
        if chat_id == self._scout:
            self._scouted_at = -inf

    def _fall_exactly(self, now: float, tried: float, fit: BucketFit) -> None:
        """Fall to what explains all that was refused."""
        self._behind_part = BEHIND_EXACT_PART
        within = fit.low + FIT_PART * (fit.high - fit.low)
        self._near = max(fit.low, tried * LEAST_PART, min(tried * AGAIN_PART, within))
        if fit.burst:
            most = max(self.burst, self._range.burst)
            self.burst = max(self._range.least_burst, min(most, fit.burst))
        self._burst_at = self._burst_fell_at = self.fitted_at = now
        self._probe_within(fit)
        self._fall(now, self._near)

    def _fall_about(self, now: float, tried: float, rates: Rates, *, late: bool) -> None:
        """Fall to what went well, as far as that can be told."""
        self._probe_less()
        self._behind_part = BEHIND_PART
        refused = max(min(tried, rates.of_late), rates.for_long)
        self._near = refused * NEAR_PART
        part = LATE_PART if late else REFUSED_PART
        fallen = max(rates.for_long * FLOOR_PART, min(tried * part, refused * MEASURED_PART))
        self._fall(now, fallen)

    def _keep_within(self, now: float, tried: float, fit: BucketFit) -> None:
        """Leave no rate that cannot be."""
        low, high = min(fit.low, self._range.most_rate), max(fit.high, tried * LEAST_PART)
        self._near = min(max(self._near, low), high)
        if self._ahead > high:
            self._fall(now, high)
        self._ahead = max(self._ahead, low)
        self.rate = max(self.rate, low * self._behind_part)
        self._probe_within(fit)

    def _probe_within(self, fit: BucketFit) -> None:
        self._probe = max(LEAST_PROBE, FIT_PROBE * min(1.0, fit.high / fit.low - 1))

    def refused_in_minute(
        self, now: float, chat_id: int, count: int, *, sent_at: float, made_at: float
    ) -> None:
        """Fall to what a window of a minute allows, if a refusal after so many calls proves one.

        `made_at` is when the chat's last call went out that was not refused.
        """
        window = self.minute.refused(now, chat_id, count, sent_at=sent_at, made_at=made_at)
        if window is None:
            return
        self._fell_at, self._near = now, WINDOW_PART * window / LONG_SECONDS
        self._since_fall.clear()
        self.burst = max(self._range.least_burst, min(self.burst, WINDOW_BURST))
        self._fall(now, self._near)

    def _fall(self, now: float, rate: float) -> None:
        self._refused_at = now
        rate = max(self._range.least_rate, rate)
        self._ahead = min(self._ahead, rate)
        if self.rate > rate * self._behind_part:
            self.rate, self.lowered_at = rate * self._behind_part, now

    def note_well(self, now: float, chat_id: int) -> None:
        """Note that a chat uses what is allowed, and has not been refused for long."""
        if self._well[1][0] != chat_id:
            self._well = (self._well[1], (chat_id, now))
        else:
            self._well = (self._well[0], (chat_id, now))

    def forget_well(self, chat_id: int) -> None:
        """Note that a chat was refused."""
        first, second = ((one, at if one != chat_id else -inf) for one, at in self._well)
        self._well = (first, second)

    def well_elsewhere(self, now: float, chat_id: int) -> bool:
        """Return whether others do so."""
        return any(one != chat_id and now - at < WELL_SECONDS for one, at in self._well)

    def went_well(self, rate: float) -> None:
        """Note that calls went through at that rate, and a while has passed since."""
        if not self._fixed:
            self.rate = max(self.rate, min(rate, self._ahead) * self._behind_part)

    def smaller_burst(self, now: float, sent_at: float, used: float) -> None:
        """Note that one call more than so many at once was refused, which was sent then.

        What several chats tried before the first of them was refused is one refusal.
        """
        if self._fixed:
            return
        part = REFUSED_PART if sent_at > self._burst_fell_at else 1.0
        self.burst = max(self._range.least_burst, min(self.burst * part, used))
        self._burst_at = self._burst_fell_at = now

    def larger_burst(self, now: float, chat_id: int) -> None:
        """Note that the scout's whole burst was answered promptly."""
        if self._fixed or self.minute.proved or chat_id != self._scout:
            return
        if now - self._burst_at < BURST_SECONDS:
            return
        self._burst_at = now
        self.burst = min(self._range.most_burst, self.burst * (1 + RISE_PART))

    @property
    def least_burst(self) -> float:
        """Calls at once that are always allowed."""
        return self._range.least_burst

    @property
    def learned(self) -> LearnedLimit:
        """What the next process begins with."""
        return LearnedLimit(self.rate, self.burst, self._near)

    def adopt(self, now: float, learned: LearnedLimit) -> None:
        """Go on with what another process has found out meanwhile."""
        if self._fixed:
            return
        if learned.rate < self.rate:  # it was refused: what was sent here counted, too
            self.lowered_at = self._fell_at = now
        if learned.rate > self.rate:  # together they rise no faster than one
            self._rose_at = now
        if learned.near != self._near:
            self._near, self._refused_at = learned.near, now
            self._probe_less()
        self.rate = self._ahead = learned.rate
        self.burst = learned.burst

    def adopt_lower(self, now: float, learned: LearnedLimit) -> None:
        """Fall to what another process found out when it was refused, but never rise to it."""
        rate, burst = min(self.rate, learned.rate), min(self.burst, learned.burst)
        self.adopt(now, LearnedLimit(rate, burst, learned.near))

    def _probe_less(self) -> None:
        """Rise more slowly from now on: a refusal more told what is allowed."""
        less = max(LEAST_PROBE, self._probe * NEXT_PROBE)
        self._probe = self._range.probe if self._probe > self._range.probe else less

    def recall(self, now: float, learned: LearnedLimit) -> None:
        """Begin with what an earlier process learned."""
        if self._fixed:
            return
        self.rate = min(self._range.most_rate, max(self._range.least_rate, learned.rate))
        self.burst = min(self._range.most_burst, max(self._range.least_burst, learned.burst))
        self._ahead = self.rate
        self._near = self._range.near if learned.near == inf else learned.near
        self._refused_at = now
