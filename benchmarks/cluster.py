"""Several bridges on one PostgreSQL: how fast they start a turn, and what becomes of it when they fail.

Run with `python -m benchmarks.cluster`, or with `--only` for some of its parts. Bridges of their own
processes stand between both emulators; where a link is to be cut, each reaches the server through a relay
of its own, which can fall silent. Only what the neighbours saw counts; take-overs are read from the database.
"""

import argparse
import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.cluster_world import LONG, SHORT, Account, Cluster, cluster
from benchmarks.measures import share
from benchmarks.stage import run

FROZEN_SECONDS = 12.0
CHURN_SECONDS, CHURNS = 70.0, 20
IDLE_SECONDS = 20.0


async def _kill(world: Cluster) -> None:
    await world.end(world.bridges[0], signal.SIGKILL)


async def _freeze(world: Cluster) -> None:
    world.bridges[0].signal(signal.SIGSTOP)
    await asyncio.sleep(FROZEN_SECONDS)
    world.bridges[0].signal(signal.SIGCONT)


async def _cut(world: Cluster) -> None:
    link = world.bridges[0].link
    assert link is not None  # noqa: S101  # this part has relays
    link.cut()
    await asyncio.sleep(FROZEN_SECONDS)
    link.heal()


async def _restart(world: Cluster) -> None:
    await asyncio.to_thread(world.database.restart)


async def _churn(world: Cluster) -> None:
    dice = random.Random(2)  # noqa: S311  # not a secret
    for _ in range(CHURNS):
        await asyncio.sleep(dice.uniform(0, 2 * CHURN_SECONDS / CHURNS))
        count = len(world.bridges)
        if count < 3 or (count < 5 and dice.random() < 0.5):
            await world.start()
        else:
            how = dice.choice([signal.SIGTERM, signal.SIGKILL])
            await world.end(dice.choice(world.bridges), how)


RELAYED = ("cut",)
"""Parts for which every bridge has a relay."""
FAULTS: dict[str, Callable[[Cluster], Awaitable[None]]] = {
    "kill": _kill,
    "freeze": _freeze,
    "cut": _cut,
    "restart": _restart,
    "churn": _churn,
}


def _cpu(pids: list[int]) -> float:
    """Seconds of processor time that processes have used, and those of theirs that have ended."""
    used = 0.0
    for pid in pids:
        with suppress(FileNotFoundError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            used += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return used


def _refused(world: Cluster, since: float) -> list[str]:
    """Return the calls that were refused, and what was called before: which limit each met."""
    calls = [call for call in world.telegram.calls if call.at_loop_time >= since - 60]
    found = []
    for call in calls:
        at = call.at_loop_time
        if at < since or "Too Many" not in call.description:
            continue
        done = [one for one in calls if not one.description and one.at_loop_time < at]
        new = sum("send" in one.method and one.at_loop_time > at - 1 for one in done)
        here = [one for one in done if one.chat_id == call.chat_id and one.at_loop_time > at - 10]
        ages = " ".join(f"{at - one.at_loop_time:.1f}" for one in reversed(here))
        found.append(
            f"{call.method} refused after {at - since:.1f} s: {new} new messages in the second before, "
            f"{len(here)} calls in its chat in ten, {ages} s ago"
        )
    return found


async def _part(world: Cluster, name: str, rate: float, seconds: float) -> list[str]:
    """Run one part; returns its row."""
    account = world.account = Account()
    world.deltas = SHORT if name == "steady" else LONG
    measured = (
        [one.process.pid for one in world.bridges],
        world.database.pids(),
        [os.getpid()],  # both emulators, and whoever asks
    )
    before, begun = [_cpu(each) for each in measured], time.monotonic()
    since = asyncio.get_running_loop().time()
    loading = asyncio.create_task(world.load(rate, seconds))
    taken = ""
    if name in FAULTS:
        await asyncio.sleep(1.5 * LONG * 0.1)  # as many turns are open as ever will be
        at = time.time()
        await FAULTS[name](world)
        await asyncio.sleep(1.0)
        found = await world.rows(
            "SELECT count(*), max(taken_at) FROM turns WHERE taken_at > $1", at
        )
        count, last = found[0]
        taken = f"{count} in {last - at:.1f} s" if count else "none"
    asking = await loading
    used = [_cpu(each) - was for each, was in zip(measured, before, strict=True)]
    took = time.monotonic() - begun
    await asyncio.gather(*asking)
    await asyncio.sleep(15.0)  # copies of posts are looked for
    world.judge()
    starts = [
        1000 * (times[0] - account.sent[question])
        for question, times in account.asked.items()
        if question in account.free
    ]
    account.refused += _refused(world, since)
    return [
        name,
        str(len(account.sent)),
        str(len(account.answered)),
        str(len(account.lost)),
        str(len(account.strange)),
        f"{share(starts, 0.5):.0f} / {share(starts, 0.99):.0f}" if starts else "",
        taken,
        str(len(account.refused)),
        " + ".join(f"{100 * one / took:.0f}" for one in used) if name == "steady" else "",
    ]


async def main(arguments: argparse.Namespace) -> None:
    """Run the parts, and print what became of the questions."""
    console = Console(width=130)
    table = Table(title=f"{arguments.processes} bridges on one PostgreSQL")
    for column in (
        "part", "asked", "answered", "lost", "wrong", "start p50 / p99 ms", "taken over",
        "429", "% of a core: bridges + server + emulators",
    ):  # fmt: skip
        table.add_column(column, justify="left" if column == "part" else "right")
    for relayed in (False, True):
        names = [name for name in arguments.only if (name in RELAYED) is relayed]
        if not names:
            continue
        made = cluster(
            arguments.chats,
            arguments.processes,
            arguments.limits,
            relayed=relayed,
            other=arguments.other,
        )
        async with made as world:
            for name in names:
                row = await (_idle(world) if name == "idle" else _loaded(world, name, arguments))
                table.add_row(*row)
                console.print(" · ".join(row))
                for line in (*world.account.strange, *world.account.refused):
                    console.print(f"  ! {line}")
    console.print(table)


async def _idle(world: Cluster) -> list[str]:
    """Let nothing happen; returns the row."""
    pids = [one.process.pid for one in world.bridges], world.database.pids()
    before = [_cpu(each) for each in pids]
    await asyncio.sleep(IDLE_SECONDS)
    used = [_cpu(each) - was for each, was in zip(pids, before, strict=True)]
    return ["idle", *[""] * 7, " + ".join(f"{100 * one / IDLE_SECONDS:.1f}" for one in used)]


async def _loaded(world: Cluster, name: str, arguments: argparse.Namespace) -> list[str]:
    """Run one part with all bridges at work; returns its row."""
    while len(world.bridges) < arguments.processes:
        await world.start()
    await world.database.shared_by(len(world.bridges))
    rate = arguments.rate if name == "steady" else arguments.turns / (LONG * 0.1)
    seconds = {"steady": arguments.seconds, "churn": 1.5 * CHURN_SECONDS}.get(name, 40.0)
    return await _part(world, name, rate, seconds)


if __name__ == "__main__":
    parts = ["idle", "steady", *FAULTS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--chats", type=int, default=300)
    parser.add_argument("--rate", type=float, default=15.0, help="questions a second, steady")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long that is")
    parser.add_argument("--turns", type=float, default=90.0, help="open turns while things fail")
    parser.add_argument(
        "--limits",
        default="",
        help="of Telegram, as bridge sandbox takes them; new=none above 25/s",
    )
    parser.add_argument(
        "--other", type=Path, help="folder of another release, of which every second bridge is"
    )
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    run(main(parser.parse_args()))
