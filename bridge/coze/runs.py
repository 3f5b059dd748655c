"""The calls about one run: start it, look at it, list it, cancel it, answer its tools."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field

from bridge.coze.client import Coze
from bridge.coze.events import (
    Event,
    Json,
    Run,
    RunMessage,
    ToolCall,
    object_of,
    objects_of,
    read_message,
    read_run,
)
from bridge.coze.values import Value
from bridge.errors.coze import Garbled, NotCancellable

_ASKING = "Asking the agent"
_NO_TOOL = json.dumps({"error": "This tool is not available in this channel."})


@dataclass(frozen=True)
class RunRequest:
    """What a run is asked, and in whose memory."""

    agent_id: str
    user_id: str
    conversation_id: str
    text: str
    correlation_id: str
    """Our own id of the turn, by which the run is found when its start was not heard of."""
    files: tuple[tuple[str, str], ...] = ()
    """What goes with it: of each its kind (`image`, `file` or `audio`) and its id or its address."""
    facts: Mapping[str, Value] = field(default_factory=dict)
    """What the agent may be told of whom it serves, by the names of the facts."""
    location: tuple[float, float] | None = None
    """Latitude and longitude in degrees, where the person sent a place."""
    custom_variables: Mapping[str, str] = field(default_factory=dict)
    """What stands in the agent's prompt for its variables."""
    parameters: Mapping[str, Value] = field(default_factory=dict)
    """Inputs of the chatflow behind an agent."""

    def __repr__(self) -> str:
        return f"RunRequest(correlation_id={self.correlation_id!r}, {len(self.text)} characters)"


def _body(question: RunRequest, *, stream: bool) -> Json:
    mark = {"turn": question.correlation_id}
    message = {
        "role": "user",
        "type": "question",
        "content": _content(question),
        "content_type": "object_string" if question.files else "text",
        "meta_data": mark,
    }
    body: dict[str, object] = {
        "bot_id": question.agent_id,
        "user_id": question.user_id,
        "stream": stream,
        "auto_save_history": True,  # without it nothing could be recovered
        "additional_messages": [message],
        "meta_data": mark,
    }
    if question.location is not None:
        body["extra_params"] = position(question.location)
    if question.custom_variables:
        body["custom_variables"] = question.custom_variables
    if question.parameters:
        body["parameters"] = question.parameters
    return body


def position(location: tuple[float, float]) -> Mapping[str, str]:
    """Return a place as Coze takes it: degrees as texts."""
    latitude, longitude = (f"{one:.6f}".rstrip("0").rstrip(".") for one in location)
    return {"latitude": latitude, "longitude": longitude}


def _content(question: RunRequest) -> str:
    """Return the text, or with files a list as JSON: one text at most, and no text alone."""
    if not question.files:
        return question.text
    items = [{"type": kind, "file_id": file_id} for kind, file_id in question.files]
    return json.dumps([{"type": "text", "text": question.text}, *items], ensure_ascii=False)


def start_run(
    coze: Coze, question: RunRequest, *, stream: bool = True
) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
    """Start a run and hear it as it goes. The conversation counts in the query only.

    Without `stream` (and on a Coze that does not stream) it is only told that it began.
    """
    return coze.stream(
        _ASKING,
        "/v3/chat",
        query={"conversation_id": question.conversation_id},
        body=_body(question, stream=stream),
    )


async def retrieve_run(coze: Coze, conversation_id: str, run_id: str) -> Run:
    """Return where a run stands. Raises RunUnknown when Coze does not know it."""
    doing = "Looking up the run"
    answer = await coze.call(
        doing,
        "GET",
        "/v3/chat/retrieve",
        query={"conversation_id": conversation_id, "chat_id": run_id},
    )
    return _run(doing, answer)


async def list_run(coze: Coze, conversation_id: str, run_id: str) -> Sequence[RunMessage]:
    """Return all messages of a run in Coze's order; a failed run's answer may hold none."""
    answer = await coze.call(
        "Reading the run's messages",
        "GET",
        "/v3/chat/message/list",
        query={"conversation_id": conversation_id, "chat_id": run_id},
    )
    return [read_message(item) for item in objects_of(answer, "data")]


async def cancel_run(coze: Coze, conversation_id: str, run_id: str) -> None:
    """Ask Coze to cancel a run, if it is not over.

    Coze only flips the status: an open stream keeps flowing until its reader closes it.
    """
    body = {"chat_id": run_id, "conversation_id": conversation_id}
    with suppress(NotCancellable):
        await coze.call("Stopping the run", "POST", "/v3/chat/cancel", body=body)


async def refuse_tools(coze: Coze, run: Run, calls: Sequence[ToolCall]) -> None:
    """Answer every local tool that a run asks for with the truth: we have none."""
    await coze.call(
        "Answering the agent's tool request",
        "POST",
        "/v3/chat/submit_tool_outputs",
        query={"conversation_id": run.conversation_id, "chat_id": run.id},
        body={
            "tool_outputs": [{"tool_call_id": call.id, "output": _NO_TOOL} for call in calls],
            "stream": False,
        },
    )


def _run(doing: str, answer: Json) -> Run:
    run = read_run(object_of(answer, "data"))
    if not run.id:
        raise Garbled(doing, "the answer holds no run")
    return run
