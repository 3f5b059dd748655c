"""`bridge chat`: the agent in the terminal, by the same relay as in Telegram."""

import asyncio
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console
from rich.markup import escape

from bridge.coze.contents import read_content
from bridge.coze.conversations import last_exchange
from bridge.errors import Trouble
from bridge.errors.coze import CozeTrouble
from bridge.model import Message, ReplyState, Sender
from bridge.ops.chat_memory import HERE, memory
from bridge.parts.agents import Surroundings, opened_agents
from bridge.preferences import Preferences
from bridge.relay.agents import Agents, OfferedAgent
from bridge.relay.protocols import StopReason
from bridge.relay.turn import Answering
from bridge.settings import Settings
from bridge.store import chats
from bridge.store.coze import conversations
from bridge.store.coze.conversations import Conversation
from bridge.store.engine import Store
from bridge.store.turns import lifecycle, queue
from bridge.texts import translate

_LANGUAGE = "en"
_HINT = (
    "Write to the agent. /new begins a new conversation, /conversations goes back to an earlier "
    "one, Ctrl-C stops an answer, Ctrl-D leaves."
)
HISTORY_SECONDS = 5.0
MOST_LISTED = 20
_STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Control characters but line feed and tab."""


@dataclass(frozen=True)
class TalkOptions:
    """How a talk begins."""

    stream: bool = True
    agent: str | None = None
    """The name or the id of the agent; None for the default one."""
    lists: bool = False
    """Whether it begins with the earlier conversations."""
    goes_on: bool = False
    """Whether it goes on with the last one."""


def printable(text: str) -> str:
    """Return a text without what would steer a terminal: an agent may write anything."""
    return _STEERS.sub("", text)


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
        text = printable(reply_state.text)
        if text.startswith(self._printed):
            self._write(text[len(self._printed) :])
            self._printed = text

    async def finish(self, reply_state: ReplyState) -> None:
        """Print the rest, or the whole if it turned out otherwise than it grew."""
        if not printable(reply_state.text).startswith(self._printed):
            self._write("\n\n(The complete answer:)\n")
            self._printed = ""
        self._show(reply_state)
        self.failed = bool(reply_state.note and reply_state.note.startswith("trouble."))
        if reply_state.note:
            self._write(f"\n({translate(_LANGUAGE, reply_state.note)})")
        self._write("\n")
        for suggestion in reply_state.suggestions:
            self._write(f"  → {printable(suggestion)}\n")


async def chat(settings: Settings, options: TalkOptions) -> bool:
    """Talk until the input ends. Returns whether the last question was answered.

    Raises Trouble when there is no agent of the wanted name, or nothing to go on with.
    """
    async with AsyncExitStack() as stack:
        kept = await stack.enter_async_context(memory(settings.database_url))
        around = Surroundings(store=kept.store, stream=options.stream)
        opened = await opened_agents(stack, settings, around)
        talk = _Talk(kept.store, opened.agents, titles=settings.bridge_titles)
        if options.agent is not None:
            await talk.choose(options.agent)
        else:
            await talk.forget_choice()
        if kept.fault:
            talk.aside(f"This talk is not remembered: {kept.fault}.")
            if options.goes_on:
                raise Trouble("Going on with the last talk", kept.fault)
        return await talk.go(options)


class _Talk:
    """A talk in the terminal."""

    def __init__(self, store: Store, agents: Agents, *, titles: bool) -> None:
        self._store = store
        self._agents = agents
        self._answering = Answering(store, agents, titles=titles)
        self._console = Console(highlight=False)
        self._lines = _lines()
        self._listed: Sequence[Conversation] = ()
        """What was shown to choose from, until something else is said."""

    def aside(self, sentence: str) -> None:
        """Say something that is not the agent's."""
        self._console.print(f"[dim]{escape(sentence)}[/dim]")

    async def go(self, options: TalkOptions) -> bool:
        """Talk until the input ends. Returns whether the last question was answered."""
        if options.goes_on:
            await self._go_on()
        else:
            await self._begin_anew()
        if options.lists:
            await self._list("")
        elif sys.stdin.isatty():
            self.aside(_HINT)
        answered, number = True, 0
        while (line := await self._next_line()) is not None:
            number += 1
            chosen, listed, self._listed = self._chosen(line), self._listed, ()
            command, _, words = line.partition(" ")
            if chosen is not None:
                await self._go_back(chosen)
            elif listed and _is_number(line):
                self._listed = listed
                self.aside(f"There is none of that number, only 1 to {len(listed)}.")
            elif command == "/conversations":
                await self._list(words)
            elif line == "/new":
                await self._begin_anew()
                self.aside(translate(_LANGUAGE, "new.done"))
            elif line.startswith("/"):
                self.aside(_HINT)
            elif line:
                answered = await _ask(self._answering, self._store, number, line)
        return answered

    async def choose(self, agent: str) -> None:
        """Let the talk be with an agent of the settings. Raises Trouble."""
        known = self._agents.declared.keys
        if agent not in known:
            what = f"there is no agent {agent}"
            raise Trouble("Choosing the agent", what, cure=f"Name one of {', '.join(known)}.")
        await self._prefer(agent)

    async def forget_choice(self) -> None:
        """Let the talk be with the default agent."""
        await self._prefer(None)

    async def _prefer(self, agent: str | None) -> None:
        async with self._store.writing() as tx:
            await chats.prefer(tx, HERE, Preferences(agent=agent))

    async def _begin_anew(self) -> None:
        async with self._store.writing() as tx:
            await chats.clear_conversation(tx, HERE)

    async def _earlier(self, words: str = "") -> Sequence[Conversation]:
        """Return the conversations of agents that are still there, last used first."""
        async with self._store.reading() as tx:
            found = await conversations.listed(tx, HERE, words=words)
        known = {one.home for one in self._agents.all_declared}
        return [one for one in found if one.home in known][:MOST_LISTED]

    async def _list(self, words: str) -> None:
        """Show what one can go back to; the next line chooses."""
        self._listed = await self._earlier(words)
        if not self._listed:
            self.aside(
                "There is no earlier conversation." if not words else "None has these words."
            )
            return
        for number, one in enumerate(self._listed, 1):
            day = datetime.fromtimestamp(one.used_at).astimezone()
            agent = self._agent_of(one).key if self._agents.all_declared[1:] else ""
            parts = (f"{day:%Y-%m-%d %H:%M}", one.title, agent)
            mark = "●" if one.current else " "
            shown = escape(" · ".join(part for part in parts if part))
            self._console.print(f"{number:>3} {mark} {shown}", soft_wrap=True)
        self.aside("A number goes back to one; anything else is a question.")

    def _chosen(self, line: str) -> Conversation | None:
        if not _is_number(line):
            return None
        return self._listed[int(line) - 1] if 1 <= int(line) <= len(self._listed) else None

    async def _go_on(self) -> None:
        """Go back to the conversation that was used last. Raises Trouble without one."""
        async with self._store.reading() as tx:
            chosen = (await chats.preferences(tx, HERE)).agent
        found = [one for one in await self._earlier() if chosen in (None, self._agent_of(one).key)]
        if not found:
            cure = "Leave --continue out."
            raise Trouble("Going on with the last talk", "there is none", cure=cure)
        await self._go_back(found[0])

    async def _go_back(self, to: Conversation) -> None:
        """Let it be the current conversation, and show what was said there last."""
        agent = self._agent_of(to)
        await self._prefer(agent.key)
        async with self._store.writing() as tx:
            await conversations.switch(tx, HERE, 0, to)
        self.aside(translate(_LANGUAGE, "conversations.back", title=to.title or to.conversation_id))
        try:
            async with asyncio.timeout(HISTORY_SECONDS):
                found = last_exchange(await agent.client.history(to.conversation_id))
        except (CozeTrouble, TimeoutError):
            self.aside(translate(_LANGUAGE, "conversations.unshown"))
            return
        for said, sign in ((found.question, "> "), (found.answer, "")):
            if said is not None:
                words = printable(sign + read_content(said).text)
                self._console.print(escape(words), soft_wrap=True)

    def _agent_of(self, one: Conversation) -> OfferedAgent:
        return self._agents.keeping(one.agent, one.home)

    async def _next_line(self) -> str | None:
        if sys.stdin.isatty():
            self._console.print("[bold]you>[/bold] ", end="")
        line = await self._lines.get()
        return None if line is None else line.strip()


def _is_number(line: str) -> bool:
    return line.isascii() and line.isdecimal() and len(line) < 4


async def _ask(answering: Answering, store: Store, number: int, text: str) -> bool:
    """Ask one question; Ctrl-C stops the run."""
    message = Message(HERE, number, Sender(1, "terminal", _LANGUAGE), text)
    async with store.writing() as tx:
        await queue.wait(tx, message)
        turn = await lifecycle.claim(tx, HERE)
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
