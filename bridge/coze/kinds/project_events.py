"""What a project's stream says, as the events of a run. Pure.

One event name carries everything: the kind is in `type`, the text comes in deltas without a final
whole, and only a `message_end` with the code "0" is a success.
"""

from dataclasses import replace

from bridge.coze.events import (
    Began,
    Broke,
    Completed,
    Delta,
    Ended,
    Event,
    Json,
    MessageKind,
    Run,
    RunMessage,
    Status,
    Unknown,
    object_of,
    read_object,
    text_of,
)
from bridge.coze.kinds.project_codes import in_run
from bridge.coze.sse import ServerSentEvent
from bridge.coze.values import plain_id

_ENDS = {"0": Status.COMPLETED, "1": Status.CANCELED, "CANCELED": Status.CANCELED}
_TOOLS = {
    "tool_request": MessageKind.FUNCTION_CALL,
    "tool_response": MessageKind.TOOL_RESPONSE,
}


class AgentEvents:
    """Reads the stream of one run of an agent project; remembers what was seen twice."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._seen: set[tuple[str, str]] = set()

    def read(self, sent: ServerSentEvent) -> Event:
        """Return one event; `Unknown` for what nobody knows or what came before."""
        content = read_object(sent.data)
        if content is None:
            return Unknown(sent.name)
        kind, said = text_of(content, "type"), object_of(content, "content")
        log_id = plain_id(text_of(content, "log_id"))
        match kind:
            case "message_start":
                return self._began(object_of(said, "message_start"))
            case "answer":
                return self._delta(content, RunMessage("", MessageKind.ANSWER, _text(said)))
            case "thinking":
                thought = _text(said, "thinking")
                return self._delta(content, RunMessage("", MessageKind.ANSWER, "", thought))
            case "tool_request" | "tool_response":
                return Completed(RunMessage(text_of(content, "msg_id"), _TOOLS[kind], ""))
            case "message_end":
                return self._ended(text_of(object_of(said, "message_end"), "code"), log_id)
            case "error":
                return Broke(in_run(text_of(object_of(said, "error"), "code"), log_id))
            case _:
                return Unknown(kind)

    def _began(self, start: Json) -> Began:
        self._run = replace(self._run, id=plain_id(text_of(start, "execute_id")) or self._run.id)
        return Began(self._run)

    def _delta(self, content: Json, message: RunMessage) -> Event:
        which = text_of(content, "msg_id"), text_of(content, "sequence_id")
        if which in self._seen or not (message.text or message.reasoning):
            return Unknown("repeated" if which in self._seen else "empty")
        if which[1]:
            self._seen.add(which)
        return Delta(replace(message, id=which[0]))

    def _ended(self, code: str, log_id: str | None) -> Ended:
        status = _ENDS.get(code, Status.FAILED)
        failure = in_run(code, log_id) if status is Status.FAILED else None
        return Ended(replace(self._run, status=status, failure=failure))


class WorkflowEvents:
    """Reads the stream of one run of a workflow project: no deltas, one output at the end."""

    def __init__(self, run: Run, output: str | None = None) -> None:
        """`output` names the field of the output that answers; without it, the only text does."""
        self._run = run
        self._output = output
        self._last = ""

    def read(self, sent: ServerSentEvent) -> tuple[Event, ...]:
        """Return what one event of the stream means."""
        content = read_object(sent.data)
        if content is None:
            return ()
        log_id = plain_id(text_of(content, "log_id"))
        match text_of(content, "type"):
            case "workflow_start":
                run_id = plain_id(text_of(content, "run_id"))
                self._run = replace(self._run, id=run_id or self._run.id)
                return (Began(self._run),)
            case "node_start":
                name = text_of(content, "node_name")
                return (Completed(RunMessage(name, MessageKind.FUNCTION_CALL, "")),)
            case "node_end":
                self._last = said_by(content.get("output"), self._output) or self._last
                return ()
            case "workflow_end" | "done":
                output = content.get("output")
                text = said_by(output, self._output) if output else self._last
                answer = Completed(RunMessage(self._run.id, MessageKind.ANSWER, text))
                ended = Ended(replace(self._run, status=Status.COMPLETED))
                return (answer, ended) if text else (ended,)
            case "error":
                code = text_of(content, "code")
                if code in ("CANCELED", "1"):
                    return (Ended(replace(self._run, status=Status.CANCELED)),)
                return (Broke(in_run(code, log_id)),)
            case _:
                return ()


def said_by(output: object, field: str | None = None) -> str:
    """Return what an output says to a person: a field of it, its only value, or each by its name."""
    if not isinstance(output, dict):
        return _plainly(output)
    if field is not None:
        return _plainly(output.get(field))
    values = {name: said for name, one in output.items() if (said := _plainly(one)).strip()}
    if len(values) == 1:
        return next(iter(values.values()))
    return "\n\n".join(f"**{name}**: {one}" for name, one in values.items())


def _plainly(value: object) -> str:
    """Return a text, a number or a list of them as it is read; nothing of an object."""
    if isinstance(value, list):
        return "\n".join(text for one in value if (text := _plainly(one)))
    return text_of({"": value}, "") if isinstance(value, str | int | float) else ""


def _text(said: Json, key: str = "answer") -> str:
    """Return a delta; some projects wrap it into an object."""
    found = said.get(key)
    return text_of(found, "text") if isinstance(found, dict) else text_of(said, key)
