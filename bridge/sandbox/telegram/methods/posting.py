"""The methods that put something into a chat, change it, or take it away."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bridge.sandbox.telegram.calls import (
    MethodCall,
    chat_of,
    check_may_send,
    frame_of,
    message_of,
    needed_rich_of,
    object_of,
    own_message_of,
    rich_frame,
    rich_of,
    shown,
    text_of,
    thread_of,
    unchecked_thread_of,
    writable_chat_of,
)
from bridge.sandbox.telegram.content.shapes import page_message
from bridge.sandbox.telegram.content.text import Formatted, check_length
from bridge.sandbox.telegram.methods.drafts import drop_draft
from bridge.sandbox.telegram.methods.keyboards import read_inline_markup, read_markup
from bridge.sandbox.telegram.params import Broken
from bridge.sandbox.telegram.refusals import bad_request, too_many_requests
from bridge.sandbox.telegram.world import Action, Attachment, Chat, Frame, Json, Message, loop_time

DELETABLE_FOR = 48 * 3600
NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)
ACTIONS = frozenset(
    {"cancel", "typing", "choose_sticker", "find_location", "upload_photo", "upload_document"}
    | {"record_video", "upload_video", "record_voice", "upload_voice", "record_audio"}
    | {"upload_audio", "record_video_note", "upload_video_note"}
)
_EMOJI = (
    "❤ 👍 👎 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤‍🔥 "
    "🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓 🍾 💋 🖕 😈 😴 😭 🤓 👻 👨‍💻 👀 🎃 🙈 😇 😨 "
    "🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷‍♂ 🤷 🤷‍♀ 😡"
)
REACTIONS = tuple(_EMOJI.split())  # a tuple takes any JSON value for comparison
_LINKS = ("url", "text_link")


async def send_message(call: MethodCall) -> object:
    """Send a new message of the bot; it takes the place of a draft."""
    text = text_of(call)
    markup = read_markup(call.params)
    chat = writable_chat_of(call)
    check_may_send(chat, "text messages")
    place = place_of(call, chat)
    check_length(text.text)
    await admit(call, chat)
    return shown(call, put(call, chat, place, frame_of(call, text, markup)))


async def send_rich_message(call: MethodCall) -> object:
    """Send a new rich message of the bot."""
    rich = needed_rich_of(call)
    markup = read_markup(call.params)
    chat = writable_chat_of(call)
    check_may_send(chat, "the rich message")
    place = place_of(call, chat)
    await admit(call, chat)
    return shown(call, put(call, chat, place, rich_frame(rich, markup)))


@dataclass(frozen=True)
class Spot:
    """Where in its chat a new message stands."""

    thread_id: int
    target_id: int | None
    quote: Json | None


def place_of(call: MethodCall, chat: Chat) -> Spot:
    """Return where the call wants a new message to stand. Raises Refused."""
    target, quote = _reply_target(call, chat)
    thread_id = thread_of(call, chat, target)
    return Spot(thread_id, None if target is None else target.message_id, quote)


def _check_slow_mode(chat: Chat) -> None:
    """Whoever is no administrator writes one message in so many seconds."""
    if not chat.slow_seconds or chat.standing == "administrator":
        return
    written = [each.history[0].at_loop_time for each in chat.messages.values() if each.by_bot]
    left = max(written, default=float("-inf")) + chat.slow_seconds - loop_time()
    if left > 0:
        raise too_many_requests(left)


async def admit(call: MethodCall, chat: Chat, count: int = 1) -> None:
    """Return when so many new messages may come. Raises Refused (429)."""
    _check_slow_mode(chat)
    await call.rates.admit(chat.id, "messages", new=True, count=count)


def put(
    call: MethodCall,
    chat: Chat,
    spot: Spot,
    frame: Frame,
    attachment: Attachment | None = None,
    album: str = "",
) -> Message:
    """Add a new message of the bot at the end of its chat, and return it; a draft there is gone."""
    message = Message(
        message_id=chat.last_message_id + 1,
        chat_id=chat.id,
        sender_id=call.world.bot.id,
        by_bot=True,
        date=call.world.now(),
        history=[replace(frame, at_loop_time=loop_time())],
        reply_to_message_id=spot.target_id,
        thread_id=spot.thread_id,
        quote=spot.quote,
        attachment=attachment,
        media_group_id=album,
        protected=call.params.boolean("protect_content"),
    )
    call.world.add_message(chat, message)
    chat.bot_wrote = True
    drop_draft(call.world, chat, spot.thread_id)
    call.world.feed.tell("message", page_message(call.world, message))
    return message


async def edit_message_text(call: MethodCall) -> object:
    """Change a message of the bot to another text or rich message; what is not repeated is lost."""
    rich = rich_of(call)
    if rich is not None and call.params.has("text"):
        # not established; whoever relies on either answer should learn it here
        raise bad_request("Only one of text and rich_message may be used")
    text = text_of(call) if rich is None else Formatted("")
    markup = read_inline_markup(call.params)
    refuse_inline_message(call)
    chat = writable_chat_of(call)
    message = own_message_of(call, chat)
    if message.attachment is not None:
        raise bad_request("there is no text in the message to edit")
    check_length(text.text)
    frame = frame_of(call, text, markup) if rich is None else rich_frame(rich, markup)
    return await show(call, chat, message, frame)


async def edit_message_reply_markup(call: MethodCall) -> object:
    """Change the keyboard under a message of the bot, or take it away."""
    markup = read_inline_markup(call.params)
    refuse_inline_message(call)
    chat = writable_chat_of(call)
    message = own_message_of(call, chat)
    return await show(call, chat, message, replace(message.frame, reply_markup=markup))


async def show(call: MethodCall, chat: Chat, message: Message, frame: Frame) -> Json:
    """Show a message of the bot in another look. Raises Refused, also when nothing would change."""
    await call.rates.admit(chat.id, "messages")
    if message.deleted:
        raise bad_request("message to edit not found")
    if _same(message.frame, frame):
        raise bad_request(NOT_MODIFIED)
    message.history.append(replace(frame, at_loop_time=loop_time()))
    message.edit_date = call.world.now()
    call.world.feed.tell("edited", page_message(call.world, message))
    return shown(call, message)


def _same(old: Frame, new: Frame) -> bool:
    """Return whether an edit changes nothing; a preview only counts where there is a link."""
    linked = any(entity.type in _LINKS for entity in new.formatting)
    previews = not linked or (old.link_preview_options or {}) == (new.link_preview_options or {})
    before = (old.text, old.formatting, old.reply_markup, old.rich)
    return previews and before == (new.text, new.formatting, new.reply_markup, new.rich)


def refuse_inline_message(call: MethodCall) -> None:
    """Refuse a call about an inline message: there are none here. Raises Refused."""
    if call.params.has("inline_message_id") and not call.params.has("chat_id"):
        raise bad_request("MESSAGE_ID_INVALID")


def _reply_target(call: MethodCall, chat: Chat) -> tuple[Message | None, Json | None]:
    """Return the message replied to and the part of it that is quoted."""
    sent = object_of(call.params, "reply_parameters", "reply parameters")
    if sent is None:
        number = call.params.integer("reply_to_message_id")
        lenient = call.params.boolean("allow_sending_without_reply")
        sent = {"message_id": number, "allow_sending_without_reply": lenient} if number else {}
    wanted = sent.get("message_id")
    if not isinstance(wanted, int) or wanted == 0:
        return None, None
    elsewhere = sent.get("chat_id")
    away = elsewhere is not None and str(elsewhere) != str(chat.id)
    target = None if away else call.world.message(chat, wanted)
    if target is None:
        if sent.get("allow_sending_without_reply") is True:
            return None, None
        raise bad_request("message to be replied not found")
    return target, _quote(sent.get("quote"), target)


def _quote(wanted: object, target: Message) -> Json | None:
    if not isinstance(wanted, str) or not wanted:
        return None
    at = target.text.find(wanted)
    if at < 0:
        raise bad_request("QUOTE_TEXT_INVALID")
    position = len(target.text[:at].encode("utf-16-le")) // 2
    return {"text": wanted, "position": position, "is_manual": True}


async def delete_message(call: MethodCall) -> object:
    """Take away a message: for 48 hours, and other people's in a group only as administrator."""
    chat = chat_of(call)
    message = message_of(call, chat, "message to delete")
    admin = chat.standing == "administrator"
    foreign = chat.type != "private" and not message.by_bot
    old = call.world.now() - message.date > DELETABLE_FOR
    if (foreign or old) and not admin:
        raise bad_request("message can't be deleted")
    await call.rates.admit(chat.id, "other")
    message.deleted = True
    gone: Json = {"chat_id": chat.id, "message_id": message.message_id}
    call.world.feed.tell("deleted", gone)
    return True


async def send_chat_action(call: MethodCall) -> object:
    """Tell the person that the bot is typing, for 5 s or until its next message."""
    chat = writable_chat_of(call)
    action = call.params.text("action").lower()
    if action not in ACTIONS:
        raise bad_request("wrong parameter action in request")
    thread_id = unchecked_thread_of(call, chat)
    await call.rates.admit(chat.id, "actions")
    chat.actions.append(Action(loop_time(), action, thread_id))
    told: Json = {"chat_id": chat.id, "thread_id": thread_id, "action": action}
    call.world.feed.tell("action", told)
    return True


async def set_message_reaction(call: MethodCall) -> object:
    """Put the bot's one reaction on a message, or take it back."""
    chat = writable_chat_of(call)
    reactions = _reactions(call)
    message = message_of(call, chat, "message to react")
    await call.rates.admit(chat.id, "other")
    message.reactions[:] = reactions
    call.world.feed.tell("edited", page_message(call.world, message))
    return True


def _reactions(call: MethodCall) -> list[Json]:
    try:
        sent = call.params.decoded("reaction")
    except Broken:
        raise bad_request("Can't parse reaction types JSON object") from None
    if sent is None:
        return []
    if not isinstance(sent, list) or not all(isinstance(each, dict) for each in sent):
        raise bad_request("Expected an Array of ReactionType")
    if len(sent) > 1:
        raise bad_request("REACTIONS_TOO_MANY")
    if any(each.get("type") != "emoji" or each.get("emoji") not in REACTIONS for each in sent):
        raise bad_request("REACTION_INVALID")
    return [{"type": "emoji", "emoji": each["emoji"]} for each in sent]
