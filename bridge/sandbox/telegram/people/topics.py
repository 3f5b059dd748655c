"""What happens to topics, of forums and of private chats, and the updates that the bot gets of it.

Every function raises ValueError, with a sentence that says why, for what Telegram's apps would not
let a person do. A bot is told of a topic that is opened, renamed or closed, also by itself, and never of one
that is deleted.
"""

from __future__ import annotations

from dataclasses import replace

from bridge.sandbox.telegram.content.shapes import page_chat
from bridge.sandbox.telegram.people.actors import Bot, Person, Topic
from bridge.sandbox.telegram.people.groups import MOST_NAME_CHARACTERS, name_of, report
from bridge.sandbox.telegram.updates import UpdateQueue
from bridge.sandbox.telegram.world import Chat, Json, World

COLOURS = (7322096, 16766590, 13338331, 9367192, 16749490, 16478047)


def add_topic(
    world: World,
    updates: UpdateQueue,
    chat: Chat,
    name: str,
    by: Person | Bot,
    *,
    colour: int = COLOURS[0],
    icon: str = "",
    implicit: bool = False,
) -> Topic:
    """Open a topic in a forum, or in a private chat with a bot that has topics.

    `implicit` says that nobody gave the name: it is made of the first message. In a private chat the
    ids of topics are not those of messages that the bot sees, and may be the same by chance.
    """
    if chat.type != "private" and not chat.is_forum:
        raise ValueError(f"The group {chat.id} is no forum, so it has no topics.")
    chat.topics_made += 1
    number = 2 * chat.topics_made if chat.type == "private" else chat.last_message_id + 1
    topic = Topic(number, name_of(name), by_bot=isinstance(by, Bot), icon=icon)
    chat.topics[topic.id] = topic
    chat.known = True
    created: Json = {"name": topic.name, "icon_color": colour}
    if icon:
        created["icon_custom_emoji_id"] = icon
    if implicit:
        created["is_name_implicit"] = True
    world.feed.tell("chat", page_chat(world, chat))
    report(world, updates, chat, by, {"forum_topic_created": created}, thread_id=topic.id)
    return topic


def rename_topic(
    world: World,
    updates: UpdateQueue,
    chat: Chat,
    thread_id: int,
    by: Person | Bot,
    *,
    name: str | None = None,
    icon: str | None = None,
) -> None:
    """Change a topic's name or icon; None leaves it, and an empty icon takes it away."""
    topic = topic_of(chat, thread_id)
    changed: Json = {}
    if name is not None and name_of(name) != topic.name:
        changed["name"] = name_of(name)
        topic = replace(topic, name=name_of(name))
    if icon is not None and icon != topic.icon:
        changed["icon_custom_emoji_id"] = icon
        topic = replace(topic, icon=icon)
    if not changed:
        raise ValueError(f"The topic {thread_id} is so already.")
    chat.topics[thread_id] = topic
    world.feed.tell("chat", page_chat(world, chat))
    report(world, updates, chat, by, {"forum_topic_edited": changed}, thread_id=thread_id)


def close_topic(
    world: World,
    updates: UpdateQueue,
    chat: Chat,
    thread_id: int,
    by: Person | Bot,
    *,
    closed: bool,
) -> None:
    """Close a topic, so that only administrators write there, or open it again."""
    if chat.type == "private":
        raise ValueError("Topics of private chats cannot be closed.")
    topic = topic_of(chat, thread_id)
    if topic.closed == closed:
        return
    chat.topics[thread_id] = replace(topic, closed=closed)
    world.feed.tell("chat", page_chat(world, chat))
    field = "forum_topic_closed" if closed else "forum_topic_reopened"
    report(world, updates, chat, by, {field: {}}, thread_id=thread_id)


def delete_topic(world: World, chat: Chat, thread_id: int, *, by_bot: bool = False) -> None:
    """Delete a topic with all that was written in it; a bot is not told.

    One of a private chat that the bot made and a person deletes is made again, with its id, by the
    bot's next message into it.
    """
    topic = topic_of(chat, thread_id)
    for message in chat.messages.values():
        if message.thread_id == thread_id and not message.deleted:
            message.deleted = True
            gone: Json = {"chat_id": chat.id, "message_id": message.message_id}
            world.feed.tell("deleted", gone)
    del chat.topics[thread_id]
    if chat.type == "private" and topic.by_bot and not by_bot:
        chat.returning_topics[thread_id] = topic
    world.feed.tell("chat", page_chat(world, chat))


def topic_of(chat: Chat, thread_id: int) -> Topic:
    """Return the topic with this id. Raises ValueError when the chat has none."""
    if thread_id not in chat.topics:
        raise ValueError(f"There is no topic {thread_id} in the chat {chat.id}.")
    return chat.topics[thread_id]


def opened_by_writing(
    world: World, updates: UpdateQueue, chat: Chat, person: Person, text: str
) -> int:
    """Return the topic that what a person writes at the root of a private chat opens; 0 for none."""
    if chat.type != "private" or not world.has_topics or not world.people_open_topics:
        return 0
    name = " ".join(text.split())[:MOST_NAME_CHARACTERS] or "Media"
    return add_topic(world, updates, chat, name, person, implicit=True).id
