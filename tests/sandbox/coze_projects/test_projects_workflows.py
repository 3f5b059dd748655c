"""Workflow projects: inputs, results, and a stream of numbered events."""

import asyncio
import json

import pytest

from bridge.sandbox.coze.scripts.steps import Completed, Silence
from bridge.sandbox.coze_projects import Hang, Pace, ProjectEmulator, fixed, saying


@pytest.fixture
def project_kind() -> str:
    return "workflow"


INPUTS = {"question": "hi"}


async def test_the_frames_are_exact(api, project: ProjectEmulator):
    project.use(saying("雨"))
    project.state.clock = lambda: 1780000000.25
    heard = await api.post("/stream_run", INPUTS, {"x-run-id": "mine", "x-tt-logid": "log"})
    cost = heard.events[-1]["time_cost_ms"]
    shared = '"timestamp":1780000000250,"log_id":"log","run_id":"mine"'
    assert heard.raw.decode() == (
        f'id: 0\nevent: message\ndata: {{"type":"workflow_start",{shared}}}\n\n'
        f'id: 1\nevent: message\ndata: {{"type":"workflow_end",{shared},'
        f'"output":{{"answer":"雨"}},"time_cost_ms":{cost}}}\n\n'
    )
    assert heard.headers["content-type"] == "text/event-stream; charset=utf-8"


async def test_debug_shows_the_nodes(api):
    debug = {"x-workflow-stream-mode": "debug"}
    heard = await api.post("/stream_run", INPUTS, debug)
    assert heard.types == ["workflow_start", "node_start", "node_end", "workflow_end"]
    start, end = heard.events[1:3]
    assert list(start)[4:] == ["node_name", "input"]
    assert start["input"] == INPUTS
    assert list(end)[4:] == ["node_name", "output", "time_cost_ms"]


async def test_an_output_that_is_empty(api, project: ProjectEmulator):
    project.quirks.workflow_output = "empty"
    heard = await api.post("/stream_run", INPUTS, {"x-workflow-stream-mode": "debug"})
    assert heard.events[-1]["output"] == {}
    assert heard.events[-2]["output"]["answer"]
    assert (await api.json("POST", "/run", json=INPUTS))["answer"]


async def test_other_names_and_numbers(api, project: ProjectEmulator):
    project.quirks.first_event_id = 1
    project.quirks.workflow_last = "done"
    heard = await api.post("/stream_run", INPUTS)
    assert heard.types == ["workflow_start", "done"]
    assert heard.raw.startswith(b"id: 1\n")


async def test_pings_while_a_node_hangs(api, project: ProjectEmulator):
    project.quirks.ping_seconds = 0.01
    project.pace = Pace(0, 0, 1)
    project.use(fixed(Silence(0.1), Completed("a", "x")))
    heard = await api.post("/stream_run", INPUTS)
    assert heard.types.count("ping") >= 3
    assert list(heard.events[1]) == ["type", "timestamp", "log_id", "run_id"]


@pytest.mark.parametrize("key", ["error_msg", "message"])
async def test_failures(api, project: ProjectEmulator, key):
    project.quirks.workflow_error_key = key
    project.fail_run("601002", "node failed")
    heard = await api.post("/stream_run", INPUTS)
    last = heard.events[-1]
    assert (last["type"], last["code"], last[key]) == ("error", "601002", "node failed")


@pytest.mark.parametrize(
    ("shape", "types", "status"),
    [
        ("eof", ["workflow_start"], 200),
        ("torn", ["workflow_start"], 200),
        ("error only", ["error"], 200),
        ("500", [], 500),
    ],
)
async def test_shapes_of_failure(api, project: ProjectEmulator, shape, types, status):
    project.fail_run("601002", "node failed", shape)
    heard = await api.post("/stream_run", INPUTS)
    assert heard.status == status
    if status == 200:
        assert heard.types == types


async def test_cancelling(api, project: ProjectEmulator):
    project.use(fixed(Hang()))
    asking = asyncio.create_task(api.post("/stream_run", INPUTS, {"x-run-id": "mine"}))
    await project.until(lambda: project.runs and project.runs[0].events)
    assert (await api.json("POST", "/cancel/mine"))["status"] == "success"
    heard = await asking
    last = heard.events[-1]
    assert (last["type"], last["code"], "message" in last) == ("error", "CANCELED", True)
    assert heard.broken


async def test_the_alias(api, project: ProjectEmulator):
    assert (await api.post("/run/stream", INPUTS)).types[-1] == "workflow_end"
    project.quirks.run_stream_alias = False
    assert (await api.post("/run/stream", INPUTS)).status == 404


async def test_running_to_the_end(api, project: ProjectEmulator):
    project.use(saying("42"))
    answer = await api.call("POST", "/run", json=INPUTS)
    assert answer.json() == {"answer": "42", "run_id": project.runs[0].run_id}
    assert list(answer.json()) == ["answer", "run_id"]


async def test_a_run_that_fails_shows_its_stack(api, project: ProjectEmulator):
    project.fail_run("701001", "boom")
    answer = await api.call("POST", "/run", json=INPUTS)
    assert answer.status_code == 500
    detail = answer.json()["detail"]
    assert list(detail) == ["error_code", "error_message", "stack_trace"]
    assert detail["error_code"] == 701001


async def test_ends_of_a_run(api, project: ProjectEmulator):
    project.use(fixed(Hang()))
    asking = asyncio.create_task(
        api.call("POST", "/run", json=INPUTS, headers={"x-run-id": "mine"})
    )
    await project.until(lambda: project.runs)
    await api.call("POST", "/cancel/mine")
    assert (await asking).json() == {
        "status": "cancelled",
        "run_id": "mine",
        "message": "任务已取消",
    }
    project.use(fixed(Silence(0.2), Completed("a", "x")))
    project.pace = Pace(0, 0, 1)
    project.quirks.timeout_seconds = 0.05
    late = (await api.call("POST", "/run", json=INPUTS)).json()
    assert late["status"] == "timeout"
    project.quirks.gateway_seconds = 0.01
    cut = await api.call("POST", "/run", json=INPUTS)
    assert (cut.status_code, cut.headers["content-type"][:9]) == (504, "text/html")


async def test_bad_bodies(api, project: ProjectEmulator):
    for path in ("/run", "/stream_run", "/async_run"):
        assert (await api.call("POST", path, content=b"{")).status_code == 400
    assert (await api.post("/stream_run", [])).broken
    assert (await api.post("/run", [])).status == 500
    assert {one.rule for one in project.complaints} >= {"not JSON", "wrong shape"}


async def test_parameters(api, project: ProjectEmulator):
    found = await api.json("GET", "/graph_parameter")
    assert list(found) == ["input_schema", "output_schema", "code", "msg"]
    assert "question" in found["input_schema"]["properties"]
    project.quirks.parameter_code = False
    assert list(await api.json("GET", "/graph_parameter")) == ["input_schema", "output_schema"]


async def test_one_node(api):
    assert "answer" in await api.json("POST", "/node_run/answer", json=INPUTS)
    assert (await api.call("POST", "/node_run/other", json=INPUTS)).status_code == 404


async def test_a_file_of_the_inputs(api, project: ProjectEmulator):
    body = {"picture": {"url": "ftp://x/a.png", "file_type": "image"}, "text": "hello"}
    heard = await api.post("/stream_run", body)
    assert heard.types[-1] == "workflow_end"
    assert project.runs[0].urls == ["ftp://x/a.png"]
    assert [one.rule for one in project.complaints] == ["not http"]


async def test_no_completions(api):
    assert (await api.call("POST", "/v1/chat/completions", json={})).status_code == 404


async def test_a_task(api, project: ProjectEmulator):
    project.use(saying("42"))
    task = await api.json("POST", "/async_run", json=INPUTS)
    await project.until(lambda: project.tasks[task["task_id"]].over)
    seen = await api.json("GET", f"/task/{task['task_id']}")
    assert (seen["status"], seen["result"]) == ("completed", {"answer": "42"})
    assert json.dumps(seen)
