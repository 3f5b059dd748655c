"""The nouns of the bridge and the table of what may become of a turn. Read this first.

A person's **message** in a **chat** becomes a **turn**; the turn starts a **run** of the agent in
the chat's **conversation**; what the run says grows in a **reply** made of **posts**.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple, Self


class ChatKey(NamedTuple):
    """One place where people meet the bot: a private chat, a group, or a topic of a forum."""

    chat_id: int
    thread_id: int = 0
    """0 outside of topics."""

    @property
    def private(self) -> bool:
        """Whether it is a chat with one person: only those have positive ids."""
        return self.chat_id > 0


@dataclass(frozen=True)
class Sender:
    """Who wrote a message."""

    id: int
    name: str
    language: str = ""
    """The IETF tag that Telegram gives, e.g. `zh-hans`; empty when it gives none."""

    def __repr__(self) -> str:
        return f"Sender(id={self.id})"


@dataclass(frozen=True)
class Message:
    """What one person put into a chat, as we understand it."""

    chat: ChatKey
    id: int
    sender: Sender
    text: str

    def __repr__(self) -> str:
        return f"Message(chat={self.chat}, id={self.id}, {len(self.text)} characters)"


class Reasoning(StrEnum):
    """How much of the agent's reasoning a chat wants to read."""

    OFF = "off"
    BRIEF = "brief"
    ON = "on"


class Streaming(StrEnum):
    """How a reply grows in a chat."""

    EDITS = "edits"
    """One message, edited in place."""
    DRAFTS = "drafts"
    """A draft that Telegram shows while the bot writes; private chats only."""
    WHOLE = "whole"
    """Nothing until the answer is complete."""


@dataclass(frozen=True)
class Preferences:
    """What a chat has chosen; None is the deployment's default."""

    reasoning: Reasoning | None = None
    suggestions: bool | None = None
    streaming: Streaming | None = None
    language: str | None = None

    def over(self, default: "Preferences") -> "Preferences":
        """These choices, and the default's where nothing was chosen."""
        return Preferences(
            reasoning=self.reasoning or default.reasoning,
            suggestions=default.suggestions if self.suggestions is None else self.suggestions,
            streaming=self.streaming or default.streaming,
            language=self.language or default.language,
        )


class State(StrEnum):
    """Where a turn stands."""

    WAITING = "waiting"
    RUNNING = "running"
    ANSWERED = "answered"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def settled(self) -> bool:
        """Whether the turn has had its one honest end."""
        return not NEXT[self]


NEXT: dict[State, frozenset[State]] = {
    State.WAITING: frozenset({State.RUNNING, State.STOPPED}),
    State.RUNNING: frozenset({State.ANSWERED, State.STOPPED, State.FAILED}),
    State.ANSWERED: frozenset(),
    State.STOPPED: frozenset(),
    State.FAILED: frozenset(),
}
"""What a turn may become; the store's updates are built from this table."""


def before(state: State) -> frozenset[State]:
    """The states from which a turn may become `state`."""
    return frozenset(earlier for earlier, later in NEXT.items() if state in later)


@dataclass(frozen=True)
class Part:
    """One message of a turn."""

    message_id: int
    text: str

    def __repr__(self) -> str:
        return f"Part(message_id={self.message_id})"


@dataclass(frozen=True)
class Turn:
    """One or more messages and all that is done to answer them."""

    id: int
    chat: ChatKey
    state: State
    parts: tuple[Part, ...]
    sender: Sender
    mark: str
    """A random name of ours that travels with the question, to find its run again."""
    conversation_id: str | None = None
    asked: bool = False
    """Whether the question may have reached Coze: then it is looked up, never asked again."""
    run_id: str | None = None
    posts: tuple[int, ...] = ()
    """The Telegram message ids of the reply's posts, in order."""
    preferences: Preferences = Preferences()
    """What its chat has chosen."""

    @property
    def question(self) -> str:
        """All messages of the turn as one text."""
        return "\n\n".join(part.text for part in self.parts)

    def begun(self, run_id: str, conversation_id: str) -> Self:
        """The turn once its run is known."""
        return replace(self, run_id=run_id, conversation_id=conversation_id, asked=True)


@dataclass(frozen=True)
class Chat:
    """A chat's place at Coze."""

    key: ChatKey
    user_id: str
    """Coze's `user_id`: made up by us, so that it says nothing about the person."""
    conversation_id: str | None
    home: "Home | None"
    """Where the conversation lives; elsewhere its id means nothing."""


@dataclass(frozen=True)
class Home:
    """An agent in an account at a Coze deployment: what a conversation belongs to."""

    agent_id: str
    api_base: str
    account: str
    """Empty where the deployment does not tell."""
