"""What Coze tells about an agent: its name, its greeting and the questions it suggests."""

from dataclasses import dataclass

from bridge.coze.client import Coze
from bridge.coze.events import Json, object_of, text_of
from bridge.errors.coze import BadRequest, Forbidden, NotOffered


@dataclass(frozen=True)
class AgentProfile:
    """An agent as its maker presents it."""

    name: str
    prologue: str
    suggestions: tuple[str, ...]


async def agent_information(coze: Coze, agent_id: str) -> AgentProfile:
    """Return the agent's presentation, from whichever of the two endpoints this deployment has.

    Raises AgentUnavailable when Coze does not know the agent or it is not published.
    """
    doing = "Looking up the agent"
    try:
        answer = await coze.call(
            doing, "GET", f"/v1/bots/{agent_id}", query={"is_published": "true"}
        )
    except (NotOffered, Forbidden, BadRequest) as first:
        try:
            answer = await coze.call(
                doing, "GET", "/v1/bot/get_online_info", query={"bot_id": agent_id}
            )
        except (NotOffered, Forbidden, BadRequest):
            raise first from None
    return _agent(object_of(answer, "data"))


def _agent(content: Json) -> AgentProfile:
    """Read either spelling: one endpoint writes its greeting in PascalCase."""
    onboarding = object_of(content, "onboarding_info")
    asked = onboarding.get("suggested_questions") or onboarding.get("SuggestedQuestions")
    suggestions = tuple(str(item) for item in asked if item) if isinstance(asked, list) else ()
    return AgentProfile(
        name=text_of(content, "name"),
        prologue=text_of(onboarding, "prologue") or text_of(onboarding, "Prologue"),
        suggestions=suggestions,
    )


async def account_id(coze: Coze) -> str | None:
    """Return whose token it is, for telling accounts apart; None where the deployment cannot say."""
    try:
        answer = await coze.call("Looking up the account", "GET", "/v1/users/me")
    except (NotOffered, Forbidden, BadRequest):
        return None
    return text_of(object_of(answer, "data"), "user_id") or None
