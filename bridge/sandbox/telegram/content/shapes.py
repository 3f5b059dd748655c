"""The world's things as the Bot API writes them in JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from bridge.sandbox.telegram.content.entities import Entity
from bridge.sandbox.telegram.people.actors import Bot, Person
from bridge.sandbox.telegram.world import Chat, Json, Message, World


def bot_json(bot: Bot) -> Json:
    """Return the bot as a User."""
    return {
        "id": bot.id,
        "is_bot": True,
        "first_name": bot.first_name,
        "username": bot.username,
    }


def me_json(world: World) -> Json:
    """Return the bot as getMe shows it, with what it may do."""
    return bot_json(world.bot) | {
        "can_join_groups": True,
        "can_read_all_group_messages": not world.privacy,
        "supports_guest_queries": False,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
        "has_topics_enabled": world.has_topics,
        "allows_users_to_create_topics": world.has_topics and world.people_open_topics,
        "can_manage_bots": False,
        "supports_join_request_queries": False,
    }


def person_json(person: Person) -> Json:
    """Let a person a a User; unset fields are left out."""
    user: Json = {"id": person.id, "is_bot": False, "first_name": person.first_name}
    if person.username:
        user["username"] = person.username
    if person.language_code:
        user["language_code"] = person.language_code
    return user


def chat_json(world: World, chat: Chat) -> Json:
    """Return a chat as a Chat."""
    if chat.type != "private":
        group: Json = {"id": chat.id, "title": chat.title, "type": chat.type}
        return group | {"is_forum": True} if chat.is_forum else group
    person = world.people[chat.id]
    shape: Json = {"id": chat.id, "type": chat.type, "first_name": person.first_name}
    if person.username:
        shape["username"] = person.username
    return shape


def full_chat_json(world: World, chat: Chat) -> Json:
    """Return a chat as getChat shows it."""
    shape = chat_json(world, chat)
    if "username" in shape:
        shape["active_usernames"] = [shape["username"]]
    gifts = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription")
    return shape | {
        "accent_color_id": chat.id % 7,
        "max_reaction_count": 11,
        "accepted_gift_types": dict.fromkeys((*gifts, "gifts_from_channels"), True),
    }


def entities_json(world: World, entities: Iterable[Entity]) -> list[Json]:
    """Return entities as MessageEntity objects; unset fields are left out."""
    return [_entity_json(world, each) for each in entities]


def _entity_json(world: World, entity: Entity) -> Json:
    shape: Json = {"offset": entity.offset, "length": entity.length, "type": entity.type}
    for name in ("url", "language", "custom_emoji_id", "unix_time", "date_time_format"):
        if value := getattr(entity, name):
            shape[name] = value
    if entity.user_id:
        person = world.people.get(entity.user_id)
        shape["user"] = bot_json(world.bot) if person is None else person_json(person)
    return shape


def message_json(world: World, message: Message, *, with_reply: bool = True) -> Json:
    """Return a message as a Message; the message it replies to is shown one level deep."""
    chat = world.chats[message.chat_id]
    shape: Json = {
        "message_id": message.message_id,
        "from": _author(world, message),
        "chat": chat_json(world, chat),
        "date": message.date,
        **message.guise.extra,
    }
    if message.edit_date is not None:
        shape["edit_date"] = message.edit_date
    if message.thread_id:
        shape["message_thread_id"] = message.thread_id
    if message.thread_id in chat.topics:
        shape["is_topic_message"] = True
    target = world.message(chat, _answered(chat, message)) if with_reply else None
    if target is not None:
        shape["reply_to_message"] = message_json(world, target, with_reply=False)
    if message.quote is not None:
        shape["quote"] = message.quote
    return shape | _content(message)


def _author(world: World, message: Message) -> Json:
    if message.guise.user is not None:
        return message.guise.user
    return bot_json(world.bot) if message.by_bot else person_json(world.people[message.sender_id])


def _answered(chat: Chat, message: Message) -> int:
    """Return what it answers; in a forum's topic that is at least the message that opened the topic."""
    if message.reply_to_message_id is not None:
        return message.reply_to_message_id
    opens = message.message_id == message.thread_id
    return message.thread_id if chat.is_forum and not opens else 0


def _content(message: Message) -> Json:
    shape: Json = dict(message.service or {})
    text, entities = ("text", "entities")
    if message.attachment is not None:
        text, entities = ("caption", "caption_entities")
        shape |= message.attachment.also
        shape[message.attachment.kind] = message.attachment.description
    if message.media_group_id:
        shape["media_group_id"] = message.media_group_id
    if message.rich is not None:
        shape["rich_message"] = message.rich
    if message.text:
        shape[text] = message.text
    if message.entities:
        shape[entities] = message.entities
    if message.link_preview_options is not None:
        shape["link_preview_options"] = message.link_preview_options
    if message.protected:
        shape["has_protected_content"] = True
    if message.reply_markup is not None and "inline_keyboard" in message.reply_markup:
        shape["reply_markup"] = message.reply_markup
    return shape


def inaccessible_json(world: World, chat: Chat, message_id: int) -> Json:
    """Return a message that is no more, as a callback query shows it."""
    return {"chat": chat_json(world, chat), "message_id": message_id, "date": 0}


def page_message(world: World, message: Message) -> Json:
    """Return a message as the page gets it: with the number of its edits and the bot's reactions."""
    extra: Json = {"edits": len(message.history) - 1}
    if message.reactions:
        extra["reactions"] = message.reactions
    return message_json(world, message) | extra


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
