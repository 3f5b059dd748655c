"""Workflows without a conversation: run, stream, resume, and the history of their executions."""

import asyncio

from bridge.sandbox.coze.endpoints.chat import base_of, wrapping
from bridge.sandbox.coze.endpoints.fields import flag, required_text
from bridge.sandbox.coze.framing import compact, event_bytes
from bridge.sandbox.coze.http_handler import (
    Answer,
    Binary,
    Call,
    Endpoint,
    Envelope,
    ErrorStream,
    Streamed,
    gateway_page,
)
from bridge.sandbox.coze.refusals import ExactRefusal, Refusal
from bridge.sandbox.coze.state import State
from bridge.sandbox.coze.workflows.execute import NO_EXECUTION, resume, start_execution
from bridge.sandbox.coze.workflows.executions import (
    Execution,
    Mode,
    history_view,
    interrupt_view,
)
from bridge.sandbox.coze.workflows.requests import (
    NOT_PUBLISHED,
    OPERATION_FAILURE,
    Target,
    read_parameters,
    read_target,
)
from bridge.sandbox.coze.workflows.views import OWNER_ID

STUDIO_CODES: dict[int | str, int] = {OPERATION_FAILURE: 4000, NOT_PUBLISHED: 6031}


def _target(state: State, call: Call) -> Target:
    """Return what is to run; the self-hosted server has codes of its own here, in HTTP 200."""
    try:
        parameters = read_parameters(state, call.body)
        return read_target(state, call.body, call.token, parameters, chatflow=False)
    except Refusal as refusal:
        if not state.profile.studio:
            raise
        raise ExactRefusal(STUDIO_CODES.get(refusal.code, refusal.code), refusal.msg) from None


async def run(state: State, call: Call) -> Answer:
    """Run a workflow to its end, or let it begin when it is asynchronous."""
    target = _target(state, call)
    asynchronous = flag(call.body, "is_async", False) and not state.profile.studio
    if asynchronous and not state.quirks.flow.asynchronous:
        raise Refusal(6003, "asynchronous runs are not part of your plan")
    mode: Mode = 2 if asynchronous else 0
    execution = start_execution(state, target, mode, wrapping(call.failure), base_of(call))
    return await _awaited(state, execution)


async def resume_run(state: State, call: Call) -> Answer:
    """Answer the node at which a run waits; it is synchronous or not as it was before."""
    return await _awaited(state, resume(state, call.body, call.token))


async def _awaited(state: State, execution: Execution) -> Answer:
    """Return what a run gives at its end, at once for an asynchronous one."""
    known = {"execute_id": execution.execute_id, "debug_url": execution.debug_url}
    if execution.mode == 2:
        return Envelope(None, known, with_code=False)
    running = execution.run
    try:
        async with asyncio.timeout(state.gateway_seconds):
            while not running.ended:
                await running.bell.rung()
    except TimeoutError:
        page = gateway_page(504, "Gateway Time-out")
        return Binary(bytes(page.body), "text/html", 504)
    if running.status == "failed":
        code, msg = running.last_error
        return Envelope(None, known, code=code, msg=msg)
    if execution.interrupt is not None:
        if state.profile.studio:
            return Envelope(None, known, code=6039, msg="interrupts are not supported")
        return Envelope(None, {**known, "interrupt_data": interrupt_view(execution.interrupt)})
    view = history_view(execution)
    return Envelope(execution.output, {**known, "usage": view["usage"]})


async def stream_run(state: State, call: Call) -> Answer:
    """Run a workflow as a stream."""
    target, failure = _target(state, call), call.failure
    if failure is not None and failure.as_event in ("first", "empty"):
        error = {"error_code": failure.code, "error_message": failure.msg}
        data = "{}" if failure.as_event == "empty" else compact(error)
        content = event_bytes("Error", data, spaced=True, number=0)
        return ErrorStream(failure.code, data, "Error", content)
    execution = start_execution(state, target, 1, wrapping(failure), base_of(call))
    return Streamed(execution.run, 0, state.faults.stream())


async def stream_resume(state: State, call: Call) -> Answer:
    """Answer the node at which a run waits; the rest of it is a stream of its own."""
    execution = resume(state, call.body, call.token)
    return Streamed(execution.run, 0, state.faults.stream())


def _executed(state: State, call: Call, workflow_id: str, execute_id: str) -> Execution:
    found = state.library.executions.get(execute_id)
    if found is None or (found.workflow_id, found.account) != (workflow_id, call.token.account):
        raise Refusal(NO_EXECUTION, f"Requested resource execute_id={execute_id} does not exist")
    return found


async def history(state: State, call: Call) -> Answer:
    """Return one execution, as the only item of a list."""
    execution = _executed(state, call, call.path["workflow_id"], call.path["execute_id"])
    return Envelope([history_view(execution)])


async def studio_history(state: State, call: Call) -> Answer:
    """Return one execution, as the self-hosted server is asked for it."""
    workflow_id = required_text(call.query, "workflow_id")
    execution = _executed(state, call, workflow_id, required_text(call.query, "execute_id"))
    return Envelope([history_view(execution)])


async def info(state: State, call: Call) -> Answer:
    """Return what a workflow is."""
    workflow_id = call.path["workflow_id"]
    found = state.library.workflows.get(workflow_id)
    if found is None or found.account != call.token.account:
        raise Refusal(4200, f"Requested resource workflow_id={workflow_id} does not exist")
    detail = {
        "workflow_id": found.workflow_id,
        "workflow_name": found.name,
        "description": "",
        "icon_url": "",
        "app_id": found.app_id,
        "created_at": found.created_at,
        "updated_at": found.created_at,
        "creator": {"id": OWNER_ID, "name": "sandbox"},
    }
    return Envelope({"workflow_detail": detail})


_ONE = "/v1/workflows/{workflow_id}"
ENDPOINTS = (
    Endpoint(("POST",), "/v1/workflow/run", run, ("run",), studio=True),
    Endpoint(("POST",), "/v1/workflow/stream_run", stream_run, ("run",), studio=True),
    Endpoint(("POST",), "/v1/workflow/stream_resume", stream_resume, ("run",), studio=True),
    Endpoint(("POST",), "/v1/workflows/resume", resume_run, ("run",)),
    Endpoint(("GET",), f"{_ONE}/run_histories/{{execute_id}}", history, ("listRunHistory",)),
    Endpoint(("GET",), _ONE, info, ("getMetadata",), studio=True),
)
STUDIO_ENDPOINTS = (
    Endpoint(("GET",), "/v1/workflow/get_run_history", studio_history, studio=True),
)
