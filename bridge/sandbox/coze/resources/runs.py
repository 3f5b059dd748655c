"""A run as it is kept: the agent's work on one question, which Coze calls a chat."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bridge.sandbox.coze.change_signal import ChangeSignal
from bridge.sandbox.coze.framing import Frame
from bridge.sandbox.coze.resources.conversations import Conversation, Message
from bridge.sandbox.coze.scripts.steps import ToolCall

RUNNING = ("created", "in_progress")


@dataclass(frozen=True)
class Pace:
    """How fast an answer is written, in seconds of the loop."""

    first_delta: float = 0.3
    delta: float = 0.04
    silence: float = 1.0
    """Multiplies the silences of the scripts."""


@dataclass(frozen=True)
class Values:
    """What a request brought beside its messages."""

    parameters: Mapping[str, object] = field(default_factory=dict)
    custom_variables: Mapping[str, str] = field(default_factory=dict)
    extra_params: Mapping[str, str] = field(default_factory=dict)
    """Of a chat; a workflow has `ext`."""
    ext: Mapping[str, str] = field(default_factory=dict)


@dataclass(eq=False)
class Run:
    """One run; Coze calls it a chat."""

    chat_id: str
    conversation: Conversation
    section_id: str
    bot_id: str
    user_id: str
    question: str
    stream: bool
    saved: bool
    """Whether its history is kept (`auto_save_history`)."""
    created_at: int
    """Unix time in seconds, as the next two."""
    meta_data: Mapping[str, str] = field(default_factory=dict)
    values: Values = field(default_factory=Values)
    workflow_id: str = ""
    """"" for a chat."""
    app_id: str = ""
    status: str = "created"
    completed_at: int = 0
    failed_at: int = 0
    cancelled_at: float | None = None
    """Time of the loop in seconds."""
    last_error: tuple[int, str] = (0, "")
    usage: tuple[int, int] = (0, 0)
    """Tokens of the input and of the output."""
    calls: Sequence[ToolCall] = ()
    """What it waits for while its status is requires_action."""
    interrupted: bool = False
    messages: list[Message] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    ended: bool = False
    """Whether nothing more will come."""
    task: asyncio.Task[None] | None = None
    bell: ChangeSignal = field(default_factory=ChangeSignal)
    """Rung at every frame: its streams listen to it, and not to all the others."""

    @property
    def conversation_id(self) -> str:
        """The conversation it belongs to."""
        return self.conversation.id

    @property
    def answers(self) -> list[str]:
        """The contents of its completed answers, in order."""
        return [message.content for message in self.messages if message.type == "answer"]

    @property
    def events(self) -> list[str]:
        """The names of the events emitted so far, listened to or not."""
        return [frame.name for frame in self.frames if frame.kind == "event"]
