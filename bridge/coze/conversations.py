"""Coze's memory for a chat: make one, look at one, cut its context, read what it keeps."""

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.coze.client import Coze
from bridge.coze.events import (
    Json,
    MessageKind,
    RunMessage,
    object_of,
    objects_of,
    read_message,
    text_of,
)
from bridge.errors.coze import ConversationLost, Garbled


@dataclass(frozen=True)
class Conversation:
    """A conversation; `section_id` names the part of it since it was last cleared."""

    id: str
    section_id: str


async def create_conversation(coze: Coze, agent_id: str | None = None) -> Conversation:
    """Return a fresh conversation, with an agent if one is named. Raises CozeTrouble."""
    doing = "Opening a conversation with the agent"
    body = {"bot_id": agent_id} if agent_id else {}
    answer = await coze.call(doing, "POST", "/v1/conversation/create", body=body)
    return _conversation(doing, object_of(answer, "data"))


async def retrieve_conversation(coze: Coze, conversation_id: str) -> Conversation:
    """Return what Coze knows of a conversation. Raises ConversationLost when it knows nothing."""
    doing = "Looking up the conversation"
    answer = await coze.call(
        doing, "GET", "/v1/conversation/retrieve", query={"conversation_id": conversation_id}
    )
    return _conversation(doing, object_of(answer, "data"))


async def clear_conversation(coze: Coze, conversation_id: str) -> str:
    """Cut the context; the messages stay listable. Returns the new section's id."""
    doing = "Clearing the conversation"
    answer = await coze.call(doing, "POST", f"/v1/conversations/{conversation_id}/clear")
    return text_of(object_of(answer, "data"), "id")


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


def _conversation(doing: str, content: Json) -> Conversation:
    found = text_of(content, "id")
    if not found:
        raise Garbled(doing, "the answer holds no conversation")
    return Conversation(found, text_of(content, "last_section_id"))
