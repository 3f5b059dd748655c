"""What people do in their chats, and the updates that the bot gets of it.

Every function raises ValueError, with a sentence that says why, for what Telegram's apps would not
let a person do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bridge.sandbox.telegram.calls import reply_thread
from bridge.sandbox.telegram.content.entities import Entity
from bridge.sandbox.telegram.content.shapes import (
    chat_json,
    entities_json,
    inaccessible_json,
    message_json,
    page_message,
    person_json,
)
from bridge.sandbox.telegram.content.text import (
    MOST_CAPTION_CHARACTERS,
    MOST_CHARACTERS,
    Formatted,
    formatted,
)
from bridge.sandbox.telegram.methods.drafts import drop_draft, put_draft
from bridge.sandbox.telegram.methods.keyboards import buttons
from bridge.sandbox.telegram.methods.members import standing_of
from bridge.sandbox.telegram.people.actors import Person
from bridge.sandbox.telegram.people.groups import deliver, set_standing
from bridge.sandbox.telegram.people.topics import opened_by_writing, topic_of
from bridge.sandbox.telegram.refusals import Refused
from bridge.sandbox.telegram.updates import LIFE_TIMES, UpdateQueue
from bridge.sandbox.telegram.world import (
    PLAIN,
    Attachment,
    Chat,
    Frame,
    Guise,
    Json,
    Message,
    Query,
    World,
    loop_time,
)


@dataclass(frozen=True)
class Where:
    """Where a person writes."""

    chat_id: int | None = None
    """None: the private chat with the bot."""
    thread_id: int = 0
    reply_to: int | None = None


def write(
    world: World,
    updates: UpdateQueue,
    person: Person,
    text: str,
    where: Where,
    *,
    entities: tuple[Entity, ...] = (),
    attachment: Attachment | None = None,
    album: str = "",
    guise: Guise = PLAIN,
    rich: Json | None = None,
) -> Message:
    """Let a person write a message, or a caption under a file; perhaps in another's name.

    A `rich` message has blocks and no text, as any paste of formatted text since Bot API 10.1.
    """
    chat = open_chat(world, person, where.chat_id)
    if chat.moved_to:
        raise ValueError(f"The group {chat.id} is now the supergroup {chat.moved_to}.")
    thread_id = _thread(world, chat, person, where)
    for entity in entities:
        if entity.user_id not in (0, world.bot.id):
            world.person(entity.user_id)
    if not thread_id and where.reply_to is None:
        thread_id = opened_by_writing(world, updates, chat, person, text)
    if rich is None:
        frame = _frame(world, _written(text, entities, attachment))
    else:
        frame = Frame(loop_time(), "", [], None, rich=rich)
    message = Message(
        message_id=chat.last_message_id + 1,
        chat_id=chat.id,
        sender_id=person.id,
        by_bot=False,
        date=world.now(),
        history=[frame],
        reply_to_message_id=where.reply_to,
        thread_id=thread_id,
        attachment=attachment,
        media_group_id=album,
        guise=guise,
    )
    world.add_message(chat, message)
    chat.known = True
    chat.bot_wrote = chat.bot_wrote and not guise.by_a_bot
    deliver(world, updates, "message", message)
    world.feed.tell("message", page_message(world, message))
    return message


def rewrite(
    world: World,
    updates: UpdateQueue,
    person: Person,
    message_id: int,
    text: str,
    *,
    chat_id: int | None = None,
) -> None:
    """Let a person edit a message of theirs."""
    chat = open_chat(world, person, chat_id)
    message = _existing(world, chat, message_id)
    if message.by_bot or message.sender_id != person.id:
        raise ValueError(f"Message {message_id} is not {person.first_name}'s.")
    frame = _frame(world, _written(text, (), message.attachment))
    if frame.text == message.text:
        raise ValueError("The new text is the old one.")
    message.history.append(frame)
    message.edit_date = world.now()
    deliver(world, updates, "edited_message", message)
    world.feed.tell("edited", page_message(world, message))


def remove(world: World, chat_id: int, message_id: int) -> None:
    """Delete a message; a bot is not told."""
    message = _existing(world, world.chat(chat_id), message_id)
    message.deleted = True
    world.feed.tell("deleted", {"chat_id": chat_id, "message_id": message_id})


def press(
    world: World, updates: UpdateQueue, person: Person, chat_id: int, message_id: int, wanted: str
) -> str:
    """Let a person press the button with this label; the id of the callback query."""
    message = _existing(world, world.chat(chat_id), message_id)
    for _, _, button in buttons(message.reply_markup):
        if button["text"] == wanted:
            return query(world, updates, person, chat_id, message_id, _data(button))
    labels = [str(button["text"]) for _, _, button in buttons(message.reply_markup)]
    raise ValueError(f"Message {message_id} has no button {wanted!r}, only {labels}.")


def press_at(
    world: World,
    updates: UpdateQueue,
    person: Person,
    chat_id: int,
    message_id: int,
    place: tuple[int, int],
) -> str:
    """Return the same by row and column, both from 0."""
    message = _existing(world, world.chat(chat_id), message_id)
    for row, column, button in buttons(message.reply_markup):
        if (row, column) == place:
            return query(world, updates, person, chat_id, message_id, _data(button))
    raise ValueError(f"Message {message_id} has no button in row {place[0]}, column {place[1]}.")


def query(
    world: World, updates: UpdateQueue, person: Person, chat_id: int, message_id: int, data: str
) -> str:
    """Send any callback data, as a modified app can; the id of the callback query."""
    chat = open_chat(world, person, chat_id)
    message = world.message(chat, message_id)
    if message is not None and not message.by_bot:
        raise ValueError(f"Message {message_id} is not the bot's.")
    if chat.closed:
        raise ValueError(f"The bot is not in the chat {chat.id}: nothing happens.")
    number = len(world.answers) + len(world.queries) + 1
    query_id = str((person.id << 20) + number)
    while query_id in world.queries or query_id in world.answers:
        query_id = str(int(query_id) + 1)
    life = LIFE_TIMES["callback_query"]
    world.queries[query_id] = Query(query_id, person.id, world.clock() + life)
    shape: Json = {
        "id": query_id,
        "from": person_json(person),
        "message": message_json(world, message)
        if message is not None
        else inaccessible_json(world, chat, message_id),
        "chat_instance": str(chat.id * 31 + world.bot.id),
        "data": data,
    }
    updates.add("callback_query", shape)
    world.feed.wake()
    return query_id


def set_blocked(world: World, updates: UpdateQueue, person: Person, *, blocked: bool) -> None:
    """Let a person block the bot or let it in again; nothing happens when it is so already."""
    chat = world.chats[person.id]
    if chat.closed == blocked:
        return
    for thread_id in list(chat.showing):
        drop_draft(world, chat, thread_id)
    set_standing(world, updates, chat, "kicked" if blocked else "member", person)
    chat.known = True
    world.feed.tell("person", page_person(world, person))


def stop_draft(world: World, updates: UpdateQueue, person: Person, thread_id: int = 0) -> int:
    """Let a person press Stop under a draft; the draft's id."""
    chat = world.chats[person.id]
    draft = chat.showing.get(thread_id)
    if draft is None or not draft.can_stop:
        raise ValueError(f"{person.first_name} sees no draft with a Stop button.")
    if draft.keep_on_stop:
        put_draft(world, chat, replace(draft, can_stop=False))
    else:
        drop_draft(world, chat, thread_id)
    shape: Json = {"chat": chat_json(world, chat), "draft_id": draft.draft_id}
    if thread_id:
        shape["message_thread_id"] = thread_id
    updates.add("stopped_message_generation", shape)
    world.feed.wake()
    return draft.draft_id


def page_person(world: World, person: Person) -> Json:
    """Let a person a the page gets them."""
    return {
        "id": person.id,
        "first_name": person.first_name,
        "username": person.username,
        "language_code": person.language_code,
        "blocked": world.chats[person.id].closed,
    }


def open_chat(world: World, person: Person, chat_id: int | None) -> Chat:
    """Return the chat that a person acts in: their own private one, or a group that they are in."""
    chat = world.chat(person.id if chat_id is None else chat_id)
    if person.id not in chat.members:
        raise ValueError(f"{person.first_name} is not in the chat {chat.id}.")
    if chat.type == "private" and chat.closed:
        raise ValueError(f"{person.first_name} has blocked the bot: unblock it first.")
    return chat


def _thread(world: World, chat: Chat, person: Person, where: Where) -> int:
    """Return the thread that a new message of a person belongs to."""
    target = None if where.reply_to is None else world.message(chat, where.reply_to)
    if where.reply_to is not None and target is None:
        raise ValueError(f"There is no message {where.reply_to} to reply to.")
    if where.thread_id:
        topic_of(chat, where.thread_id)
    thread_id = where.thread_id or reply_thread(chat, target)
    topic = chat.topics.get(thread_id)
    leads = standing_of(chat, person.id) != "member"
    if topic is not None and topic.closed and not leads:
        raise ValueError(f"The topic {topic.name!r} is closed.")
    return thread_id


def _existing(world: World, chat: Chat, message_id: int) -> Message:
    message = world.message(chat, message_id)
    if message is None:
        raise ValueError(f"There is no message {message_id} in the chat {chat.id}.")
    return message


def _data(button: Json) -> str:
    data = button.get("callback_data")
    if not isinstance(data, str):
        raise ValueError(f"The button {button['text']!r} tells the bot nothing when pressed.")
    return data


def _written(text: str, entities: tuple[Entity, ...], attachment: Attachment | None) -> Formatted:
    """Return a text, or the caption of an attachment, as Telegram's apps send it."""
    try:
        shown = formatted(text, entities, may_be_empty=attachment is not None)
    except Refused as refused:
        raise ValueError(f"Telegram's apps do not send this: {refused.description}.") from None
    if attachment is not None and not attachment.captioned and shown.text:
        raise ValueError(f"Nothing can be written under a {attachment.kind}.")
    most = MOST_CHARACTERS if attachment is None else MOST_CAPTION_CHARACTERS
    if len(shown.text) > most:
        raise ValueError(f"A person's message has at most {most} characters.")
    return shown


def _frame(world: World, shown: Formatted) -> Frame:
    frame = Frame(loop_time(), shown.text, [], None, formatting=shown.entities)
    return replace(frame, entities=entities_json(world, shown.entities))
