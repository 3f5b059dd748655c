"""How soon and how fresh people see an answer, what it costs, and how near that is to the limit.

Run with `python -m benchmarks.reply`; see README.md here for what the columns mean.
"""

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from rich.console import Console
from rich.table import Table

from benchmarks.measures import Seen, Step, best_possible, letters, seen, share
from benchmarks.stage import BRIDGE, LATENCY, NAIVE, Child, Stage, stage
from bridge.sandbox.coze import Pace
from bridge.sandbox.telegram import Person
from bridge.telegram.budget import PRIVATE
from bridge.telegram.pacing import MOST_NEW_A_SECOND

PACE = Pace(first_delta=0.5, delta=0.075)
ANSWER = (
    "## What a harbour needs\n\nA good harbour is **sheltered**, *deep enough* and easy to find at "
    "night. Most grew where a river met the sea, because the river had already cut the channel. "
    "Three things decide whether ships come back:\n\n"
    "- **Depth** at low water, not at high water: a pilot asks for `draught + 1` metres.\n"
    "- **Shelter** from the wind that blows most often in winter.\n"
    "- **Room to turn**, since a ship that cannot turn cannot leave.\n\n"
    "Lights came later. A fire on a hill was enough as long as few sailed after dark, and only when "
    "insurance became a business did anybody count wrecks. From then on every cape had its keeper, "
    "and every keeper a lamp to trim, a book to fill and a path to sweep.\n\n"
    "1. First the channel is marked with poles.\n2. Then the poles become buoys.\n"
    "3. At last somebody builds a wall, and calls the place a port.\n\n"
    "> A port is a promise that the sea has not signed.\n\n"
    "So much for the plan. In practice the order is different: people **settle first**, complain "
    "next, and dig last of all. The charts follow when the captains have stopped needing them, and "
    "the songs when there is nobody left who could object."
)
"""About 1,200 characters, as agents write them."""


@dataclass(frozen=True)
class Figures:
    """What was measured in one scenario."""

    name: str
    seen: Sequence[Seen]
    best: float
    """The best possible staleness, in seconds."""
    refused: int
    cpu: float
    """Seconds for each answer."""
    memory: float
    """KiB for each reply that was growing."""


async def private_chats(child: Child, name: str, chats: int) -> Figures:
    """So many private chats that ask at once."""
    async with stage(child, ANSWER, PACE) as here:
        await _ask(here, [here.telegram.add_person("Warm")])
        people = [here.telegram.add_person(f"P{number}") for number in range(chats)]
        before_cpu, before_memory = here.cpu, here.memory("VmRSS")
        here.forget_peak()
        await _ask(here, people)
        cpu = (here.cpu - before_cpu) / chats
        memory = (here.memory("VmHWM") - before_memory) / chats
        results = [_seen(here, person) for person in people]
        begun = min(here.written[_question(person)][0][0] for person in people)
        firsts = sorted(people, key=lambda one: here.written[_question(one)][0][0])
        best = mean(
            best_possible(
                here.written[_question(person)],
                PRIVATE,
                LATENCY / 2,
                start=begun + max(0.0, place - MOST_NEW_A_SECOND) / MOST_NEW_A_SECOND,
            )
            for place, person in enumerate(firsts)
        )
        refused = sum(call.status == 429 for call in here.telegram.calls)
    return Figures(name, results, best, refused, cpu, memory)


async def _ask(here: Stage, people: Sequence[Person]) -> None:
    """Everybody asks, and has the whole answer in the end."""
    whole = letters(ANSWER)
    for person in people:
        here.telegram.send(person, _question(person))

    def answered() -> bool:
        runs = here.coze.runs.values()
        return all(run.ended for run in runs) and all(
            sum(letters(post.text) for post in here.telegram.posts(person)) >= whole
            for person in people
        )

    for _ in range(600):  # the emulator asks after every change, which is too often for this
        await asyncio.sleep(0.5)
        if answered():
            break
    await asyncio.sleep(1.0)  # what is left of calls and transactions belongs to the cost


def _question(person: Person) -> str:
    return f"What does harbour {person.first_name} need?"


def _seen(here: Stage, person: Person) -> Seen:
    calls = sum(
        call.chat_id == person.id and call.method in ("sendMessage", "editMessageText")
        for call in here.telegram.calls
    )
    return seen(here.written[_question(person)], _timeline(here, person), calls)


def _timeline(here: Stage, person: Person) -> list[Step]:
    """When how many letters of the answer were visible, over all posts."""
    changes = sorted(
        (frame.at_loop_time, number, letters(frame.text))
        for number, post in enumerate(here.telegram.posts(person))
        for frame in post.history
    )
    visible: dict[int, int] = {}
    steps = []
    for at, number, count in changes:
        visible[number] = count
        steps.append((at, sum(visible.values())))
    return steps


def _table(figures: Sequence[Figures]) -> Table:
    table = Table(title="The same answers, measured in one run")
    for column in ("", "first text", "p95", "stale", "best", "ratio", "complete", "p95", "calls",
                   "429", "CPU/answer", "memory/reply"):  # fmt: skip
        table.add_column(column, justify="right" if column else "left")
    for one in figures:
        first = [each.first for each in one.seen]
        last = [each.last for each in one.seen]
        stale = mean(each.staleness for each in one.seen)
        table.add_row(
            one.name,
            f"{mean(first) * 1000:.0f} ms",
            f"{share(first, 0.95) * 1000:.0f} ms",
            f"{stale:.2f} s",
            f"{one.best:.2f} s",
            f"{stale / one.best:.2f}",
            f"{mean(last) * 1000:.0f} ms",
            f"{share(last, 0.95) * 1000:.0f} ms",
            f"{mean(each.calls for each in one.seen):.1f}",
            str(one.refused),
            f"{one.cpu * 1000:.0f} ms",
            f"{one.memory:.0f} KiB",
        )
    return table


async def main(chats: Sequence[int], naive: Sequence[int]) -> None:
    """Measure and print."""
    console = Console(width=150)
    figures = []
    for number in chats:
        figures.append(await private_chats(BRIDGE, f"{number} private", number))
        console.print(_table(figures[-1:]))
    for number in naive:
        figures.append(await private_chats(NAIVE, f"naive, {number} private", number))
        console.print(_table(figures[-1:]))
    console.print(_table(figures))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chats", type=int, nargs="*", default=[1, 20, 100, 500])
    parser.add_argument("--naive", type=int, nargs="*", default=[1, 20, 100])
    given = parser.parse_args()
    asyncio.run(main(given.chats, given.naive))
