"""Coze's memory for a chat: make one, look at one, cut its context, read what it keeps."""

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.coze.client import Coze
from bridge.coze.events import (
    MessageKind,
    RunMessage,
    object_of,
    objects_of,
    read_message,
    text_of,
)
from bridge.errors.coze import ConversationLost, Garbled


async def create_conversation(coze: Coze, agent_id: str | None = None) -> str:
    """Return the id of a fresh conversation, with an agent if one is named. Raises CozeTrouble."""
    doing = "Opening a conversation with the agent"
    body = {"bot_id": agent_id} if agent_id else {}
    answer = await coze.call(doing, "POST", "/v1/conversation/create", body=body)
    found = text_of(object_of(answer, "data"), "id")
    if not found:
        raise Garbled(doing, "the answer holds no conversation")
    return found


async def delete_conversation(coze: Coze, conversation_id: str) -> None:
    """Delete it at Coze, with all that was said. One that is not there is as good as deleted."""
    doing = "Deleting a conversation"
    try:
        await coze.call(doing, "DELETE", f"/v1/conversations/{conversation_id}")
    except ConversationLost:
        return


async def rename_conversation(coze: Coze, conversation_id: str, name: str) -> None:
    """Rename it, with at most 100 characters; for its creator only, who is our token's account."""
    await coze.call(
        "Renaming a conversation",
        "PUT",
        f"/v1/conversations/{conversation_id}",
        body={"name": name[:100]},
    )


async def newest_messages(
    coze: Coze, conversation_id: str, limit: int = 20
) -> Sequence[RunMessage]:
    """Return the newest questions and answers of a conversation, newest first (at most 50)."""
    answer = await coze.call(
        "Reading the conversation",
        "POST",
        "/v1/conversation/message/list",
        query={"conversation_id": conversation_id},
        body={"order": "desc", "limit": limit},
    )
    return [read_message(item) for item in objects_of(answer, "data")]


@dataclass(frozen=True)
class Exchange:
    """A question and its answer; either may be missing."""

    question: RunMessage | None
    answer: RunMessage | None


def last_exchange(newest_first: Sequence[RunMessage]) -> Exchange:
    """Return the newest answer and the question of its run; without an answer, the newest question."""
    answer = next((one for one in newest_first if one.kind is MessageKind.ANSWER), None)
    run = answer.run_id if answer else ""
    questions = (one for one in newest_first if one.kind is MessageKind.QUESTION)
    return Exchange(next((one for one in questions if not run or one.run_id == run), None), answer)
