"""The stream of `/v1/chat/completions`: `data:` lines only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge.sandbox.coze_projects.playing.messages import tool_call
from bridge.sandbox.coze_projects.playing.writers import compact
from bridge.sandbox.coze_projects.quirks import Quirks
from bridge.sandbox.coze_projects.runs import (
    Called,
    Ending,
    Frame,
    Happening,
    Noise,
    Piece,
    Returned,
    Run,
    Severed,
)

STATUSES = {"timeout": 408, "cancelled": 500}


def error_of(ending: Ending) -> dict[str, object]:
    """Return the error member for the end of a run."""
    kind = "timeout_error" if ending.status == "timeout" else "server_error"
    return {"message": ending.message, "type": kind, "code": ending.code}


@dataclass(eq=False)
class ChunkWriter:
    """Writes a run as a chat completion streams it."""

    run: Run
    quirks: Quirks
    model: str
    created: int
    _calls: int = 0
    """How many calls have come since a tool returned."""

    def started(self) -> Sequence[Frame]:
        """Return the chunk that says who speaks."""
        return (self._chunk({"role": "assistant"}),)

    def wrote(self, happening: Happening) -> Sequence[Frame]:
        """Return the chunks of a happening; a tool's result looks like an end."""
        match happening:
            case Piece(text=str(text)) if text:
                return (self._chunk({"content": text}),)
            case Called():
                self._calls += 1
                return (self._chunk({"tool_calls": [tool_call(happening, self._calls - 1)]}),)
            case Returned(call_id, _, result):
                ended = [self._chunk({}, "tool_calls")] * bool(self._calls)
                self._calls = 0
                delta = {"role": "tool", "tool_call_id": call_id, "content": result}
                return (*ended, self._chunk(delta), self._chunk({}, "stop"))
            case Noise(text):
                return (Frame(text.encode()),)
            case Severed():
                return (Frame(end="reset"),)
            case _:
                return ()

    def beat(self) -> Sequence[Frame]:
        """Return nothing."""
        return ()

    def ended(self, ending: Ending, milliseconds: int) -> Sequence[Frame]:
        """Return the last chunk, or the error, and `[DONE]` after either."""
        if ending.status == "stopped" or ending.shape == "eof":
            return (Frame(end=self.quirks.end),)
        last = self._chunk({}, "stop")
        if ending.status != "completed":
            head = {"id": self._id, "object": "chat.completion.chunk"}
            last = self._frame({**head, "error": error_of(ending)}, "error")
        if ending.shape == "torn":
            return (Frame(last.data[: len(last.data) // 2]), Frame(end=self.quirks.end))
        return (last, Frame(b"data: [DONE]\n\n", "[DONE]"), Frame(end=self.quirks.end))

    @property
    def _id(self) -> str:
        return f"chatcmpl-{self.run.run_id}"

    def _chunk(self, delta: Mapping[str, object], reason: str | None = None) -> Frame:
        chunk: dict[str, object] = {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
        }
        return self._frame(chunk, "chunk")

    def _frame(self, content: dict[str, object], name: str) -> Frame:
        data = f"data: {compact(content)}\n\n".encode("utf-8", "replace")
        return Frame(data, name, str(content.get("choices", "")))
