"""Translate the steps of scripts into what happens in a project."""

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bridge.sandbox.coze.scripts.steps import Completed, Cut, Delta, Event, Fail, Raw
from bridge.sandbox.coze_projects.playing.scripts import (
    FailAs,
    Hang,
    ProjectStep,
    ToolRequest,
    ToolResponse,
)
from bridge.sandbox.coze_projects.quirks import FailureShape, Quirks
from bridge.sandbox.coze_projects.runs import (
    Called,
    Failed,
    Happening,
    Hung,
    Noise,
    Piece,
    Returned,
    Severed,
    Thought,
)

CODES = {"4013": "301002", "4028": "604001", "4100": "301005", "4101": "301005"}
"""What the codes of the other API are here; those of six digits stay."""
OTHER_CODE = "701001"
HUGE = 1024 * 1024
TOOL_ERROR = "Error: TimeoutError('the tool did not answer')\n Please fix your mistakes."
SHAPES: dict[str, FailureShape] = {"event": "error", "empty": "eof"}


@dataclass(eq=False)
class Translation:
    """What the steps of one run mean, in the ways that are in force."""

    quirks: Quirks
    _texts: dict[str, str] = field(default_factory=dict)
    """The answers that have begun and not ended."""
    _held: dict[str, str] = field(default_factory=dict)
    _thinking: set[str] = field(default_factory=set)
    """The answers inside a `<think>`."""
    _calls: list[Called] = field(default_factory=list)
    """The calls that have not returned."""

    def of(self, step: ProjectStep) -> Iterator[Happening]:
        """Return what happens at this step."""
        match step:
            case Delta():
                yield from self._delta(step)
            case Completed(type="answer", again=False):
                yield from self._answered(step)
            case Completed() | ToolRequest() | ToolResponse():
                yield from self._tool(step)
            case Raw(text):
                yield Noise(text)
            case Event(name, data):
                yield Noise(f"event: {name}\ndata: {data}\n\n")
            case Cut():
                yield Severed()
            case Hang():
                yield Hung()
            case Fail(code, msg, shape):
                usual = SHAPES.get(shape, "end")
                forced = self.quirks.failure
                yield Failed(stream_code(code), msg, usual if forced == "end" else forced)
            case FailAs(code, message, shape):
                yield Failed(code, message, shape)
            case _:
                pass

    def rest(self) -> Iterator[Happening]:
        """Return what ends the answers that no step ended."""
        for key in list(self._texts):
            yield self._last(key, self._texts.pop(key))

    def _tool(self, step: Completed | ToolRequest | ToolResponse) -> Iterator[Happening]:
        match step:
            case Completed(type="function_call", content=str(content)):
                name, arguments = _call(content)
                call = Called(f"call_{uuid.uuid4().hex[:24]}", name, arguments)
                yield from self._called(call)
            case Completed(type="tool_response", content=str(content)) if self._calls:
                yield from self._returned(self._calls[0], _result(content))
            case ToolRequest(call_id, name, arguments):
                yield from self._called(Called(call_id, name, arguments))
            case ToolResponse(call_id, result):
                calls = [call for call in self._calls if call.call_id == call_id]
                yield from self._returned(calls[0], result)
            case _:  # a follow-up, a recalled slice: nothing that projects have
                pass

    def _delta(self, step: Delta) -> Iterator[Happening]:
        if step.reasoning and self.quirks.thinking == "events":
            yield Thought(step.key, step.reasoning)
        elif step.reasoning and self.quirks.thinking == "tags":
            opening = "" if step.key in self._thinking else "<think>"
            self._thinking.add(step.key)
            yield from self._piece(step.key, opening + step.reasoning)
        if step.text:
            yield from self._piece(step.key, self._closing(step.key) + step.text)

    def _closing(self, key: str) -> str:
        if key not in self._thinking:
            return ""
        self._thinking.discard(key)
        return "</think>\n\n"

    def _piece(self, key: str, text: str) -> Iterator[Happening]:
        self._texts[key] = self._texts.get(key, "") + text
        if self.quirks.finish == "empty":
            yield Piece(key, text)
        elif self.quirks.finish == "last":
            if key in self._held:
                yield Piece(key, self._held[key])
            self._held[key] = text

    def _answered(self, step: Completed) -> Iterator[Happening]:
        text = self._texts.pop(step.key, "")
        if text:
            yield self._last(step.key, text)
        else:
            content = _plain(step.content or "", step.content_type)
            yield Piece(step.key, content, last=True, whole=content)

    def _last(self, key: str, whole: str) -> Piece:
        self._thinking.discard(key)
        text = {"whole": whole, "last": self._held.pop(key, ""), "empty": ""}[self.quirks.finish]
        return Piece(key, text, last=True, whole=whole)

    def _called(self, call: Called) -> Iterator[Happening]:
        yield from self.rest()  # a model's message ends where its calls begin
        self._calls.append(call)
        yield call
        if self.quirks.tools == "parallel":
            yield Called(_twin(call), call.name, call.arguments)
        elif self.quirks.tools == "silent":
            yield Hung()

    def _returned(self, call: Called, result: str) -> Iterator[Happening]:
        self._calls.remove(call)
        if self.quirks.tools == "huge":
            result = (result + " ") * (HUGE // (len(result) + 1) + 1)
        elif self.quirks.tools == "failed":
            result = TOOL_ERROR
        elif self.quirks.tools == "parallel":
            yield Returned(_twin(call), call.name, result)
        yield Returned(call.call_id, call.name, result)


def _twin(call: Called) -> str:
    return call.call_id + "_2"


def stream_code(code: int | str) -> str:
    """Return the code of a script's failure as projects have it: a string of six digits."""
    text = str(code)
    known = text in ("1", "TIMEOUT") or (text.isdecimal() and len(text) == 6)
    return text if known else CODES.get(text, OTHER_CODE)


def _call(content: str) -> tuple[str, Mapping[str, object]]:
    """Return name and arguments of a call; arguments that nobody can read are none."""
    call = _parsed(content)
    arguments = call.get("arguments")
    return str(call.get("name", "tool")), arguments if isinstance(arguments, dict) else {}


def _result(content: str) -> str:
    """Return what a tool returned: what was meant for the model, or all of it."""
    meant = _parsed(content).get("response_for_model")
    return meant if isinstance(meant, str) else content


def _plain(content: str, content_type: str) -> str:
    """Return an answer as text: objects become Markdown with links."""
    if content_type != "object_string":
        return content
    return "\n\n".join(_item(item) for item in json.loads(content))


def _item(item: Mapping[str, str]) -> str:
    if item["type"] == "text":
        return item["text"]
    if item["type"] == "image":
        return f"![image]({item['file_url']})"
    return f"[{item.get('name', 'file')}]({item['file_url']})"


def _parsed(content: str) -> dict[str, object]:
    try:
        value = json.loads(content)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
