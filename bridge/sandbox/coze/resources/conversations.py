"""Conversations and the messages stored in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Message:
    """One stored message."""

    id: str
    conversation_id: str
    section_id: str
    bot_id: str
    chat_id: str
    """"" for a message inserted by hand."""
    user_id: str
    """Whose context it belongs to, "" for everybody's."""
    role: str
    type: str
    content: str
    content_type: str
    created_at: int
    """Unix time in seconds."""
    updated_at: int = 0
    reasoning_content: str = ""
    meta_data: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    """What a person would read in it, for multimodal content."""


@dataclass(eq=False)
class Conversation:
    """A thread: its stored messages, cut into sections of context."""

    id: str
    bot_id: str
    account: str
    session_name: str | None
    section_id: str
    created_at: int
    connector_id: str = "1024"
    name: str = ""
    meta_data: Mapping[str, str] = field(default_factory=dict)
    updated_at: int = 0
    messages: list[Message] = field(default_factory=list)
    app_id: str = ""
    """The low-code application it belongs to, "" when none."""
    unlisted: set[str] = field(default_factory=set)
    """The ids of chats that are context, and are not shown by the list of messages."""
    left_out: set[str] = field(default_factory=set)
    """The ids of canceled chats: their question and answer are no context."""

    def belongs(self, account: str, session_name: str | None) -> bool:
        """Return whether it is this account's, and of this session where there are such."""
        return (self.account, self.session_name) == (account, session_name)

    def context(self, user_id: str) -> list[Message]:
        """Return what the agent remembers for this user: the section's questions and answers, in order."""
        return [
            message
            for message in self.messages
            if message.section_id == self.section_id
            and message.user_id in ("", user_id)
            and message.chat_id not in self.left_out
        ]

    def find(self, message_id: str) -> Message | None:
        """Return the stored message of that id."""
        return next((message for message in self.messages if message.id == message_id), None)

    def swap(self, message: Message) -> None:
        """Put a changed message in the place of the one with its id."""
        self.messages = [message if kept.id == message.id else kept for kept in self.messages]

    def drop(self, message_id: str) -> None:
        """Delete one message."""
        self.messages = [kept for kept in self.messages if kept.id != message_id]


def conversation_view(conversation: Conversation) -> dict[str, object]:
    """Return the conversation as the API shows it."""
    return {
        "id": conversation.id,
        "name": conversation.name,
        "meta_data": dict(conversation.meta_data),
        "creator_id": "7379462189365190001",
        "connector_id": conversation.connector_id,
        "created_at": conversation.created_at,
        "updated_at": conversation.updated_at,
        "last_section_id": conversation.section_id,
    }


def stored_view(message: Message) -> dict[str, object]:
    """Return a stored message as the list and retrieve endpoints show it."""
    view: dict[str, object] = {
        "id": message.id,
        "conversation_id": message.conversation_id,
        "bot_id": message.bot_id,
        "chat_id": message.chat_id,
        "section_id": message.section_id,
        "role": message.role,
        "type": message.type,
        "content": message.content,
        "content_type": message.content_type,
        "meta_data": dict(message.meta_data),
        "created_at": message.created_at,
        "updated_at": message.updated_at or message.created_at,
    }
    if message.reasoning_content:
        view["reasoning_content"] = message.reasoning_content
    return view


def edited(message: Message, content: str | None, content_type: str | None, at: int) -> Message:
    """Return the message with a new content."""
    return replace(
        message,
        content=message.content if content is None else content,
        text="" if content is not None else message.text,
        content_type=content_type or message.content_type,
        updated_at=at,
    )


@dataclass(frozen=True)
class Page:
    """One page of a message list."""

    messages: Sequence[Message]
    has_more: bool


def page_of(
    messages: Sequence[Message], newest_first: bool, before_id: str, after_id: str, limit: int
) -> Page | None:
    """Return one page in the asked order; `after_id` continues behind that message, as listed.

    None when an id is not in the list.
    """
    listed = list(reversed(messages)) if newest_first else list(messages)
    places = {message.id: place for place, message in enumerate(listed)}
    if any(given and given not in places for given in (before_id, after_id)):
        return None
    if after_id:
        listed = listed[places[after_id] + 1 :]
    elif before_id:
        ahead = listed[: places[before_id]]
        return Page(ahead[-limit:], len(ahead) > limit)
    return Page(listed[:limit], len(listed) > limit)
