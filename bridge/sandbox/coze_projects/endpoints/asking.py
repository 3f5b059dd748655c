"""Read the question of an agent's request, and start its run."""

import traceback
from collections.abc import Iterator, Mapping

from starlette.responses import Response

from bridge.sandbox.coze_projects import strict
from bridge.sandbox.coze_projects.door import STREAM_TYPE, Call, json_response
from bridge.sandbox.coze_projects.playing.agent_events import AgentWriter
from bridge.sandbox.coze_projects.playing.scripts import FailAs
from bridge.sandbox.coze_projects.playing.workflow_events import WorkflowWriter
from bridge.sandbox.coze_projects.runs import FileBlock, Run
from bridge.sandbox.coze_projects.stream import Broken


class WrongShape(Exception):
    """A body whose members have other types than the converter expects."""


def read_run(call: Call, data: object) -> Run:
    """Return the run that the body of `/stream_run` asks for; raises WrongShape."""
    if not isinstance(data, dict):
        raise WrongShape("the body is no object")
    texts, files = [], []
    for block in _prompt(data):
        kind = block.get("type") or "text"
        content = block.get("content") or {}
        if not isinstance(content, dict):
            raise WrongShape("the content of a block is no object")
        if kind == "text" and content.get("text"):
            texts.append(_text(content, "text"))
        upload = content.get("upload_file") or {}
        if kind == "upload_file" and not isinstance(upload, dict):
            raise WrongShape("upload_file is no object")
        if kind == "upload_file" and upload.get("url"):
            files.append(FileBlock(_text(upload, "url"), _text(upload, "file_name")))
    return Run(
        run_id=call.state.run_id(call.http.headers),
        session_id=_text(data, "session_id"),
        query_msg_id=_text(data, "local_msg_id"),
        path=call.path,
        text="\n".join(texts),
        files=tuple(files),
        log_id=call.log_id,
    )


def _prompt(data: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    content = data.get("content") or {}
    query = content.get("query") or {} if isinstance(content, dict) else None
    prompt = query.get("prompt") or [] if isinstance(query, dict) else None
    if not isinstance(prompt, list):
        raise WrongShape("content.query.prompt is no array")
    for block in prompt:
        if not isinstance(block, dict):
            raise WrongShape("a block is no object")
        yield block


def _text(data: Mapping[str, object], name: str) -> str:
    value = data.get(name)
    if value is not None and not isinstance(value, str):
        raise WrongShape(f"{name} is no string")
    return value or ""


def check(call: Call, data: object, run: Run) -> None:
    """Write down everything that is wrong with a request and would pass."""
    state = call.state
    state.complain(call.path, strict.of_headers(call.http.headers))
    if isinstance(data, dict):
        state.complain(call.path, strict.of_ids(data, state.project_id))
        state.complain(call.path, strict.of_blocks(data))
    state.complain(call.path, strict.of_urls(run.urls))
    check_run(call, run)


def check_run(call: Call, run: Run) -> None:
    """Write down what does not go together with the runs before."""
    call.state.complain(call.path, strict.of_runs(run, call.state.runs))


def refused_ids(call: Call, data: Mapping[str, object]) -> Response | None:
    """Return what a project answers that looks at the ids, None when all is well."""
    state, quirks = call.state, call.state.quirks
    if quirks.without_session == "400" and not data.get("session_id"):
        return json_response({"detail": "session_id is required"}, 400)
    if quirks.project_id == "ignored":
        return None
    given = data.get("project_id")
    number = int(state.project_id)
    forms = {"number": number, "string": state.project_id, "rounded": int(float(number))}
    for form in quirks.project_id_forms:
        if type(given) is type(forms[form]) and given == forms[form]:
            return None
    body = quirks.project_id_body
    kind = "application/json" if body.startswith("{") else "text/html"
    return Response(body, quirks.project_id_status, media_type=kind)


def crashed(code: str, message: str) -> Response:
    """Return HTTP 500 as a project writes it, with its stack trace."""
    try:
        raise RuntimeError(message)
    except RuntimeError:
        trace = traceback.format_exc().splitlines()
    detail = {
        "error_code": int(code) if code.isdecimal() else code,
        "error_message": message,
        "stack_trace": trace,
    }
    return json_response({"detail": detail}, 500)


def refused_run(call: Call, failure: FailAs, writer: AgentWriter | WorkflowWriter) -> Response:
    """Return the answer of a run that is not even begun."""
    if failure.shape == "500":
        return crashed(failure.code, failure.message)
    (frame,) = writer.error(failure.code, failure.message)
    return Response(frame.data, 200, {"Content-Type": STREAM_TYPE})


async def stream_agent(call: Call) -> Response:
    """Start a run of an agent and stream it."""
    data, state = call.data(), call.state
    try:
        run = read_run(call, data)
    except WrongShape as error:
        state.complain(call.path, [("wrong shape", str(error))])
        return Broken(headers={"Content-Type": STREAM_TYPE})
    refusal = refused_ids(call, data) if isinstance(data, dict) else None
    check(call, data, run)
    if refusal is not None:
        return refusal
    writer, failure = AgentWriter(run, state.quirks), state.faults.run()
    early = state.refusal(run.text, failure)
    if early is not None:
        return refused_run(call, early, writer)
    state.begin(run, writer, call.base, failure)
    return call.stream(run)
