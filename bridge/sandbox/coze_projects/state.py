"""Everything the emulated project knows, and how a run starts."""

import asyncio
import secrets
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from bridge.sandbox.coze.change_signal import ChangeSignal
from bridge.sandbox.coze.ids import Ids
from bridge.sandbox.coze.resources.downloads import Downloads
from bridge.sandbox.coze.resources.runs import Pace
from bridge.sandbox.coze.scripts import chosen_without_nodes
from bridge.sandbox.coze.scripts.steps import Turn
from bridge.sandbox.coze_projects.faults import Faults, RunFailure
from bridge.sandbox.coze_projects.memory import Memory
from bridge.sandbox.coze_projects.playing.performance import Performance
from bridge.sandbox.coze_projects.playing.question import Question
from bridge.sandbox.coze_projects.playing.scripts import FailAs, ProjectScript, failure_of
from bridge.sandbox.coze_projects.playing.translation import stream_code
from bridge.sandbox.coze_projects.playing.writers import Writer
from bridge.sandbox.coze_projects.quirks import FailureShape, Quirks
from bridge.sandbox.coze_projects.runs import Run
from bridge.sandbox.coze_projects.stream import Streams
from bridge.sandbox.coze_projects.strict import Complaint, Rule
from bridge.sandbox.coze_projects.tasks import Task
from bridge.sandbox.journal import Journal

Kind = Literal["agent", "workflow"]
AGENT = "Sandbox project"
EARLY: tuple[FailureShape, ...] = ("500", "error only")
"""The looks of failures that come before the run does."""


@dataclass(frozen=True)
class Request:
    """One request as it came, and how it was answered."""

    at_loop_time: float
    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    """By their names in small letters, without the token."""
    body: object
    """The parsed JSON body, None when there was none."""
    log_id: str


@dataclass(eq=False)
class ScriptRule:
    """Which script answers, when, and how many more times."""

    script: ProjectScript
    for_text: str | None
    times: int | None


@dataclass(eq=False)
class State:
    """The emulated project."""

    journal: Journal
    clock: Callable[[], float]
    kind: Kind
    ids: Ids
    bell: ChangeSignal
    streams: Streams
    downloads: Downloads
    quirks: Quirks
    memory: Memory
    project_id: str = field(default_factory=lambda: str(76 * 10**17 + secrets.randbelow(10**17)))
    tokens: set[str] = field(default_factory=set)
    runs: list[Run] = field(default_factory=list)
    performances: dict[str, Performance] = field(default_factory=dict)
    """By the id of the run: what this process knows, since its deployment."""
    rules: list[ScriptRule] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    pace: Pace = field(default_factory=Pace)
    requests: list[Request] = field(default_factory=list)
    complaints: list[Complaint] = field(default_factory=list)
    tasks: dict[str, Task] = field(default_factory=dict)
    """Asynchronous ones, by their ids."""
    posts: Counter[str] = field(default_factory=Counter)

    def complain(self, path: str, found: Iterable[tuple[Rule, str]]) -> None:
        """Write down what a client did wrong."""
        for rule, what in found:
            self.complaints.append(Complaint(rule, what, path))
            self.journal.note("coze", f"POST {path}", f"mistake: {rule}: {what}")

    def run_id(self, headers: Mapping[str, str]) -> str:
        """Return the id of a new run: the caller's, or one of our own."""
        asked = headers.get("x-run-id", "")
        return asked if asked and self.quirks.run_ids == "honoured" else str(uuid.uuid4())

    def begin(self, run: Run, writer: Writer, base: str, failure: RunFailure | None) -> Performance:
        """Start a run as a task of its own; `base` is where its links lead."""
        turn = Turn(
            run.text,
            earlier=self.memory.earlier(run.session_id) if run.remembers else (),
            agent_name=AGENT,
            link=lambda name: self.downloads.link(base, name),
        )
        question = Question(
            run=run, turn=turn, script=self._rule(run.text), quirks=self.quirks, failure=failure
        )
        workflow = self.kind == "workflow"
        performance = Performance(
            question=question,
            writer=writer,
            memory=self.memory,
            pace=lambda: self.pace,
            bell=self.bell,
            beat_seconds=self.quirks.ping_seconds if workflow else self.quirks.heartbeat_seconds,
        )
        run.began = asyncio.get_running_loop().time()
        self.runs.append(run)
        if run.cancellable:
            self.performances[run.run_id] = performance
        run.task = asyncio.create_task(performance.play())
        self.bell.ring()
        return performance

    def refusal(self, text: str, failure: RunFailure | None) -> FailAs | None:
        """Return the failure because of which a run is not even begun, if that is how it looks."""
        if failure is not None:
            early = failure.shape in EARLY
            return FailAs(failure.code, failure.message, failure.shape) if early else None
        if self.quirks.failure not in EARLY:
            return None
        turn = Turn(text, agent_name=AGENT)
        found = failure_of(self._rule(text, count=False) or chosen_without_nodes(turn), turn)
        if found is None:
            return None
        self._rule(text)
        return FailAs(stream_code(found.code), found.msg, self.quirks.failure)

    def _rule(self, text: str, count: bool = True) -> ProjectScript | None:
        """Return the script that `use` set for this question, if any."""
        open_rules = [rule for rule in self.rules if rule.times != 0]
        fitting = [rule for rule in open_rules if rule.for_text and rule.for_text in text]
        fitting = fitting or [rule for rule in open_rules if rule.for_text is None]
        if not fitting:
            return None
        counted = [rule for rule in fitting if rule.times is not None]
        rule = counted[0] if counted else fitting[-1]
        if rule.times is not None and count:
            rule.times -= 1
        return rule.script
