"""From a clone to the first answer: `python -m benchmarks.first_use`.

Clone, environment, installation, `bridge init` with four answers, `bridge run`, one question: against both
emulators in this process, as the README tells it. What pip downloads is part of it.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bridge.sandbox.coze import DEFAULT_BOT_ID, CozeEmulator
from bridge.sandbox.telegram import TelegramEmulator
from bridge.serving import serving

PROJECT = Path(__file__).parent.parent
BOT_TOKEN, COZE_TOKEN = "42:FIRST", "pat_first"
TARGET_SECONDS = 180.0


class Steps:
    """What was done, and how long each took."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, float]] = []

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[None]:
        """Time one of them."""
        began = time.monotonic()
        yield
        self.rows.append((name, time.monotonic() - began))


async def done(*command: str, folder: Path, variables: Mapping[str, str] | None = None) -> None:
    """Run a command to its end; its output only when it fails. Ends the program then."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, **(variables or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    if process.returncode:
        sys.exit(f"{' '.join(command)}\n{out.decode()}")


async def first_answer(folder: Path) -> Steps:
    """Do it all in an empty folder."""
    steps, there = Steps(), folder / "bridge"
    telegram, coze = TelegramEmulator(), CozeEmulator()
    telegram.add_bot(BOT_TOKEN)
    coze.add_agent(DEFAULT_BOT_ID)
    coze.add_token(COZE_TOKEN)
    ann = telegram.add_person("Ann")
    async with serving(telegram.app) as bot_api, serving(coze.app) as coze_api:
        async with steps.step("git clone"):
            await done("git", "clone", "-q", str(PROJECT), str(there), folder=folder)
        async with steps.step("python3 -m venv .venv"):
            await done(sys.executable, "-m", "venv", ".venv", folder=there)
        async with steps.step("pip install -c constraints.txt ."):
            await done(".venv/bin/pip", "install", "-q", "-c", "constraints.txt", ".", folder=there)
        around = {"TELEGRAM_API_BASE_URL": bot_api}
        async with steps.step("bridge init (4 answers)"):
            page = f"{coze_api}/space/1/bot/{DEFAULT_BOT_ID}"
            given = ("--token", BOT_TOKEN, "--agent", page, "--credential", COZE_TOKEN)
            own = ("--operator", str(ann.id), "--yes")
            await done(".venv/bin/bridge", "init", *given, *own, folder=there, variables=around)
        async with steps.step("bridge run, to the first answer"):
            process = await asyncio.create_subprocess_exec(
                ".venv/bin/bridge", "run", cwd=there, env={**os.environ, **around},
                stdout=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            telegram.send(ann, "Hello!")

            def answered() -> bool:
                posts = telegram.posts(ann)
                return bool(posts) and "stop:" not in str(posts[-1].reply_markup)

            await telegram.until(answered, 120, "an answer")
        process.terminate()
        await process.wait()
        await telegram.close()
        await coze.close()
    return steps


def main() -> None:
    """Print how long each step took; exit code 1 when all take more than three minutes."""
    with tempfile.TemporaryDirectory(prefix="first-use-") as folder:
        steps = asyncio.run(first_answer(Path(folder)))
    total = sum(seconds for _, seconds in steps.rows)
    table = Table("step", "seconds")
    for name, seconds in [*steps.rows, ("all", total)]:
        table.add_row(name, f"{seconds:.1f}")
    Console().print(table)
    sys.exit(total > TARGET_SECONDS)


if __name__ == "__main__":
    main()
