"""The methods about topics: in a forum they need rights, in a private chat much is refused."""

from __future__ import annotations

from bridge.sandbox.telegram.calls import MethodCall, writable_chat_of
from bridge.sandbox.telegram.people import topics
from bridge.sandbox.telegram.people.actors import Topic
from bridge.sandbox.telegram.people.groups import MOST_NAME_CHARACTERS
from bridge.sandbox.telegram.refusals import bad_request
from bridge.sandbox.telegram.world import Chat, Json

ICONS = ("5312536423851630001", "5312016608254762256", "5377316857231450742")
"""Custom emoji that a topic may have."""
GENERAL = 1
MOST_COLOUR = 0xFFFFFF


async def create_forum_topic(call: MethodCall) -> object:
    """Open a topic; it counts as a message."""
    chat = _chat_with_topics(call)
    if chat.type != "private" and chat.standing != "administrator":
        raise bad_request("not enough rights to create a topic")
    name = _needed_name(call)
    colour = call.params.integer("icon_color", default=topics.COLOURS[0])
    if not 0 <= colour <= MOST_COLOUR or colour not in topics.COLOURS:
        raise bad_request("invalid icon color specified")
    icon = _icon(call)
    await call.rates.admit(chat.id, "messages", new=True)
    topic = topics.add_topic(
        call.world, call.updates, chat, name, call.world.bot, colour=colour, icon=icon
    )
    shape: Json = {
        "message_thread_id": topic.id,
        "name": topic.name,
        "icon_color": colour,
    }
    return shape | ({"icon_custom_emoji_id": icon} if icon else {})


async def edit_forum_topic(call: MethodCall) -> object:
    """Change a topic's name or icon; without either nobody is asked whether there is such a topic."""
    chat = _chat_with_topics(call)
    thread_id = _thread_id(call)
    name = call.params.text("name").strip()[:MOST_NAME_CHARACTERS] or None
    icon = _icon(call) if call.params.has("icon_custom_emoji_id") else None
    if name is None and call.params.has("name"):
        raise bad_request("name must be non-empty")
    if name is None and icon is None:
        return True
    topic = _topic(chat, thread_id)
    if chat.type != "private" and not topic.by_bot and chat.standing != "administrator":
        raise bad_request("not enough rights to edit the topic")
    await call.rates.admit(chat.id, "messages", new=True)
    if name in (None, topic.name) and icon in (None, topic.icon):
        raise bad_request("TOPIC_NOT_MODIFIED")
    topics.rename_topic(
        call.world, call.updates, chat, thread_id, call.world.bot, name=name, icon=icon
    )
    return True


async def delete_forum_topic(call: MethodCall) -> object:
    """Delete a topic with all its messages."""
    chat = _chat_with_topics(call)
    topic = _topic(chat, _thread_id(call))
    if chat.type != "private" and chat.standing != "administrator":
        raise bad_request("not enough rights to delete the topic")
    await call.rates.admit(chat.id, "other")
    topics.delete_topic(call.world, chat, topic.id, by_bot=True)
    return True


async def close_forum_topic(call: MethodCall) -> object:
    """Close a forum's topic; those of private chats cannot be closed."""
    return await _set_closed(call, closed=True)


async def reopen_forum_topic(call: MethodCall) -> object:
    """Open a forum's topic again."""
    return await _set_closed(call, closed=False)


async def unpin_all_forum_topic_messages(call: MethodCall) -> object:
    """Return True for any topic that is there: nothing is ever pinned here."""
    _topic(_chat_with_topics(call), _thread_id(call))
    return True


async def get_forum_topic_icon_stickers(call: MethodCall) -> object:
    """Return the stickers whose emoji topics may have."""
    return [
        {
            "file_id": f"icon-{each}",
            "file_unique_id": f"unique-{each}",
            "type": "custom_emoji",
            "width": 100,
            "height": 100,
            "is_animated": True,
            "is_video": False,
            "custom_emoji_id": each,
        }
        for each in ICONS
    ]


async def _set_closed(call: MethodCall, *, closed: bool) -> bool:
    chat = _chat_with_topics(call)
    if chat.type == "private":
        raise bad_request("the chat is not a supergroup forum")
    topic = _topic(chat, _thread_id(call))
    if not topic.by_bot and chat.standing != "administrator":
        raise bad_request("not enough rights to close or open the topic")
    if topic.closed == closed:
        raise bad_request("TOPIC_NOT_MODIFIED")
    await call.rates.admit(chat.id, "messages", new=True)
    topics.close_topic(call.world, call.updates, chat, topic.id, call.world.bot, closed=closed)
    return True


def _chat_with_topics(call: MethodCall) -> Chat:
    chat = writable_chat_of(call)
    if not (call.world.has_topics if chat.type == "private" else chat.is_forum):
        raise bad_request("the chat is not a forum")
    return chat


def _needed_name(call: MethodCall) -> str:
    """Return the name, cut without an error as on the server."""
    name = call.params.text("name").strip()[:MOST_NAME_CHARACTERS]
    if not name:
        raise bad_request("name must be non-empty")
    return name


def _icon(call: MethodCall) -> str:
    icon = call.params.text("icon_custom_emoji_id")
    if icon and icon not in ICONS:
        raise bad_request("DOCUMENT_INVALID")
    return icon


def _thread_id(call: MethodCall) -> int:
    number = call.params.integer("message_thread_id")
    if number <= 0:
        raise bad_request("invalid forum topic identifier specified")
    return number


def _topic(chat: Chat, thread_id: int) -> Topic:
    """Return a topic that is there; the ones that are gone, and a forum's first one, are not."""
    if thread_id not in chat.topics or thread_id == GENERAL:
        raise bad_request("TOPIC_ID_INVALID")
    return chat.topics[thread_id]
