"""`bridge chat`: the agent in the terminal, by the same relay as in Telegram."""

import asyncio
import os
import signal
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from rich.console import Console

from bridge.errors import Trouble
from bridge.model import ChatKey, Message, ReplyState, Sender
from bridge.parts.agents import Surroundings, opened_agents
from bridge.preferences import Preferences
from bridge.relay.agents import Agents
from bridge.relay.protocols import StopReason
from bridge.relay.turn import Answering
from bridge.settings import Settings
from bridge.store import chats, migrate
from bridge.store.engine import Store
from bridge.store.turns import lifecycle, queue
from bridge.texts import translate

_HERE = ChatKey(1)
_LANGUAGE = "en"
_HINT = "Write to the agent. /new forgets, Ctrl-C stops an answer, Ctrl-D leaves."


class TerminalReply:
    """Prints an answer as it grows; what was printed cannot be taken back, only said anew."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._printed = ""
        self._notices = 0
        self._waits = False
        """Whether it was said that the agent cannot be reached."""
        self.failed = False
        """Whether it ended in a trouble."""

    def show(self, draw: Callable[[], ReplyState], *, complete: bool = False) -> None:
        """Print what is new."""
        self._show(draw())

    def _show(self, reply_state: ReplyState) -> None:
        for key in reply_state.notices[self._notices :]:
            self._write(f"({translate(_LANGUAGE, key)})\n")
        self._notices = len(reply_state.notices)
        if reply_state.status == "status.unreachable" and not self._waits:
            self._waits = True
            self._write(f"({translate(_LANGUAGE, reply_state.status)})\n")
        if reply_state.text.startswith(self._printed):
            self._write(reply_state.text[len(self._printed) :])
            self._printed = reply_state.text

    async def finish(self, reply_state: ReplyState) -> None:
        """Print the rest, or the whole if it turned out otherwise than it grew."""
        if not reply_state.text.startswith(self._printed):
            self._write("\n\n(The complete answer:)\n")
            self._printed = ""
        self._show(reply_state)
        self.failed = bool(reply_state.note and reply_state.note.startswith("trouble."))
        if reply_state.note:
            self._write(f"\n({translate(_LANGUAGE, reply_state.note)})")
        self._write("\n")
        for suggestion in reply_state.suggestions:
            self._write(f"  → {suggestion}\n")


async def chat(settings: Settings, *, stream: bool, agent: str | None = None) -> bool:
    """Talk until the input ends. Returns whether the last question was answered.

    `agent` is the name or the id of the one to talk to; Raises Trouble when there is none of that name.
    """
    console = Console(highlight=False)
    lines = _lines()
    answered = True
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(_memory())
        around = Surroundings(store=store, stream=stream)
        opened = await opened_agents(stack, settings, around)
        answering = Answering(store, opened.agents)
        if agent is not None:
            await _choose(store, opened.agents, agent)
        if sys.stdin.isatty():
            console.print(f"[dim]{_HINT}[/dim]")
        number = 0
        while (line := await _next_line(console, lines)) is not None:
            number += 1
            if line.startswith("/") and line != "/new":
                console.print(f"[dim]{_HINT}[/dim]")
            elif line == "/new":
                async with store.writing() as tx:
                    await chats.ensure_chat(tx, _HERE)
                    await chats.clear_conversation(tx, _HERE)
                console.print(f"[dim]{translate(_LANGUAGE, 'new.done')}[/dim]")
            elif line:
                answered = await _ask(answering, store, number, line)
    return answered


async def _choose(store: Store, agents: Agents, agent: str) -> None:
    """Let the talk be with an agent of the settings. Raises Trouble."""
    known = agents.declared.keys
    if agent not in known:
        what = f"there is no agent {agent}"
        raise Trouble("Choosing the agent", what, cure=f"Name one of {', '.join(known)}.")
    async with store.writing() as tx:
        await chats.prefer(tx, _HERE, Preferences(agent=agent))


async def _ask(answering: Answering, store: Store, number: int, text: str) -> bool:
    """Ask one question; Ctrl-C stops the run."""
    message = Message(_HERE, number, Sender(1, "terminal", _LANGUAGE), text)
    async with store.writing() as tx:
        await queue.wait(tx, message)
        turn = await lifecycle.claim(tx, _HERE)
    if turn is None:
        raise AssertionError("the turn that was just made waits")
    reply = TerminalReply(_write)
    loop = asyncio.get_running_loop()
    halt: asyncio.Future[StopReason] = loop.create_future()

    def stop() -> None:
        if halt.done():
            raise KeyboardInterrupt  # the second time it is meant for the program
        halt.set_result(StopReason.STOP)

    loop.add_signal_handler(signal.SIGINT, stop)
    try:
        await answering.answer(turn, reply, halt)
    finally:
        loop.remove_signal_handler(signal.SIGINT)
    return not reply.failed


def _write(piece: str) -> None:
    sys.stdout.write(piece)
    sys.stdout.flush()


@asynccontextmanager
async def _memory() -> AsyncIterator[Store]:
    """Give a store that lasts as long as the talk."""
    with tempfile.TemporaryDirectory(prefix="bridge-chat-") as folder:
        store = Store(f"sqlite+aiosqlite:///{Path(folder) / 'chat.db'}")
        try:
            await migrate.upgrade(store)
            yield store
        finally:
            await store.close()


async def _next_line(console: Console, lines: asyncio.Queue[str | None]) -> str | None:
    if sys.stdin.isatty():
        console.print("[bold]you>[/bold] ", end="")
    line = await lines.get()
    return None if line is None else line.strip()


def _lines() -> asyncio.Queue[str | None]:
    """Return the lines of standard input; None at its end.

    A thread reads them: a terminal's input cannot be awaited on every system.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()

    def put(line: bytes | None) -> None:
        loop.call_soon_threadsafe(
            lines.put_nowait, None if line is None else line.decode("utf-8", "replace")
        )

    def read() -> None:
        # Not through sys.stdin: a thread that waits in its buffer cannot be left behind at the end.
        rest = b""
        with suppress(RuntimeError):  # the loop is closed: nobody reads any more
            while piece := os.read(sys.stdin.fileno(), 65536):
                *whole, rest = (rest + piece).split(b"\n")
                for line in whole:
                    put(line)
            if rest:
                put(rest)
            put(None)

    threading.Thread(target=read, name="standard input", daemon=True).start()
    return lines
