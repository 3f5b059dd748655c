"""The objects in a chatflow's events, and what else the endpoints of workflows show."""

from collections.abc import Mapping

from bridge.sandbox.coze.profiles import ProfileName
from bridge.sandbox.coze.resources.conversations import Message
from bridge.sandbox.coze.resources.run_views import usage_view
from bridge.sandbox.coze.resources.runs import Run

SPACE_ID = "7379462189365190002"
OWNER_ID = "7379462189365190001"
"""The uid of the account's owner, who stands in for a user that is not named."""


def debug_url(profile: ProfileName, execute_id: str, workflow_id: str) -> str:
    """Return where an operator sees what every node got and gave."""
    host = {"cn": "https://www.coze.cn", "com": "https://www.coze.com"}.get(
        profile, "http://127.0.0.1:8888"
    )
    return f"{host}/work_flow?execute_id={execute_id}&space_id={SPACE_ID}&workflow_id={workflow_id}"


def shuffled(view: Mapping[str, object], turn: int) -> dict[str, object]:
    """Return the view with its keys in another order for every turn."""
    names = list(view)
    start = turn % len(names) if names else 0
    return {name: view[name] for name in (*names[start:], *names[:start])}


def chat_view(run: Run, status: str) -> dict[str, object]:
    """Return the chat inside an event of the cloud."""
    view: dict[str, object] = {
        "id": run.chat_id,
        "conversation_id": run.conversation_id,
        "bot_id": run.bot_id or run.app_id,
        "created_at": run.created_at,
        "last_error": {"code": 0, "msg": ""},
        "status": status,
        "usage": usage_view(run, status == "completed"),
        "section_id": run.section_id,
    }
    if run.completed_at:
        view["completed_at"] = run.completed_at
    if status == "failed":
        view["failed_at"] = run.failed_at
        view["last_error"] = {"code": run.last_error[0], "msg": run.last_error[1]}
    return view


def message_view(message: Message, *, whole: bool, reasoning: str) -> dict[str, object]:
    """Return a message, or a fragment of one, inside an event of the cloud."""
    view: dict[str, object] = {
        "id": message.id,
        "conversation_id": message.conversation_id,
        "bot_id": message.bot_id,
        "role": message.role,
        "type": message.type,
        "content": message.content,
        "content_type": message.content_type,
        "chat_id": message.chat_id,
        "section_id": message.section_id,
    }
    if whole:
        view["created_at"] = message.created_at
    if reasoning:
        view["reasoning_content"] = reasoning
    return view


def studio_chat_view(run: Run, status: str, execute_id: str) -> dict[str, object]:
    """Return the chat inside an event of the self-hosted server, which counts the output twice."""
    view: dict[str, object] = {"id": run.chat_id, "conversation_id": run.conversation_id}
    if status == "completed":
        view["bot_id"] = run.bot_id or run.app_id
    view["status"] = status
    if status == "completed":
        taken, given = run.usage
        view["usage"] = {"token_count": 2 * given, "output_count": given, "input_count": taken}
    return {**view, "execute_id": execute_id, "section_id": run.section_id}


def studio_message_view(message: Message, owner_id: str, reasoning: str) -> dict[str, object]:
    """Return a message inside an event of the self-hosted server."""
    view: dict[str, object] = {
        "id": message.id,
        "chat_id": message.chat_id,
        "conversation_id": message.conversation_id,
        "bot_id": owner_id,
        "role": message.role,
        "type": message.type,
        "content": message.content,
    }
    if reasoning:
        view["reasoning_content"] = reasoning
    return {**view, "content_type": message.content_type, "section_id": message.section_id}
