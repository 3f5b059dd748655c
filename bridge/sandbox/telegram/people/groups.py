"""What happens to groups, and the updates that the bot gets of it.

Every function raises ValueError, with a sentence that says why, for what Telegram's apps would not
let a person do.
"""

from __future__ import annotations

from collections.abc import Iterable

from bridge.sandbox.telegram.content.shapes import (
    bot_json,
    chat_json,
    message_json,
    page_chat,
    page_message,
    person_json,
)
from bridge.sandbox.telegram.methods.members import member_json
from bridge.sandbox.telegram.people.actors import Bot, Person
from bridge.sandbox.telegram.privacy_mode import reaches_bot
from bridge.sandbox.telegram.updates import UpdateQueue
from bridge.sandbox.telegram.world import Chat, Frame, Json, Message, Standing, World, loop_time

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
    chat = world.add_group(name_of(title), people, forum=forum, basic=basic)
    chat.admins = {each.id for each in admins} - {chat.creator_id}
    strangers = chat.admins.difference(chat.members)
    if strangers:
        raise ValueError(f"{sorted(strangers)} cannot be administrators without being members.")
    world.feed.tell("chat", page_chat(world, chat))
    return chat


def set_standing(
    world: World, updates: UpdateQueue, chat: Chat, standing: Standing, by: Person | None
) -> None:
    """Let somebody add, promote, mute or kick the bot, or (None) let it leave by itself.

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
    """Let somebody join a group. Raises ValueError for a member."""
    if person.id in chat.members:
        raise ValueError(f"{person.first_name} is in the chat {chat.id} already.")
    chat.members.append(person.id)
    world.feed.tell("chat", page_chat(world, chat))
    report(world, updates, chat, person, {"new_chat_members": [person_json(person)]})


def leave(world: World, updates: UpdateQueue, chat: Chat, person: Person) -> None:
    """Let somebody leave a group. Raises ValueError for one who is not in it."""
    if chat.type == "private" or person.id not in chat.members:
        raise ValueError(f"{person.first_name} is not in the group {chat.id}.")
    chat.members.remove(person.id)
    chat.admins.discard(person.id)
    world.feed.tell("chat", page_chat(world, chat))
    report(world, updates, chat, person, {"left_chat_member": person_json(person)})


def report(
    world: World,
    updates: UpdateQueue,
    chat: Chat,
    by: Person | Bot,
    what: Json,
    *,
    thread_id: int = 0,
) -> Message:
    """Return a service message: what happened to the chat. The bot hears of its own ones, too."""
    message = Message(
        message_id=chat.last_message_id + 1,
        chat_id=chat.id,
        sender_id=by.id,
        by_bot=isinstance(by, Bot),
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


def name_of(name: str) -> str:
    """Return a name without the blanks around it. Raises ValueError for an empty or too long one."""
    if not 1 <= len(name.strip()) <= MOST_NAME_CHARACTERS:
        raise ValueError(f"A name has 1 to {MOST_NAME_CHARACTERS} characters.")
    return name.strip()
