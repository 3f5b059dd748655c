"""What every method needs: the call's parameters, the world, and the chat it is about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bridge.sandbox.telegram.content.entities import read_entities
from bridge.sandbox.telegram.content.rich import read_rich
from bridge.sandbox.telegram.content.shapes import entities_json, message_json, page_chat
from bridge.sandbox.telegram.content.text import (
    MOST_CAPTION_CHARACTERS,
    Formatted,
    check_size,
    formatted,
    utf16_length,
)
from bridge.sandbox.telegram.faults import Faults
from bridge.sandbox.telegram.params import Broken, Params
from bridge.sandbox.telegram.rate_limits import Family, RateModel
from bridge.sandbox.telegram.refusals import bad_request, forbidden, moved, too_many_requests
from bridge.sandbox.telegram.updates import UpdateQueue
from bridge.sandbox.telegram.world import Chat, Frame, Json, Message, World, loop_time

_PREVIEW_OPTIONS = (
    "is_disabled",
    "url",
    "prefer_small_media",
    "prefer_large_media",
    "show_above_text",
)


class Rates:
    """The rate model as a call meets it: it may be held inside the server before it is refused."""

    def __init__(self, model: RateModel, pause: Callable[[float], Awaitable[None]]) -> None:
        self.model = model
        self._pause = pause

    async def admit(
        self, chat_id: int, family: Family, *, new: bool = False, count: int = 1
    ) -> None:
        """Return when the call, which makes `count` messages, may happen. Raises Refused (429)."""
        model, waited = self.model, 0.0
        limits = model.budgets
        patience = 0.0
        if limits is not None:
            patience = limits.inner_wait_actions if family == "actions" else limits.inner_wait
        while wait := model.held(chat_id, family, loop_time(), new=new, count=count):
            if waited + wait > patience:
                raise too_many_requests(
                    model.charge(chat_id, family, loop_time(), new=new, count=count)
                )
            await self._pause(wait)
            waited += wait


@dataclass(frozen=True)
class MethodCall:
    """One Bot API call on its way through its method."""

    world: World
    updates: UpdateQueue
    rates: Rates
    faults: Faults
    params: Params
    hung_up: Callable[[], Awaitable[None]]
    """Ends when the client has closed the connection."""


@dataclass(frozen=True)
class Described:
    """A result with a `description` beside it."""

    result: object
    description: str


def chat_of(call: MethodCall) -> Chat:
    """Return the chat that the call names.

    Raises Refused for none, for one the bot never met, and for a group that it is not in.
    """
    if not call.params.has("chat_id"):
        raise bad_request("chat_id is empty")
    chat = call.world.chats.get(call.params.integer("chat_id"))
    if chat is None or not chat.known:
        raise bad_request("chat not found")
    if chat.moved_to:
        raise moved(chat.moved_to)
    if chat.type != "private" and chat.closed:
        kicked = chat.standing == "kicked"
        what = "was kicked from" if kicked else "is not a member of"
        raise forbidden(f"bot {what} the {chat.type} chat")
    return chat


def writable_chat_of(call: MethodCall) -> Chat:
    """Return the same, if the bot may write there."""
    if call.params.has("business_connection_id"):
        raise bad_request("business connection not found")
    chat = chat_of(call)
    if chat.closed:
        raise forbidden("bot was blocked by the user")
    return chat


def check_may_send(chat: Chat, what: str) -> None:
    """Refuse where the bot was muted; `what` is what it tries to send."""
    if chat.standing == "restricted":
        raise bad_request(f"not enough rights to send {what} to the chat")


def thread_of(call: MethodCall, chat: Chat, target: Message | None = None) -> int:
    """Return the topic that the call names, else that of the message it answers; 0 for none.

    A forum's General topic has no id: 1 is refused like any unknown one.
    """
    named = call.params.integer("message_thread_id")
    switched_off = chat.type == "private" and not call.world.has_topics
    if not switched_off and named in chat.returning_topics:
        chat.topics[named] = chat.returning_topics.pop(named)
        call.world.feed.tell("chat", page_chat(call.world, chat))
    if named and (named not in chat.topics or named in chat.refused_topics or switched_off):
        raise bad_request("message thread not found")
    thread_id = named or reply_thread(chat, target)
    topic = chat.topics.get(thread_id)
    if topic is not None and topic.closed and chat.standing != "administrator":
        raise bad_request("TOPIC_CLOSED")
    return thread_id


def unchecked_thread_of(call: MethodCall, chat: Chat) -> int:
    """Return the topic that a draft or an action names: in a private chat nobody looks whether it is."""
    if chat.type == "private":
        return call.params.integer("message_thread_id")
    return thread_of(call, chat)


def reply_thread(chat: Chat, target: Message | None) -> int:
    """Return where an answer belongs; in a group without topics, replies make a thread of their own."""
    if target is None:
        return 0
    plain = chat.type == "supergroup" and not chat.is_forum
    return target.thread_id or (target.message_id if plain else 0)


def message_of(call: MethodCall, chat: Chat, purpose: str) -> Message:
    """Return the message that the call names; `purpose` is how the refusal calls it."""
    message_id = call.params.integer("message_id")
    if message_id == 0:
        raise bad_request("message identifier is not specified")
    message = call.world.message(chat, message_id)
    if message is None:
        raise bad_request(f"{purpose} not found")
    return message


def own_message_of(call: MethodCall, chat: Chat) -> Message:
    """Return the bot's own message that may be edited.

    Messages with a reply keyboard cannot be edited, what reports an act, and other people's neither.
    """
    message = message_of(call, chat, "message to edit")
    markup = message.reply_markup
    kept = markup is not None and "inline_keyboard" not in markup
    if not message.by_bot or message.service is not None or kept:
        raise bad_request("message can't be edited")
    return message


def text_of(call: MethodCall, *, may_be_empty: bool = False) -> Formatted:
    """Return the call's text with its entities, as the server keeps it. Raises Refused."""
    raw = call.params.text("text")
    if not raw and not may_be_empty:
        raise bad_request("Message text is empty")
    return _formatted(
        call,
        Words(raw, _decoded(call.params, "entities"), _mode(call.params)),
        may_be_empty=may_be_empty,
    )


@dataclass(frozen=True)
class Words:
    """A text or caption as a client sent it."""

    raw: str
    entities: object
    """Decoded JSON."""
    parse_mode: str = ""


def caption_of(call: MethodCall) -> Formatted:
    """Return the call's caption with its entities, perhaps empty. Raises Refused."""
    entities = _decoded(call.params, "caption_entities")
    return checked_caption(call, Words(call.params.text("caption"), entities, _mode(call.params)))


def checked_caption(call: MethodCall, words: Words) -> Formatted:
    """Return a caption as the server keeps it. Raises Refused."""
    caption = _formatted(call, words, may_be_empty=True)
    # the server counts characters, apps count UTF-16 units: only what suits both is let through
    if utf16_length(caption.text) > MOST_CAPTION_CHARACTERS:
        raise bad_request("Message caption is too long")
    return caption


def _mode(params: Params) -> str:
    return params.text("parse_mode")


def _formatted(call: MethodCall, words: Words, *, may_be_empty: bool = False) -> Formatted:
    check_size(words.raw)
    if words.parse_mode.lower() not in ("", "none"):
        raise bad_request("Unsupported parse_mode")
    entities = read_entities(words.entities)
    for entity in entities:
        if entity.user_id and not _has_met(call.world, entity.user_id):
            raise bad_request("User not found")
    return formatted(words.raw, entities, may_be_empty=may_be_empty)


def rich_of(call: MethodCall, *, draft: bool = False) -> Json | None:
    """Return the call's rich message, None without one. Raises Refused."""
    sent = object_of(call.params, "rich_message", "rich message")
    return None if sent is None else read_rich(sent, draft=draft)


def needed_rich_of(call: MethodCall, *, draft: bool = False) -> Json:
    """Return the same where there must be one."""
    rich = rich_of(call, draft=draft)
    if rich is None:
        raise bad_request("Rich message must be non-empty")
    return rich


def _has_met(world: World, person_id: int) -> bool:
    """Return whether the bot knows a person: from their private chat or from a group."""
    if person_id not in world.people:
        return False
    return any(chat.known and person_id in chat.members for chat in world.chats.values())


def _decoded(params: Params, name: str) -> object:
    """Entities as sent; broken JSON counts as none."""
    try:
        return params.decoded(name)
    except Broken:
        return None


def object_of(params: Params, name: str, title: str) -> Json | None:
    """Return a parameter that must be a JSON object, None when not sent. Raises Refused."""
    try:
        sent = params.decoded(name)
    except Broken:
        raise bad_request(f"Can't parse {title} JSON object") from None
    if sent is not None and not isinstance(sent, dict):
        raise bad_request(f"Object expected as {title}")
    return sent


def frame_of(call: MethodCall, text: Formatted, markup: Json | None) -> Frame:
    """Return what a message shows from now on; preview options that were left out are reset."""
    return Frame(
        at_loop_time=loop_time(),
        text=text.text,
        entities=entities_json(call.world, text.entities),
        reply_markup=markup,
        link_preview_options=_preview(call.params),
        formatting=text.entities,
    )


def rich_frame(rich: Json, markup: Json | None) -> Frame:
    """Return a rich message as it shows from now on."""
    return Frame(loop_time(), "", [], markup, rich=rich)


def _preview(params: Params) -> Json | None:
    sent = object_of(params, "link_preview_options", "link preview options")
    if sent is None and params.boolean("disable_web_page_preview"):
        sent = {"is_disabled": True}
    kept = {name: value for name, value in (sent or {}).items() if name in _PREVIEW_OPTIONS}
    return kept or None


def shown(call: MethodCall, message: Message) -> Json:
    """Return the message as an answer."""
    return message_json(call.world, message)
