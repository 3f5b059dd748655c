"""The agents of the emulated workspace, as the two agent endpoints show them."""

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.sandbox.coze.resources.variables import Variable, definition_view
from bridge.sandbox.coze.resources.voices import AGENT_VOICES

DEFAULT_BOT_ID = "7379462189365198898"


@dataclass(frozen=True)
class Agent:
    """One agent; Coze calls it a bot."""

    bot_id: str
    name: str
    prologue: str
    suggested_questions: Sequence[str]
    published: bool
    """Whether it is published to the "Agent As API" channel."""
    description: str
    created_at: int
    """Unix time in seconds."""
    sees: bool = True
    """Whether its model understands pictures; else it answers without having seen them."""
    hears: bool = True
    """The same of recordings."""
    chatflow: bool = False
    """Whether it is in the mode of a single chatflow, to which `parameters` are given."""

    def senses(self, kind: str) -> bool:
        """Return whether it notices attachments of this kind; a `file` is read by a plugin of its."""
        return {"image": self.sees, "audio": self.hears}.get(kind, True)


def agent_view(agent: Agent, variables: Sequence[Variable] = ()) -> dict[str, object]:
    """Return what `/v1/bots/{bot_id}` answers: the keys of the onboarding are in PascalCase there."""
    return {
        **_common(agent),
        "owner_user_id": "7379462189365190001",
        "onboarding_info": {
            "OnboardingMode": "USE_MANUAL",
            "Prologue": agent.prologue,
            "SuggestedQuestions": list(agent.suggested_questions),
        },
        "suggest_reply_info": {"reply_mode": "enable"},
        "default_user_input_type": "text",
        "variables": [definition_view(one) for one in variables],
        "voice_info_list": [
            {"voice_id": voice.voice_id, "language_code": voice.language_code}
            for voice in AGENT_VOICES
        ],
    }


def online_agent_view(agent: Agent) -> dict[str, object]:
    """Return what the older `/v1/bot/get_online_info` answers: snake case throughout."""
    return {
        **_common(agent),
        "onboarding_info": {
            "prologue": agent.prologue,
            "suggested_questions": list(agent.suggested_questions),
        },
    }


def _common(agent: Agent) -> dict[str, object]:
    return {
        "bot_id": agent.bot_id,
        "name": agent.name,
        "description": agent.description,
        "icon_url": "https://lf26-appstore-sign.oceancloudapi.com/sandbox.png",
        "create_time": agent.created_at,
        "update_time": agent.created_at,
        "version": str(agent.created_at),
        "prompt_info": {"prompt": ""},
        "bot_mode": 2 if agent.chatflow else 0,
        "plugin_info_list": [],
        "model_info": {"model_id": "1716293913", "model_name": "Sandbox"},
    }
