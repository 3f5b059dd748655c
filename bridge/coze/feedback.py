"""What a person thinks of an answer, told to Coze."""

from bridge.coze.client import Coze


async def give_feedback(coze: Coze, conversation_id: str, message_id: str, *, like: bool) -> None:
    """Judge an answer; a later judgement replaces an earlier one.

    Coze takes it for text answers only, in the token owner's conversations. Raises NotOffered where
    the deployment has no such endpoint (coze-studio), Forbidden without the permission `feedback`.
    """
    await coze.call(
        "Judging the answer",
        "POST",
        f"/v1/conversations/{conversation_id}/messages/{message_id}/feedback",
        body={"feedback_type": "like" if like else "unlike"},
    )


async def withdraw_feedback(coze: Coze, conversation_id: str, message_id: str) -> None:
    """Take a judgement back. Raises as `give_feedback` does."""
    await coze.call(
        "Taking the judgement back",
        "DELETE",
        f"/v1/conversations/{conversation_id}/messages/{message_id}/feedback",
    )
