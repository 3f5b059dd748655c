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
from telegram.constants import ChatType

from bridge.model import ChatKey, Message, Sender
from bridge.telegram.post import Button, Keyboard
from bridge.telegram.updates.addressing import Command, Us, addressed, command, text_of
from bridge.telegram.updates.events import (
    CallbackPress,
    ChatMigration,
    CommandCall,
    DraftStopped,
    Event,
    Ignored,
    MembershipChange,
    MessageEdited,
    Overheard,
    Question,
    TopicClosed,
    TopicNamed,
    Unreadable,
)
from bridge.telegram.updates.from_json import parsed
from bridge.telegram.updates.message import (
    author_of,
    chat_key,
    message_answered,
    read_message,
    read_with_addresses,
    sender_of,
    storable,
    whole_number,
)

WANTED = (
    "message",
    "edited_message",
    "callback_query",
    "stopped_message_generation",
    "my_chat_member",
)
"""The kinds of updates that we ask Telegram for."""


def read(content: Mapping[str, object], bot: Bot, ahead_seconds: float = 0.0) -> Event:
    """Return what a raw update means. Raises whatever the library raises for one that is broken.

    `ahead_seconds` is how far our clock is ahead of Telegram's.
    """
    update, lost = parsed(content, bot)
    item = _item(update, content, bot, lost)
    match item:
        case Question(message) | Overheard(message) | MessageEdited(message=message):
            return replace(item, message=_as_here(message, ahead_seconds, lost))
        case CommandCall() | Unreadable():
            return replace(item, message=_as_here(item.message, ahead_seconds, lost))
        case _:
            return item


_UNREAD = "(A part of this message could not be read.)"


def _as_here(message: Message, ahead_seconds: float, lost: bool) -> Message:
    """Return the message by our own clock; that a part of it was not to be read is said."""
    if lost:
        message = replace(message, text="\n".join(one for one in (message.text, _UNREAD) if one))
    if not ahead_seconds or message.written_at is None:
        return message
    return replace(message, written_at=message.written_at + ahead_seconds)


def _item(update: Update, content: Mapping[str, object], bot: Bot, lost: bool) -> Event:
    if update.message is not None:
        return _message(update.message, bot, update.update_id, lost)
    if update.edited_message is not None:
        return _edited(update.edited_message, bot, update.update_id)
    if update.callback_query is not None:
        return _press(update.callback_query, update.update_id)
    if update.my_chat_member is not None:
        return _standing(update.my_chat_member, update.update_id)
    stopped = update.api_kwargs.get("stopped_message_generation")
    if isinstance(stopped, dict):
        thread = stopped.get("message_thread_id")
        return DraftStopped(
            ChatKey(whole_number(chat_of(content)), thread if isinstance(thread, int) else 0)
        )
    return Ignored("another kind of update")


def chat_of(content: Mapping[str, object]) -> int:
    """Return the chat id of a raw update, for keeping their order; 0 when it has none."""
    for name in WANTED:
        found = content.get(name)
        if isinstance(found, dict):
            inner = found.get("message") if name == "callback_query" else found
            chat = inner.get("chat") if isinstance(inner, dict) else None
            chat_id = chat.get("id") if isinstance(chat, dict) else None
            if isinstance(chat_id, int):
                return chat_id
    return 0


def owner_chat_of(content: Mapping[str, object]) -> int:
    """Return the chat whose owner settles a raw update: of a move to a supergroup, the group that it was."""
    chat_id = chat_of(content)
    message = content.get("message")
    if isinstance(message, dict) and isinstance(message.get("migrate_from_chat_id"), int):
        chat_id = message["migrate_from_chat_id"]
    return chat_id if abs(chat_id) < 1 << 63 else 0


def kind_of(content: Mapping[str, object]) -> str:
    """Return which of the kinds that we ask for a raw update is; `other` for none of them."""
    return next((name for name in WANTED if name in content), "other")


def _message(raw: RawMessage, bot: Bot, update_id: int, lost: bool = False) -> Event:
    event = _event(raw)
    if event is not None:
        return event
    sender = author_of(raw)
    if sender is None:
        return Ignored("not from a person")
    if raw.chat.type == ChatType.PRIVATE and (topic := _topic_named(raw, sender)):
        return topic
    us, private = Us(bot.id, bot.username), raw.chat.type == ChatType.PRIVATE
    said = read_message(raw, sender, us)
    for_us = private or addressed(raw, us)
    if not said.text and not said.attachments and not text_of(raw):
        unknown = raw.api_kwargs.keys() - _NO_CONTENT
        if raw.effective_attachment is None and not unknown and not lost:
            return Ignored("no content")
        return Unreadable(said, update_id) if for_us else Ignored("a kind that we cannot read")
    order = command(raw, us)
    if order is not None:
        return _order(order, raw, said, us, update_id)
    return Question(said) if for_us else Overheard(said)


_NO_CONTENT = {"guest_query_id", "direct_messages_topic", "reply_to_poll_option_id"}
"""What the library does not know yet that says nothing by itself."""


def _event(raw: RawMessage) -> Event | None:
    """Return what a message reports that nobody wrote."""
    if raw.migrate_to_chat_id is not None:
        return ChatMigration(whole_number(raw.chat.id), whole_number(raw.migrate_to_chat_id))
    if raw.migrate_from_chat_id is not None:
        return ChatMigration(whole_number(raw.migrate_from_chat_id), whole_number(raw.chat.id))
    if raw.forum_topic_closed is not None or raw.forum_topic_reopened is not None:
        return TopicClosed(chat_key(raw), raw.forum_topic_closed is not None)
    return None


def _topic_named(raw: RawMessage, sender: Sender) -> Event | None:
    """Return what a message reports of a topic of a private chat; our own reports came from no person."""
    key = chat_key(raw)
    if raw.forum_topic_created is not None:
        made = raw.forum_topic_created
        return TopicNamed(key, sender, storable(made.name), given=not made.is_name_implicit)
    if raw.forum_topic_edited is not None and raw.forum_topic_edited.name:
        return TopicNamed(key, sender, storable(raw.forum_topic_edited.name), given=True)
    return None


def _edited(raw: RawMessage, bot: Bot, update_id: int) -> Event:
    item = _message(raw, bot, update_id)
    if not isinstance(item, (Question, Overheard)) or raw.edit_date is None:
        return Ignored("an edit of no question")
    if raw.location is not None:  # one that lives moves all the time, and asks nothing by that
        return Ignored("a place that moves")
    seconds = (raw.edit_date - raw.date).total_seconds()
    return MessageEdited(item.message, seconds, heard=isinstance(item, Overheard))


def _standing(change: ChatMemberUpdated, update_id: int) -> Event:
    if change.chat.type == ChatType.CHANNEL:
        return Ignored("a channel, into which we write nothing")
    before, now = change.old_chat_member, change.new_chat_member
    outside = (ChatMember.LEFT, ChatMember.BANNED)
    gone = now.status in outside or (isinstance(now, ChatMemberRestricted) and not now.is_member)
    return MembershipChange(
        update_id,
        ChatKey(whole_number(change.chat.id)),
        storable(change.chat.title or ""),
        sender_of(change.from_user),
        came=before.status in outside and not gone,
        left=gone,
        mute=isinstance(now, ChatMemberRestricted) and now.can_send_messages is False,
        is_admin=now.status == ChatMember.ADMINISTRATOR,
        mute_until=now.until_date.timestamp() if isinstance(now, ChatMemberRestricted) else 0.0,
    )


def _order(order: Command, raw: RawMessage, said: Message, us: Us, update_id: int) -> Event:
    """Return a command for us, as far as can be told; `/ask` with a question is that question."""
    if order.addressee and order.addressee.casefold() != us.username.casefold():
        return Ignored("command for another bot")
    argument = storable(order.argument)
    if order.name == "ask" and (argument or said.quote is not None or said.attachments):
        return Question(
            replace(said, text=storable(read_with_addresses(raw, order.argument_at, None).strip()))
        )
    surely = said.chat.private or addressed(raw, us)
    return CommandCall(
        message=said,
        update_id=update_id,
        name=order.name,
        argument=argument,
        surely=surely,
        about=_about(raw, us),
    )


def _about(raw: RawMessage, us: Us) -> int:
    """Whom a command in reply to a message is about."""
    answered = message_answered(raw)
    if answered is None:
        return 0
    origin = answered.forward_origin
    if isinstance(origin, MessageOriginUser):
        return 0 if origin.sender_user.is_bot else whole_number(origin.sender_user.id)
    author = author_of(answered)
    return author.id if author is not None and origin is None and author.id != us.id else 0


def _press(query: CallbackQuery, update_id: int) -> Event:
    raw = query.message
    if raw is None:
        return Ignored("a button of no message")
    sender = sender_of(query.from_user)
    key, buttons = ChatKey(whole_number(raw.chat.id)), _NO_BUTTONS
    if isinstance(raw, RawMessage):
        key, buttons = chat_key(raw), _buttons(raw.reply_markup)
    return CallbackPress(
        update_id=update_id,
        query_id=query.id,
        chat=key,
        sender=sender,
        post_id=whole_number(raw.message_id),
        data=storable(query.data or ""),
        own_language=sender.language,
        buttons=buttons,
    )


_NO_BUTTONS: Keyboard = ()


def _buttons(markup: InlineKeyboardMarkup | None) -> Keyboard:
    rows = markup.inline_keyboard if markup else ()
    return tuple(
        tuple(Button(one.text, str(one.callback_data or "")) for one in row) for row in rows
    )
