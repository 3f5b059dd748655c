"""Stored messages: create, list, retrieve, modify, delete, and the feedback on them."""

from dataclasses import replace

from bridge.sandbox.coze.endpoints.fields import (
    meta_data,
    optional_text,
    required_text,
    texts,
    whole,
)
from bridge.sandbox.coze.endpoints.incoming import CONTENT_TYPES, incoming
from bridge.sandbox.coze.http_handler import Answer, Call, Endpoint, Envelope
from bridge.sandbox.coze.refusals import Refusal, bad, no_message
from bridge.sandbox.coze.resources.conversations import (
    Conversation,
    Message,
    edited,
    page_of,
    stored_view,
)
from bridge.sandbox.coze.state import State


def _conversation(state: State, call: Call) -> Conversation:
    return state.conversation(required_text(call.query, "conversation_id"), call.token)


def _message(state: State, call: Call) -> tuple[Conversation, Message]:
    conversation = _conversation(state, call)
    message_id = required_text(call.query, "message_id")
    message = conversation.find(message_id)
    if message is None:
        raise no_message(message_id)
    return conversation, message


async def create(state: State, call: Call) -> Answer:
    """Add a message to a conversation by hand; it is part of everybody's context."""
    conversation = _conversation(state, call)
    message = incoming(call.body, state.shelf(call.token))
    return Envelope(stored_view(state.store(conversation, message, user_id="", chat_id="")))


async def list_messages(state: State, call: Call) -> Answer:
    """List messages, newest first unless `order` is asc; the page's ends stand beside `data`."""
    conversation = _conversation(state, call)
    order = optional_text(call.body, "order") or "desc"
    if order not in ("asc", "desc"):
        raise bad("order must be asc or desc")
    limit = whole(call.body, "limit", 50, 1, 50)
    chat_id = optional_text(call.body, "chat_id")
    before = optional_text(call.body, "before_id") or ""
    after = optional_text(call.body, "after_id") or ""
    messages = [
        message
        for message in conversation.messages
        if (not chat_id or message.chat_id == chat_id)
        and message.chat_id not in conversation.unlisted
    ]
    page = page_of(messages, order == "desc", before, after, limit)
    if page is None:
        raise no_message(before or after)
    shown = page.messages
    return Envelope(
        [stored_view(message) for message in shown],
        {
            "first_id": shown[0].id if shown else "",
            "last_id": shown[-1].id if shown else "",
            "has_more": page.has_more,
        },
    )


async def retrieve(state: State, call: Call) -> Answer:
    """Return one stored message."""
    _, message = _message(state, call)
    return Envelope(stored_view(message))


async def modify(state: State, call: Call) -> Answer:
    """Change a message; the result lies under `message`, not under `data`."""
    conversation, message = _message(state, call)
    content_type = optional_text(call.body, "content_type")
    if content_type is not None and content_type not in CONTENT_TYPES:
        raise bad(f"content_type {content_type} is not supported")
    content = optional_text(call.body, "content")
    if content == "":
        raise Refusal(4005, "message content is empty")
    pairs = meta_data(call.body)
    changed = edited(message, content, content_type, state.now())
    if "meta_data" in call.body:
        changed = replace(changed, meta_data=pairs)
    conversation.swap(changed)
    return Envelope(None, {"message": stored_view(changed)})


async def delete(state: State, call: Call) -> Answer:
    """Delete a message."""
    conversation, message = _message(state, call)
    conversation.drop(message.id)
    return Envelope(stored_view(message))


def _answer(state: State, call: Call) -> Message:
    """Return the text answer of the path; feedback is for nothing else."""
    conversation = state.conversation(call.path["conversation_id"], call.token)
    message = conversation.find(call.path["message_id"])
    if message is None:
        raise no_message(call.path["message_id"])
    if message.type != "answer" or message.content_type != "text":
        raise bad("feedback is for text answers only")
    return message


async def give_feedback(state: State, call: Call) -> Answer:
    """Save a like or dislike; at most 10 reasons of 30 and a comment of 250 characters."""
    message = _answer(state, call)
    kind = required_text(call.body, "feedback_type")
    if kind not in ("like", "unlike"):
        raise bad("feedback_type must be like or unlike")
    reasons = texts(call.body, "reason_types")
    if len(reasons) > 10 or any(len(reason) > 30 for reason in reasons):
        raise bad("reason_types has more than 10 entries or one of more than 30 characters")
    if len(optional_text(call.body, "comment") or "") > 250:
        raise bad("comment is longer than 250 characters")
    state.feedback[message.id] = kind
    return Envelope({})


async def withdraw_feedback(state: State, call: Call) -> Answer:
    """Take the feedback on an answer back."""
    state.feedback.pop(_answer(state, call).id, None)
    return Envelope({})


_BASE = "/v1/conversation/message"
_FEEDBACK = "/v1/conversations/{conversation_id}/messages/{message_id}/feedback"
ENDPOINTS = (
    Endpoint(("POST",), f"{_BASE}/create", create, ("createMessage",)),
    Endpoint(("POST",), f"{_BASE}/list", list_messages, ("listMessage",), studio=True),
    Endpoint(("GET",), f"{_BASE}/retrieve", retrieve, ("listMessage",)),
    Endpoint(("POST",), f"{_BASE}/modify", modify, ("modifyMessage",)),
    Endpoint(("POST",), f"{_BASE}/delete", delete, ("deleteMessage",)),
    Endpoint(("POST",), _FEEDBACK, give_feedback, ("feedback",)),
    Endpoint(("DELETE",), _FEEDBACK, withdraw_feedback, ("feedback",)),
)
