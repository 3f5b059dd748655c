"""`/v1/workflows/chat`: chatflows, always as a stream."""

from bridge.sandbox.coze.endpoints.chat import base_of, wrapping
from bridge.sandbox.coze.endpoints.fields import Fields, flag, object_field, optional_text
from bridge.sandbox.coze.faults import Failure
from bridge.sandbox.coze.framing import compact, error_data, event_bytes
from bridge.sandbox.coze.http_handler import (
    Answer,
    Call,
    Endpoint,
    Envelope,
    ErrorStream,
    Streamed,
)
from bridge.sandbox.coze.refusals import OCCUPIED, Refusal, bad
from bridge.sandbox.coze.resources.conversations import Conversation, conversation_view
from bridge.sandbox.coze.resources.runs import RUNNING
from bridge.sandbox.coze.state import State
from bridge.sandbox.coze.workflows.conversations import UnknownName, conversation_of, named_of
from bridge.sandbox.coze.workflows.requests import (
    read_messages,
    read_parameters,
    read_target,
    refused,
)
from bridge.sandbox.coze.workflows.start import start_chatflow

ELSEWHERE = (
    "stream",
    "user_id",
    "auto_save_history",
    "custom_variables",
    "meta_data",
    "enable_card",
    "extra_params",
)
"""Fields of `/v3/chat` that mean nothing here."""
UNKNOWN_NAME = 777777762


async def chat(state: State, call: Call) -> Answer:
    """Start a run of a chatflow, or answer the node at which one waits."""
    body, studio = call.body, state.profile.studio
    _note_mistakes(state, call)
    if "parameters" not in body and not studio:
        raise bad("parameters is required")
    parameters = read_parameters(state, body)
    messages = read_messages(state, body, call.token)
    target = read_target(state, body, call.token, parameters, chatflow=True)
    failure = call.failure
    if failure is not None and failure.as_event in ("first", "empty"):
        return _refused_event(state, failure)
    conversation_id = optional_text(body, "conversation_id") or ""
    try:
        conversation = conversation_of(state, target, conversation_id, call.token)
    except UnknownName as unknown:
        return _failed(state, unknown.code, unknown.msg)
    if not studio and state.quirks.flow.busy != "off" and _busy(state, conversation):
        if state.quirks.flow.busy == "json":
            raise Refusal(4016, OCCUPIED)
        return _event(state, 4016, "error", error_data(4016, OCCUPIED))
    run = start_chatflow(
        state,
        target,
        conversation,
        messages,
        wrapping(failure),
        base_of(call),
        follow_ups=_suggests(state, body),
    )
    return Streamed(run, 0, state.faults.stream())


def _suggests(state: State, body: Fields) -> bool:
    if state.profile.studio:
        return object_field(body, "suggest_reply_info") is not None
    return state.quirks.flow.follow_ups


def _busy(state: State, conversation: Conversation) -> bool:
    return any(
        run.conversation is conversation and run.status in RUNNING for run in state.runs.values()
    )


def _note_mistakes(state: State, call: Call) -> None:
    """Write down what is ignored and was probably meant."""
    found = [name for name in ELSEWHERE if name in call.body]
    if call.query.get("conversation_id"):
        found.append("conversation_id in the query")
    if found:
        words = f"mistake: {', '.join(found)} means nothing for a chatflow and is ignored"
        state.journal.note("coze", "POST /v1/workflows/chat", words)


def _event(state: State, code: int | str, name: str, data: str) -> ErrorStream:
    numbered = state.profile.studio or state.quirks.flow.event_ids
    number = int(state.profile.studio) if numbered else None
    return ErrorStream(code, data, name, event_bytes(name, data, spaced=True, number=number))


def _refused_event(state: State, failure: Failure) -> ErrorStream:
    """Return the failure that was ordered as the only event of a stream."""
    code = str(failure.code) if state.profile.studio else failure.code
    data = "{}" if failure.as_event == "empty" else error_data(code, failure.msg)
    return _event(state, failure.code, "error", data)


def _failed(state: State, code: int, msg: str) -> Answer:
    """Return the failure of a run that never began."""
    data = error_data(str(code), msg)
    match state.quirks.flow.failure:
        case "error":
            return _event(state, code, "error", compact({"code": code, "msg": msg}))
        case "text":
            return _event(state, code, "error", msg)
        case _:
            found = _event(state, code, "conversation.chat.failed", data)
            return ErrorStream(code, data, found.name, found.content.rstrip(b"\n"))


async def create_conversation(state: State, call: Call) -> Answer:
    """Open or find a named conversation of an application; the self-hosted server only."""
    body = call.body
    app_id = optional_text(body, "app_id") or ""
    name = optional_text(body, "conversation_name") or ""
    app = state.library.apps.get(app_id)
    if app is None:
        raise refused(state, f"app_id {app_id} does not exist")
    if not name:
        raise refused(state, "conversation_name is required")
    if name not in app.conversation_names and not flag(body, "get_or_create", False):
        raise Refusal(UNKNOWN_NAME, f"conversation name {name} does not exist")
    connector_id = optional_text(body, "connector_id") or "1024"
    found = named_of(state, "", app_id, connector_id, name, call.token)
    return Envelope(conversation_view(found))


ENDPOINTS = (Endpoint(("POST",), "/v1/workflows/chat", chat, ("run",), studio=True),)
STUDIO_ENDPOINTS = (
    Endpoint(("POST",), "/v1/workflow/conversation/create", create_conversation, studio=True),
)
