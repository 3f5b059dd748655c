"""The stream of an agent: one repeated event, whose kind is its `type`."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bridge.sandbox.coze_projects.playing.writers import compact, event_bytes
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
    Thought,
)

CONTENTS = (
    "answer",
    "thinking",
    "tool_request",
    "tool_response",
    "error",
    "message_start",
    "message_end",
)
TEXTS = {"cancelled": "任务已取消", "timeout": "执行超时"}


def new_id() -> str:
    """Return a UUID as text."""
    return str(uuid.uuid4())


@dataclass(eq=False)
class AgentWriter:
    """Writes a run as an agent streams it."""

    run: Run
    quirks: Quirks
    _reply_id: str = field(default_factory=new_id)
    _ids: dict[str, str] = field(default_factory=dict)
    _count: int = 0

    def started(self) -> Sequence[Frame]:
        """Return `message_start`, which says by what id the run is cancelled."""
        local = self.run.query_msg_id
        inner = {"local_msg_id": local, "msg_id": local, "execute_id": self.run.run_id}
        return self._event("message_start", inner, new_id())

    def wrote(self, happening: Happening) -> Sequence[Frame]:
        """Return the event of a happening."""
        match happening:
            case Piece(key, text, last, _):
                msg_id = self._ids.setdefault(key, new_id())
                if last:
                    del self._ids[key]
                return self._event("answer", self._content(text), msg_id, last)
            case Thought(key, text):
                msg_id = self._ids.setdefault(f"{key} thought", new_id())
                return self._event("thinking", text, msg_id, finish=False)
            case Called(call_id, name, arguments):
                inner = {
                    "tool_call_id": call_id,
                    "tool_name": name,
                    "parameters": {name: arguments},
                }
                return self._event("tool_request", inner, new_id())
            case Returned(call_id, _, result):
                return self._event("tool_response", _response(call_id, result), new_id())
            case Noise(text):
                return (Frame(text.encode()),)
            case Severed():
                return (Frame(end="reset"),)
            case _:
                return ()

    def beat(self) -> Sequence[Frame]:
        """Return what a project writes that was given a heartbeat by its owner."""
        if self.quirks.heartbeat == "comment":
            return (Frame(f": ping{self.quirks.line_end * 2}".encode()),)
        if self.quirks.heartbeat == "event":
            return (Frame(event_bytes(self.quirks, '{"type":"ping"}'), "ping"),)
        return ()

    def ended(self, ending: Ending, milliseconds: int) -> Sequence[Frame]:
        """Return the terminal event, if there is one, and how the stream ends."""
        quirks = self.quirks
        if ending.status == "stopped" or ending.shape == "eof":
            return (Frame(end=quirks.end),)
        if ending.shape == "torn":
            whole = self._event("answer", "half a line", new_id(), finish=False)[0].data
            return (Frame(whole[: len(whole) // 2]), Frame(end=quirks.end))
        if ending.shape in ("error", "error only"):
            return (*self.error(ending.code, ending.message), Frame(end=quirks.end))
        zero = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
        inner = {
            "code": ending.code,
            "message": ending.message,
            "token_cost": zero,
            "time_cost_ms": milliseconds,
        }
        if ending.status in ("cancelled", "timeout"):  # by the handler, which knows nothing
            tail = quirks.cancel_tail if ending.status == "cancelled" else quirks.end
            return (self._frame("message_end", inner, ("", ""), 1), Frame(end=tail))
        number = 1 if quirks.sequence == "restart" else self._number()
        frame = self._frame("message_end", inner, (self._reply_id, new_id()), number)
        return (frame, Frame(end=quirks.end))

    def error(self, code: str, message: str) -> Sequence[Frame]:
        """Return an `error` event, which the handler makes."""
        inner = {"local_msg_id": "", "code": code, "error_msg": message}
        return (self._frame("error", inner, ("", ""), 1),)

    def _content(self, text: str) -> str:
        if self.quirks.content == "python" and text:
            return str([{"type": "text", "text": text}])
        return text

    def _event(self, kind: str, inner: object, msg_id: str, finish: bool = True) -> Sequence[Frame]:
        frame = self._frame(kind, inner, (self._reply_id, msg_id), self._number(), finish)
        return (frame, frame) if self.quirks.sequence == "duplicate" else (frame,)

    def _number(self) -> int:
        self._count += 1
        count = self._count
        if self.quirks.sequence == "shuffled" and count > 1:
            return count + 1 if count % 2 == 0 else count - 1
        return count + 3 if self.quirks.sequence == "gap" and count > 2 else count

    def _frame(
        self, kind: str, inner: object, ids: tuple[str, str], number: int, finish: bool = True
    ) -> Frame:
        keys = [key for key in CONTENTS if key != "error" or self.quirks.error_key]
        content = dict.fromkeys(keys) | {kind: inner}
        event = {
            "type": kind,
            "session_id": self.run.session_id,
            "query_msg_id": self.run.query_msg_id,
            "reply_id": ids[0],
            "msg_id": ids[1],
            "sequence_id": number,
            "finish": finish,
            "content": content,
            "log_id": self.run.log_id,
        }
        return Frame(event_bytes(self.quirks, compact(event)), kind, str(inner))


def _response(call_id: str, result: str) -> Mapping[str, object]:
    return {
        "tool_call_id": call_id,
        "code": "0",
        "message": "",
        "result": result,
        "time_cost_ms": None,
    }
