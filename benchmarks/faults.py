"""How soon and how whole answers are while calls fail: 502s, lost answers, floods.

Run with `python -m benchmarks.faults`. Twenty people ask three questions each; one send or edit in ten is
answered by a gateway's 502, one in twenty is done and its connection breaks, and every few seconds one chat
is flooded for three. Printed are the times, how many answers are whole, and how many texts stand twice half
a minute after the last one; the exit code says whether all of that is as it should be.
"""

import argparse
import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from benchmarks.measures import Seen, Step, letters, seen, share
from benchmarks.reply import ANSWER, PACE
from benchmarks.stage import BRIDGE, NAIVE, Child, Stage, frames, run, stage
from bridge.sandbox.telegram import Person

PEOPLE, QUESTIONS = 20, 3
FAILING, LOST = 0.10, 0.05
FLOOD_SECONDS, FLOOD_EVERY = 3.0, 4.0
PATIENT_SECONDS = 150.0
LAST_SECONDS = 30.0
MOST_FIRST, MOST_LAST = 1.5, 3.0


@dataclass(frozen=True)
class Answer:
    """What became of one question."""

    seen: Seen
    whole: bool
    flooded_first: float
    flooded: float
    """Seconds of silence that were asked for in its chat before its first text, and in all."""


@dataclass(frozen=True)
class Figures:
    """What was measured of one bot."""

    answers: Sequence[Answer]
    doubled: int
    """Complete or partial texts that stand beside the answer at the end."""

    def first(self, part: float) -> float:
        """The same to the first text."""
        return share([max(0.0, one.seen.first - one.flooded_first) for one in self.answers], part)

    def last(self, part: float) -> float:
        """The seconds to the complete text, without the silences, that this part does not exceed."""
        return share([max(0.0, one.seen.last - one.flooded) for one in self.answers], part)


async def measured(child: Child, seed: int) -> Figures:
    """Ask while calls fail."""
    async with stage(child, ANSWER, PACE) as here:
        here.telegram.fail_sometimes(FAILING, LOST, seed)
        people = [here.telegram.add_person(f"P{number}") for number in range(PEOPLE)]
        floods: list[tuple[float, int]] = []
        flooding = asyncio.create_task(_flood(here, people, floods, random.Random(seed)))  # noqa: S311
        answers: list[Answer] = []
        async with asyncio.TaskGroup() as group:
            for one in people:
                group.create_task(_speak(here, one, answers, floods))
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)
        here.telegram.mend()
        await asyncio.sleep(LAST_SECONDS)
        doubled = sum(len(here.telegram.posts(one)) - QUESTIONS for one in people)
        return Figures(answers, doubled)


async def _flood(
    here: Stage, people: Sequence[Person], floods: list[tuple[float, int]], chance: random.Random
) -> None:
    while True:
        await asyncio.sleep(FLOOD_EVERY)
        who = chance.choice(people)
        here.telegram.flood(who, FLOOD_SECONDS)
        floods.append((asyncio.get_running_loop().time(), who.id))


async def _speak(
    here: Stage, who: Person, answers: list[Answer], floods: Sequence[tuple[float, int]]
) -> None:
    loop, whole = asyncio.get_running_loop(), letters(ANSWER)
    for number in range(QUESTIONS):
        question, asked = f"What does {who.first_name} need? ({number})", loop.time()
        here.telegram.send(who, question)
        done = False
        while not done and loop.time() < asked + PATIENT_SECONDS:
            await asyncio.sleep(0.2)
            done = any(count >= whole for _, count in _shown(here, who, asked))
        written = here.written.get(question, [(asked, whole)])
        saw = seen(written, _shown(here, who, asked), 0)
        met = [at for at, chat in floods if chat == who.id and at > asked - FLOOD_SECONDS - 1]
        first = sum(at < written[0][0] + saw.first for at in met)
        silence = FLOOD_SECONDS + 1
        answers.append(Answer(saw, done, first * silence, len(met) * silence))
        await asyncio.sleep(1.0)


def _shown(here: Stage, who: Person, asked: float) -> list[Step]:
    """When how many letters of an answer were visible, in the post that shows most of it."""
    best: dict[float, int] = {}
    for post in here.telegram.world.chat(who.id).messages.values():
        if post.by_bot and post.history[0].at_loop_time >= asked:
            for at, count in frames(post):
                best[at] = max(best.get(at, 0), count)
    steps, most = [], 0
    for at, count in sorted(best.items()):
        most = max(most, count)
        steps.append((at, most))
    return steps


async def main(seed: int, *, naive: bool) -> bool:
    """Measure and print. Returns whether every target was met."""
    bots = {"bridge": BRIDGE} | ({"naive": NAIVE} if naive else {})
    found = {name: await measured(child, seed) for name, child in bots.items()}
    table = Table(title=f"{PEOPLE} people, {QUESTIONS} questions each, calls that fail")
    for column in ("", "first p50", "p95", "complete p50", "p95", "whole", "doubled"):
        table.add_column(column, justify="right" if column else "left")
    for name, one in found.items():
        table.add_row(
            name,
            f"{one.first(0.5):.2f} s",
            f"{one.first(0.95):.2f} s",
            f"{one.last(0.5):.2f} s",
            f"{one.last(0.95):.2f} s",
            f"{sum(each.whole for each in one.answers)} of {len(one.answers)}",
            str(one.doubled),
        )
    Console(width=110).print(table)
    ours = found["bridge"]
    return (
        ours.first(0.95) <= MOST_FIRST
        and ours.last(0.95) <= MOST_LAST
        and all(one.whole for one in ours.answers)
        and not ours.doubled
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-naive", action="store_true", help="leave the naive bot out")
    given = parser.parse_args()
    raise SystemExit(not run(main(given.seed, naive=not given.no_naive)))
