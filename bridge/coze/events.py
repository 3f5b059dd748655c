"""What a run tells us, as typed values: the one place where Coze's event JSON is read.

Everything from Coze is typed loosely (ids as numbers, codes as strings, absent members), so
reading is tolerant; an event that nobody knows becomes `Unknown` and is skipped, never a crash.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from bridge.coze.codes import trouble
from bridge.coze.sse import ServerSentEvent
from bridge.coze.values import plain_id
from bridge.errors.coze import CozeTrouble

Json = Mapping[str, object]


class MessageKind(StrEnum):
    """What a message of a run is; only `ANSWER` and `FOLLOW_UP` are for people's eyes."""

    ANSWER = "answer"
    FOLLOW_UP = "follow_up"
    VERBOSE = "verbose"
    FUNCTION_CALL = "function_call"
    TOOL_OUTPUT = "tool_output"
    TOOL_RESPONSE = "tool_response"
    KNOWLEDGE = "knowledge"
    QUESTION = "question"
    OTHER = "other"


class Status(StrEnum):
    """Where a run stands."""

    CREATED = "created"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    REQUIRES_ACTION = "requires_action"
    CANCELED = "canceled"

    @property
    def over(self) -> bool:
        """Whether nothing more comes of the run by itself."""
        return self not in (Status.CREATED, Status.IN_PROGRESS)


_SPELLINGS = {
    "cancelled": Status.CANCELED,
    "required_action": Status.REQUIRES_ACTION,
    "expired": Status.FAILED,
    "compleated": Status.COMPLETED,
}


@dataclass(frozen=True)
class Usage:
    """Tokens that a run cost."""

    total: int = 0
    output: int = 0
    input: int = 0


@dataclass(frozen=True)
class ToolCall:
    """A local tool that the run asks for."""

    id: str
    kind: str


@dataclass(frozen=True)
class Run:
    """Coze's state of one run."""

    id: str
    conversation_id: str
    status: Status
    usage: Usage = Usage()
    failure: CozeTrouble | None = None
    tool_calls: tuple[ToolCall, ...] = ()

    def with_ids_of(self, began: "Run | None") -> "Run":
        """Return a run's end with the ids of its beginning: failures may come without any."""
        if began is None:
            return self
        place = self.conversation_id or began.conversation_id
        return replace(self, id=self.id or began.id, conversation_id=place)


@dataclass(frozen=True)
class RunMessage:
    """One message of a run, whole or a fragment."""

    id: str
    kind: MessageKind
    text: str
    reasoning: str = ""
    content_type: str = "text"
    run_id: str = ""
    correlation_id: str = ""
    """The turn's mark that we put into the question's `meta_data`."""

    def __repr__(self) -> str:
        return f"RunMessage(id={self.id!r}, kind={self.kind!r}, {len(self.text)} characters)"


@dataclass(frozen=True)
class Began:
    """The run exists: its ids are known from now on."""

    run: Run


@dataclass(frozen=True)
class Delta:
    """Text to append to a message."""

    message: RunMessage


@dataclass(frozen=True)
class Completed:
    """A whole message: it replaces what its deltas said."""

    message: RunMessage


@dataclass(frozen=True)
class Remark:
    """Coze's own remark about the run, such as that all answers are given."""

    name: str


ALL_ANSWERED = "generate_answer_finish"
KNOWLEDGE_RECALLED = "knowledge_recall"
INTERRUPTED = "interrupt"
"""A node of a chatflow waits for the person."""


@dataclass(frozen=True)
class Sound:
    """A piece of the answer spoken; it comes only when the question was spoken."""


@dataclass(frozen=True)
class Recovered:
    """The stream broke; these are all messages of the run as Coze keeps them."""

    messages: tuple[RunMessage, ...]


@dataclass(frozen=True)
class Ended:
    """The run is over: completed, failed, cancelled, or waiting for an action of ours."""

    run: Run


@dataclass(frozen=True)
class Broke:
    """An error in the stream's own words; nothing follows it."""

    trouble: CozeTrouble


@dataclass(frozen=True)
class Done:
    """The stream's normal end."""


@dataclass(frozen=True)
class Unknown:
    """An event that nobody knows; it is skipped."""

    name: str


Event = Began | Delta | Completed | Remark | Sound | Recovered | Ended | Broke | Done | Unknown

_ENDS = {"done", "Done", "conversation.stream.done"}
_BEGINS = {"conversation.chat.created", "conversation.chat.in_progress"}
_OVER = {
    "conversation.chat.completed": Status.COMPLETED,
    "conversation.chat.failed": Status.FAILED,
    "conversation.chat.requires_action": Status.REQUIRES_ACTION,
    "conversation.chat.required_action": Status.REQUIRES_ACTION,
    "conversation.chat.canceled": Status.CANCELED,
    "conversation.chat.cancelled": Status.CANCELED,
}


def read_event(event: ServerSentEvent, log_id: str | None = None) -> Event:
    """Return a server-sent event as a typed value; anything unreadable becomes `Unknown`."""
    name = event.name
    if name in _ENDS:
        return Done()
    content = read_object(event.data)
    if name == "error":  # a self-hosted server's own trouble is plain text
        return Broke(_failure(content or {}, log_id, in_run=False))
    if content is None:
        return Unknown(name)
    if name in _OVER:
        return Ended(read_run(content, status=_OVER[name], log_id=log_id))
    if name in _BEGINS:
        return Began(read_run(content))
    if name == "conversation.message.delta":
        return Delta(read_message(content))
    if name == "conversation.message.completed":
        message = read_message(content)
        return remark(message) if message.kind is MessageKind.VERBOSE else Completed(message)
    if name == "conversation.audio.delta":
        return Sound()
    return Unknown(name)


def remark(message: RunMessage) -> Event:
    """Read a message of the type `verbose`: JSON, with more JSON in a string inside."""
    content = read_object(message.text) or {}
    name = text_of(content, "msg_type")
    inner = read_object(text_of(content, "data")) or {}
    interrupted = text_of(inner, "finish_reason") == "1"  # it waits for somebody and goes on
    return Remark(name) if name and not interrupted else Unknown(f"verbose {name}")


def read_json(text: str | bytes) -> object:
    """Return what JSON says; None for what is no JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def read_object(text: str | bytes) -> Json | None:
    """Return a JSON object, or None when `text` is something else."""
    content = read_json(text)
    return content if isinstance(content, dict) else None


def read_run(content: Json, status: Status | None = None, log_id: str | None = None) -> Run:
    """Read Coze's "chat" object; `status` is what the event's name says, and wins."""
    status = status or read_status(text_of(content, "status"))
    failure = _failure(content, log_id, in_run=True) if status is Status.FAILED else None
    calls = _tool_calls(content) if status is Status.REQUIRES_ACTION else ()
    return Run(
        id=text_of(content, "id"),
        conversation_id=text_of(content, "conversation_id"),
        status=status,
        usage=_usage(object_of(content, "usage")),
        failure=failure,
        tool_calls=calls,
    )


def read_status(word: str) -> Status:
    """Return a run's status in any of its spellings; an unknown one counts as still running."""
    try:
        return Status(word)
    except ValueError:
        return _SPELLINGS.get(word, Status.IN_PROGRESS)


def read_message(content: Json) -> RunMessage:
    """Read Coze's message object. Answers inserted by hand come without a type."""
    word = text_of(content, "type")
    try:
        kind = MessageKind(word)
    except ValueError:
        plain_answer = not word and text_of(content, "role") == "assistant"
        kind = MessageKind.ANSWER if plain_answer else MessageKind.OTHER
    said, content_type = content.get("content"), text_of(content, "content_type") or "text"
    if isinstance(said, (dict, list)):  # it should be a string with that JSON in it
        content_type = "object_string" if content_type == "text" else content_type
        said = json.dumps(said, ensure_ascii=False)
    return RunMessage(
        id=text_of(content, "id"),
        kind=kind,
        text="" if said is None else str(said),
        reasoning=text_of(content, "reasoning_content"),
        content_type=content_type,
        run_id=text_of(content, "chat_id"),
        correlation_id=text_of(object_of(content, "meta_data"), "turn"),
    )


def text_of(content: Json, key: str) -> str:
    """Return a member as text: ids come as strings or numbers, absent ones as null.

    Half a character, which JSON can escape and nothing can store, becomes a question mark of its own.
    """
    found = content.get(key)
    if found is None or isinstance(found, (dict, list)):
        return ""
    text = str(found).replace("\0", "")  # PostgreSQL takes none
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def object_of(content: Json, key: str) -> Json:
    """Return a member that is an object, or an empty one."""
    found = content.get(key)
    return found if isinstance(found, dict) else {}


def objects_of(content: Json, key: str) -> Sequence[Json]:
    """Return the objects in a member that is a list; absent or null is an empty list."""
    found = content.get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _usage(content: Json) -> Usage:
    return Usage(
        total=_count(content, "token_count"),
        output=_count(content, "output_count") or _count(content, "output_tokens"),
        input=_count(content, "input_count") or _count(content, "input_tokens"),
    )


def _count(content: Json, key: str) -> int:
    text = text_of(content, key)
    return int(text) if text.isdecimal() and len(text) < 19 else 0


def _failure(content: Json, log_id: str | None, *, in_run: bool) -> CozeTrouble:
    """Return the trouble in a run's `last_error`, or in a bare `{code, msg}`; `{}` has neither."""
    error = object_of(content, "last_error") or content
    code = text_of(error, "code")
    return trouble(
        "The agent's run" if in_run else "Asking the agent",
        code=code if code not in ("", "0") else None,
        msg=text_of(error, "msg") or text_of(error, "message"),
        log_id=log_id or plain_id(text_of(object_of(error, "detail"), "logid")),
        in_run=in_run,
    )


def _tool_calls(content: Json) -> tuple[ToolCall, ...]:
    action = object_of(object_of(content, "required_action"), "submit_tool_outputs")
    return tuple(
        ToolCall(text_of(call, "id"), text_of(call, "type"))
        for call in objects_of(action, "tool_calls")
        if text_of(call, "id")
    )
