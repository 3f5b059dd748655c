"""What happens to groups and topics, and the updates that the bot gets of it.

Every function raises ValueError, with a sentence that says why, for what Telegram's apps would not
let a person do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bridge.sandbox.telegram.content.shapes import (
    bot_json,
    chat_json,
    message_json,
    page_message,
    person_json,
)
from bridge.sandbox.telegram.methods.members import member_json
from bridge.sandbox.telegram.people.actors import Person, Topic
from bridge.sandbox.telegram.privacy_mode import reaches_bot
from bridge.sandbox.telegram.updates import UpdateQueue
from bridge.sandbox.telegram.world import Chat, Frame, Json, Message, Standing, World, loop_time

ICON_COLOUR = 7322096
MOST_NAME_CHARACTERS = 128


def add_group(
    world: World,
    title: str,
    members: list[Person],
    admins: Iterable[Person],
    *,
    forum: bool = False,
    basic: bool = False,
) -> Chat:
    """Return a new group, without the bot; its first member made it. A basic one has no topics."""
    if forum and basic:
        raise ValueError("A basic group has no topics.")
    if not members:
        raise ValueError("Somebody must make the group: name at least one member.")
    people = [each.id for each in members]
    chat = world.add_group(_name(title), people, forum=forum, basic=basic)
    chat.admins = {each.id for each in admins} - {chat.creator_id}
    strangers = chat.admins.difference(chat.members)
    if strangers:
        raise ValueError(f"{sorted(strangers)} cannot be administrators without being members.")
    world.feed.tell("chat", page_chat(world, chat))
    return chat


def set_standing(
    world: World, updates: UpdateQueue, chat: Chat, standing: Standing, by: Person | None
) -> None:
    """Somebody adds the bot, promotes, mutes or kicks it, or (None) it leaves by itself.

    Nothing happens when it is so already.
    """
    before, chat.standing = chat.standing, standing
    if before == standing:
        return
    user = bot_json(world.bot)
    shape: Json = {
        "chat": chat_json(world, chat),
        "from": user if by is None else person_json(by),
        "date": world.now(),
        "old_chat_member": member_json(user, before),
        "new_chat_member": member_json(user, standing),
    }
    came = before in ("left", "kicked")
    if came:
        chat.known, chat.bot_reads_all, chat.bot_wrote = True, not world.privacy, False
    updates.add("my_chat_member", shape)
    if chat.type == "private":
        return
    if came and by is not None:
        report(world, updates, chat, by, {"new_chat_members": [user]})
    world.feed.tell("chat", page_chat(world, chat))


def migrate(world: World, updates: UpdateQueue, old: Chat, by: Person) -> Chat:
    """Let a basic group become a supergroup: another chat with ids of its own, without the history."""
    if old.type != "group" or old.moved_to:
        raise ValueError(f"The chat {old.id} is no basic group any more.")
    new = world.add_group(old.title, list(old.members))
    new.creator_id, new.admins = old.creator_id, set(old.admins)
    new.standing, new.known = old.standing, old.known
    new.bot_reads_all, new.bot_wrote = old.bot_reads_all, old.bot_wrote
    world.feed.tell("chat", page_chat(world, new))
    report(world, updates, old, by, {"migrate_to_chat_id": new.id})
    old.moved_to = new.id
    report(world, updates, new, by, {"migrate_from_chat_id": old.id})
    world.feed.tell("chat", page_chat(world, old))
    return new


def join(world: World, updates: UpdateQueue, chat: Chat, person: Person) -> None:
    """Somebody joins a group."""
    if person.id in chat.members:
        raise ValueError(f"{person.first_name} is in the chat {chat.id} already.")
    chat.members.append(person.id)
    world.feed.tell("chat", page_chat(world, chat))
    report(world, updates, chat, person, {"new_chat_members": [person_json(person)]})


def leave(world: World, updates: UpdateQueue, chat: Chat, person: Person) -> None:
    """Somebody leaves a group."""
    if chat.type == "private" or person.id not in chat.members:
        raise ValueError(f"{person.first_name} is not in the group {chat.id}.")
    chat.members.remove(person.id)
    chat.admins.discard(person.id)
    world.feed.tell("chat", page_chat(world, chat))
    report(world, updates, chat, person, {"left_chat_member": person_json(person)})


def add_topic(world: World, updates: UpdateQueue, chat: Chat, name: str, by: Person) -> Topic:
    """Somebody opens a topic in a forum, or in their private chat with a bot that has topics."""
    if chat.type != "private" and not chat.is_forum:
        raise ValueError(f"The group {chat.id} is no forum, so it has no topics.")
    topic = Topic(chat.last_message_id + 1, _name(name))
    chat.topics[topic.id] = topic
    chat.known = True
    created: Json = {"name": topic.name, "icon_color": ICON_COLOUR}
    world.feed.tell("chat", page_chat(world, chat))
    report(world, updates, chat, by, {"forum_topic_created": created}, thread_id=topic.id)
    return topic


def close_topic(
    world: World, updates: UpdateQueue, chat: Chat, thread_id: int, by: Person, *, closed: bool
) -> None:
    """An administrator closes a topic, so that only they write there, or opens it again."""
    topic = topic_of(chat, thread_id)
    if topic.closed == closed:
        return
    chat.topics[thread_id] = replace(topic, closed=closed)
    world.feed.tell("chat", page_chat(world, chat))
    field = "forum_topic_closed" if closed else "forum_topic_reopened"
    report(world, updates, chat, by, {field: {}}, thread_id=thread_id)


def delete_topic(world: World, chat: Chat, thread_id: int) -> None:
    """A topic goes with all that was written in it; a bot is not told."""
    topic_of(chat, thread_id)
    for message in chat.messages.values():
        if message.thread_id == thread_id and not message.deleted:
            message.deleted = True
            gone: Json = {"chat_id": chat.id, "message_id": message.message_id}
            world.feed.tell("deleted", gone)
    del chat.topics[thread_id]
    world.feed.tell("chat", page_chat(world, chat))


def topic_of(chat: Chat, thread_id: int) -> Topic:
    """Raises ValueError when the chat has no such topic."""
    if thread_id not in chat.topics:
        raise ValueError(f"There is no topic {thread_id} in the chat {chat.id}.")
    return chat.topics[thread_id]


def report(
    world: World, updates: UpdateQueue, chat: Chat, by: Person, what: Json, *, thread_id: int = 0
) -> Message:
    """Return a service message: what happened to the chat."""
    message = Message(
        message_id=chat.last_message_id + 1,
        chat_id=chat.id,
        sender_id=by.id,
        by_bot=False,
        date=world.now(),
        history=[Frame(loop_time(), "", [], None)],
        thread_id=thread_id,
        service=what,
    )
    world.add_message(chat, message)
    deliver(world, updates, "message", message)
    world.feed.tell("message", page_message(world, message))
    return message


def deliver(world: World, updates: UpdateQueue, kind: str, message: Message) -> None:
    """Give the bot a message or an edit, if it may see it."""
    chat = world.chat(message.chat_id)
    target = world.message(chat, message.reply_to_message_id or 0)
    if reaches_bot(world.bot, chat, message, target, bots_talk=world.bots_talk):
        updates.add(kind, message_json(world, message), message.edit_date or message.date)


def page_chat(world: World, chat: Chat) -> Json:
    """Return a chat as the page gets it: with its members, its topics and whether the bot is in it."""
    title = world.people[chat.id].first_name if chat.type == "private" else chat.title
    return chat_json(world, chat) | {
        "title": title,
        "members": list(chat.members),
        "topics": [
            {"id": each.id, "name": each.name, "closed": each.closed}
            for each in chat.topics.values()
        ],
        "has_bot": not chat.closed,
        "standing": chat.standing,
        "moved_to": chat.moved_to,
        "admins": [chat.creator_id, *sorted(chat.admins)] if chat.creator_id else [],
    }


def _name(name: str) -> str:
    if not 1 <= len(name.strip()) <= MOST_NAME_CHARACTERS:
        raise ValueError(f"A name has 1 to {MOST_NAME_CHARACTERS} characters.")
    return name.strip()
