"""The world of `benchmarks.cluster`: both emulators, a server, and bridges that share the work.

Where a link is to be cut, each bridge reaches the server through a relay of its own, which can fall
silent. Elsewhere there is none: it would take processor time from what is measured.
"""

import asyncio
import os
import random
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from benchmarks.postgresql import Server, server
from benchmarks.stage import BOT_TOKEN, COZE_TOKEN, settings_of
from bridge.sandbox.coze import CozeEmulator, Pace, Turn
from bridge.sandbox.coze.scripts.steps import Completed, Delta, Steps, ending
from bridge.sandbox.telegram import Person, TelegramEmulator, read_budgets
from bridge.serving import serving

END_SECONDS = 120.0
"""How long a question may take until it counts as lost."""
SHORT, LONG = 6, 100
"""Deltas of an answer: of half a second, and of ten."""


class Link:
    """A relay between one bridge and the server's socket; it can fall silent."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self.silent = False
        self._open = asyncio.Event()
        self._open.set()
        self._listener: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen; returns the port."""
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._listener.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Listen no more."""
        if self._listener is not None:
            self._listener.close()

    def cut(self) -> None:
        """Let nothing through, and close nothing."""
        self.silent = True
        self._open.clear()

    def heal(self) -> None:
        """Let new connections through; what was lost stays lost."""
        self.silent = False
        self._open.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._open.wait()
        there, back = await asyncio.open_unix_connection(self._socket)
        try:
            await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
        finally:
            for one in (writer, back):
                one.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lost = False
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                lost = lost or self.silent
                if not lost:
                    writer.write(data)
                    await writer.drain()
        writer.close()


@dataclass
class Bridge:
    """One process."""

    link: Link | None
    process: asyncio.subprocess.Process

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it lives."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)


@dataclass
class Account:
    """What became of the questions of one part."""

    sent: dict[str, float] = field(default_factory=dict)
    free: set[str] = field(default_factory=set)
    """Questions whose chat had nothing open."""
    asked: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """When each question came to Coze."""
    answered: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    strange: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Calls that Telegram refused, and what was called before."""


class Cluster:
    """Both emulators, the server, and the bridges between them."""

    def __init__(
        self, telegram: TelegramEmulator, coze: CozeEmulator, database: Server, chats: int
    ) -> None:
        self.telegram = telegram
        self.coze = coze
        self.database = database
        self.people = [telegram.add_person(f"P{number}") for number in range(chats)]
        self.variables: dict[str, str] = {}
        self.other: Path | None = None
        """The folder of another release, whose bridges take turns with ours."""
        self._started = 0
        self.relayed = False
        """Whether bridges reach the server through relays."""
        self.bridges: list[Bridge] = []
        self.deltas = SHORT
        self.account = Account()
        self._open: Counter[int] = Counter()
        self._numbers: Counter[int] = Counter()
        self._running: dict[str, str] = {}
        """The question of the run that goes on in a conversation."""
        coze.use(self._script)

    def _script(self, turn: Turn) -> Steps:
        for question in turn.question.split("\n\n"):  # what waited together is asked together
            self.account.asked[question].append(asyncio.get_running_loop().time())
        return self._steps(turn.question, self.deltas)

    def _steps(self, question: str, deltas: int) -> Steps:
        person = question.partition(" ")[0]
        if person in self._running:
            self.account.strange.append(f"{question}: beside {self._running[person]}")
        self._running[person] = question
        asked = question.split("\n\n")
        text = f"To {asked[0]}: " + "word " * deltas + " ".join(f"End of {one}." for one in asked)
        try:
            for word in text.split(" "):
                yield Delta("answer", f"{word} ")
            yield Completed("answer", text)
            yield from ending()
        finally:
            self._running.pop(person, None)

    async def start(self) -> None:
        """Start one bridge more."""
        link, address = None, self.database.address
        if self.relayed:
            link = Link(str(self.database.socket))
            port = await link.start()
            address = f"postgresql://postgres@127.0.0.1:{port}/{self.database.name}"
        variables = {**os.environ, **self.variables, "DATABASE_URL": address}
        self._started += 1
        folder = self.other if self._started % 2 == 0 else None
        self.bridges.append(
            Bridge(
                link,
                await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "bridge", "run", env=variables, cwd=folder
                ),
            )
        )

    async def end(self, bridge: Bridge, number: signal.Signals) -> None:
        """End one bridge, and wait until it is gone."""
        self.bridges.remove(bridge)
        bridge.signal(number)
        await bridge.process.wait()
        if bridge.link is not None:
            bridge.link.close()

    async def close(self) -> None:
        """End all bridges."""
        for bridge in [*self.bridges]:
            bridge.signal(signal.SIGCONT)
            await self.end(bridge, signal.SIGKILL)

    async def rows(self, statement: str, *values: object) -> list[asyncpg.Record]:
        """Return what the database says."""
        session = await asyncpg.connect(self.database.address)
        try:
            return list(await session.fetch(statement, *values))
        finally:
            await session.close()

    async def ask(self, person: Person) -> None:
        """Ask one question, and wait for its end."""
        self._numbers[person.id] += 1
        question = f"{person.first_name} question {self._numbers[person.id]}"
        account = self.account
        if not self._open[person.id]:
            account.free.add(question)
        self._open[person.id] += 1
        account.sent[question] = asyncio.get_running_loop().time()
        self.telegram.send(person, question)
        end = f"End of {question}."
        try:
            await self.telegram.until(
                lambda: any(end in post.text for post in self.telegram.posts(person)[-8:]),
                timeout=END_SECONDS,
            )
            account.answered.add(question)
        except TimeoutError:
            account.lost.add(question)
        finally:
            self._open[person.id] -= 1

    async def load(self, rate: float, seconds: float) -> set[asyncio.Task[None]]:
        """Ask so many questions a second, at random times in chats where none is open."""
        loop = asyncio.get_running_loop()
        until, asking = loop.time() + seconds, set[asyncio.Task[None]]()
        dice = random.Random(1)  # noqa: S311  # not a secret
        while loop.time() < until:
            await asyncio.sleep(dice.expovariate(rate))
            free = [one for one in self.people if not self._open[one.id]]
            asking.add(asyncio.create_task(self.ask(dice.choice(free or self.people))))
        return asking

    async def meet(self, at_once: int = 20) -> None:
        """Let every chat ask once, so that each has its conversation."""
        self.deltas = 1
        few = asyncio.Semaphore(at_once)

        async def greet(person: Person) -> None:
            async with few:
                await self.ask(person)

        await asyncio.gather(*map(greet, self.people))

    def judge(self) -> None:
        """Look at all questions of the part, now that nothing changes any more."""
        account = self.account
        for question, times in account.asked.items():
            if len(times) > 1:
                account.strange.append(f"{question}: asked {len(times)} times")
        by_person = defaultdict(list)
        for question, (first, *_) in account.asked.items():
            name, _, number = question.partition(" question ")
            by_person[name].append((first, int(number)))
        for name, runs in by_person.items():
            numbers = [number for _, number in sorted(runs)]
            if numbers != sorted(numbers):
                account.strange.append(f"{name}: out of order: {numbers}")
        for person in self.people:
            texts = [post.text for post in self.telegram.posts(person)]
            ends = Counter(end for text in texts for end in text.split("End of ")[1:])
            account.strange += [
                f"{question} stands {times} times" for question, times in ends.items() if times > 1
            ]


@asynccontextmanager
async def cluster(
    chats: int, processes: int, limits: str, *, relayed: bool, other: Path | None = None
) -> AsyncIterator[Cluster]:
    """The neighbours, the server, and so many bridges that share the work, perhaps through relays.

    Every second bridge is of the release in the `other` folder, if there is one.
    """
    telegram, coze = TelegramEmulator(budgets=read_budgets(limits)), CozeEmulator()
    telegram.add_bot(BOT_TOKEN)
    coze.add_agent()
    coze.add_token(COZE_TOKEN)
    coze.pace = Pace(0.0, 0.1)
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(serving(telegram.app))
        coze_address = await stack.enter_async_context(serving(coze.app))
        stack.push_async_callback(telegram.close)
        stack.push_async_callback(coze.close)
        database = await stack.enter_async_context(server())
        made = Cluster(telegram, coze, database, chats)
        made.relayed, made.other = relayed, other
        made.variables = settings_of(address, coze_address)
        made.variables |= {"BRIDGE_LOG_LEVEL": "ERROR", "BRIDGE_QUIET_SECONDS": "0"}
        stack.push_async_callback(made.close)
        for _ in range(processes):
            await made.start()
        await database.shared_by(processes)
        await made.meet()
        yield made
