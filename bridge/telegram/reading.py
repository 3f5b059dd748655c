"""Raw updates to what they mean for us. Pure.

An update is hostile until it is read here: it may lack anything, and a button's data may be forged.
"""

from collections.abc import Mapping
from dataclasses import replace

from telegram import (
    Bot,
    CallbackQuery,
    ChatMember,
    ChatMemberRestricted,
    ChatMemberUpdated,
    InlineKeyboardMarkup,
    MessageOriginUser,
    Update,
)
from telegram import Message as RawMessage
from telegram import User as RawUser
from telegram.constants import ChatType

from bridge.model import Attachment, ChatKey, Kind, Message, Quote, Sender
from bridge.telegram.addressing import (
    TELEGRAM,
    Command,
    Us,
    addressed,
    command,
    text_of,
    without_name,
)
from bridge.telegram.attached import attachments, in_words
from bridge.telegram.frame import Button, Keyboard
from bridge.telegram.items import (
    Ask,
    Edit,
    Heard,
    Item,
    Moved,
    Nothing,
    Order,
    Press,
    Standing,
    Stopped,
    TopicClosed,
    Unreadable,
)

WANTED = (
    "message",
    "edited_message",
    "callback_query",
    "stopped_message_generation",
    "my_chat_member",
)
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
    if update.my_chat_member is not None:
        return _standing(update.my_chat_member, update.update_id)
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


def kind_of(content: Mapping[str, object]) -> str:
    """Which of the kinds that we ask for a raw update is; `other` for none of them."""
    return next((name for name in WANTED if name in content), "other")


def _message(raw: RawMessage, bot: Bot, update_id: int) -> Item:
    event = _event(raw)
    if event is not None:
        return event
    sender = _author(raw)
    if sender is None:
        return Nothing("not from a person")
    us, private = Us(bot.id, bot.username), raw.chat.type == ChatType.PRIVATE
    said = _said(raw, sender, us)
    for_us = private or addressed(raw, us)
    if not said.text and not said.attachments and not text_of(raw):
        if raw.effective_attachment is None and not _OTHER_KINDS & raw.api_kwargs.keys():
            return Nothing("no content")
        return Unreadable(said, update_id) if for_us else Nothing("a kind that we cannot read")
    order = command(raw, us)
    if order is not None:
        return _order(order, raw, said, us, update_id)
    return Ask(said) if for_us else Heard(said)


_OTHER_KINDS = {"checklist", "rich_message", "live_photo"}
"""Kinds of messages that the library does not know yet."""


def _said(raw: RawMessage, sender: Sender, us: Us) -> Message:
    """What the message says, without our name where that only calls us."""
    text = _text(text_of(raw) if raw.chat.type == ChatType.PRIVATE else without_name(raw, us))
    text = "\n".join(part for part in (_text(in_words(raw)), text) if part)
    quote = _quote(raw, us)
    files = attachments(raw) + _files_of_answered(raw, us)
    if not text and quote is None and not files:
        text = _text(text_of(raw))  # naming us under somebody's words asks about those words
    return Message(
        _key(raw),
        _whole(raw.message_id),
        sender,
        _passed_on(raw, text),
        raw.date.timestamp(),
        quote,
        _text(raw.media_group_id or ""),
        files,
    )


def _passed_on(raw: RawMessage, text: str) -> str:
    """A message that was forwarded says whose it is."""
    if raw.forward_origin is None or not text:
        return text
    origin = raw.forward_origin
    if isinstance(origin, MessageOriginUser):
        whose = origin.sender_user.full_name
    else:
        chat = getattr(origin, "sender_chat", None) or getattr(origin, "chat", None)
        whose = getattr(origin, "sender_user_name", None) or getattr(chat, "title", None) or "?"
    cited = "\n".join(f"> {line}" for line in text.splitlines())
    return f"(Forwarded from {' '.join(_text(whose).split())}:)\n{cited}"


def _quote(raw: RawMessage, us: Us) -> Quote | None:
    """What the message answers: the part that was chosen, or all of it, or which file it is."""
    answered = _answered(raw)
    chosen = _text(raw.quote.text) if raw.quote is not None else ""
    words = chosen or (_words_of(answered) if answered is not None else "")
    if not words:
        return None
    if answered is None or answered.from_user is None:
        return Quote("?", words)
    if answered.from_user.id == us.id:
        return Quote("", words)
    author = _author(answered)
    return Quote(author.name if author is not None else answered.from_user.full_name, words)


def _answered(raw: RawMessage) -> RawMessage | None:
    """What the message answers; in a topic, every one merely stands below its first."""
    answered = raw.reply_to_message
    return None if answered is None or answered.forum_topic_created is not None else answered


def _files_of_answered(raw: RawMessage, us: Us) -> tuple[Attachment, ...]:
    """The files of the message that it answers; what we have spoken ourselves is known already."""
    answered = _answered(raw)
    if answered is None:  # a message of another chat comes along as a sketch
        return attachments(raw.external_reply) if raw.external_reply is not None else ()
    ours = answered.from_user is not None and answered.from_user.id == us.id
    return tuple(one for one in attachments(answered) if not ours or one.kind is not Kind.VOICE)


def _words_of(raw: RawMessage) -> str:
    """Its words, or which file it is."""
    names = ", ".join(one.name for one in attachments(raw))
    return _text(text_of(raw) or in_words(raw)) or (f"({names})" if names else "")


def _event(raw: RawMessage) -> Item | None:
    """What a message reports that nobody wrote."""
    if raw.migrate_to_chat_id is not None:
        return Moved(_whole(raw.chat.id), _whole(raw.migrate_to_chat_id))
    if raw.migrate_from_chat_id is not None:
        return Moved(_whole(raw.migrate_from_chat_id), _whole(raw.chat.id))
    if raw.forum_topic_closed is not None or raw.forum_topic_reopened is not None:
        return TopicClosed(_key(raw), raw.forum_topic_closed is not None)
    return None


def _author(raw: RawMessage) -> Sender | None:
    """Who wrote it; None for other bots, and for channels' posts that Telegram forwards by itself.

    In the name of the group only its administrators write. What comes from a channel's name was
    written by a person.
    """
    if raw.is_automatic_forward or (raw.from_user is not None and raw.from_user.id == TELEGRAM):
        return None
    if raw.sender_chat is not None and raw.chat.type != ChatType.PRIVATE:
        name = _text(raw.sender_chat.title or "")
        ours = raw.sender_chat.id == raw.chat.id
        return Sender(_whole(raw.sender_chat.id), name, leads=ours)
    if raw.from_user is None or raw.from_user.is_bot:
        return None
    return _sender(raw.from_user)


def _edited(raw: RawMessage, bot: Bot, update_id: int) -> Item:
    item = _message(raw, bot, update_id)
    if not isinstance(item, (Ask, Heard)) or raw.edit_date is None:
        return Nothing("an edit of no question")
    seconds = (raw.edit_date - raw.date).total_seconds()
    return Edit(item.message, seconds, heard=isinstance(item, Heard))


def _standing(change: ChatMemberUpdated, update_id: int) -> Item:
    if change.chat.type == ChatType.CHANNEL:
        return Nothing("a channel, into which we write nothing")
    before, now = change.old_chat_member, change.new_chat_member
    outside = (ChatMember.LEFT, ChatMember.BANNED)
    gone = now.status in outside or (isinstance(now, ChatMemberRestricted) and not now.is_member)
    return Standing(
        update_id,
        ChatKey(_whole(change.chat.id)),
        _text(change.chat.title or ""),
        _sender(change.from_user),
        came=before.status in outside and not gone,
        left=gone,
        mute=isinstance(now, ChatMemberRestricted) and now.can_send_messages is False,
        leads=now.status == ChatMember.ADMINISTRATOR,
        mute_until=now.until_date.timestamp() if isinstance(now, ChatMemberRestricted) else 0.0,
    )


def _order(order: Command, raw: RawMessage, said: Message, us: Us, update_id: int) -> Item:
    """A command for us, as far as can be told; `/ask` with a question is that question."""
    if order.addressee and order.addressee.casefold() != us.username.casefold():
        return Nothing("a command for another bot")
    argument = _text(order.argument)
    if order.name == "ask" and (argument or said.quote is not None or said.attachments):
        return Ask(replace(said, text=argument))
    surely = said.chat.private or addressed(raw, us)
    return Order(said, update_id, order.name, argument, surely, _about(raw, us))


def _about(raw: RawMessage, us: Us) -> int:
    """Whom a command in reply to a message is about."""
    answered = _answered(raw)
    if answered is None:
        return 0
    origin = answered.forward_origin
    if isinstance(origin, MessageOriginUser):
        return 0 if origin.sender_user.is_bot else _whole(origin.sender_user.id)
    author = _author(answered)
    return author.id if author is not None and origin is None and author.id != us.id else 0


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
    username = _text(raw.username or "")
    return Sender(_whole(raw.id), name, _text(raw.language_code or ""), username)


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
