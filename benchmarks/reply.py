"""How soon and how fresh people see an answer, what it costs, and how near that is to the limit.

Run with `python -m benchmarks.reply`; benchmarks/README.md says what the columns mean.
"""

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from rich.console import Console
from rich.table import Table

from benchmarks.measures import Allowed, Seen, Step, best_possible, letters, over_posts, seen, share
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
from bridge.sandbox.coze import Pace
from bridge.sandbox.telegram import Group, Message, Person

PRIVATE = Allowed(burst=12, every=2.4, gap=1.0)
GROUP = Allowed(burst=20, every=3.0)
NEW_A_SECOND = 30
"""What the emulator allows."""
PACE = Pace(first_delta=0.5, delta=0.075)
SLOW = Pace(first_delta=0.5, delta=0.25)
"""A minute for the same answer."""
BURST = Pace(first_delta=0.5, delta=1 / 60)
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
LONG = "".join(
    f"## Harbour {number}\n\nA **sheltered** basin of `{number + 2}` metres, *easy to find* at night, "
    "where the river had already cut the channel before anybody thought of walls.\n\n"
    "| ⚓ | ↕ | ⛵ |\n|---|---:|---|\n"
    f"| North {number} | 9.5 | many, and most of them in winter |\n| South | 4 | few |\n\n"
    f"```\ndef depth_{number}(tide):\n    return {number + 2} + tide / 2\n```\n\n"
    "- The light is on the hill.\n- The **pilot** comes aboard outside.\n\n"
    for number in range(25)
)[:8000]
"""8,000 characters with tables and code; a head that is shown twice has no letters to count."""


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


@dataclass(frozen=True)
class Place:
    """Somebody who asks somewhere."""

    person: Person
    chat: Group | None = None
    thread_id: int = 0

    @property
    def question(self) -> str:
        """What they ask; it is unique."""
        return f"What does harbour {self.person.first_name} need?"

    @property
    def heard(self) -> str:
        """What the agent reads of it."""
        return heard(self.question, self.person, self.chat)

    @property
    def chat_id(self) -> int:
        """Whose budget counts."""
        return self.chat.id if self.chat else self.person.id


async def private_chats(
    child: Child, name: str, chats: int, pace: Pace = PACE, answer: str = ANSWER
) -> Figures:
    """So many private chats that ask at once."""
    async with stage(child, answer, pace) as here:
        places = [Place(here.telegram.add_person(f"P{number}")) for number in range(chats)]
        return await _measured(here, name, places, PRIVATE, sharing=1)


async def forums(child: Child, name: str, groups: int, topics: int, pace: Pace = PACE) -> Figures:
    """So many forums, in each of which so many topics ask at once: they share its budget."""
    async with stage(child, ANSWER, pace) as here:
        telegram, places = here.telegram, list[Place]()
        for number in range(groups):
            people = [telegram.add_person(f"G{number}P{one}") for one in range(topics)]
            group = telegram.add_group(f"Group {number}", people, forum=True)
            places += [
                Place(person, group, telegram.add_topic(group, person.first_name))
                for person in people
            ]
        return await _measured(here, name, places, GROUP, sharing=topics)


async def _measured(
    here: Stage, name: str, places: Sequence[Place], limits: Allowed, sharing: int
) -> Figures:
    await _ask(here, [Place(here.telegram.add_person("Warm"))])
    before_cpu, before_memory = here.cpu, here.memory("VmRSS")
    here.forget_peak()
    await _ask(here, places)
    cpu = (here.cpu - before_cpu) / len(places)
    memory = (here.memory("VmHWM") - before_memory) / len(places)
    together: dict[int, list[Sequence[Step]]] = {}
    for place in places:
        together.setdefault(place.chat_id, []).append(here.written[place.heard])
    chats = sorted(together.values(), key=lambda answers: answers[0][0][0])
    begun = chats[0][0][0][0]
    best = mean(
        best_possible(
            answers,
            limits,
            LATENCY / 2,
            start=begun + number // NEW_A_SECOND,
        )
        for number, answers in enumerate(chats)
    )
    refused = sum(call.status == 429 for call in here.telegram.calls)
    results = [_seen(here, place, sharing) for place in places]
    return Figures(name, results, best, refused, cpu, memory)


async def _ask(here: Stage, places: Sequence[Place]) -> None:
    """Everybody asks, and has the whole answer in the end."""
    whole = letters(here.answer)
    for place in places:
        words = addressed(place.question, place.chat)
        here.telegram.send(place.person, words, chat=place.chat, thread_id=place.thread_id)

    def answered() -> bool:
        runs = here.coze.runs.values()
        return all(run.ended for run in runs) and all(
            sum(letters(post.text) for post in _posts(here, place)) >= whole for place in places
        )

    for _ in range(600):  # the emulator asks after every change, which is too often for this
        await asyncio.sleep(0.5)
        if answered():
            break
    await asyncio.sleep(1.0)  # what is left of calls and transactions belongs to the cost


def _posts(here: Stage, place: Place) -> list[Message]:
    return here.telegram.posts(place.chat or place.person, place.thread_id if place.chat else None)


def _seen(here: Stage, place: Place, sharing: int) -> Seen:
    calls = sum(
        call.chat_id == place.chat_id and call.method in ("sendMessage", "editMessageText")
        for call in here.telegram.calls
    )
    return seen(here.written[place.heard], _timeline(here, place), calls / sharing)


def _timeline(here: Stage, place: Place) -> list[Step]:
    """When how many letters of the answer were visible, over all posts."""
    return over_posts([frames(post) for post in _posts(here, place)])


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


def _positive(text: str) -> int:
    """A number of chats. Raises ValueError."""
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


async def main(
    chats: Sequence[int], naive: Sequence[int], *, groups: bool, burst: bool, long: bool
) -> None:
    """Measure and print."""
    console = Console(width=150)
    figures = []

    def note(figure: Figures) -> None:
        figures.append(figure)
        console.print(_table([figure]))

    for number in chats:
        note(await private_chats(BRIDGE, f"{number} private", number))
    for number in naive:
        note(await private_chats(BRIDGE, f"{number} private, slow agent", number, SLOW))
        note(await private_chats(NAIVE, f"naive, {number} private", number))
        note(await private_chats(NAIVE, f"naive, {number} private, slow agent", number, SLOW))
    if groups:
        note(await forums(BRIDGE, "10 groups of 5", 10, 5))
        note(await forums(BRIDGE, "10 groups of 5, slow agent", 10, 5, SLOW))
    if burst:
        note(await private_chats(BRIDGE, "20 private, 60 deltas/s", 20, BURST))
    if long:
        for number in (1, 20):
            name = f"{number} private, 8,000 characters"
            note(await private_chats(BRIDGE, name, number, BURST, LONG))
    console.print(_table(figures))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--chats", type=_positive, nargs="*", default=[1, 20, 100, 500], help="chats at once"
    )
    parser.add_argument(
        "--naive", type=_positive, nargs="*", default=[20], help="chats at once, beside a naive bot"
    )
    parser.add_argument("--no-groups", action="store_true", help="leave the forums out")
    parser.add_argument("--no-burst", action="store_true", help="leave the fast agent out")
    parser.add_argument("--no-long", action="store_true", help="leave long answers out")
    given = parser.parse_args()
    run(
        main(
            given.chats,
            given.naive,
            groups=not given.no_groups,
            burst=not given.no_burst,
            long=not given.no_long,
        )
    )
