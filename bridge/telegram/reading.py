"""Raw updates to what they mean for us. Pure.

An update is hostile until it is read here: it may lack anything, and a button's data may be forged.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from telegram import Bot, CallbackQuery, Update
from telegram import Message as RawMessage
from telegram import User as RawUser
from telegram.constants import ChatType, MessageEntityType

from bridge.model import ChatKey, Message, Sender


@dataclass(frozen=True)
class Ask:
    """A message that asks us for an answer."""

    message: Message


@dataclass(frozen=True)
class Order:
    """A slash command for us."""

    name: str
    argument: str
    message: Message


@dataclass(frozen=True)
class Unreadable:
    """A message of a kind that we cannot read."""

    message: Message


@dataclass(frozen=True)
class Press:
    """A button that was pressed."""

    query_id: str
    chat: ChatKey
    sender: Sender
    post_id: int
    data: str


@dataclass(frozen=True)
class Nothing:
    """Not for us; `why` is for the log."""

    why: str


Item = Ask | Order | Unreadable | Press | Nothing


def read(content: Mapping[str, object], bot: Bot) -> Item:
    """What a raw update means. Raises whatever the library raises for one that is broken."""
    update = Update.de_json(dict(content), bot)
    if update.message is not None:
        return _message(update.message, bot)
    if update.callback_query is not None:
        return _press(update.callback_query)
    return Nothing("another kind of update")


def chat_of(content: Mapping[str, object]) -> int:
    """The chat id of a raw update, for keeping their order; 0 when it has none."""
    for name in ("message", "callback_query"):
        found = content.get(name)
        if isinstance(found, dict):
            inner = found.get("message") if name == "callback_query" else found
            chat = inner.get("chat") if isinstance(inner, dict) else None
            chat_id = chat.get("id") if isinstance(chat, dict) else None
            if isinstance(chat_id, int):
                return chat_id
    return 0


def _message(raw: RawMessage, bot: Bot) -> Item:
    if raw.chat.type != ChatType.PRIVATE:
        return Nothing("not a private chat")
    if raw.from_user is None or raw.from_user.is_bot:
        return Nothing("not from a person")
    text = raw.text or ""
    message = Message(_key(raw), raw.message_id, _sender(raw.from_user), text)
    if not text:
        return Unreadable(message) if raw.effective_attachment else Nothing("no content")
    order = _order(raw, message, bot.username)
    return order if order is not None else Ask(message)


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
    if raw is None or raw.chat.type != ChatType.PRIVATE:
        return Nothing("a button outside of private chats")
    thread = raw.message_thread_id if isinstance(raw, RawMessage) else None
    key = ChatKey(raw.chat.id, thread or 0)
    return Press(query.id, key, _sender(query.from_user), raw.message_id, query.data or "")


def _key(raw: RawMessage) -> ChatKey:
    """The chat; a thread id counts only in a topic (plain replies carry one, too)."""
    thread = raw.message_thread_id if raw.is_topic_message else None
    return ChatKey(raw.chat.id, thread or 0)


def _sender(raw: RawUser) -> Sender:
    return Sender(raw.id, raw.full_name, raw.language_code or "")
