"""Messages in a group that are not simply a person's: as the Bot API shows them. Pure.

Where no user can stand as `from`, Telegram puts one of its stand-ins there.
"""

from __future__ import annotations

from bridge.sandbox.telegram.content.shapes import bot_json, chat_json, person_json
from bridge.sandbox.telegram.methods.members import standing_of
from bridge.sandbox.telegram.people.actors import Person
from bridge.sandbox.telegram.world import Chat, Guise, Json, Message, World

ANONYMOUS: Json = {
    "id": 1087968824,
    "is_bot": True,
    "first_name": "Group",
    "username": "GroupAnonymousBot",
}
CHANNEL: Json = {
    "id": 136817688,
    "is_bot": True,
    "first_name": "Channel",
    "username": "Channel_Bot",
}
TELEGRAM: Json = {"id": 777000, "is_bot": False, "first_name": "Telegram"}
CHANNEL_ID = -1_001_000_000_001


def anonymous(world: World, chat: Chat, person: Person) -> Guise:
    """Return an administrator who writes in the group's name. Raises ValueError for others."""
    if standing_of(chat, person.id) not in ("creator", "administrator"):
        raise ValueError(f"{person.first_name} is no administrator of the chat {chat.id}.")
    return Guise(ANONYMOUS, {"sender_chat": chat_json(world, chat)})


def channel(title: str) -> Guise:
    """Return the guise of somebody who writes in the name of a channel of theirs."""
    return Guise(CHANNEL, {"sender_chat": _channel(title)})


def linked_post(title: str, date: int) -> Guise:
    """Return a channel's post that Telegram forwards into the channel's group by itself."""
    there = _channel(title)
    origin: Json = {"type": "channel", "chat": there, "message_id": 1, "date": date}
    extra: Json = {"sender_chat": there, "is_automatic_forward": True, "forward_origin": origin}
    return Guise(TELEGRAM, extra)


def other_bot(username: str) -> Guise:
    """Return the guise of another bot of the group."""
    number = 9_000_000_000 + sum(map(ord, username))
    name = username.removesuffix("_bot").capitalize()
    return Guise({"id": number, "is_bot": True, "first_name": name, "username": username})


def forwarded(world: World, message: Message) -> Guise:
    """Return a message that somebody passes on: it says whose it was."""
    user = bot_json(world.bot) if message.by_bot else person_json(world.people[message.sender_id])
    origin: Json = {"type": "user", "sender_user": user, "date": message.date}
    return Guise(extra={"forward_origin": origin})


def _channel(title: str) -> Json:
    return {"id": CHANNEL_ID - sum(map(ord, title)), "title": title, "type": "channel"}
