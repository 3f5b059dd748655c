"""Raw updates to what they mean for us. Pure.

An update is hostile until it is read here: it may lack anything, and a button's data may be forged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self, TypeVar

from telegram import Bot, CallbackQuery, InlineKeyboardMarkup, Update
from telegram import Message as RawMessage
from telegram import User as RawUser
from telegram.constants import ChatType, MessageEntityType

from bridge.model import ChatKey, Message, Sender
from bridge.telegram.frame import Button, Keyboard


@dataclass(frozen=True)
class Ask:
    """A message that asks us for an answer."""

    message: Message


@dataclass(frozen=True)
class Edit:
    """A message whose text was changed by the person who wrote it."""

    message: Message
    after_seconds: float
    """How long after it was written."""


@dataclass(frozen=True)
class Order:
    """A slash command for us."""

    name: str
    argument: str
    message: Message

    @property
    def chat(self) -> ChatKey:
        """Where it was given."""
        return self.message.chat

    def speaking(self, language: str) -> Self:
        """The order by somebody who reads that language."""
        return replace(self, message=_speaking(self.message, language))


@dataclass(frozen=True)
class Unreadable:
    """A message of a kind that we cannot read."""

    message: Message

    @property
    def chat(self) -> ChatKey:
        """Where it was written."""
        return self.message.chat

    def speaking(self, language: str) -> Self:
        """The message by somebody who reads that language."""
        return replace(self, message=_speaking(self.message, language))


@dataclass(frozen=True)
class Press:
    """A button that was pressed."""

    query_id: str
    chat: ChatKey
    sender: Sender
    post_id: int
    data: str
    own_language: str = ""
    """The language of the person's Telegram, whatever the chat has chosen."""
    buttons: Keyboard = ()
    """All buttons of the post."""

    def speaking(self, language: str) -> Self:
        """The press by somebody who reads that language."""
        return replace(self, sender=replace(self.sender, language=language))


@dataclass(frozen=True)
class Stopped:
    """The Stop button under a draft, which is Telegram's own, was pressed."""

    chat: ChatKey


@dataclass(frozen=True)
class Nothing:
    """Not for us; `why` is for the log."""

    why: str


Item = Ask | Edit | Order | Unreadable | Press | Stopped | Nothing
Spoken = TypeVar("Spoken", Order, Unreadable, Press)

WANTED = ("message", "edited_message", "callback_query", "stopped_message_generation")
"""The kinds of updates that we ask Telegram for."""


def read(content: Mapping[str, object], bot: Bot) -> Item:
    """What a raw update means. Raises whatever the library raises for one that is broken."""
    update = Update.de_json(dict(content), bot)
    if update.message is not None:
        return _message(update.message, bot)
    if update.edited_message is not None:
        return _edited(update.edited_message, bot)
    if update.callback_query is not None:
        return _press(update.callback_query)
    stopped = update.api_kwargs.get("stopped_message_generation")
    if isinstance(stopped, dict):
        thread = stopped.get("message_thread_id")
        return Stopped(ChatKey(chat_of(content), thread if isinstance(thread, int) else 0))
    return Nothing("another kind of update")


def chat_of(content: Mapping[str, object]) -> int:
    """The chat id of a raw update, for keeping their order; 0 when it has none."""
    for name in WANTED:
        found = content.get(name)
        if isinstance(found, dict):
            inner = found.get("message") if name == "callback_query" else found
            chat = inner.get("chat") if isinstance(inner, dict) else None
            chat_id = chat.get("id") if isinstance(chat, dict) else None
            if isinstance(chat_id, int):
                return chat_id
    return 0


def _message(raw: RawMessage, bot: Bot) -> Item:
    if raw.chat.type != ChatType.PRIVATE and not _addressed(raw, bot):
        return Nothing("not for us")
    if raw.from_user is None or raw.from_user.is_bot:
        return Nothing("not from a person")
    text = raw.text or ""
    message = Message(_key(raw), raw.message_id, _sender(raw.from_user), text)
    if not text:
        return Unreadable(message) if raw.effective_attachment else Nothing("no content")
    order = _order(raw, message, bot.username)
    return order if order is not None else Ask(message)


def _edited(raw: RawMessage, bot: Bot) -> Item:
    item = _message(raw, bot)
    if not isinstance(item, Ask) or raw.edit_date is None:
        return Nothing("an edit of no question")
    return Edit(item.message, (raw.edit_date - raw.date).total_seconds())


def _addressed(raw: RawMessage, bot: Bot) -> bool:
    """Whether a group's message speaks to us: by our name, by a command, as a reply to a post."""
    answered = raw.reply_to_message
    if answered and answered.from_user and answered.from_user.id == bot.id:
        return answered.forum_topic_created is None
    found = raw.parse_entities([MessageEntityType.MENTION, MessageEntityType.BOT_COMMAND])
    us = f"@{bot.username}".casefold()
    return any(text.casefold() == us or text.startswith("/") for text in found.values())


def _speaking(message: Message, language: str) -> Message:
    return replace(message, sender=replace(message.sender, language=language))


def _order(raw: RawMessage, message: Message, username: str) -> Item | None:
    """The command at the very beginning of a text, with or without our name behind it."""
    first = raw.entities[0] if raw.entities else None
    if first is None or first.type != MessageEntityType.BOT_COMMAND or first.offset != 0:
        return None
    command = raw.parse_entity(first)
    name, _, addressee = command.removeprefix("/").partition("@")
    if addressee and addressee.casefold() != username.casefold():
        return Nothing("a command for another bot")
    return Order(name.casefold(), message.text[len(command) :].strip(), message)


def _press(query: CallbackQuery) -> Item:
    raw = query.message
    if raw is None:
        return Nothing("a button of no message")
    sender = _sender(query.from_user)
    key, buttons = ChatKey(raw.chat.id), _NO_BUTTONS
    if isinstance(raw, RawMessage):
        key, buttons = _key(raw), _buttons(raw.reply_markup)
    return Press(query.id, key, sender, raw.message_id, query.data or "", sender.language, buttons)


_NO_BUTTONS: Keyboard = ()


def _buttons(markup: InlineKeyboardMarkup | None) -> Keyboard:
    rows = markup.inline_keyboard if markup else ()
    return tuple(
        tuple(Button(one.text, str(one.callback_data or "")) for one in row) for row in rows
    )


def _key(raw: RawMessage) -> ChatKey:
    """The chat; a thread id counts only in a topic (plain replies carry one, too)."""
    thread = raw.message_thread_id if raw.is_topic_message else None
    return ChatKey(raw.chat.id, thread or 0)


def _sender(raw: RawUser) -> Sender:
    return Sender(raw.id, raw.full_name, raw.language_code or "")
