"""The nouns of the bridge and the table of what may become of a turn. Read this first.

A person's **message** in a **chat** becomes a **turn**; the turn starts a **run** of the agent in
the chat's **conversation**; what the run says grows in a **reply** made of **posts**.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf
from typing import NamedTuple, Self

from bridge.preferences import NOTHING_CHOSEN, Preferences


class ChatKey(NamedTuple):
    """One place where people meet the bot: a private chat, a group, or a topic of a forum."""

    chat_id: int
    thread_id: int = 0
    """0 outside of topics."""

    @property
    def private(self) -> bool:
        """Whether it is a chat with one person: only those have positive ids."""
        return self.chat_id > 0

    @property
    def upgradable(self) -> bool:
        """Whether it is a simple group, which may become a supergroup: another chat."""
        return -1_000_000_000_000 < self.chat_id < 0

    @property
    def whole(self) -> "ChatKey":
        """The group of a topic; any other chat itself."""
        return ChatKey(self.chat_id)


@dataclass(frozen=True)
class Sender:
    """Who wrote a message."""

    id: int
    name: str
    language: str = ""
    """The IETF tag that Telegram gives, e.g. `zh-hans`; empty when it gives none."""
    username: str = ""
    is_admin: bool = False
    """Whether they wrote in the group's own name, as only its administrators can."""

    @property
    def channel(self) -> bool:
        """Whether they wrote in a channel's name; people can have as many of these as they like."""
        return self.id < 0 and not self.is_admin

    def __repr__(self) -> str:
        return f"Sender(id={self.id})"


@dataclass(frozen=True)
class Quote:
    """What a message answers."""

    author: str
    """Empty when it is a post of ours."""
    text: str

    def __repr__(self) -> str:
        return f"Quote({len(self.text)} characters)"


@dataclass(frozen=True)
class Line:
    """What somebody wrote into a group without asking us."""

    speaker: str
    text: str

    def __repr__(self) -> str:
        return f"Line({len(self.text)} characters)"


class AttachmentKind(StrEnum):
    """What the agent can do with a file, in Coze's words but for the last."""

    IMAGE = "image"
    AUDIO = "audio"
    FILE = "file"
    VOICE = "voice"
    """Somebody speaks: it is written down, and the words are asked."""


@dataclass(frozen=True)
class Attachment:
    """A file that came with a message; it is fetched when its turn is asked."""

    file_id: str
    """By which Telegram gives it to our bot."""
    key: str
    """Names its content, whoever sends it."""
    kind: AttachmentKind
    name: str
    """Its name with an extension: Coze judges by that."""
    size: int = 0
    """Bytes; 0 when Telegram does not tell."""
    said: str = ""
    """What is said in it, once it was written down."""

    def __repr__(self) -> str:
        return f"Attachment({self.kind}, {self.size} bytes)"


@dataclass(frozen=True)
class Message:
    """What one person put into a chat, as we understand it."""

    chat: ChatKey
    id: int
    sender: Sender
    text: str
    written_at: float | None = None
    """When, in Unix seconds by Telegram's clock."""
    quote: Quote | None = None
    album: str = ""
    """Of several files that are shown together, each is a message of its own with this name."""
    attachments: tuple[Attachment, ...] = ()
    """Its own files, and those of the message that it answers."""
    location: tuple[float, float] | None = None
    """Latitude and longitude in degrees, of a place that was sent on purpose."""
    shown_by: str = ""
    """The name in the outbox of our message that shows it, where it was a button and nobody wrote it."""

    def __repr__(self) -> str:
        return f"Message(chat={self.chat}, id={self.id}, {len(self.text)} characters)"


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
    """Return the states from which a turn may become `state`."""
    return frozenset(earlier for earlier, later in NEXT.items() if state in later)


@dataclass(frozen=True)
class ReplyState:
    """Everything that stands in the reply at one moment."""

    answers: tuple[str, ...] = ()
    """The agent's Markdown: a run may give several answers."""
    reasoning: str = ""
    """What the agent thought before it answered."""
    status: str | None = None
    """Key of the sentence that says what the agent does while there is nothing new to read."""
    notices: tuple[str, ...] = ()
    """Keys of sentences that stand above the text."""
    note: str | None = None
    """Key of the sentence that closes the reply, when there is more to say than the text."""
    suggestions: tuple[str, ...] = ()
    whole: bool = False
    """Whether the text is complete, though its run may not be over yet."""
    over: bool = False
    """Whether nothing follows at all."""
    can_retry: bool = False
    answer_id: str | None = None
    """Coze's id of the last answer, by which people can judge it."""
    transcript: str = ""
    """What was said in the voice messages that ask."""
    keeps: int = 0
    """So many posts of the reply stay above this as they are: nobody knows any more what they say."""

    @property
    def text(self) -> str:
        """All answers as one text."""
        return "\n\n".join(self.answers)

    def __repr__(self) -> str:
        return f"ReplyState({len(self.text)} characters, note={self.note}, over={self.over})"


@dataclass(frozen=True)
class Outcome:
    """How a turn ends; it is written down before the person is shown it."""

    state: State
    reply_state: ReplyState
    """What stands in the reply for good."""
    code: str | None = None
    """Coze's code of the trouble that ended it."""
    log_id: str | None = None
    run_may_continue: bool = False
    """Whether its run may be going all the same."""
    tokens_in: int = 0
    tokens_out: int = 0
    estimated: bool = False
    """Whether Coze did not say what it cost."""
    trouble: str | None = None
    """What the operator reads of a failure, with the cure."""


@dataclass(frozen=True)
class Part:
    """One message of a turn."""

    message_id: int
    text: str
    written_at: float | None = None
    """When, in Unix seconds; None when the turn is asked once more."""
    quote: Quote | None = None
    album: str = ""
    attachments: tuple[Attachment, ...] = ()
    location: tuple[float, float] | None = None
    shown_by: str = ""

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
    correlation_id: str
    """A random name of ours that travels with the question, to find its run again."""
    conversation_id: str | None = None
    asked: bool = False
    """Whether the question may have reached Coze: then it is looked up before it is asked again."""
    run_id: str | None = None
    posts: tuple[int, ...] = ()
    """The Telegram message ids of the reply's posts, in order."""
    preferences: Preferences = NOTHING_CHOSEN
    """What its chat has chosen."""
    final: Outcome | None = None
    """How it ends, when only the person has to be shown that."""
    edited: bool = False
    """Whether its words were changed after it was asked."""
    stopping: bool = False
    """Whether the person wants it stopped."""
    heard: tuple[Line, ...] = ()
    """What was written in the group before it."""
    member_id: int = 0
    """Whose conversation it belongs to; 0 for the one that all share."""
    came_at: float = 0.0
    """When, in Unix seconds."""
    agent: str | None = None
    """The key of the agent that was asked; None until one is."""
    moved_from: int | None = None
    """The topic in which it was asked, where that takes no messages any more."""

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """The files of all its messages, each once."""
        found = {one.key: one for part in self.parts for one in part.attachments}
        return tuple(found.values())

    @property
    def location(self) -> tuple[float, float] | None:
        """Return the place that was sent last with it: latitude and longitude in degrees."""
        return next((part.location for part in reversed(self.parts) if part.location), None)

    def late(self, now: float) -> float:
        """Return how many seconds ago its last message was written; 0 when that does not count."""
        written = self.parts[-1].written_at if self.parts else None
        return max(0.0, now - written) if written else 0.0

    def begun(self, run_id: str, conversation_id: str) -> Self:
        """Return the turn once its run is known."""
        return replace(self, run_id=run_id, conversation_id=conversation_id, asked=True)


@dataclass(frozen=True)
class CozeIdentity:
    """A chat's place at Coze."""

    key: ChatKey
    member_id: int
    """Whose place it is, where each member of a group has their own; else 0."""
    user_id: str
    """Coze's `user_id`: made up by us, so that it says nothing about the person."""
    conversation_id: str | None
    home: "AgentAccount | None"
    """Where the conversation lives; elsewhere its id means nothing."""


@dataclass(frozen=True)
class AboutChat:
    """What is known of a chat besides its messages."""

    title: str = ""
    """Of a group."""
    start_payload: str = ""
    """What the link carried by which the person came."""


@dataclass(frozen=True)
class AgentAccount:
    """An agent in an account at a Coze deployment: what a conversation belongs to."""

    agent_id: str
    api_base: str
    account: str
    """Empty where the deployment does not tell."""


@dataclass(frozen=True)
class LearnedLimit:
    """What Telegram allows of one kind of call, as far as it was found out."""

    rate: float
    """Calls a second."""
    burst: float
    """Calls at once."""
    near: float = inf
    """Up to which rate it may rise quickly; infinite when nothing was refused."""
