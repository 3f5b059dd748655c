"""The stream of a workflow: numbered events without any piece of a text."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bridge.sandbox.coze_projects.playing.messages import output
from bridge.sandbox.coze_projects.playing.writers import compact, event_bytes
from bridge.sandbox.coze_projects.quirks import Quirks
from bridge.sandbox.coze_projects.runs import Ending, Frame, Happening, Noise, Run, Severed

NODE = "answer"
CODES = {"cancelled": "CANCELED", "timeout": "TIMEOUT"}


@dataclass(eq=False)
class WorkflowWriter:
    """Writes a run as a workflow streams it."""

    run: Run
    quirks: Quirks
    clock: Callable[[], float]
    inputs: Mapping[str, object]
    debug: bool
    """Whether the events of nodes were asked for."""
    _count: int = 0

    def started(self) -> Sequence[Frame]:
        """Return `workflow_start`."""
        frames = [self._event("workflow_start")]
        if self.debug:
            frames.append(self._event("node_start", node_name=NODE, input=self.inputs))
        return frames

    def wrote(self, happening: Happening) -> Sequence[Frame]:
        """Return nothing but noise and breaks: a workflow tells what it says at its end only."""
        if isinstance(happening, Noise):
            return (Frame(happening.text.encode()),)
        return (Frame(end="reset"),) if isinstance(happening, Severed) else ()

    def beat(self) -> Sequence[Frame]:
        """Return a `ping`, which is no sign of progress."""
        return (self._event("ping"),)

    def ended(self, ending: Ending, milliseconds: int) -> Sequence[Frame]:
        """Return the terminal event, and how the stream ends."""
        quirks = self.quirks
        if ending.status == "stopped" or ending.shape == "eof":
            return (Frame(end=quirks.end),)
        if ending.status in CODES:
            tail = quirks.cancel_tail if ending.status == "cancelled" else quirks.end
            code = CODES[ending.status]
            return (self._event("error", code=code, message=ending.message), Frame(end=tail))
        if ending.status == "failed":
            (frame,) = self.error(ending.code, ending.message)
            if ending.shape == "torn":
                frame = Frame(frame.data[: len(frame.data) // 2])
            return (frame, Frame(end=quirks.end))
        frames, whole = [], output(self.run)
        if self.debug:
            cost = milliseconds
            frames.append(self._event("node_end", node_name=NODE, output=whole, time_cost_ms=cost))
        shown = whole if quirks.workflow_output == "result" else {}
        last = self._event(quirks.workflow_last, output=shown, time_cost_ms=milliseconds)
        return (*frames, last, Frame(end=quirks.end))

    def error(self, code: str, message: str) -> Sequence[Frame]:
        """Return an `error` event."""
        extra: dict[str, object] = {"code": code, self.quirks.workflow_error_key: message}
        return (self._event("error", **extra),)

    def _event(self, kind: str, **extra: object) -> Frame:
        number = self.quirks.first_event_id + self._count
        self._count += 1
        event: dict[str, object] = {
            "type": kind,
            "timestamp": int(self.clock() * 1000),
            "log_id": self.run.log_id,
            "run_id": self.run.run_id,
            **extra,
        }
        return Frame(event_bytes(self.quirks, compact(event), number), kind, str(extra))
