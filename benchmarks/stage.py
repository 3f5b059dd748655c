"""Both emulators in this process, and a bot in another one, whose cost is read from the system."""

import asyncio
import os
import random
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from benchmarks.measures import Step, letters
from benchmarks.postgresql import server
from bridge.sandbox.coze import DEFAULT_BOT_ID, CozeEmulator, Pace, Turn
from bridge.sandbox.coze.scripts.steps import Completed, Delta, Steps, ending
from bridge.sandbox.telegram import Budgets, Group, Person, Post, TelegramEmulator
from bridge.serving import serving

BOT_TOKEN = "42:SANDBOX"  # the emulator's own
COZE_TOKEN = "pat_sandbox"
LATENCY, JITTER = 0.040, 0.020
"""Seconds of each call, half of them on the way there."""

Result = TypeVar("Result")
Child = Sequence[str]
BRIDGE: Child = (sys.executable, "-m", "bridge", "run")
NAIVE: Child = (sys.executable, "-m", "benchmarks.naive")


@dataclass
class Stage:
    """Where a bot is measured."""

    telegram: TelegramEmulator
    coze: CozeEmulator
    process: asyncio.subprocess.Process
    """The bot, or the last of several."""
    answer: str
    """What the agent answers to everything."""
    variables: dict[str, str] = field(default_factory=dict)
    """The bot's settings."""
    written: dict[str, list[Step]] = field(default_factory=dict)
    """When the agent wrote how much, by question."""

    @property
    def cpu(self) -> float:
        """Seconds of processor time that the bot has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, name: str) -> float:
        """KiB of memory of the bot: `VmRSS` now, `VmHWM` at its peak."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(name):
                return float(line.split()[1])
        raise ValueError(name)

    def forget_peak(self) -> None:
        """Let the peak begin at what is used now."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")


@asynccontextmanager
async def stage(
    child: Child,
    answer: str,
    pace: Pace,
    *,
    fetches: bool = False,
    settings: Mapping[str, str] | None = None,
    budgets: Budgets | None = Budgets(),  # noqa: B008  # frozen, so shared without harm
    processes: int = 1,
) -> AsyncIterator[Stage]:
    """The emulators and the bot, which has signed in, and perhaps fetches what answers link to.

    Several processes of it share the work on a PostgreSQL.
    """
    telegram, coze = TelegramEmulator(budgets=budgets), CozeEmulator()
    telegram.add_bot(BOT_TOKEN)
    coze.add_agent()
    coze.add_token(COZE_TOKEN)
    coze.pace = pace
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bridge-benchmark-"))
        address = await stack.enter_async_context(serving(_slowed(telegram.app)))
        coze_address = await stack.enter_async_context(serving(_slowed(coze.app)))
        stack.push_async_callback(telegram.close)
        stack.push_async_callback(coze.close)
        variables = settings_of(address, coze_address)
        variables["DATABASE_URL"] = f"sqlite+aiosqlite:///{folder}/benchmark.db"
        if fetches:
            variables["BRIDGE_PICTURE_HOSTS"] = coze_address.removeprefix("http://")
        variables |= settings or {}
        database = None
        if processes > 1:
            database = await stack.enter_async_context(server())
            variables["DATABASE_URL"] = database.address
        for _ in range(processes):
            process = await asyncio.create_subprocess_exec(*child, env={**os.environ, **variables})
            stack.push_async_callback(_end, process)
        set_up = Stage(telegram, coze, process, answer, variables)
        coze.use(_script(answer, set_up.written))
        await telegram.until(lambda: telegram.polling, timeout=60, what="the bot")
        if database is not None:
            await database.shared_by(processes)
        yield set_up


def settings_of(telegram: str, coze: str) -> dict[str, str]:
    """The bot's settings but for its database, by the addresses of both emulators."""
    return {
        "TELEGRAM_BOT_TOKEN": BOT_TOKEN,
        "TELEGRAM_API_BASE_URL": telegram,
        "COZE_API_BASE": coze,
        "COZE_API_TOKEN": COZE_TOKEN,
        "COZE_BOT_ID": DEFAULT_BOT_ID,
        "BRIDGE_LOG_LEVEL": "WARNING",
        "BRIDGE_ACCESS": "open",
        "BRIDGE_FLOOD": "100000,0.001",
    }


def _script(answer: str, written: dict[str, list[Step]]) -> Callable[[Turn], Steps]:
    """The answer, delta by delta, noting when each one was written."""
    parts = re.findall(r"\s*\S{1,6}", answer)

    def script(turn: Turn) -> Steps:
        steps = written[turn.question] = []
        count = 0
        for part in parts:
            yield Delta("answer", part)
            count += letters(part)
            if count:  # signs of Markdown alone are nothing to see
                steps.append((asyncio.get_running_loop().time(), count))
        yield Completed("answer", answer)
        yield from ending()

    return script


def addressed(words: str, group: Group | None) -> str:
    """What somebody writes to ask that."""
    return f"@sandbox_bot {words}" if group else words


def heard(words: str, person: Person, group: Group | None) -> str:
    """What the agent reads of it: in a group, who says it."""
    return f"{person.first_name}: {words}" if group else words


def frames(post: Post) -> list[Step]:
    """When a message showed how many letters."""
    return [(frame.at_loop_time, letters(frame.text)) for frame in post.history]


def _slowed(app: ASGIApp) -> ASGIApp:
    """The application behind a network: each call takes a while, there and back."""

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].lower().endswith("/getupdates"):
            await app(scope, receive, send)
            return
        pause = random.uniform(LATENCY - JITTER, LATENCY + JITTER) / 2  # noqa: S311
        await asyncio.sleep(pause)
        await app(scope, receive, _late(send, pause))

    return slow


def _late(send: Send, pause: float) -> Callable[[Message], Awaitable[None]]:
    async def later(message: Message) -> None:
        if message["type"] == "http.response.start":
            await asyncio.sleep(pause)
        await send(message)

    setattr(later, "__self__", getattr(send, "__self__", None))  # noqa: B010  # see the emulators
    return later


def run(benchmark: Coroutine[object, object, Result]) -> Result:
    """Run a benchmark, which ends the processes that it started also when it is ended itself."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return asyncio.run(benchmark)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(20):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
