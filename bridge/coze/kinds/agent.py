"""What every kind of agent can do for the relay, and what a kind says that it cannot."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bridge.coze.agents import AgentProfile
from bridge.coze.events import Event, RunMessage, Usage
from bridge.coze.runs import RunRequest


class Kind(StrEnum):
    """Which protocol an agent speaks."""

    CHAT = "chat"
    CHATFLOW = "chatflow"
    PROJECT = "project"


class FilesBy(StrEnum):
    """How a file reaches an agent."""

    UPLOAD = "upload"
    """It is uploaded to Coze, and named with the question."""
    ADDRESS = "address"
    """The agent fetches it from an address of ours."""
    NONE = "none"
    """It does not; what is written or said in it still does."""


@dataclass(frozen=True)
class Capabilities:
    """What a kind of agents can do; people are told of the rest where they meet it."""

    recovery: bool
    """Whether a run whose stream was cut can be found again."""
    deletion: bool
    """Whether a conversation can be deleted."""
    feedback: bool
    """Whether it can be told what people think of an answer."""
    usage: bool
    """Whether it says how many tokens an answer cost."""
    files: FilesBy


class Agent(Protocol):
    """One agent with its address and its credential."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    @property
    def token_seconds_left(self) -> float | None:
        """Seconds until its token ends; None where that is not known."""
        ...

    def ask(self, question: RunRequest) -> AsyncGenerator[Event, None]:
        """Ask, and give every event until the run is over: the last one is `Ended`.

        Raises the CozeTrouble that kept the run from beginning or from being heard to its end;
        `happened` says whether it may have begun.
        """
        ...

    def rejoin(self, question: RunRequest, run_id: str | None) -> AsyncGenerator[Event, None]:
        """Finish a run that was asked before. Raises NeverAsked when there certainly is none.

        Raises another CozeTrouble when it cannot be had, or when nobody can tell. After NeverAsked
        `relay/asking.py` asks again; `relay/turn.py` ends all else as failed.
        """
        ...

    async def cancel(self, question: RunRequest, run_id: str | None) -> bool:
        """Have the run stopped; whether it is over for all that matters. Raises CozeTrouble."""
        ...

    async def end_run(self, question: RunRequest, run_id: str | None) -> bool:
        """See to it that the run of a settled turn is in nobody's way.

        False when its conversation is no place for another question. Raises the CozeTrouble after
        which it is worth trying again.
        """
        ...

    async def usage(self, question: RunRequest, run_id: str) -> Usage:
        """Return what a run cost of which the end was not heard; nothing where nobody can say."""
        ...

    async def open_conversation(self) -> str:
        """Return the id of a conversation without memory. Raises CozeTrouble."""
        ...

    async def history(self, conversation_id: str) -> Sequence[RunMessage]:
        """Return the newest questions and answers, newest first. Raises CozeTrouble, also NotOffered."""
        ...

    async def rename(self, conversation_id: str, title: str) -> None:
        """Give a conversation the name that a person wants, where it can have one. Raises CozeTrouble."""
        ...

    async def delete_conversation(self, conversation_id: str) -> None:
        """Delete a conversation with all that was said. Raises CozeTrouble, NotOffered above all."""
        ...

    async def forget_user(self, user_id: str) -> None:
        """Take back what was told of somebody besides their questions. Raises CozeTrouble."""
        ...

    async def judge(self, conversation_id: str, answer_id: str, *, like: bool | None) -> None:
        """Tell what a person thinks of an answer; None takes that back. Raises CozeTrouble."""
        ...

    async def check(self) -> str:
        """Look whether it could be asked, without asking (which costs); what it is called, if it says.

        Raises the CozeTrouble that is in the way; of an id of another kind, WrongKind.
        """
        ...

    async def profile(self) -> AgentProfile:
        """Return how its maker presents it. Raises CozeTrouble."""
        ...
