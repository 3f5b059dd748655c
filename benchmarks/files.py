"""How much memory a file of 20 MB takes on its way through the bridge, in either direction.

Run with `python -m benchmarks.files`. Small files go first, so that everything is there that is kept
once; printed is by how much the bridge's process grows at its peak while a large one passes.
"""

import asyncio
import random
from collections.abc import Callable

from rich.console import Console

from benchmarks.stage import BRIDGE, Stage, run, stage
from bridge.sandbox.coze import Pace, saying
from bridge.sandbox.telegram import Person

MEGABYTE = 1024 * 1024
LARGE = 20 * MEGABYTE - 1024
ROUNDS = 5


async def growth(here: Stage, act: Callable[[], object], done: Callable[[], bool]) -> float:
    """By how many MiB the process grows at its peak until it is done."""
    before = here.memory("VmRSS")
    here.forget_peak()
    act()
    await here.telegram.until(done, timeout=120, what="the file")
    await asyncio.sleep(1)
    return (here.memory("VmHWM") - before) / 1024


async def in_and_out(here: Stage, ann: Person, size: int, round_: int) -> tuple[float, float]:
    """A document of that size to the agent, and one from it."""
    content = b"%PDF-1.4\n" + random.randbytes(size - 9)  # noqa: S311
    uploads, posts = len(here.coze.uploads), len(here.telegram.posts(ann))
    here.coze.use(saying("Seen."))

    def send() -> None:
        here.telegram.send_document(ann, "large.pdf", content, "application/pdf", "What is it?")

    def taken() -> bool:
        return len(here.coze.uploads) > uploads and len(here.telegram.posts(ann)) > posts

    incoming = await growth(here, send, taken)
    name = f"{size}-{round_}.pdf"
    here.coze.publish(name, content, "application/pdf")
    link = here.coze.link(here.variables["COZE_API_BASE"], name)
    here.coze.use(saying(f"Here is [the file]({link})."))

    def came() -> bool:
        newest = here.telegram.posts(ann)[-1]
        return newest.attachment is not None and here.telegram.content_of(newest) == content

    outgoing = await growth(here, lambda: here.telegram.send(ann, "send it"), came)
    return incoming, outgoing


async def main() -> None:
    """Warm up, measure, print."""
    console = Console(width=100)
    async with stage(BRIDGE, "", Pace(0, 0), fetches=True) as here:
        here.coze.state.largest_body = 64 * MEGABYTE
        ann = here.telegram.add_person("Ann")
        for round_ in range(ROUNDS):
            await in_and_out(here, ann, MEGABYTE, round_)
        for round_ in range(ROUNDS):
            incoming, outgoing = await in_and_out(here, ann, LARGE, round_)
            console.print(f"20 MB: {incoming:.1f} MiB more on the way in, {outgoing:.1f} out")


if __name__ == "__main__":
    run(main())
