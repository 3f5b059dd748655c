"""Conversations: create, retrieve, list, rename, delete, clear."""

from bridge.sandbox.coze.endpoints.fields import (
    meta_data,
    objects,
    optional_text,
    required_text,
    whole_in_query,
)
from bridge.sandbox.coze.endpoints.incoming import incoming_messages
from bridge.sandbox.coze.http_handler import Answer, Call, Endpoint, Envelope
from bridge.sandbox.coze.refusals import SERVER_ISSUES, Refusal, bad
from bridge.sandbox.coze.resources.conversations import Conversation, conversation_view
from bridge.sandbox.coze.state import State

LONGEST_NAME = 100
MOST_MESSAGES = 16


async def create(state: State, call: Call) -> Answer:
    """Open a conversation; every field is optional, a wrong bot_id is an internal error (sic)."""
    bot_id = optional_text(call.body, "bot_id") or ""
    if bot_id and bot_id not in state.agents:
        raise Refusal(5000, SERVER_ISSUES)
    items = objects(call.body, "messages")
    messages = incoming_messages(items, state.shelf(call.token), MOST_MESSAGES)
    conversation = state.new_conversation(
        bot_id,
        call.token,
        name=_name(optional_text(call.body, "name") or ""),
        meta_data=meta_data(call.body),
        connector_id=optional_text(call.body, "connector_id") or "1024",
    )
    for message in messages:
        state.store(conversation, message, user_id="", chat_id="")
    return Envelope(conversation_view(conversation))


def _name(name: str) -> str:
    if len(name) > LONGEST_NAME:
        raise bad(f"name is longer than {LONGEST_NAME} characters")
    return name


def _of_path(state: State, call: Call) -> Conversation:
    return state.conversation(call.path["conversation_id"], call.token)


async def retrieve(state: State, call: Call) -> Answer:
    """Return one conversation."""
    wanted = required_text(call.query, "conversation_id")
    return Envelope(conversation_view(state.conversation(wanted, call.token)))


async def list_conversations(state: State, call: Call) -> Answer:
    """Return the token's own conversations with one agent, newest first unless asked otherwise."""
    bot_id = required_text(call.query, "bot_id")
    page = whole_in_query(call.query, "page_num", 1, 1_000_000)
    size = whole_in_query(call.query, "page_size", 50, 50)
    studio = state.profile.studio
    order = (call.query.get("sort_order") or "DESC").upper()
    if order not in ("ASC", "DESC"):
        raise bad("sort_order must be ASC or DESC")
    connector = call.query.get("connector_id") or "1024"
    mine = [
        conversation
        for conversation in state.conversations.values()
        if conversation.bot_id == bot_id
        and conversation.belongs(call.token.account, call.token.session_name)
        and (studio or conversation.connector_id == connector)
    ]
    if order == "DESC":
        mine.reverse()
    shown, more = mine[(page - 1) * size : page * size], len(mine) > page * size
    if studio and not call.query.get("page_size"):  # it fetches one more than it was asked for
        shown, more = mine[:-1], bool(mine)
    view = _studio_view if studio else conversation_view
    return Envelope({"conversations": [view(one) for one in shown], "has_more": more})


def _studio_view(conversation: Conversation) -> dict[str, object]:
    """Return a conversation as coze-studio lists it, with its owner under a misspelt name."""
    shown = conversation_view(conversation)
    shown["creator_d"] = shown.pop("creator_id")
    del shown["updated_at"]
    return shown


async def rename(state: State, call: Call) -> Answer:
    """Give a conversation a name of at most 100 characters."""
    conversation = _of_path(state, call)
    conversation.name = _name(required_text(call.body, "name"))
    conversation.updated_at = state.now()
    shown = conversation_view(conversation)
    if state.profile.studio:
        del shown["meta_data"]
    return Envelope(shown)


async def delete(state: State, call: Call) -> Answer:
    """Delete a conversation with everything in it."""
    conversation = _of_path(state, call)
    del state.conversations[conversation.id]
    return Envelope()


async def clear(state: State, call: Call) -> Answer:
    """Begin a new section: the context is cut, the messages stay listable."""
    conversation = _of_path(state, call)
    conversation.section_id = state.ids.take()
    return Envelope({"id": conversation.section_id, "conversation_id": conversation.id})


_ONE = "/v1/conversations/{conversation_id}"
ENDPOINTS = (
    Endpoint(("POST",), "/v1/conversation/create", create, ("createConversation",), studio=True),
    Endpoint(
        ("GET",), "/v1/conversation/retrieve", retrieve, ("retrieveConversation",), studio=True
    ),
    Endpoint(("GET",), "/v1/conversations", list_conversations, ("listConversation",), studio=True),
    Endpoint(("PUT",), _ONE, rename, ("editConversation",), studio=True),
    Endpoint(("DELETE",), _ONE, delete, ("editConversation",), studio=True),
    Endpoint(("POST",), f"{_ONE}/clear", clear, ("editConversation",), studio=True),
)
