"""Play the script of a run: a task of its own, whoever listens to it."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from bridge.sandbox.coze.change_signal import ChangeSignal
from bridge.sandbox.coze.resources.runs import Pace
from bridge.sandbox.coze.scripts.steps import Delta, Outputs, Require, Silence, Turn
from bridge.sandbox.coze_projects.memory import Memory, Remembered
from bridge.sandbox.coze_projects.playing.agent_events import TEXTS
from bridge.sandbox.coze_projects.playing.question import Question
from bridge.sandbox.coze_projects.playing.scripts import ProjectStep
from bridge.sandbox.coze_projects.playing.translation import Translation
from bridge.sandbox.coze_projects.playing.writers import Writer
from bridge.sandbox.coze_projects.quirks import Quirks
from bridge.sandbox.coze_projects.runs import (
    Called,
    Ending,
    Failed,
    Frame,
    Happening,
    Hung,
    Piece,
    Returned,
    Run,
)

KILLED = Ending("failed", "701001", "the process has ended", "eof")
POISONED = Failed("301004", "invalid request: tool_calls must be followed by tool messages")


@dataclass(eq=False)
class Performance:
    """Plays a script for a run, step by step, at a pace."""

    question: Question
    writer: Writer
    memory: Memory
    pace: Callable[[], Pace]
    bell: ChangeSignal
    beat_seconds: float
    run: Run = field(init=False)
    quirks: Quirks = field(init=False)
    translation: Translation = field(init=False)
    _delta_seen: bool = False

    def __post_init__(self) -> None:
        self.run, self.quirks = self.question.run, self.question.quirks
        self.translation = Translation(self.quirks)

    async def play(self) -> None:
        """Play the whole run, from the files of its question to the end of its stream."""
        run, beating = self.run, None
        try:
            turn = await self.question.prepared()
            self._remember("user", turn.question)
            self._emit(self.writer.started())
            beating = asyncio.create_task(self._beat())
            if run.remembers and run.session_id in self.memory.poisoned:
                self._apply(POISONED)
            await self._steps(turn)
            self._apply_all(self.translation.rest())
            self.end(Ending("completed"))
        except Exception as error:
            self.end(Ending("failed", "701001", f"{type(error).__name__}: {error}"))
            raise
        finally:
            if beating is not None:
                beating.cancel()
                await asyncio.gather(beating, return_exceptions=True)
            self.end(KILLED)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.beat_seconds)
            self._emit(self.writer.beat())

    async def _steps(self, turn: Turn) -> None:
        steps = self.question.played(turn)
        outputs: Outputs = {}
        step = next(steps, None)
        while step is not None and not self.run.ended:
            await self._wait(step)
            if self._given_up():
                return
            if isinstance(step, Require):  # no tool of a project lives at its caller
                outputs = {call.id: "there is no such tool" for call in step.calls}
            self._apply_all(self.translation.of(step))
            if self._hangs():
                await asyncio.get_running_loop().create_future()
            try:
                step = steps.send(outputs)
            except StopIteration:
                return

    def _hangs(self) -> bool:
        return bool(self.run.happenings) and isinstance(self.run.happenings[-1], Hung)

    async def _wait(self, step: ProjectStep) -> None:
        pace, seconds = self.pace(), 0.0
        if isinstance(step, Silence):
            seconds = step.seconds * pace.silence
        elif isinstance(step, Delta):
            seconds = pace.delta if self._delta_seen else pace.first_delta
            self._delta_seen = True
        await asyncio.sleep(seconds)

    def _given_up(self) -> bool:
        """Look whether the run goes on; a process notices that at its next item only."""
        run = self.run
        if run.stream_left and self.quirks.disconnect == "stops":
            self.end(Ending("stopped", message="nobody listens"))
        elif asyncio.get_running_loop().time() - run.began > self.quirks.timeout_seconds:
            self.end(Ending("timeout", "TIMEOUT", TEXTS["timeout"]))
        return run.ended

    def _apply_all(self, happenings: Iterable[Happening]) -> None:
        for happening in happenings:
            if not self.run.ended:
                self._apply(happening)

    def _apply(self, happening: Happening) -> None:
        self.run.happenings.append(happening)
        if isinstance(happening, Failed):
            self.end(Ending("failed", happening.code, happening.message, happening.shape))
            return
        self._emit(self.writer.wrote(happening))
        if isinstance(happening, Piece) and happening.last:
            self._remember("assistant", happening.whole)

    def _remember(self, role: str, text: str) -> None:
        run = self.run
        if run.remembers and (text or role == "user"):
            self.memory.keep(run.session_id, Remembered(role, text, run.run_id))

    def _emit(self, frames: Sequence[Frame]) -> None:
        if not self.run.ended:
            self.run.frames.extend(frames)
            self.run.bell.ring()
            self.bell.ring()

    def end(self, ending: Ending) -> None:
        """End the run, if it goes on: write its last event, and what became of it."""
        run = self.run
        if run.ended:
            return
        now = asyncio.get_running_loop().time()
        self._emit(self.writer.ended(ending, round((now - run.began) * 1000)))
        run.ending, run.status, run.over = ending, ending.status, now
        waiting = sum(isinstance(one, Called) - isinstance(one, Returned) for one in run.happenings)
        if waiting > 0 and run.remembers and self.quirks.torn_tool_poisons:
            self.memory.poisoned.add(run.session_id)
        run.bell.ring()
        self.bell.ring()

    def cancel(self) -> None:
        """Cancel the run: its stream ends at once, whatever its tool still does."""
        self.end(Ending("cancelled", "1", TEXTS["cancelled"]))
        if self.run.task is not None:
            self.run.task.cancel()
