"""What Coze tells about a workflow."""

from bridge.coze.client import Coze
from bridge.coze.events import object_of, text_of
from bridge.errors.coze import (
    AgentUnavailable,
    BadRequest,
    ConversationLost,
)


async def workflow_name(coze: Coze, workflow_id: str) -> str | None:
    """Return what a workflow is called; None where there is none.

    Raises Forbidden and NotOffered where nobody may look, and what every call may raise.
    """
    try:
        answer = await coze.call("Looking up the workflow", "GET", f"/v1/workflows/{workflow_id}")
    except (AgentUnavailable, ConversationLost, BadRequest):
        return None
    content = object_of(answer, "data")
    detail = object_of(content, "workflow_detail") or content
    return text_of(detail, "workflow_name") or text_of(detail, "name") or workflow_id
