"""What an update can mean for us."""

from dataclasses import dataclass, replace
from typing import Self, TypeVar

from bridge.model import ChatKey, Message, Sender
from bridge.telegram.post import Cause, Keyboard


@dataclass(frozen=True)
class Question:
    """A message that asks us for an answer."""

    message: Message


@dataclass(frozen=True)
class Overheard:
    """A group's message that does not speak to us by itself."""

    message: Message


@dataclass(frozen=True)
class MessageEdited:
    """A message whose text was changed by the person who wrote it."""

    message: Message
    after_seconds: float
    """How long after it was written."""
    heard: bool = False
    """Whether it does not speak to us by itself."""


@dataclass(frozen=True)
class _MessageEvent:
    message: Message
    update_id: int

    @property
    def chat(self) -> ChatKey:
        """Where it was written."""
        return self.message.chat

    @property
    def sender(self) -> Sender:
        """Who wrote it."""
        return self.message.sender

    @property
    def cause(self) -> Cause:
        """What an answer to it is sent on account of."""
        return Cause(f"update {self.update_id}", self.message.id, self.sender.id)

    def speaking(self, language: str) -> Self:
        """Return the same by somebody who reads that language."""
        return replace(self, message=_speaking(self.message, language))


@dataclass(frozen=True)
class CommandCall(_MessageEvent):
    """A slash command for us."""

    name: str
    argument: str
    surely: bool = True
    """Whether it is for us whatever its name is: a group may have other bots."""
    about: int = 0
    """Who wrote what it answers, or who wrote first what was forwarded there; 0 for nobody."""


@dataclass(frozen=True)
class Unreadable(_MessageEvent):
    """A message of a kind that we cannot read."""

    @property
    def cause(self) -> Cause:
        """What an answer to it is sent on account of: an album is answered once."""
        album = self.message.album
        if not album:
            return super().cause
        return Cause(f"album {album}", self.message.id, self.message.sender.id)


@dataclass(frozen=True)
class CallbackPress:
    """A button that was pressed."""

    update_id: int
    query_id: str
    chat: ChatKey
    sender: Sender
    post_id: int
    data: str
    own_language: str = ""
    """The language of the person's Telegram, whatever the chat has chosen."""
    buttons: Keyboard = ()
    """All buttons of the post."""

    @property
    def cause(self) -> Cause:
        """What an answer to it is sent on account of."""
        return Cause(f"update {self.update_id}", self.post_id, self.sender.id)

    def speaking(self, language: str) -> Self:
        """Return the press by somebody who reads that language."""
        return replace(self, sender=replace(self.sender, language=language))


@dataclass(frozen=True)
class DraftStopped:
    """The Stop button under a draft, which is Telegram's own, was pressed."""

    chat: ChatKey


@dataclass(frozen=True)
class MembershipChange:
    """What our bot is in a chat was changed."""

    update_id: int
    chat: ChatKey
    title: str
    by: Sender
    came: bool
    """Whether it was not there before."""
    left: bool
    """Whether it is not there any more, or a person has blocked it."""
    mute: bool
    """Whether it is there and may not write."""
    is_admin: bool = False
    """Whether it is administrator, which may write into closed topics."""
    mute_until: float = 0.0
    """When that ends by itself, of which nothing is said then (Unix seconds); 0 when it does not."""

    @property
    def cause(self) -> Cause:
        """What an answer to it is sent on account of."""
        return Cause(f"update {self.update_id}", 0, self.by.id)


@dataclass(frozen=True)
class ChatMigration:
    """A group lives on as a supergroup, which is another chat."""

    old: int
    new: int


@dataclass(frozen=True)
class TopicClosed:
    """A forum's topic was closed, or opened again."""

    chat: ChatKey
    closed: bool


@dataclass(frozen=True)
class TopicNamed:
    """A person opened or renamed a topic of their private chat."""

    chat: ChatKey
    sender: Sender
    name: str
    given: bool
    """Whether somebody gave the name: else it is the beginning of the first message."""


@dataclass(frozen=True)
class Ignored:
    """Not for us; `why` is for the log."""

    why: str


Event = (
    Question
    | Overheard
    | MessageEdited
    | CommandCall
    | Unreadable
    | CallbackPress
    | DraftStopped
    | MembershipChange
    | ChatMigration
    | TopicClosed
    | TopicNamed
    | Ignored
)
MessageEvent = TypeVar("MessageEvent", CommandCall, Unreadable, CallbackPress)


def sender_of(item: Event) -> Sender | None:
    """Return whose act it is; None for what happens without anybody's."""
    match item:
        case Question(message) | Overheard(message) | MessageEdited(message=message):
            return message.sender
        case CommandCall() | Unreadable() | CallbackPress() | TopicNamed():
            return item.sender
        case DraftStopped() | MembershipChange() | TopicClosed() | ChatMigration() | Ignored():
            return None


def chat_of(item: Event) -> ChatKey | None:
    """Return where something happened; None for what happened nowhere, or between two chats."""
    match item:
        case Question(message) | Overheard(message) | MessageEdited(message=message):
            return message.chat
        case (
            CommandCall()
            | Unreadable()
            | CallbackPress()
            | DraftStopped()
            | MembershipChange()
            | TopicClosed()
            | TopicNamed()
        ):
            return item.chat
        case ChatMigration() | Ignored():
            return None


def moved(item: Event, new: int) -> Event:
    """Return the same in the supergroup that its group has become, where its message has another id."""
    match item:
        case Question(message) | Overheard(message) | MessageEdited(message=message):
            return replace(item, message=_in(message, new))
        case CommandCall() | Unreadable():
            return replace(item, message=_in(item.message, new))
        case CallbackPress() | DraftStopped():
            return replace(item, chat=ChatKey(new, item.chat.thread_id))
        case _:
            return Ignored("the life of a group that is another chat by now")


def _in(message: Message, new: int) -> Message:
    return replace(message, chat=ChatKey(new, message.chat.thread_id), id=0)


def _speaking(message: Message, language: str) -> Message:
    return replace(message, sender=replace(message.sender, language=language))
