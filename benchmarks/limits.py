"""Whether limits that nobody tells are found out, kept and used: seven hidden regimes.

Run with `python -m benchmarks.limits`, or with `--regime` and `--chats` for some of it, and with
`--processes` for several bridges on one PostgreSQL, which learn together. The real bridge, which is told
nothing, and beside it a naive bot answer 1 chat (20 answers in turn), 20 and 100 chats, and 10 forums of
5 topics, each under its own Telegram with the same limits. What is printed was measured after a first
minute of learning. benchmarks/README.md says what the columns mean.
"""

import argparse
import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from statistics import fmean

from rich.console import Console
from rich.table import Table

from benchmarks.foresight import Asked, Foresight
from benchmarks.measures import Seen, Step, letters, over_posts, seen, share, with_frames
from benchmarks.reply import ANSWER, PACE
from benchmarks.stage import (
    BRIDGE,
    LATENCY,
    NAIVE,
    Child,
    Stage,
    addressed,
    frames,
    heard,
    run,
    stage,
)
from bridge.sandbox.telegram import Group, Person, read_budgets
from bridge.sandbox.telegram.rate_limits import Limit

LEARN_SECONDS = 60.0
MEASURED_SECONDS = 80.0
NAIVE_SECONDS = 20.0
"""What a bot that learns nothing has for its start."""
PATIENT_SECONDS = 150.0
"""An answer that is not there by then counts as late for ever."""
ANSWERS_IN_TURN = 20
BESIDE = {1: 7, 20: 3, 0: 2}
"""So many regimes are measured beside each other, by the number of chats: two cores have room for them."""
TOPICS = 5
PAUSE, GROUP_PAUSE = 1.5, 30.0
"""Seconds from an answer to the next question, as a mean."""
GROUP_LIMIT = "group=20/60:5"
GROUP_TOP = Limit(19, 60.0)
"""What no bot may exceed in a group, whatever one Telegram allows: what is published is 20 a minute."""


GROUP_RATE = 20 / 60
KEPT = 2
"""Calls for the first and the last text of a chat's next answer, which are always kept free."""


@dataclass(frozen=True)
class Regime:
    """What one Telegram allows."""

    limits: str
    """As `bridge sandbox --limits` takes them."""
    private: float
    """Calls a second that a private chat may make for long."""
    overall: float = inf
    """The same for all chats."""


REGIMES = {
    "1/s burst 3": Regime(f"private=1/1:3,new=30/1,{GROUP_LIMIT}", 1.0),
    "1 per 2.5 s burst 10, held": Regime(f"private=2/5:10,new=30/1,hold=8,{GROUP_LIMIT}", 0.4),
    "2/s burst 5": Regime(f"private=2/1:5,new=30/1,{GROUP_LIMIT}", 2.0),
    "20 a minute, held": Regime(f"private=20/60,new=30/1,hold=8,{GROUP_LIMIT}", 1 / 3),
    "30/s all calls": Regime(f"private=1/1:3,overall=30/1,new=none,{GROUP_LIMIT}", 1.0, 30.0),
    "30/s new, held": Regime(f"private=1/1:3,new=30/1,hold=8,{GROUP_LIMIT}", 1.0),
    "no overall limit": Regime(f"private=1/1:3,new=none,{GROUP_LIMIT}", 1.0),
}


@dataclass(frozen=True)
class Speaker:
    """Somebody who asks again and again in one place."""

    person: Person
    group: Group | None = None
    thread_id: int = 0

    @property
    def chat_id(self) -> int:
        """Whose budget counts."""
        return self.group.id if self.group else self.person.id

    def pause(self, *, alone: bool) -> float:
        """Return the seconds until the next question."""
        mean = GROUP_PAUSE if self.group else PAUSE
        return mean if alone else mean * random.uniform(0.5, 1.5)  # noqa: S311


@dataclass(frozen=True)
class Answer:
    """One question and what was seen of its answer."""

    speaker: Speaker
    asked: float
    written: Sequence[Step]
    shown: Sequence[Step]

    @property
    def seen(self) -> Seen:
        """The numbers of it."""
        return seen(self.written, self.shown, len(self.shown))


@dataclass(frozen=True)
class Figures:
    """What was measured of one bot in one regime."""

    regime: Regime
    everything: Sequence[Answer]
    """With those of the time in which it learned."""
    answers: Sequence[Answer]
    refused: int
    most_refused: int
    """In one chat."""

    @property
    def staleness(self) -> float:
        """Mean age of the visible text, in seconds."""
        return fmean(one.seen.staleness for one in self.answers)

    def best(self, kept: int = 0) -> float:
        """The staleness of a bot that knows the regime, every question and every end beforehand.

        It shows first and last texts at once, and keeps so many calls of each chat for its next answer.
        Takes seconds where many calls are allowed.
        """
        budgets = read_budgets(self.regime.limits)
        chats = {one.speaker.chat_id for one in self.everything}
        own = {one: budgets.private if one > 0 else (*budgets.group, GROUP_TOP) for one in chats}
        asked = [Asked(one.speaker.chat_id, one.written) for one in self.everything]
        moments = Foresight(asked, own, budgets.overall, budgets.new, kept=kept).moments
        begun = min(one.asked for one in self.answers)
        return fmean(
            with_frames(one.written, at, LATENCY / 2)
            for one, at in zip(self.everything, moments, strict=True)
            if one.asked >= begun
        )

    def part(self, name: str, part: float) -> float:
        """The `first` or `last` that this part of all answers does not exceed, in seconds."""
        return share([getattr(one.seen, name) for one in self.answers], part)


async def measured(
    child: Child, regime: Regime, chats: int, *, learn: float, processes: int = 1
) -> Figures:
    """Ask for a while; 0 chats are forums."""
    budgets = read_budgets(regime.limits)
    async with stage(child, ANSWER, PACE, budgets=budgets, processes=processes) as here:
        speakers = _speakers(here, chats)
        loop = asyncio.get_running_loop()
        begun, alone = loop.time(), chats == 1
        spent = 22.0 * ANSWERS_IN_TURN if alone and child is BRIDGE else learn + MEASURED_SECONDS
        answers: list[Answer] = []
        async with asyncio.TaskGroup() as group:
            for number, speaker in enumerate(speakers):
                group.create_task(
                    _speak(here, speaker, answers, (number, begun + spent), alone=alone)
                )
        counted = [one for one in answers if one.asked >= begun + learn]
        refused = Counter(
            call.chat_id
            for call in here.telegram.calls
            if call.status == 429 and call.at_loop_time >= begun + learn
        )
    return Figures(regime, answers, counted, refused.total(), max(refused.values(), default=0))


def _speakers(here: Stage, chats: int) -> list[Speaker]:
    telegram = here.telegram
    if chats:
        return [Speaker(telegram.add_person(f"P{number}")) for number in range(chats)]
    found = []
    for number in range(10):
        people = [telegram.add_person(f"G{number}P{one}") for one in range(TOPICS)]
        group = telegram.add_group(f"Group {number}", people, forum=True)
        found += [Speaker(one, group, telegram.add_topic(group, one.first_name)) for one in people]
    return found


async def _speak(
    here: Stage, who: Speaker, answers: list[Answer], turns: tuple[int, float], *, alone: bool
) -> None:
    """Ask, wait for the whole answer, pause, and ask again until the time is over."""
    loop, (number, end) = asyncio.get_running_loop(), turns
    whole, count = letters(ANSWER), 0
    await asyncio.sleep(number * 0.01)
    while loop.time() < end:
        count += 1
        words = f"What does harbour {who.person.first_name} need? ({count})"
        asked = loop.time()
        said = addressed(words, who.group)
        asked_id = here.telegram.send(who.person, said, chat=who.group, thread_id=who.thread_id)
        shown: list[Step] = []
        while loop.time() < asked + PATIENT_SECONDS:
            await asyncio.sleep(0.2)
            shown = _timeline(here, who, asked_id)
            if shown and shown[-1][1] >= whole:
                break
        named = heard(words, who.person, who.group)
        written = here.written[named if named in here.written else said]  # a naive bot names nobody
        answers.append(Answer(who, asked, written, shown))
        await asyncio.sleep(who.pause(alone=alone))


def _timeline(here: Stage, who: Speaker, asked_id: int) -> list[Step]:
    """When how many letters were visible, over all posts below a question."""
    posts = here.telegram.posts(who.group or who.person, who.thread_id if who.group else None)
    return over_posts([frames(post) for post in posts if post.message_id > asked_id])


def _row(table: Table, name: str, one: Figures) -> None:
    if not one.answers:  # a naive bot in forums is still busy with the first questions
        table.add_row(name, "0", *["-"] * 10, str(one.refused), str(one.most_refused))
        return
    best, keeping = one.best(), one.best(KEPT)
    table.add_row(
        name,
        str(len(one.answers)),
        f"{one.part('first', 0.5):.2f}",
        f"{one.part('first', 0.95):.2f}",
        f"{one.staleness:.2f}",
        f"{best:.2f}",
        f"{one.staleness / best:.2f}",
        f"{keeping:.2f}",
        f"{one.staleness / keeping:.2f}",
        f"{one.part('last', 0.5):.2f}",
        f"{one.part('last', 0.95):.2f}",
        f"{fmean(len(each.shown) for each in one.answers):.1f}",
        str(one.refused),
        str(one.most_refused),
    )


async def main(given: argparse.Namespace) -> None:
    """Measure and print, row by row."""
    console, regimes = Console(width=160), given.regime
    for count in given.chats:
        title = f"{count} private chats" if count else f"10 forums of {TOPICS}"
        table = Table(title="1 private chat, answers in turn" if count == 1 else title)
        for column in ("", "answers", "first p50", "p95", "stale", "best", "ratio", "keeping", "ratio",
                       "complete p50", "p95", "frames", "429", "a chat"):  # fmt: skip
            table.add_column(column, justify="right" if column else "left")
        few = max(1, BESIDE.get(count, 1) // given.processes)
        for begin in range(0, len(regimes), few):
            await _beside_each_other(table, regimes[begin : begin + few], count, given)
            console.print(table)


async def _beside_each_other(
    table: Table, regimes: Sequence[str], chats: int, given: argparse.Namespace
) -> None:
    async def of(child: Child, name: str) -> Figures:
        ours = child is BRIDGE
        learn, processes = (LEARN_SECONDS, given.processes) if ours else (NAIVE_SECONDS, 1)
        return await measured(child, REGIMES[name], chats, learn=learn, processes=processes)

    ours = await asyncio.gather(*(of(BRIDGE, name) for name in regimes))
    theirs = await asyncio.gather(*(of(NAIVE, name) for name in regimes if not given.no_naive))
    for number, name in enumerate(regimes):
        _row(table, name, ours[number])
        if theirs:
            _row(table, "  naive", theirs[number])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--regime", nargs="*", choices=[*REGIMES], default=[*REGIMES])
    parser.add_argument(
        "--chats", type=int, nargs="*", default=[1, 20, 100, 0], help="0 stands for the forums"
    )
    parser.add_argument("--no-naive", action="store_true", help="leave the naive bot out")
    parser.add_argument(
        "--processes", type=int, default=1, help="of the bridge, on a PostgreSQL if several"
    )
    run(main(parser.parse_args()))
