"""Ten minutes of short questions from many chats: whether the bridge's memory stays flat.

Run with `python -m benchmarks.soak`. Twenty questions a second come from a thousand people; each
answer is a line. Printed are the memory of the bridge's process minute by minute, and its growth
for each thousand turns over the second half, when everything that is kept once is there.
"""

import argparse
import asyncio
import gc
import random

from rich.console import Console
from rich.table import Table

from benchmarks.stage import BRIDGE, Stage, run, stage
from bridge.sandbox.coze import Pace

ANSWER = "An answer of some words, and **a few** more."


async def ask(here: Stage, rate: float, seconds: float) -> None:
    """Send questions at an even rate, each from the next person."""
    people = [here.telegram.add_person(f"Person {number}") for number in range(1000)]
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(begun + number / rate - loop.time())
        here.telegram.send(people[number % len(people)], f"question {number}")


async def main(rate: float, minutes: float) -> None:
    """Ask, look each minute, and print."""
    console = Console(width=100)
    table = Table(title=f"{rate:g} questions a second for {minutes:g} minutes")
    for name in ("minute", "asked", "runs over", "memory", "CPU/turn"):
        table.add_column(name, justify="right")
    async with stage(BRIDGE, ANSWER, Pace(0.05, 0)) as here:
        asking = asyncio.create_task(ask(here, rate, minutes * 60))
        seen: list[tuple[int, float]] = []
        minute = 0
        while not asking.done():
            await asyncio.wait([asking], timeout=60)
            minute += 1
            over = sum(run.ended for run in here.coze.runs.values())
            seen.append((over, here.memory("VmRSS")))
            row = (minute, len(here.coze.asked), over, f"{seen[-1][1] / 1024:.1f} MiB")
            table.add_row(*map(str, row), f"{here.cpu / max(1, over) * 1000:.0f} ms")
            console.print(f"minute {minute}: {over} turns, {seen[-1][1] / 1024:.1f} MiB")
        await asking
    console.print(table)
    (turns, before), (more, after) = seen[len(seen) // 2], seen[-1]
    if more > turns:
        growth = (after - before) / (more - turns) * 1000
        console.print(f"growth per 1,000 turns in the second half: {growth:.0f} KiB")


if __name__ == "__main__":
    random.seed(0)
    # What the emulators remember grows with every call, and a look of the garbage collector at all
    # of it is a pause for the bridge, with a burst behind it.
    gc.disable()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=20.0, help="questions a second")
    parser.add_argument("--minutes", type=float, default=10.0)
    given = parser.parse_args()
    run(main(given.rate, given.minutes))
