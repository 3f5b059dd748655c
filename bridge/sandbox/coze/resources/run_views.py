"""A run and its messages as JSON, in the order of fields of the recorded samples."""

from bridge.sandbox.coze.resources.conversations import Message, stored_view
from bridge.sandbox.coze.resources.runs import Run

_RANK = {"verbose": 1, "answer": 2, "follow_up": 3}


def chat_view(run: Run, *, status: str, created: bool) -> dict[str, object]:
    """Return the chat inside an event. `created` adds created_at, which chat.created itself lacks."""
    view: dict[str, object] = {
        "id": run.chat_id,
        "conversation_id": run.conversation_id,
        "bot_id": run.bot_id,
    }
    if created:
        view["created_at"] = run.created_at
    view["completed_at"] = run.completed_at or run.created_at
    if status == "failed":
        view["failed_at"] = run.failed_at
    view["last_error"] = {"code": run.last_error[0], "msg": run.last_error[1]}
    view["status"] = status
    if run.meta_data:
        view["meta_data"] = dict(run.meta_data)
    view["usage"] = usage_view(run, status in ("completed", "canceled", "cancelled"))
    if run.calls:
        view["required_action"] = required_action(run)
        view["section_id"] = run.section_id
    return view


def usage_view(run: Run, known: bool) -> dict[str, object]:
    """Return the tokens of a run: zero until it is over."""
    taken, given = run.usage if known else (0, 0)
    return {"token_count": taken + given, "output_count": given, "input_count": taken}


def retrieved_view(run: Run) -> dict[str, object]:
    """Return the chat as chat/retrieve shows it, with its present status."""
    view: dict[str, object] = {
        "id": run.chat_id,
        "conversation_id": run.conversation_id,
        "bot_id": run.bot_id,
        "created_at": run.created_at,
        "last_error": {"code": run.last_error[0], "msg": run.last_error[1]},
        "status": run.status,
        "meta_data": dict(run.meta_data),
        "section_id": run.section_id,
    }
    if run.completed_at:
        view["completed_at"] = run.completed_at
        view["usage"] = usage_view(run, run.status != "failed")
    if run.failed_at:
        view["failed_at"] = run.failed_at
    if run.calls:
        view["required_action"] = required_action(run)
    return view


def started_view(run: Run) -> dict[str, object]:
    """Return what a chat request without a stream is answered at once."""
    view: dict[str, object] = {
        "id": run.chat_id,
        "conversation_id": run.conversation_id,
        "bot_id": run.bot_id,
        "created_at": run.created_at,
        "last_error": {"code": 0, "msg": ""},
        "status": "in_progress",
    }
    if run.meta_data:
        view["meta_data"] = dict(run.meta_data)
    return view


def canceled_view(run: Run) -> dict[str, object]:
    """Return what cancel answers: a chat with empty fields, even an empty tool call."""
    empty = {"id": "", "type": "", "function": {"name": "", "arguments": ""}}
    return {
        "id": run.chat_id,
        "conversation_id": run.conversation_id,
        "bot_id": run.bot_id,
        "status": run.status,
        "usage": {},
        "failed_at": None,
        "last_error": {"msg": "", "code": 0},
        "section_id": "",
        "required_action": {"type": "", "submit_tool_outputs": {"tool_calls": [empty]}},
    }


def required_action(run: Run) -> dict[str, object]:
    """Return the tool calls a run waits for."""
    return {
        "type": "submit_tool_outputs",
        "submit_tool_outputs": {
            "tool_calls": [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                    "require_info": None,
                }
                for call in run.calls
            ]
        },
    }


def event_view(message: Message, *, at: int | None, reasoning: str = "") -> dict[str, object]:
    """Return a message inside an event."""
    view: dict[str, object] = {
        "id": message.id,
        "conversation_id": message.conversation_id,
        "bot_id": message.bot_id,
        "role": message.role,
        "type": message.type,
        "content": message.content,
    }
    if reasoning:
        view["reasoning_content"] = reasoning
    view["content_type"] = message.content_type
    view["chat_id"] = message.chat_id
    if at is not None:
        view["section_id"] = message.section_id
        view["created_at"] = at
    return view


def message_view(message: Message) -> dict[str, object]:
    """Return a completed message inside an event."""
    view = event_view(message, at=message.created_at, reasoning=message.reasoning_content)
    if message.type in ("follow_up", "tool_response"):
        view["updated_at"] = message.updated_at
    return view


def listed_messages(run: Run) -> list[dict[str, object]] | None:
    """Return the messages of a run for chat/message/list; None when the envelope has no `data` at all.

    The list is not chronological: tool and knowledge messages, then the verbose one, then the
    answers and the follow-ups. A run that waited for tool outputs keeps the order of arrival.
    """
    if run.status == "failed" or (run.status == "completed" and not any(run.answers)):
        return None
    messages = list(run.messages)
    if not run.interrupted:
        messages.sort(key=lambda message: _RANK.get(message.type, 0))
    return [stored_view(message) for message in messages]
