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
from bridge.telegram.calls import Cause
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
class _Spoken:
    message: Message
    update_id: int

    @property
    def chat(self) -> ChatKey:
        """Where it was written."""
        return self.message.chat

    @property
    def cause(self) -> Cause:
        """What an answer to it is sent on account of."""
        return Cause(f"update {self.update_id}", self.message.id)

    def speaking(self, language: str) -> Self:
        """The same by somebody who reads that language."""
        return replace(self, message=_speaking(self.message, language))


@dataclass(frozen=True)
class Order(_Spoken):
    """A slash command for us."""

    name: str
    argument: str


@dataclass(frozen=True)
class Unreadable(_Spoken):
    """A message of a kind that we cannot read."""


@dataclass(frozen=True)
class Press:
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
        return Cause(f"update {self.update_id}", self.post_id)

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
        return _message(update.message, bot, update.update_id)
    if update.edited_message is not None:
        return _edited(update.edited_message, bot, update.update_id)
    if update.callback_query is not None:
        return _press(update.callback_query, update.update_id)
    stopped = update.api_kwargs.get("stopped_message_generation")
    if isinstance(stopped, dict):
        thread = stopped.get("message_thread_id")
        return Stopped(ChatKey(_whole(chat_of(content)), thread if isinstance(thread, int) else 0))
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


def _message(raw: RawMessage, bot: Bot, update_id: int) -> Item:
    if raw.chat.type != ChatType.PRIVATE and not _addressed(raw, bot):
        return Nothing("not for us")
    if raw.from_user is None or raw.from_user.is_bot:
        return Nothing("not from a person")
    text = _text(raw.text or "")
    sender, written_at = _sender(raw.from_user), raw.date.timestamp()
    message = Message(_key(raw), _whole(raw.message_id), sender, text, written_at)
    if not text:
        return Unreadable(message, update_id) if raw.effective_attachment else Nothing("no content")
    order = _order(raw, message, bot.username, update_id)
    return order if order is not None else Ask(message)


def _edited(raw: RawMessage, bot: Bot, update_id: int) -> Item:
    item = _message(raw, bot, update_id)
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


def _order(raw: RawMessage, message: Message, username: str, update_id: int) -> Item | None:
    """The command at the very beginning of a text, with or without our name behind it."""
    first = raw.entities[0] if raw.entities else None
    if first is None or first.type != MessageEntityType.BOT_COMMAND or first.offset != 0:
        return None
    command = raw.parse_entity(first)
    name, _, addressee = command.removeprefix("/").partition("@")
    if addressee and addressee.casefold() != username.casefold():
        return Nothing("a command for another bot")
    return Order(message, update_id, name.casefold(), message.text[len(command) :].strip())


def _press(query: CallbackQuery, update_id: int) -> Item:
    raw = query.message
    if raw is None:
        return Nothing("a button of no message")
    sender = _sender(query.from_user)
    key, buttons = ChatKey(_whole(raw.chat.id)), _NO_BUTTONS
    if isinstance(raw, RawMessage):
        key, buttons = _key(raw), _buttons(raw.reply_markup)
    return Press(
        update_id,
        query.id,
        key,
        sender,
        _whole(raw.message_id),
        _text(query.data or ""),
        sender.language,
        buttons,
    )


_NO_BUTTONS: Keyboard = ()


def _buttons(markup: InlineKeyboardMarkup | None) -> Keyboard:
    rows = markup.inline_keyboard if markup else ()
    return tuple(
        tuple(Button(one.text, str(one.callback_data or "")) for one in row) for row in rows
    )


def _key(raw: RawMessage) -> ChatKey:
    """The chat; a thread id counts only in a topic (plain replies carry one, too)."""
    thread = raw.message_thread_id if raw.is_topic_message else None
    return ChatKey(_whole(raw.chat.id), _whole(thread or 0))


def _sender(raw: RawUser) -> Sender:
    name = " ".join(_text(part) for part in (raw.first_name, raw.last_name) if part is not None)
    return Sender(_whole(raw.id), name, _text(raw.language_code or ""))


def _whole(found: object) -> int:
    """A number that the store can hold. Raises TypeError: the library passes on what it gets."""
    if isinstance(found, bool) or not isinstance(found, int) or abs(found) >= 1 << 63:
        raise TypeError("not a whole number of 64 bits")
    return found


def _text(found: object) -> str:
    """Text that can be stored and sent: without half characters. Raises TypeError for others."""
    if not isinstance(found, str):
        raise TypeError("not a text")
    return found.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
