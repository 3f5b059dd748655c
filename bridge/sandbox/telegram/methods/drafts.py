"""Drafts: what shows while the bot writes. To the backend they are a kind of typing."""

from __future__ import annotations

from dataclasses import replace

from bridge.sandbox.telegram.calls import (
    MethodCall,
    needed_rich_of,
    text_of,
    unchecked_thread_of,
    writable_chat_of,
)
from bridge.sandbox.telegram.content.shapes import entities_json
from bridge.sandbox.telegram.content.text import check_length
from bridge.sandbox.telegram.refusals import bad_request
from bridge.sandbox.telegram.world import Chat, Draft, Json, World, loop_time

LIFE_TIME = 30.0
"""Seconds that a draft stays after it was last sent."""


async def send_message_draft(call: MethodCall) -> object:
    """Show a text that is no message yet; private chats only, empty text means thinking."""
    text = text_of(call, may_be_empty=True)
    chat, draft = _begun(call)
    check_length(text.text)
    entities = entities_json(call.world, text.entities)
    return await _show(call, chat, replace(draft, text=text.text, entities=entities))


async def send_rich_message_draft(call: MethodCall) -> object:
    """Show a rich message that is none yet; it may hold blocks that say that the bot thinks."""
    rich = needed_rich_of(call, draft=True)
    chat, draft = _begun(call)
    return await _show(call, chat, replace(draft, rich=rich))


def _begun(call: MethodCall) -> tuple[Chat, Draft]:
    """Return the chat, and a draft there without content. Raises Refused where none may show."""
    params = call.params
    draft_id = params.integer("draft_id")
    if draft_id == 0:
        raise bad_request("draft identifier must be non-zero")
    if params.has("chat_id") and params.integer("chat_id") <= 0:
        raise bad_request("TEXTDRAFT_PEER_INVALID")
    chat = writable_chat_of(call)
    return chat, Draft(
        chat_id=chat.id,
        thread_id=unchecked_thread_of(call, chat),
        draft_id=draft_id,
        text="",
        entities=[],
        can_stop=params.boolean("can_stop"),
        keep_on_stop=params.boolean("keep_on_stop"),
        at_loop_time=loop_time(),
    )


async def _show(call: MethodCall, chat: Chat, draft: Draft) -> bool:
    await call.rates.admit(chat.id, "actions")
    shown = replace(draft, at_loop_time=loop_time())
    chat.drafts.append(shown)
    put_draft(call.world, chat, shown)
    return True


def put_draft(world: World, chat: Chat, draft: Draft) -> None:
    """Let a draft show in its topic for its life time, instead of any other there."""
    chat.showing[draft.thread_id] = draft
    world.feed.tell("draft", draft_news(draft))
    left = draft.at_loop_time + LIFE_TIME - loop_time()
    world.later(left, lambda: _expire(world, chat, draft))


def draft_news(draft: Draft) -> Json:
    """Return a draft as the page gets it."""
    shape: Json = {
        "chat_id": draft.chat_id,
        "thread_id": draft.thread_id,
        "draft_id": draft.draft_id,
        "text": draft.text,
        "entities": draft.entities,
        "can_stop": draft.can_stop,
    }
    return shape if draft.rich is None else shape | {"rich_message": draft.rich}


def _expire(world: World, chat: Chat, draft: Draft) -> None:
    """Take the draft away unless a newer one or a message has."""
    if chat.showing.get(draft.thread_id) is draft:
        drop_draft(world, chat, draft.thread_id)


def drop_draft(world: World, chat: Chat, thread_id: int) -> None:
    """End the draft that shows: by time, by a real message of the bot, by Stop or by a block."""
    gone = chat.showing.pop(thread_id, None)
    if gone is not None:
        shape: Json = {"chat_id": chat.id, "thread_id": thread_id, "draft_id": gone.draft_id}
        world.feed.tell("draft", shape | {"text": None})
