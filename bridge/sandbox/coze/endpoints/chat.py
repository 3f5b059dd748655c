"""`/v3/chat` and what belongs to it: retrieve, message/list, cancel, submit_tool_outputs."""

from collections.abc import Callable

from bridge.sandbox.coze.endpoints.fields import (
    flag,
    meta_data,
    objects,
    optional_text,
    required_text,
)
from bridge.sandbox.coze.endpoints.incoming import (
    ChatRequest,
    check_rest,
    incoming_messages,
    message_items,
    values_of,
)
from bridge.sandbox.coze.faults import RUN_SHAPES, Failure
from bridge.sandbox.coze.http_handler import (
    Answer,
    Call,
    Endpoint,
    Envelope,
    ErrorStream,
    Streamed,
    error_event,
)
from bridge.sandbox.coze.refusals import OCCUPIED, Refusal, bad, no_conversation
from bridge.sandbox.coze.resources.conversations import Conversation
from bridge.sandbox.coze.resources.run_views import (
    canceled_view,
    listed_messages,
    retrieved_view,
    started_view,
)
from bridge.sandbox.coze.resources.runs import RUNNING, Run
from bridge.sandbox.coze.scripts.steps import Script, failing
from bridge.sandbox.coze.state import State

MID_DELTAS = 3
"""How many deltas come before an error in the middle of a stream."""


def read_chat(state: State, call: Call) -> ChatRequest:
    """Return the body of a chat request; raises Refusal 4000, 4003, 4004, 4005 or 4007."""
    body, studio = call.body, state.profile.studio
    bot_id, user_id = required_text(body, "bot_id"), required_text(body, "user_id")
    if studio and not bot_id.isdecimal():
        raise bad("bot_id must be a number")
    stream = flag(body, "stream", state.profile.stream_by_default) or state.quirks.streams_always
    saved = flag(body, "auto_save_history", True) or studio
    values = values_of(body, studio)
    check_rest(body)
    pairs = meta_data(body)
    messages = incoming_messages(message_items(body), state.shelf(call.token), 100)
    if messages and messages[-1].role != "user":
        raise bad("the last message must have the role user")
    if not stream and not saved:
        raise Refusal(4007, "auto_save_history must be true when stream is false")
    heard = any(item.kind == "audio" for message in messages for item in message.attachments)
    if heard and not stream:
        raise bad("audio input needs stream=true")
    kept = {} if studio else pairs
    return ChatRequest(
        bot_id=bot_id,
        user_id=user_id,
        stream=stream,
        auto_save_history=saved,
        messages=messages,
        meta_data=kept,
        values=values,
    )


def _conversation(state: State, call: Call, bot_id: str) -> Conversation:
    """Return the conversation of the query, or a new one. The body's conversation_id is not looked at."""
    asked = call.query.get("conversation_id")
    if call.body.get("conversation_id", asked) != asked:
        state.journal.note(
            "coze",
            "POST /v3/chat",
            "mistake: conversation_id belongs in the query, the one in the body is ignored",
            conversation_id=str(call.body["conversation_id"]),
        )
    if not asked:
        return state.new_conversation(bot_id, call.token)
    if not state.profile.studio:
        return state.conversation(asked, call.token)
    if not asked.isdecimal():
        raise bad("conversation_id must be a number")
    return state.conversations.get(asked) or state.new_conversation(bot_id, call.token)


async def chat(state: State, call: Call) -> Answer:
    """Start a run."""
    request = read_chat(state, call)
    failure = call.failure
    if failure is not None and failure.as_event in ("first", "empty"):
        return _refused_event(failure, request.stream)
    agent = state.agent(request.bot_id, call.token)
    conversation = _conversation(state, call, agent.bot_id)
    if not request.messages and not conversation.context(request.user_id):
        raise bad("additional_messages is required in an empty conversation")
    if not state.profile.studio and state.occupied(conversation):
        if request.stream:
            return error_event(4016, OCCUPIED)
        raise Refusal(4016, OCCUPIED)
    run = state.start(conversation, agent, request, wrapping(failure), base_of(call))
    if request.stream:
        return Streamed(run, 0, state.faults.stream())
    return Envelope(started_view(run))


def base_of(call: Call) -> str:
    """Return the address that the links of a run lead to."""
    return f"{call.http.url.scheme}://{call.http.headers.get('host', '')}"


def _refused_event(failure: Failure, stream: bool) -> Answer:
    if not stream:
        raise Refusal(failure.code, failure.msg, failure.http)
    if failure.as_event == "empty":
        return ErrorStream(failure.code, "{}")
    return error_event(failure.code, failure.msg)


def wrapping(failure: Failure | None) -> Callable[[Script], Script]:
    """Return what to do to the script of a run for which a failure was ordered."""
    if failure is None or failure.as_event is None:
        return lambda script: script
    shape = RUN_SHAPES[failure.as_event]
    deltas = MID_DELTAS if failure.as_event == "mid" else 0
    return lambda script: failing(script, failure.code, failure.msg, shape, deltas)


def _run_of_query(state: State, call: Call) -> Run:
    conversation_id = required_text(call.query, "conversation_id")
    return state.run(conversation_id, required_text(call.query, "chat_id"), call.token)


async def retrieve(state: State, call: Call) -> Answer:
    """Return a run's present state."""
    return Envelope(retrieved_view(_run_of_query(state, call)))


async def list_messages(state: State, call: Call) -> Answer:
    """Return a run's messages without the question; no `data` at all when it failed or said nothing."""
    return Envelope(listed_messages(_run_of_query(state, call)))


async def cancel(state: State, call: Call) -> Answer:
    """Cancel a run by its status; raises Refusal 4104 for one that is over or waits."""
    conversation_id = required_text(call.body, "conversation_id")
    run = state.run(conversation_id, required_text(call.body, "chat_id"), call.token)
    if run.status not in RUNNING:
        raise Refusal(4104, f"The chat cannot be canceled in the status {run.status}")
    state.performances[run.chat_id].cancel()
    return Envelope(canceled_view(run), with_code=False)


async def submit_tool_outputs(state: State, call: Call) -> Answer:
    """Hand in the outputs a run waits for, and stream or poll the rest of it."""
    stream = flag(call.body, "stream", False)
    outputs = {
        required_text(output, "tool_call_id"): optional_text(output, "output")
        for output in objects(call.body, "tool_outputs")
    }
    run = _waiting_run(state, call)
    wanted = {tool_call.id for tool_call in run.calls}
    if set(outputs) != wanted or any(output is None for output in outputs.values()):
        raise bad("tool_outputs must answer every tool call once")
    start = len(run.frames)
    state.performances[run.chat_id].resume({key: value or "" for key, value in outputs.items()})
    if stream:
        return Streamed(run, start, state.faults.stream())
    return Envelope(started_view(run))


def _waiting_run(state: State, call: Call) -> Run:
    conversation_id = required_text(call.query, "conversation_id")
    chat_id = required_text(call.query, "chat_id")
    run = state.runs.get(chat_id)
    if run is None:
        raise Refusal(4001, f"Requested resource chat_id={chat_id} does not exist")
    if run.conversation is not state.conversation(conversation_id, call.token):
        raise no_conversation(conversation_id)
    if not run.saved:
        raise Refusal(5000, "internal server error")
    if not run.calls:
        raise bad(f"the chat does not wait for tool outputs, its status is {run.status}")
    return run


ENDPOINTS = (
    Endpoint(("POST",), "/v3/chat", chat, ("chat",), studio=True),
    Endpoint(("GET", "POST"), "/v3/chat/retrieve", retrieve, ("getChat",), studio=True),
    Endpoint(
        ("GET", "POST"),
        "/v3/chat/message/list",
        list_messages,
        ("chat", "listMessage"),
        studio=True,
    ),
    Endpoint(("POST",), "/v3/chat/cancel", cancel, ("cancelChat",), studio=True),
    Endpoint(("POST",), "/v3/chat/submit_tool_outputs", submit_tool_outputs, ("submitToolChat",)),
)
