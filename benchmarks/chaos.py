"""A thousand questions while everything breaks at once: what became of each of them.

Run with `python -m benchmarks.chaos`. The bridge is a process of its own that is killed at random
moments, and both neighbours fail, flood, stall and cut in between. Only what the neighbours saw
counts.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.postgresql import Server, server
from benchmarks.stage import BOT_TOKEN, COZE_TOKEN, run, settings_of
from bridge.sandbox.coze import CozeEmulator, Pace, Turn
from bridge.sandbox.coze.scripts.steps import Steps, ending, say
from bridge.sandbox.telegram import Message, Person, TelegramEmulator
from bridge.serving import serving

LAST_SECONDS = 40.0
"""How long copies of posts are looked for and deleted after the last answer."""
END_SECONDS = 240.0
"""How long a question may take until it counts as lost."""
FAULT_SECONDS = 2.0
"""The mean time between two faults."""
SENTENCE = " All of this is said by nobody in particular, and yet it must arrive complete."


@dataclass
class Account:
    """What became of the questions."""

    asked: int = 0
    kills: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    """`once`, `twice`, `told why` and `lost`."""
    strange: list[str] = field(default_factory=list)


def answer(question: str) -> str:
    """The agent's answer: from a line to more than a post, always the same for a question."""
    number = int(question.rpartition(" ")[2])
    return f"To {question}:" + SENTENCE * (1 + number * 7 % 23) + f" End of {question}."


def _script(turn: Turn) -> Steps:
    yield from say("answer", answer(turn.question))
    yield from ending()


class Chaos:
    """Both emulators, and a bridge between them that is killed again and again."""

    def __init__(
        self,
        telegram: TelegramEmulator,
        coze: CozeEmulator,
        variables: dict[str, str],
        seed: int,
        database: Server | None,
    ) -> None:
        self._database = database
        self._dice = random.Random(seed)  # noqa: S311  # not a secret
        self.telegram = telegram
        self.coze = coze
        self.account = Account()
        self._variables = variables
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the bridge."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bridge", "run", env={**os.environ, **self._variables}
        )

    async def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def kill_often(self, kills: int, between: float) -> None:
        """Kill it so often, at random moments, and start it again each time."""
        for _ in range(kills):
            await asyncio.sleep(self._dice.uniform(0.5, 2 * between - 0.5))
            await self.kill()
            self.account.kills += 1
            await self.start()

    async def break_things(self, people: list[Person]) -> None:
        """One fault after the other, until cancelled."""
        telegram, coze = self.telegram, self.coze
        faults: dict[str, Callable[[], None]] = {
            "Telegram: 502": lambda: telegram.fail("*", status=502, times=self._dice.randint(1, 5)),
            "Telegram: send, answer lost": lambda: telegram.fail(
                "sendMessage", after_executing=True
            ),
            "Telegram: edit, answer lost": lambda: telegram.fail(
                "editMessageText", times=2, after_executing=True
            ),
            "Telegram: updates cut": lambda: telegram.fail("getUpdates", status=504),
            "Telegram: 429 storm": lambda: self._flood(people),
            "Coze: stream cut": lambda: coze.drop_stream(after_events=self._dice.randint(0, 12)),
            "Coze: stream stalled": lambda: coze.stall_stream(self._dice.randint(0, 12), seconds=4),
            "Coze: 502 instead of a run": lambda: coze.fail_gateway("POST /v3/chat", http=502),
            "Coze: 5000": lambda: coze.fail("/v3/chat/retrieve", 5000, http=500, times=2),
            "Coze: 4013": lambda: coze.fail("/v3/chat", 4013),
        }
        ended = "database: connections ended"
        names = [*faults, ended] if self._database else list(faults)
        while True:
            await asyncio.sleep(self._dice.expovariate(1 / FAULT_SECONDS))
            name = self._dice.choice(names)
            telegram.mend()  # what did not come yet would pile up while the bridge is down
            coze.mend()
            if self._database and name == ended:
                await self._database.end_connections()
            else:
                faults[name]()
            self.account.faults[name] += 1

    def _flood(self, people: list[Person]) -> None:
        for one in self._dice.sample(people, 3):
            self.telegram.flood(one, seconds=self._dice.randint(2, 8))

    async def talk(self, person: Person, questions: list[str]) -> None:
        """Ask one question after the other, each when the one before has its end."""
        for question in questions:
            after = self.telegram.send(person, question)
            self.account.asked += 1
            end = await self._end_of(person, question, after)
            self.account.ends[end] += 1
            if end in ("lost", "twice"):
                texts = [post.text[:40] for post in self._below(person, after)]
                self.account.strange.append(f"{question}: {end}: {texts}")

    def _below(self, person: Person, message_id: int) -> list[Message]:
        """The bot's messages below one; of those above it, copies may have been deleted meanwhile."""
        return [one for one in self.telegram.posts(person) if one.message_id > message_id]

    async def _end_of(self, person: Person, question: str, after: int) -> str:
        def ended() -> bool:
            posts = self._below(person, after)
            return bool(posts) and (
                posts[-1].text.endswith(f"End of {question}.") or _can_retry(posts[-1])
            )

        try:
            await self.telegram.until(ended, timeout=END_SECONDS)
        except TimeoutError:
            return "lost"
        return "once" if not _can_retry(self.telegram.posts(person)[-1]) else "told why"

    def judge_all(self, people: list[Person]) -> None:
        """Look once more at everything, now that nothing changes any more."""
        runs = Counter(asked.question for asked in self.coze.asked)
        for question, times in runs.items():
            if times > 1:
                self.account.strange.append(f"{question}: {times} runs")
        for person in people:
            texts = [post.text for post in self.telegram.posts(person)]
            for question in {one for one in runs if one.startswith(f"{person.first_name} ")}:
                self._judge(texts, question)

    def _judge(self, texts: list[str], question: str) -> None:
        whole = answer(question)
        stands = sum(text.endswith(f"End of {question}.") for text in texts)
        if stands > 1:
            self.account.ends["once"] -= 1
            self.account.ends["twice"] += 1
            self.account.strange.append(f"{question}: stands {stands} times")
        if stands and whole not in texts and not any(text in whole for text in texts if text):
            self.account.strange.append(f"{question}: not the whole answer")


def _can_retry(post: Message) -> bool:
    return '"callback_data": "retry:' in json.dumps(post.reply_markup or {})


@asynccontextmanager
async def chaos(seed: int, *, postgresql: bool) -> AsyncIterator[Chaos]:
    """The neighbours, and a folder for the database."""
    telegram, coze = TelegramEmulator(), CozeEmulator()
    telegram.add_bot(BOT_TOKEN)
    coze.add_agent()
    coze.add_token(COZE_TOKEN)
    coze.pace = Pace(0.2, 0.02)
    coze.use(_script)
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bridge-chaos-"))
        address = await stack.enter_async_context(serving(telegram.app))
        coze_address = await stack.enter_async_context(serving(coze.app))
        stack.push_async_callback(telegram.close)
        stack.push_async_callback(coze.close)
        database = await stack.enter_async_context(server()) if postgresql else None
        file = f"sqlite+aiosqlite:///{Path(folder) / 'chaos.db'}"
        variables = settings_of(address, coze_address) | {
            "DATABASE_URL": database.address if database else file,
            "BRIDGE_LOG_LEVEL": "ERROR",
        }
        made = Chaos(telegram, coze, variables, seed, database)
        stack.push_async_callback(made.kill)
        yield made


async def main(chats: int, questions: int, kills: int, seed: int, *, postgresql: bool) -> None:
    """Ask, break, and print the account."""
    console = Console(width=120)
    begun = time.monotonic()
    async with chaos(seed, postgresql=postgresql) as world:
        people = [world.telegram.add_person(f"P{number}") for number in range(chats)]
        each = questions // chats
        await world.start()
        talks = [
            asyncio.create_task(
                world.talk(one, [f"{one.first_name} question {number}" for number in range(each)])
            )
            for one in people
        ]
        breaking = asyncio.create_task(world.break_things(people))
        killing = asyncio.create_task(world.kill_often(kills, between=each * 6 / max(1, kills)))
        try:
            while any(not talk.done() for talk in talks):
                await asyncio.wait(talks, timeout=20)
                account = world.account
                console.print(
                    f"{time.monotonic() - begun:5.0f} s: {account.asked} asked, "
                    f"{dict(account.ends)}, {account.kills} kills"
                )
            await asyncio.gather(*talks)
        finally:
            breaking.cancel()
            killing.cancel()
            await asyncio.gather(breaking, killing, return_exceptions=True)
        world.telegram.mend()
        await asyncio.sleep(LAST_SECONDS)
        world.judge_all(people)
        _print(console, world.account, seed, time.monotonic() - begun)


def _print(console: Console, account: Account, seed: int, seconds: float) -> None:
    table = Table(title=f"What became of the questions (seed {seed}, {seconds:.0f} s)")
    ends = ("once", "twice", "lost", "told why")
    for name in ("asked", "answered once", "twice", "lost", "told why", "kills", "faults"):
        table.add_column(name, justify="right")
    faults = sum(account.faults.values())
    numbers = [account.asked, *(account.ends[end] for end in ends), account.kills, faults]
    table.add_row(*map(str, numbers))
    console.print(table)
    for name, times in sorted(account.faults.items()):
        console.print(f"  {times:4} × {name}")
    for line in account.strange:
        console.print(f"  ! {line}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chats", type=int, default=20)
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))  # noqa: S311
    parser.add_argument("--postgresql", action="store_true", help="on a server from a wheel")
    given = parser.parse_args()
    run(main(given.chats, given.questions, given.kills, given.seed, postgresql=given.postgresql))
