"""`benchmarks.limits` in virtual time: the pace alone against limits that it is not told, in half a minute.

Run with `python -m benchmarks.pace`; `--worlds 200` for limits at random. Nothing goes over a network:
the bridge's `Pacing` decides, the emulator's `RateModel` refuses, and a heap of events is the clock. It
shows what a change of a constant does before an hour of `benchmarks.limits` is spent on it.
"""

import argparse
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from math import floor
from statistics import fmean

from rich.console import Console
from rich.table import Table

from benchmarks.limits import (
    GROUP_LIMIT,
    GROUP_PAUSE,
    GROUP_RATE,
    LEARN_SECONDS,
    PAUSE,
    REGIMES,
    TOPICS,
    Regime,
)
from benchmarks.measures import Step, share, staleness, with_frames
from bridge.sandbox.telegram import read_budgets
from bridge.sandbox.telegram.rate_limits import RateModel
from bridge.telegram.pace.budget import BudgetKind, Priority
from bridge.telegram.pace.pacing import Pacing
from bridge.telegram.pace.ticket import Ticket

DELTAS, DELTA_SECONDS, FIRST_DELTA = 247, 0.075, 0.5
ENOUGH_SECONDS = 0.11
"""How long the first words are awaited."""
LATENCY, JITTER = 0.02, 0.01
"""Seconds of each way."""
ALONE_SECONDS, TOGETHER_SECONDS = 440.0, 140.0
FORUMS = 10
"""Groups of `TOPICS` topics, for 0 chats."""
LATE_FIRST, LATE_FINAL = 0.34, 0.19
"""Seconds: one latency and 300 ms, one latency and 150 ms."""

Event = Callable[[float], None]


@dataclass
class Chat:
    """Somebody whose answers follow each other; one call is on its way at a time."""

    world: "World"
    id: int
    """Below 0 a group's, which others talk in, too."""
    written: list[Step] = field(default_factory=list)
    shown: list[Step] = field(default_factory=list)
    answers: list[tuple[float, Sequence[Step], Sequence[Step]]] = field(default_factory=list)
    """When each was asked, what was written and what was shown."""
    ticket: Ticket | None = None
    calling: bool = False
    over: bool = True
    final: bool = False
    held: float = 0.0
    number: int = 0
    text: int = 0

    def ask(self, now: float) -> None:
        """Begin an answer."""
        first = now + FIRST_DELTA
        self.written = [(first + number * DELTA_SECONDS, number + 1) for number in range(DELTAS)]
        self.shown, self.text, self.over, self.final = [], 0, False, False
        self.answers.append((now, self.written, self.shown))
        self.world.pacing.grows(now, self.id, 1)
        self.world.at(first + ENOUGH_SECONDS, self.want)
        self.world.at(self.written[-1][0], self.want)

    def want(self, now: float) -> None:
        """Get in line for a call, if there is something new; the final text takes the place of another."""
        final = now >= self.written[-1][0] - 1e-9
        if self.over or self.calling or (self.ticket is not None and self.final >= final):
            return
        if self.ticket is not None:
            self.world.pacing.withdraw(self.ticket)
            del self.world.waiting[self.ticket.number]
            self.ticket = None
        if not final and self._written(now) <= self.text:
            self.world.at(now + DELTA_SECONDS, self.want)
            return
        self.final = final
        priority = Priority.FINAL if final else Priority.INTERIM if self.shown else Priority.FIRST
        self.ticket = self.world.pacing.ask(now, self.id, priority, new=not self.shown)
        self.world.waiting[self.ticket.number] = self

    def granted(self, now: float) -> None:
        """Send what there is."""
        self.ticket, self.calling, self.text, self.held = None, True, self._written(now), 0.0
        self.number = self.world.pacing.began(now, self.id, BudgetKind.MESSAGE)
        self.world.at(now + self.world.way(), self.arrives)

    def arrives(self, now: float) -> None:
        """Telegram takes it, holds it for a while, or refuses it."""
        model, new = self.world.model, not self.shown
        wait = model.held(self.id, "messages", now, new=new)
        if not wait:
            self.shown.append((now, self.text))
            self.world.at(now + self.world.way(), self.answered)
        elif self.held + wait <= self.world.patience:
            self.held += wait
            self.world.at(now + wait, self.arrives)
        else:
            silence = model.charge(self.id, "messages", now, new=new)
            self.world.at(now + self.world.way(), lambda then: self.refused(then, silence))

    def answered(self, now: float) -> None:
        """Go on, or ask the next question after a pause."""
        self._ended(now, well=True)
        if self.text < DELTAS:
            self.want(now)
            return
        self.over = True
        self.world.pacing.grows(now, self.id, -1)
        spread = 0.2 if len(self.world.chats) == 1 else 0.5
        pause = PAUSE if self.id > 0 else GROUP_PAUSE
        self.world.at(now + pause * self.world.dice.uniform(1 - spread, 1 + spread), self.ask)

    def refused(self, now: float, silence: float) -> None:
        """Be silent, and try again."""
        self.world.refused.append((now, self.id))
        self._ended(now, well=False, silence=silence)
        self.want(now)

    def _ended(self, now: float, *, well: bool, silence: float = 0.0) -> None:
        pacing = self.world.pacing
        self.calling = False
        pacing.ended(now, self.number, well=well)
        if not well:
            pacing.refused(now, self.id, silence)
        pacing.done()

    def _written(self, now: float) -> int:
        return max(0, min(DELTAS, int((now - self.written[0][0]) / DELTA_SECONDS + 1e-9) + 1))


class World:
    """So many chats (0 are forums), one pace, and a Telegram whose limits only it knows."""

    def __init__(self, limits: str, chats: int, seed: int) -> None:
        budgets = read_budgets(limits)
        self.dice = random.Random(seed)  # noqa: S311  # not a secret
        self.model, self.patience = RateModel(budgets), budgets.inner_wait
        self.pacing, self.now = Pacing(), 0.0
        self.waiting: dict[int, Chat] = {}
        self.refused: list[tuple[float, int]] = []
        self._events: list[tuple[float, int, Event]] = []
        self._numbers = count()
        ids = range(1, chats + 1) or [-1 - one // TOPICS for one in range(FORUMS * TOPICS)]
        self.chats = [Chat(self, one) for one in ids]
        for number, chat in enumerate(self.chats):
            self.at(0.3 + number * 0.01, chat.ask)

    def at(self, when: float, event: Event) -> None:
        """Let something happen then."""
        heappush(self._events, (when, next(self._numbers), event))

    def way(self) -> float:
        """Return the seconds of one way to Telegram, or back."""
        return self.dice.uniform(LATENCY - JITTER, LATENCY + JITTER)

    def run(self, end: float) -> None:
        """Let time pass until then."""
        while self.now < end:
            found = self.pacing.next(self.now)
            if isinstance(found, Ticket):
                self.waiting.pop(found.number).granted(self.now)
                continue
            later = self._events[0][0] if self._events else end
            self.now = min(later, self.now + max(found, 1e-6)) if found is not None else later
            while self._events and self._events[0][0] <= self.now:
                heappop(self._events)[2](self.now)


@dataclass(frozen=True)
class Figures:
    """What was measured after the first minute."""

    ratio: float
    """Staleness, as a part of that of calls which are spread evenly over each answer."""
    first: float
    final: float
    """Parts of the first and of the final texts that were late."""
    refused: int
    most_refused: int
    """In one chat."""


def measured(regime: Regime, chats: int, seed: int) -> Figures:
    """Let so many chats talk under a regime; 0 are forums."""
    world = World(regime.limits, chats, seed)
    world.run(ALONE_SECONDS if chats == 1 else TOGETHER_SECONDS)
    answers = [
        (written, shown)
        for chat in world.chats
        for asked, written, shown in chat.answers
        if asked >= LEARN_SECONDS and shown and shown[-1][1] == DELTAS
    ]
    stale = fmean(staleness(written, shown, shown[-1][0]) for written, shown in answers)
    calls = _calls_of_an_answer(regime, len(world.chats), grouped=not chats)
    refused = Counter(chat_id for at, chat_id in world.refused if at >= LEARN_SECONDS)
    return Figures(
        stale / fmean(_evenly(written, calls) for written, _ in answers),
        fmean(shown[0][0] - written[0][0] > LATE_FIRST for written, shown in answers),
        fmean(shown[-1][0] - written[-1][0] > LATE_FINAL for written, shown in answers),
        refused.total(),
        max(refused.values(), default=0),
    )


def _calls_of_an_answer(regime: Regime, speakers: int, *, grouped: bool) -> float:
    """How many come back from one question to the next, for each of so many speakers."""
    cycle = DELTAS * DELTA_SECONDS + FIRST_DELTA + (GROUP_PAUSE if grouped else PAUSE)
    rate = GROUP_RATE / TOPICS if grouped else regime.private
    return min(rate, regime.overall / speakers) * cycle


def _evenly(written: Sequence[Step], calls: float) -> float:
    """The staleness with so many calls, the last of which shows the end."""
    begin, length = written[0][0], written[-1][0] - written[0][0]
    few = max(1, floor(calls))

    def of(count: int) -> float:
        moments = [begin + length * number / count for number in range(1, count)]
        return with_frames(written, moments, LATENCY)

    part = max(0.0, calls - few)
    return of(few) * (1 - part) + of(few + 1) * part


def at_random(seed: int) -> tuple[Regime, int]:
    """Return limits that nobody has thought of, and how many chats talk under them."""
    dice = random.Random(seed)  # noqa: S311  # not a secret
    rate = dice.choice([0.25, 0.33, 0.4, 0.5, 0.7, 0.85, 1.0, 1.3, 1.7, 2.2])
    burst, hold = dice.choice([3, 3, 4, 5, 6, 8, 10, 12, 16]), dice.choice([0, 0, 8])
    whole, first = dice.choice([0, 0, 1]), dice.choice([2, 3, 5])
    limits = (
        f"private={round(rate * 100)}/100:{burst},new=none,hold={hold},whole={whole},first={first}"
    )
    return Regime(f"{limits},{GROUP_LIMIT}", rate), dice.choice([1, 1, 1, 3, 8, 25])


def main(seeds: int, chats: Sequence[int], worlds: int) -> None:
    """Measure and print."""
    table = Table(title="The pace alone, in virtual time")
    for column in ("regime", "chats", "ratio", "first late", "final late", "429", "a chat"):
        table.add_column(column, justify="left" if column == "regime" else "right")
    for number in chats:
        for name, regime in REGIMES.items():
            found = [measured(regime, number, seed) for seed in range(seeds)]
            _row(table, name, str(number) if number else f"{FORUMS} of {TOPICS}", found)
    random_ones = [(many, measured(regime, many, seed)) for seed in range(worlds)
                   for regime, many in [at_random(seed)]]  # fmt: skip
    for alone, name in ((True, "at random, alone"), (False, "at random, several")):
        some = [figures for many, figures in random_ones if (many == 1) is alone]
        if some:
            _row(table, f"{name} ({len(some)})", "", some)
    Console(width=120).print(table)


def _row(table: Table, name: str, chats: str, figures: Sequence[Figures]) -> None:
    table.add_row(
        name,
        chats,
        f"{fmean(one.ratio for one in figures):.2f}",
        f"{100 * fmean(one.first for one in figures):.1f} %",
        f"{100 * fmean(one.final for one in figures):.1f} %",
        f"{fmean(one.refused for one in figures):.1f}",
        f"{share([one.most_refused for one in figures], 0.9):.0f}",
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="runs of each, with other moments")
    parser.add_argument(
        "--chats", type=int, nargs="*", default=[1, 20, 100, 0], help="0 stands for forums"
    )
    parser.add_argument("--worlds", type=int, default=0, help="limits at random besides")
    given = parser.parse_args()
    main(given.seeds, given.chats, given.worlds)
