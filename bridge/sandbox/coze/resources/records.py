"""What is written down: every request, and every question that started a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.sandbox.coze.resources.runs import Values
from bridge.sandbox.coze.scripts.steps import Attachment, Script


@dataclass(frozen=True)
class Request:
    """One request as it came, and how it was answered."""

    at_loop_time: float
    method: str
    path: str
    query: Mapping[str, str]
    body: Mapping[str, object]
    """The parsed JSON body, empty when there was none."""
    bot_id: str
    conversation_id: str
    code: int | str
    """0, or the refusal's code."""
    logid: str


@dataclass(frozen=True)
class Asked:
    """A chat request that started a run."""

    question: str
    conversation_id: str
    chat_id: str
    user_id: str
    stream: bool
    attachments: tuple[Attachment, ...] = ()
    """The media items of the question, whether the agent notices them or not."""
    values: Values = field(default_factory=Values)
    """What the request brought beside its messages."""
    meta_data: Mapping[str, str] = field(default_factory=dict)
    workflow_id: str = ""
    """The chatflow, "" for a chat."""
    app_id: str = ""
    resumes: bool = False
    """Whether it answered a question or input node."""


@dataclass(eq=False)
class Rule:
    """Which script answers, when, and how many more times."""

    script: Script
    for_text: str | None
    times: int | None
