"""What the workspace holds: chatflows, workflows and low-code applications."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.sandbox.coze.assertions import HOME
from bridge.sandbox.coze.scripts.steps import Script
from bridge.sandbox.coze.workflows.executions import Execution

DEFAULT_CONVERSATION = "Default"
FILE_TYPES = ("file", "image", "audio", "video", "doc")


@dataclass(frozen=True)
class Input:
    """A parameter of a start node."""

    type: str = "string"
    """`string`, `integer`, `number`, `boolean`, `object`, `array`, or one of `FILE_TYPES`; with
    `[]` behind it an array of those."""
    required: bool = False
    default: object = None


@dataclass(frozen=True)
class App:
    """A low-code application."""

    app_id: str
    conversation_names: tuple[str, ...] = (DEFAULT_CONVERSATION,)
    published: bool = True
    """Whether it is published as an API service."""


@dataclass(frozen=True)
class Workflow:
    """A chatflow, or a workflow without a conversation."""

    workflow_id: str
    name: str
    chatflow: bool
    app_id: str = ""
    """The application it lives in; "" for one of the library, which any bot or app may run."""
    bot_ids: frozenset[str] | None = None
    """The bots that may run it, None for all."""
    inputs: Mapping[str, Input] | None = None
    """The inputs of its start node; None takes whatever comes."""
    published: bool = True
    versions: tuple[str, ...] = ("v0.0.1",)
    """The published versions, the newest last."""
    conversation_name: str = DEFAULT_CONVERSATION
    """The start node's own `CONVERSATION_NAME`."""
    script: Script | None = None
    """What it does; None chooses by `use`, and by what it is asked."""
    account: str = HOME
    created_at: int = 0
    """Unix time in seconds."""


@dataclass(eq=False)
class Library:
    """Everything of a workspace that runs without an agent."""

    workflows: dict[str, Workflow] = field(default_factory=dict)
    apps: dict[str, App] = field(default_factory=dict)
    named: dict[tuple[str, ...], str] = field(default_factory=dict)
    """The ids of named conversations, by owner, connector, account, session and name."""
    executions: dict[str, Execution] = field(default_factory=dict)
    """Of workflows without a conversation, by their id."""
