"""`/async_run` and `/task`: runs that nobody waits for."""

from collections.abc import Mapping
from dataclasses import replace

from starlette.responses import Response

from bridge.sandbox.coze_projects.door import Call, Endpoint
from bridge.sandbox.coze_projects.endpoints.asking import WrongShape, check, crashed, read_run
from bridge.sandbox.coze_projects.endpoints.runs import check_workflow, workflow_run
from bridge.sandbox.coze_projects.playing.writers import Unwritten
from bridge.sandbox.coze_projects.runs import Run
from bridge.sandbox.coze_projects.tasks import DAY, Task

NO_STORAGE = {"detail": "async-task storage unavailable: no database"}
LONGEST = 256


async def async_run(call: Call) -> Response:
    """Take up a task; its run neither knows a session nor leaves anything in it."""
    state, quirks = call.state, call.state.quirks
    headers = call.http.headers
    asked = headers.get("x-task-deadline-sec")
    if asked is not None and not (asked.isdecimal() and int(asked) > 0):
        return call.json({"detail": "x-task-deadline-sec must be a positive integer"}, 400)
    data = call.data()
    if not quirks.task_storage:
        return call.json(NO_STORAGE, 503)
    try:
        run = _run(call, data)
    except WrongShape as error:
        state.complain(call.path, [("wrong shape", str(error))])
        return crashed("701001", str(error))
    if quirks.task_cleanup and not state.tasks:
        state.memory.sessions.clear()
    now = state.clock()
    task = Task(
        task_id=run.run_id
        if run.run_id == headers.get("x-run-id")
        else run.run_id.replace("-", ""),
        run=run if quirks.task_fate == "normal" else None,
        created=now,
        deadline=now + (int(asked) if asked else DAY),
        workflow=state.kind == "workflow",
        user_id=headers.get("x-user-id", "")[:LONGEST],
        tenant_id=headers.get("x-tenant-id", "")[:LONGEST],
        lost=quirks.task_fate == "heartbeat lost",
        late=quirks.task_fate == "deadline",
    )
    state.tasks[task.task_id] = task
    if task.run is not None:
        state.begin(run, Unwritten(), call.base, state.faults.run())
    return call.json(task.created_view())


def _run(call: Call, data: object) -> Run:
    """Return the run of a task; raises WrongShape."""
    if call.state.kind == "workflow":
        run, _ = workflow_run(call, data)
        check_workflow(call, run)
        return run
    if not isinstance(data, dict):
        raise WrongShape("the body is no object")
    if "messages" in data:
        text = _last(data)
    else:
        run = read_run(call, data)
        check(call, data, run)
        if call.state.quirks.task_body == "converted":
            return replace(run, remembers=False)
        text = ""  # what the graph finds in a body that nobody converted
    return Run(
        run_id=call.state.run_id(call.http.headers),
        session_id="",
        query_msg_id="",
        path=call.path,
        text=text,
        log_id=call.log_id,
        remembers=False,
    )


def _last(data: Mapping[str, object]) -> str:
    messages = data["messages"]
    last = messages[-1] if isinstance(messages, list) and messages else None
    content = last.get("content") if isinstance(last, dict) else None
    return content if isinstance(content, str) else ""


async def task(call: Call) -> Response:
    """Return how a task looks now."""
    state = call.state
    if not state.quirks.task_storage:
        return call.json(NO_STORAGE, 503)
    found = state.tasks.get(str(call.http.path_params["task_id"]))
    if found is None:
        return call.json({"detail": "task not found"}, 404)
    return call.json(found.view(state.quirks, state.clock()))


ENDPOINTS = (
    Endpoint("POST", "/async_run", async_run),
    Endpoint("GET", "/task/{task_id}", task),
)
