"""Drafts: text that shows while the bot writes. To the backend they are a kind of typing."""

from __future__ import annotations

from bridge.sandbox.telegram.calls import MethodCall, text_of, writable_chat_of
from bridge.sandbox.telegram.refusals import bad_request
from bridge.sandbox.telegram.shapes import entities_json
from bridge.sandbox.telegram.text import check_length
from bridge.sandbox.telegram.world import Chat, Draft, World, loop_time

LIFE_TIME = 30.0
"""Seconds that a draft stays after it was last sent."""


async def send_message_draft(call: MethodCall) -> object:
    """Show a text that is no message yet; private chats only, empty text means thinking."""
    text = text_of(call, may_be_empty=True)
    draft_id = call.params.integer("draft_id")
    if draft_id == 0:
        raise bad_request("draft identifier must be non-zero")
    if call.params.has("chat_id") and call.params.integer("chat_id") <= 0:
        raise bad_request("TEXTDRAFT_PEER_INVALID")
    chat = writable_chat_of(call)
    check_length(text.text)
    await call.rates.admit(chat.id, "actions")
    draft = Draft(
        chat_id=chat.id,
        draft_id=draft_id,
        text=text.text,
        entities=entities_json(text.entities, call.world.people),
        can_stop=call.params.boolean("can_stop"),
        at_loop_time=loop_time(),
    )
    chat.draft = draft
    chat.drafts.append(draft)
    _tell(call.world, draft)
    call.world.later(LIFE_TIME, lambda: _expire(call.world, chat, draft))
    return True


def _tell(world: World, draft: Draft) -> None:
    world.feed.tell(
        "draft",
        {
            "chat_id": draft.chat_id,
            "draft_id": draft.draft_id,
            "text": draft.text,
            "entities": draft.entities,
            "can_stop": draft.can_stop,
        },
    )


def _expire(world: World, chat: Chat, draft: Draft) -> None:
    """Take the draft away unless a newer one or a message has."""
    if chat.draft is draft:
        drop_draft(world, chat)


def drop_draft(world: World, chat: Chat) -> None:
    """A draft ends: by time, by a real message of the bot, by being stopped or blocked."""
    if chat.draft is not None:
        gone, chat.draft = chat.draft, None
        world.feed.tell("draft", {"chat_id": chat.id, "draft_id": gone.draft_id, "text": None})
