"""`/stream_run` and `/run`, of agents and of workflows, and `/node_run`."""

from collections.abc import Mapping

from starlette.responses import Response

from bridge.sandbox.coze_projects import strict
from bridge.sandbox.coze_projects.door import STREAM_TYPE, Call, Endpoint, page
from bridge.sandbox.coze_projects.endpoints.asking import (
    WrongShape,
    check,
    check_run,
    crashed,
    read_run,
    refused_run,
    stream_agent,
)
from bridge.sandbox.coze_projects.playing.messages import output, result
from bridge.sandbox.coze_projects.playing.workflow_events import NODE, WorkflowWriter
from bridge.sandbox.coze_projects.playing.writers import Unwritten
from bridge.sandbox.coze_projects.runs import FileBlock, Run
from bridge.sandbox.coze_projects.stream import Broken


def workflow_run(call: Call, data: object) -> tuple[Run, Mapping[str, object]]:
    """Return the run for flat inputs, and these; raises WrongShape."""
    if not isinstance(data, dict):
        raise WrongShape("the body is no object")
    texts = [value for value in data.values() if isinstance(value, str)]
    question = data.get("question")
    files = tuple(
        FileBlock(str(value["url"]))
        for value in data.values()
        if isinstance(value, dict) and value.get("url")
    )
    run = Run(
        run_id=call.state.run_id(call.http.headers),
        session_id="",
        query_msg_id="",
        path=call.path,
        text=question if isinstance(question, str) else "\n".join(texts),
        files=files,
        log_id=call.log_id,
        remembers=False,
    )
    return run, data


def check_workflow(call: Call, run: Run) -> None:
    """Write down what is wrong with a workflow's request and would pass."""
    call.state.complain(call.path, strict.of_headers(call.http.headers))
    call.state.complain(call.path, strict.of_urls(run.urls))
    check_run(call, run)


async def stream_run(call: Call) -> Response:
    """Start a run and stream it."""
    if call.state.kind == "agent":
        return await stream_agent(call)
    state, data = call.state, call.data()
    try:
        run, inputs = workflow_run(call, data)
    except WrongShape as error:
        state.complain(call.path, [("wrong shape", str(error))])
        return Broken(headers={"Content-Type": STREAM_TYPE})
    check_workflow(call, run)
    debug = call.http.headers.get("x-workflow-stream-mode") == "debug"
    writer = WorkflowWriter(
        run=run, quirks=state.quirks, clock=state.clock, inputs=inputs, debug=debug
    )
    failure = state.faults.run()
    early = state.refusal(run.text, failure)
    if early is not None:
        return refused_run(call, early, writer)
    state.begin(run, writer, call.base, failure)
    return call.stream(run)


async def stream_alias(call: Call) -> Response:
    """Do the same by another path, which only some projects have."""
    if not call.state.quirks.run_stream_alias:
        return call.json({"detail": "Not Found"}, 404)
    return await stream_run(call)


async def run_to_end(call: Call) -> Response:
    """Start a run and return its result."""
    state, data = call.state, call.data()
    try:
        if state.kind == "workflow":
            run, _ = workflow_run(call, data)
            check_workflow(call, run)
        else:
            run = read_run(call, data)
            check(call, data, run)
    except WrongShape as error:
        state.complain(call.path, [("wrong shape", str(error))])
        return crashed("701001", str(error))
    failure = state.faults.run()
    early = state.refusal(run.text, failure)
    if early is not None:
        return crashed(early.code, early.message)
    state.begin(run, Unwritten(), call.base, failure)
    if not await waited(call, run):
        return page(504, "Gateway Time-out")
    return _ended(call, run)


async def waited(call: Call, run: Run) -> bool:
    """Wait for the end of a run as long as the gateway does; says whether it came."""
    run.listening = True
    try:
        await run.bell.until(lambda: run.ended, call.state.quirks.gateway_seconds, "a run's end")
    except TimeoutError:
        return False
    finally:
        run.listening = False
    return True


def _ended(call: Call, run: Run) -> Response:
    ending = run.ending
    assert ending is not None  # noqa: S101 - its end was waited for
    if ending.status == "completed":
        whole = result(run, call.state.kind == "workflow")
        return call.json({**whole, "run_id": run.run_id})
    if ending.status in ("cancelled", "timeout"):
        said = {"status": ending.status, "run_id": run.run_id, "message": ending.message}
        return call.json(said)
    return crashed(ending.code, ending.message)


async def node_run(call: Call) -> Response:
    """Run one node of a workflow."""
    node = str(call.http.path_params["node_id"])
    if node != NODE:
        return call.json({"detail": f"node {node} not found"}, 404)
    run, _ = workflow_run(call, call.data())
    call.state.begin(run, Unwritten(), call.base, None)
    await waited(call, run)
    return call.json(output(run))


ENDPOINTS = (
    Endpoint("POST", "/stream_run", stream_run),
    Endpoint("POST", "/run/stream", stream_alias, ("workflow",)),
    Endpoint("POST", "/run", run_to_end),
    Endpoint("POST", "/node_run/{node_id}", node_run, ("workflow",)),
)
