"""What every method needs: the call's parameters, the world, and the chat it is about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bridge.sandbox.telegram.budgets import Family, RateModel
from bridge.sandbox.telegram.entities import Entity, read_entities
from bridge.sandbox.telegram.params import Broken, Params
from bridge.sandbox.telegram.refusals import bad_request, forbidden, too_many_requests
from bridge.sandbox.telegram.shapes import entities_json, message_json
from bridge.sandbox.telegram.text import Formatted, check_size, formatted
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

    async def admit(self, chat_id: int, family: Family, *, new: bool = False) -> None:
        """Return when the call may happen. Raises Refused (429)."""
        limits = self.model.budgets
        patience = 0.0
        if limits is not None:
            patience = limits.inner_wait_actions if family == "actions" else limits.inner_wait
        waited = 0.0
        while (wait := self.model.charge(chat_id, family, loop_time(), new=new)) > 0:
            if waited + wait > patience:
                raise too_many_requests(wait)
            await self._pause(wait)
            waited += wait


@dataclass(frozen=True)
class MethodCall:
    """One Bot API call on its way through its method."""

    world: World
    updates: UpdateQueue
    rates: Rates
    params: Params
    hung_up: Callable[[], Awaitable[None]]
    """Ends when the client has closed the connection."""


@dataclass(frozen=True)
class Described:
    """A result with a `description` beside it."""

    result: object
    description: str


def chat_of(call: MethodCall) -> Chat:
    """The chat that the call names. Raises Refused for none, and for one the bot never met."""
    if not call.params.has("chat_id"):
        raise bad_request("chat_id is empty")
    chat = call.world.chats.get(call.params.integer("chat_id"))
    if chat is None or not chat.known:
        raise bad_request("chat not found")
    return chat


def writable_chat_of(call: MethodCall) -> Chat:
    """The same, if the bot may write there."""
    if call.params.has("business_connection_id"):
        raise bad_request("business connection not found")
    chat = chat_of(call)
    if chat.closed:
        raise forbidden("bot was blocked by the user")
    if call.params.integer("message_thread_id"):
        raise bad_request("message thread not found")
    return chat


def message_of(call: MethodCall, chat: Chat, purpose: str) -> Message:
    """The message that the call names; `purpose` is how the refusal calls it."""
    message_id = call.params.integer("message_id")
    if message_id == 0:
        raise bad_request("message identifier is not specified")
    message = call.world.message(chat, message_id)
    if message is None:
        raise bad_request(f"{purpose} not found")
    return message


def own_message_of(call: MethodCall, chat: Chat) -> Message:
    """The bot's own message that may be edited.

    Messages with a reply keyboard cannot be edited, and other people's neither.
    """
    message = message_of(call, chat, "message to edit")
    markup = message.reply_markup
    if not message.by_bot or (markup is not None and "inline_keyboard" not in markup):
        raise bad_request("message can't be edited")
    return message


def text_of(call: MethodCall, *, may_be_empty: bool = False) -> Formatted:
    """The call's text with its entities, as the server keeps it. Raises Refused."""
    raw = call.params.text("text")
    if not raw and not may_be_empty:
        raise bad_request("Message text is empty")
    check_size(raw)
    if call.params.text("parse_mode").lower() not in ("", "none"):
        raise bad_request("Unsupported parse_mode")
    entities = sent_entities(call.params)
    for entity in entities:
        person = call.world.chats.get(entity.user_id)
        if entity.user_id and (person is None or not person.known):
            raise bad_request("User not found")
    return formatted(raw, entities, may_be_empty=may_be_empty)


def sent_entities(params: Params) -> list[Entity]:
    """The `entities` of a call; broken JSON counts as none."""
    try:
        return read_entities(params.decoded("entities"))
    except Broken:
        return []


def object_of(params: Params, name: str, title: str) -> Json | None:
    """A parameter that must be a JSON object, None when not sent. Raises Refused."""
    try:
        sent = params.decoded(name)
    except Broken:
        raise bad_request(f"Can't parse {title} JSON object") from None
    if sent is not None and not isinstance(sent, dict):
        raise bad_request(f"Object expected as {title}")
    return sent


def frame_of(call: MethodCall, text: Formatted, markup: Json | None) -> Frame:
    """What a message shows from now on; preview options that were left out are reset."""
    return Frame(
        at_loop_time=loop_time(),
        text=text.text,
        entities=entities_json(text.entities, call.world.people),
        reply_markup=markup,
        link_preview_options=_preview(call.params),
        formatting=text.entities,
    )


def _preview(params: Params) -> Json | None:
    sent = object_of(params, "link_preview_options", "link preview options")
    if sent is None and params.boolean("disable_web_page_preview"):
        sent = {"is_disabled": True}
    kept = {name: value for name, value in (sent or {}).items() if name in _PREVIEW_OPTIONS}
    return kept or None


def shown(call: MethodCall, message: Message) -> Json:
    """The message as an answer."""
    return message_json(call.world, message)
