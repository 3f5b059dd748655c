"""Twenty honest people beside all who mean no good: whether these cost the others anything.

Run with `python -m benchmarks.hostile`. In a group of twenty one member floods commands, presses and
edits; five hundred strangers and fifty blocked people write on and on; to one person the agent never
stops writing. Beside them twenty honest people ask in their private chats, and then the same once more
without anybody else. Printed are the honest ones' times and the memory, each with its ratio to the quiet
run, and how many runs each attacker caused.
"""

import argparse
import asyncio
import itertools
import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from statistics import fmean

from rich.console import Console
from rich.table import Table

from benchmarks.measures import Seen, letters, seen
from benchmarks.stage import BRIDGE, Stage, frames, run, stage
from bridge.sandbox.coze import Pace, Turn
from bridge.sandbox.coze.scripts.steps import Completed, Delta, Steps
from bridge.sandbox.telegram import Group, Person

HONEST, MEMBERS, STRANGERS, BLOCKED = 20, 20, 500, 50
FLOOD = "20,3.0"
QUOTA = 30
"""Messages a person and day."""
ANSWER = "So many words come one after the other, and a few **more** of them. " * 12
ENDLESS = "and it goes on and on " * 50
MOST_TIMES, MOST_MEMORY = 1.3, 1.5


@dataclass(frozen=True)
class Figures:
    """What one run came to."""

    answers: Sequence[Seen]
    peak: float
    """KiB of memory of the bridge."""
    runs: dict[str, int]
    """How many each attacker caused."""

    @property
    def first(self) -> float:
        """Seconds to the first text, as a mean."""
        return fmean(one.first for one in self.answers)

    @property
    def last(self) -> float:
        """Seconds from the last delta to the complete text, as a mean."""
        return fmean(one.last for one in self.answers)


async def measured(*, hostile: bool, rounds: int) -> Figures:
    """The honest people's answers, with or without the others."""
    settings = {
        "BRIDGE_ACCESS": "approval",
        "BRIDGE_OPERATORS": "5000000001",
        "BRIDGE_FLOOD": FLOOD,
    }
    async with stage(BRIDGE, ANSWER, Pace(0.5, 0.075), settings=settings) as here:
        here.coze.use(_endless, for_text="never stop")
        operator = here.telegram.add_person("Operator")
        honest = [here.telegram.add_person(f"Honest {number}") for number in range(HONEST)]
        crowd = await _crowd(here, operator, honest)
        here.forget_peak()
        attackers = []
        if hostile:
            attackers = [asyncio.create_task(one) for one in crowd.attacks(here)]
        try:
            answers = [
                one for number in range(rounds) for one in await _asked(here, honest, number)
            ]
        finally:
            for task in attackers:
                task.cancel()
            await asyncio.gather(*attackers, return_exceptions=True)
        return Figures(answers, here.memory("VmHWM"), crowd.runs(here))


def _endless(_turn: Turn) -> Steps:
    for _ in range(20_000):
        yield Delta("answer", ENDLESS)
    yield Completed("answer")


@dataclass(frozen=True)
class Crowd:
    """All who mean no good."""

    flooder: Person
    group: Group
    strangers: Sequence[Person]
    blocked: Sequence[Person]
    endless: Person

    def attacks(self, here: Stage) -> list[Coroutine[None, None, None]]:
        """What they do, for ever."""
        return [
            self._flood(here),
            _write(here, self.strangers, 0.01),
            _write(here, self.blocked, 0.02),
            self._never_stop(here),
        ]

    async def _flood(self, here: Stage) -> None:
        """Commands, presses and edits, fifty a second."""
        asked = here.telegram.send(self.flooder, "@sandbox_bot question 0", chat=self.group)
        for number in itertools.count():
            await asyncio.sleep(0.02)
            match number % 4:
                case 0:
                    here.telegram.send(self.flooder, "/help@sandbox_bot", chat=self.group)
                case 1:
                    here.telegram.edit(
                        self.flooder, asked, f"@sandbox_bot {number}", chat=self.group
                    )
                case 2 if posts := here.telegram.posts(self.group):
                    post = posts[-1].message_id
                    here.telegram.press(self.flooder, post, data="like:1", chat=self.group)
                case _:
                    here.telegram.send(self.flooder, "@sandbox_bot more", chat=self.group)

    async def _never_stop(self, here: Stage) -> None:
        for _ in itertools.count():
            here.telegram.send(self.endless, "never stop")
            await asyncio.sleep(5)

    def runs(self, here: Stage) -> dict[str, int]:
        """How many runs each of them caused."""
        questions = [one.question for one in here.coze.asked]
        return {
            "flooder": sum(
                "question 0" in one or "more" in one or "Flooder" in one for one in questions
            ),
            "strangers": sum("let me in" in one for one in questions),
            "never stops": sum("never stop" in one for one in questions),
        }


async def _write(here: Stage, people: Sequence[Person], seconds: float) -> None:
    for one in itertools.cycle(people):
        here.telegram.send(one, random.choice(("let me in", "/privacy", "/start")))  # noqa: S311
        await asyncio.sleep(seconds)


async def _crowd(here: Stage, operator: Person, honest: Sequence[Person]) -> Crowd:
    """Let people in, or out, as an operator does."""
    flooder = here.telegram.add_person("Flooder")
    endless = here.telegram.add_person("Endless")
    members = [here.telegram.add_person(f"Member {number}") for number in range(MEMBERS - 2)]
    group = here.telegram.add_group("Group", [operator, flooder, *members])
    strangers = [here.telegram.add_person(f"Stranger {number}") for number in range(STRANGERS)]
    blocked = [here.telegram.add_person(f"Blocked {number}") for number in range(BLOCKED)]
    for one in (*honest, endless):
        here.telegram.send(operator, f"/allow {one.id}")
    for one in blocked:
        here.telegram.send(operator, f"/block {one.id}")
    here.telegram.send(operator, f"/allow {group.id}")
    here.telegram.send(operator, f"/quota person messages day {QUOTA}")
    await _until(here, lambda: here.telegram.pending == 0)
    for one in honest:
        here.telegram.send(one, "/help")
    await _until(here, lambda: all(here.telegram.posts(one) for one in honest))
    await asyncio.sleep(10)  # what was said to all of them has left the budgets
    return Crowd(flooder, group, strangers, blocked, endless)


async def _until(here: Stage, what: Callable[[], bool]) -> None:
    await here.telegram.until(what, 300)


async def _asked(here: Stage, honest: Sequence[Person], number: int) -> list[Seen]:
    """All of them ask, a moment apart; what they saw."""
    before = {one.id: len(here.telegram.posts(one)) for one in honest}
    for one in honest:
        here.telegram.send(one, f"honest {one.id} {number}")
        await asyncio.sleep(0.1)
    whole = letters(ANSWER.replace("*", ""))

    def done() -> bool:
        return all(
            sum(letters(post.text) for post in here.telegram.posts(one)[before[one.id] :]) >= whole
            for one in honest
        )

    await _until(here, done)
    found = []
    for one in honest:
        posts = here.telegram.posts(one)[before[one.id] :]
        found.append(seen(here.written[f"honest {one.id} {number}"], frames(posts[0]), 0))
    return found


async def main(rounds: int) -> bool:
    """Both runs, the figures and the ratios. Returns whether every target was met."""
    console = Console(width=100)
    quiet = await measured(hostile=False, rounds=rounds)
    loud = await measured(hostile=True, rounds=rounds)
    table = Table(title=f"{HONEST} honest people, {rounds} questions each")
    for name in ("", "alone", "beside the others", "ratio", "at most"):
        table.add_column(name, justify="right")
    rows = (
        ("first text", quiet.first, loud.first, "s", MOST_TIMES),
        ("complete after the last delta", quiet.last, loud.last, "s", MOST_TIMES),
        ("peak of memory", quiet.peak / 1024, loud.peak / 1024, "MiB", MOST_MEMORY),
    )
    for name, alone, beside, unit, most in rows:
        ratio = f"{beside / alone:.2f}"
        table.add_row(name, f"{alone:.3f} {unit}", f"{beside:.3f} {unit}", ratio, f"{most:g}")
    console.print(table)
    console.print(f"runs of attackers: {loud.runs} (at most {QUOTA} a person, strangers 0)")
    return (
        all(beside <= most * alone for _, alone, beside, _, most in rows)
        and loud.runs["flooder"] <= QUOTA
        and loud.runs["never stops"] <= QUOTA
        and not loud.runs["strangers"]
    )


if __name__ == "__main__":
    random.seed(0)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="questions of each honest person")
    raise SystemExit(not run(main(parser.parse_args().rounds)))
