"""A Coze that says what a script tells it, and a reply that only remembers: for the heart's tests."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bridge.coze.events import Began, Delta, Ended, Event, MessageKind, Run, RunMessage, Status
from bridge.coze.kinds.chat import ChatAgent
from bridge.model import AgentAccount, ChatKey, Message, ReplyState, Sender
from bridge.relay.agents import Agents, OfferedAgent
from bridge.store import migrate
from bridge.store.engine import Store

HERE = ChatKey(5)
ANN = Sender(5, "Ann", "en")
CONVERSATION = "738"


def message(number: int, text: str, key: ChatKey = HERE) -> Message:
    return Message(key, number, ANN, text)


def began(run_id: str = "74") -> Began:
    return Began(Run(run_id, CONVERSATION, Status.IN_PROGRESS))


def says(text: str) -> Delta:
    return Delta(RunMessage("1", MessageKind.ANSWER, text))


def ended(run_id: str = "74", status: Status = Status.COMPLETED) -> Ended:
    return Ended(Run(run_id, CONVERSATION, status))


@asynccontextmanager
async def a_store(folder: Path) -> AsyncIterator[Store]:
    """A real store in an empty folder."""
    store = Store(f"sqlite+aiosqlite:///{folder}/test.db")
    await migrate.upgrade(store)
    try:
        yield store
    finally:
        await store.close()


Step = Event | Exception | Callable[[], object]
"""What a run says, raises, or awaits: a callable that returns something to await."""


class ScriptedCoze:
    """Answers each question with the next script, and every call from a table."""

    token_seconds_left = None

    def __init__(self, *runs: Sequence[Step], **calls: object) -> None:
        """`calls` names the last word of a path, and gives its data or what it raises."""
        self._runs = list(runs)
        self._calls: dict[str, object] = {"create": {"id": CONVERSATION}, "cancel": {}, **calls}
        self.asked: list[Mapping[str, object]] = []
        self.called: list[str] = []

    async def call(self, doing: str, method: str, path: str, **_: object) -> dict[str, object]:
        name = path.rpartition("/")[2]
        self.called.append(name)
        found = self._calls.get(name, [])
        if isinstance(found, Exception):
            raise found
        return {"code": 0, "data": found}

    @asynccontextmanager
    async def stream(
        self, doing: str, path: str, *, query: Mapping[str, str], body: Mapping[str, object]
    ) -> AsyncIterator[AsyncIterator[Event]]:
        script = self._runs.pop(0)
        self.asked.append({**body, **query})
        yield _played(script)


async def _played(script: Sequence[Step]) -> AsyncIterator[Event]:
    for step in script:
        if isinstance(step, Exception):
            raise step
        if callable(step):
            await step()  # type: ignore[misc]
        else:
            yield step


def agents_of(coze: ScriptedCoze) -> Agents:
    """One agent, spoken to through that Coze."""
    home = AgentAccount("42", "https://api.coze.com", "")
    client = ChatAgent(coze, home.agent_id)  # type: ignore[arg-type]
    return Agents([OfferedAgent(key="42", home=home, client=client)])


class ScriptedReply:
    """Remembers what it was to show; `refuses` is raised by the end."""

    def __init__(self, refuses: Exception | None = None) -> None:
        self.shown: list[ReplyState] = []
        self.final: ReplyState | None = None
        self._refuses = refuses

    def show(self, draw: Callable[[], ReplyState], *, complete: bool = False) -> None:
        self.shown.append(draw())

    async def finish(self, reply_state: ReplyState) -> None:
        if self._refuses is not None:
            raise self._refuses
        self.final = reply_state

    @property
    def statuses(self) -> list[str | None]:
        return [one.status for one in self.shown]
