"""The emulated project, as tests and the sandbox hold it."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping

from bridge.sandbox.coze.change_signal import ChangeSignal
from bridge.sandbox.coze.faults import Delay, Loss
from bridge.sandbox.coze.ids import Ids
from bridge.sandbox.coze.resources.downloads import Downloads
from bridge.sandbox.coze.resources.sample_files import SampleFile
from bridge.sandbox.coze.server import CozeApp
from bridge.sandbox.coze_projects.door import page
from bridge.sandbox.coze_projects.faults import (
    Failure,
    Form,
    PlatformState,
    RunFailure,
    StreamFault,
)
from bridge.sandbox.coze_projects.inspection import Inspection
from bridge.sandbox.coze_projects.memory import Memory
from bridge.sandbox.coze_projects.playing.performance import KILLED
from bridge.sandbox.coze_projects.playing.scripts import ProjectScript, project_script
from bridge.sandbox.coze_projects.quirks import EndOfStream, FailureShape, Quirks
from bridge.sandbox.coze_projects.server import build_app
from bridge.sandbox.coze_projects.state import Kind, ScriptRule, State
from bridge.sandbox.coze_projects.stream import Streams
from bridge.sandbox.journal import Journal


class ProjectEmulator(Inspection):
    """One deployed project, an agent or a workflow, behind the platform's gateway."""

    def __init__(
        self,
        journal: Journal | None = None,
        clock: Callable[[], float] = time.time,
        *,
        kind: Kind = "agent",
    ) -> None:
        """`clock` gives Unix seconds."""
        bell, quirks = ChangeSignal(), Quirks()
        self.state = State(
            journal=journal or Journal(),
            clock=clock,
            kind=kind,
            ids=Ids(clock),
            bell=bell,
            streams=Streams(bell),
            downloads=Downloads(clock),
            quirks=quirks,
            memory=Memory(quirks),
        )
        self.app: CozeApp = build_app(self.state)

    # --- what exists ---

    def add_token(self, value: str) -> None:
        """Accept a token of the project from now on."""
        self.state.tokens.add(value)

    def remove_token(self, value: str) -> None:
        """Stop accepting this token."""
        self.state.tokens.discard(value)

    def publish(self, name: str, content: bytes, content_type: str) -> None:
        """Put a file where signed links lead, beside the ones of the scripts or in their place."""
        self.state.downloads.published[name] = SampleFile(content, content_type)

    def link(self, base: str, name: str) -> str:
        """Return a signed link to a file; `base` is the address, without a trailing slash."""
        return self.state.downloads.link(base, name)

    async def redeploy(self) -> None:
        """Deploy the project anew: what runs is killed, and what only the process knew is gone."""
        state = self.state
        for task in state.tasks.values():
            task.lost = task.lost or not task.over
        await self._end_everything()
        self._forget()
        if state.quirks.redeploy_token == "dies":
            state.tokens.clear()
        if state.faults.platform == "stopped":
            state.faults.platform = "running"
        state.bell.ring()

    def poison(self, session_id: str) -> None:
        """Break the history of a session: every run in it fails with 301004 from now on."""
        self.state.memory.poisoned.add(session_id)

    # --- what it answers ---

    def use(
        self,
        script: ProjectScript | str | None,
        for_text: str | None = None,
        times: int | None = None,
    ) -> None:
        """Set the script, or its name, that answers from now on.

        With `for_text` it answers questions that contain the text, which goes before one without.
        `times` scripts are used up in the order they were set; without `times` the newest counts.
        None goes back to choosing by the question. Raises ValueError for an unknown name.
        """
        if script is None:
            self.state.rules.clear()
            return
        chosen = project_script(script) if isinstance(script, str) else script
        self.state.rules.append(ScriptRule(chosen, for_text, times))

    # --- what goes wrong ---

    def platform(self, state: PlatformState, form: Form = "json") -> None:
        """Set the project's state: running, paused (503), stopped (404) or over `budget` (402)."""
        self.state.faults.platform, self.state.faults.form = state, form

    def limit_every(self, number: int, form: Form = "json", retry_after: str = "") -> None:
        """Refuse every so many requests with 429; 0 ends that."""
        faults = self.state.faults
        faults.limit_every, faults.form, faults.retry_after = number, form, retry_after

    def cold_start(self, seconds: float) -> None:
        """Put the instance to sleep: the next request waits for it, in seconds of the loop.

        What only the process knew is gone, as after a deployment.
        """
        self.state.faults.cold_seconds = seconds
        self._forget()

    def fail(
        self,
        path: str,
        status: int = 500,
        body: str | Mapping[str, object] = "Internal Server Error",
        content_type: str = "",
        times: int = 1,
    ) -> None:
        """Refuse the next `times` requests of `path`, which may have its method in front.

        A mapping is written as JSON; text is a page when it begins with `<`.
        """
        text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        usual = "text/html" if text.startswith("<") else "text/plain"
        kind = content_type or (usual if isinstance(body, str) else "application/json")
        self.state.faults.failures.append(
            Failure(path=path, status=status, body=text, content_type=kind, times=times)
        )

    def fail_gateway(
        self, path: str, status: int = 504, reason: str = "Gateway Time-out", times: int = 1
    ) -> None:
        """Answer the next `times` requests of `path` with a page of the platform."""
        answer = page(status, reason)
        self.fail(path, status, bytes(answer.body).decode(), times=times)

    def fail_run(
        self,
        code: str = "301001",
        message: str = "API request failed",
        shape: FailureShape = "end",
        after: int = 0,
        times: int = 1,
    ) -> None:
        """Let the next `times` runs fail, after so many deltas, and look like this."""
        self.state.faults.runs.extend([RunFailure(code, message, shape, after)] * times)

    def delay(self, path: str, seconds: float, times: int = 1) -> None:
        """Hold the next `times` requests of `path` back, in seconds of the loop."""
        self.state.faults.delays.append(Delay(path, seconds, times))

    def lose_answer(self, path: str, times: int = 1) -> None:
        """Process the next `times` requests of `path`, but reset the connection unanswered."""
        self.state.faults.losses.append(Loss(path, times))

    def drop_stream(
        self,
        after_events: int | None = None,
        times: int = 1,
        *,
        after_bytes: int | None = None,
        end: EndOfStream = "reset",
    ) -> None:
        """End the next `times` streams after n events or body bytes, properly or not."""
        if after_events is None and after_bytes is None:
            after_events = 3
        fault = StreamFault(after_events, after_bytes, end)
        self.state.faults.streams.extend([fault] * times)

    def stall_stream(self, after_events: int, seconds: float, times: int = 1) -> None:
        """Let the next `times` streams fall silent after n events, for `seconds` of the loop."""
        fault = StreamFault(after_events, stall_seconds=seconds)
        self.state.faults.streams.extend([fault] * times)

    def mend(self) -> None:
        """Take back every fault that was ordered and did not come yet; the project runs."""
        self.state.faults.clear()

    # --- waiting and ending ---

    async def until(
        self,
        predicate: Callable[[], object],
        timeout: float = 20.0,  # noqa: ASYNC109 - the caller says how long a test may wait
        what: str = "",
    ) -> None:
        """Wait until `predicate` is true; raises TimeoutError after `timeout` loop seconds."""
        await self.state.bell.until(predicate, timeout, what)

    async def close(self) -> None:
        """End every run and stream at once."""
        await self._end_everything()

    async def _end_everything(self) -> None:
        await self.state.streams.close()
        tasks = [run.task for run in self.runs if run.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for run in self.runs:
            if not run.ended:  # its task had not even begun
                run.ending, run.status = KILLED, KILLED.status

    def _forget(self) -> None:
        state = self.state
        state.performances = {
            run_id: one for run_id, one in state.performances.items() if not one.run.ended
        }
        state.memory.redeployed()
