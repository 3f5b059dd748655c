"""Asynchronous tasks, and what else an agent does beside its stream."""

import asyncio
import json
import re

import pytest

from bridge.sandbox.coze_projects import Hang, ProjectEmulator, fixed, saying

GRAPH = {"messages": [{"role": "user", "content": "hello there"}]}


async def over(api, project: ProjectEmulator, body=GRAPH, **headers):
    task = await api.json("POST", "/async_run", json=body, headers=headers)
    await project.until(lambda: project.tasks[task["task_id"]].over)
    return await api.json("GET", f"/task/{task['task_id']}")


async def test_a_task_and_its_result(api, project: ProjectEmulator):
    project.use(fixed(Hang()), times=1)
    task = await api.json("POST", "/async_run", json=GRAPH)
    assert list(task) == ["task_id", "status", "created_at", "deadline"]
    assert re.fullmatch(r"[0-9a-f]{32}", task["task_id"])
    assert task["status"] == "pending"
    assert task["created_at"].endswith("+08:00")
    running = await api.json("GET", f"/task/{task['task_id']}")
    assert list(running) == [
        "task_id",
        "status",
        "claim_count",
        "created_at",
        "started_at",
        "completed_at",
        "heartbeat_at",
        "deadline",
        "result",
        "error",
    ]
    assert (running["status"], running["completed_at"], running["result"]) == (
        "running",
        None,
        None,
    )
    assert running["started_at"].endswith("+00:00")
    project.use(saying("hi yourself"))
    done = await over(api, project)
    assert (done["status"], done["error"]) == ("completed", None)
    types = [message["type"] for message in done["result"]["messages"]]
    assert types == ["human", "ai"]
    assert done["result"]["messages"][0]["content"] == "hello there"
    assert done["result"]["messages"][-1]["content"] == "hi yourself"


async def test_a_task_has_no_session(api, project: ProjectEmulator):
    project.quirks.task_body = "converted"
    done = await over(api, project, api.body("remember that I like tea"))
    assert "tea" in done["result"]["messages"][-1]["content"]
    assert project.memory == {}


async def test_a_body_that_nobody_converts_asks_nothing(api, project: ProjectEmulator):
    done = await over(api, project, api.body("hello"))
    assert done["result"]["messages"][0]["content"] == ""


async def test_results_as_text(api, project: ProjectEmulator):
    project.quirks.task_result = "string"
    done = await over(api, project)
    assert list(done) == ["status", "result", "error"]
    assert json.loads(done["result"])["messages"][-1]["type"] == "ai"


@pytest.mark.parametrize("form", ["object", "string"])
async def test_a_task_that_fails(api, project: ProjectEmulator, form):
    project.quirks.task_error = form
    project.fail_run("301001", "boom")
    done = await over(api, project)
    assert (done["status"], done["result"]) == ("failed", None)
    expected = {"code": "RuntimeError", "message": "301001: boom"}
    assert done["error"] == (expected if form == "object" else "301001: boom")


@pytest.mark.parametrize(
    ("fate", "status", "code"),
    [
        ("pending", "pending", None),
        ("heartbeat lost", "failed", "worker_heartbeat_lost"),
        ("deadline", "timeout", "deadline_exceeded"),
    ],
)
async def test_fates(api, project: ProjectEmulator, fate, status, code):
    project.quirks.task_fate = fate
    task = await api.json("POST", "/async_run", json=GRAPH)
    seen = await api.json("GET", f"/task/{task['task_id']}")
    assert seen["status"] == status
    assert (seen["error"] or {}).get("code") == code
    assert project.runs == []


async def test_a_deadline(api, project: ProjectEmulator):
    now = 1780000000.0
    project.state.clock = lambda: now
    project.use(fixed(Hang()))
    headers = {"x-task-deadline-sec": "60", "x-run-id": "mine", "x-user-id": "u" * 300}
    task = await api.json("POST", "/async_run", json=GRAPH, headers=headers)
    assert task == {
        "task_id": "mine",
        "status": "pending",
        "created_at": "2026-05-29T04:26:40+08:00",
        "deadline": "2026-05-29T04:27:40+08:00",
    }
    assert project.tasks["mine"].user_id == "u" * 256
    now += 59
    assert (await api.json("GET", "/task/mine"))["status"] == "running"
    now += 1
    late = await api.json("GET", "/task/mine")
    assert (late["status"], late["error"]["code"]) == ("timeout", "deadline_exceeded")
    assert late["completed_at"] == "2026-05-28T20:27:40+00:00"
    for bad in ("0", "-1", "x", "1.5"):
        headers = {"x-task-deadline-sec": bad}
        answer = await api.call("POST", "/async_run", json=GRAPH, headers=headers)
        assert answer.status_code == 400


async def test_a_deployment_kills_tasks(api, project: ProjectEmulator):
    project.use(fixed(Hang()))
    task = await api.json("POST", "/async_run", json=GRAPH)
    await project.redeploy()
    seen = await api.json("GET", f"/task/{task['task_id']}")
    assert (seen["status"], seen["error"]["code"]) == ("failed", "worker_heartbeat_lost")


async def test_no_task_and_no_storage(api, project: ProjectEmulator):
    answer = await api.call("GET", "/task/x")
    assert (answer.status_code, answer.json()) == (404, {"detail": "task not found"})
    project.quirks.task_storage = False
    for method, path in (("POST", "/async_run"), ("GET", "/task/x")):
        answer = await api.call(method, path, **({"json": GRAPH} if method == "POST" else {}))
        assert answer.status_code == 503
        assert answer.json()["detail"].startswith("async-task storage unavailable: ")


async def test_the_first_task_may_wipe_sessions(api, project: ProjectEmulator):
    project.quirks.task_cleanup = True
    await api.stream()
    await over(api, project)
    assert project.memory == {}
    await api.stream()
    await over(api, project)
    assert list(project.memory) == ["tg-1"]


async def test_an_agent_run_to_its_end(api, project: ProjectEmulator):
    project.use("around a tool")
    answer = await api.json("POST", "/run", json=api.body("Remember tea"))
    assert list(answer) == ["messages", "run_id"]
    assert [message["type"] for message in answer["messages"]] == ["human", "ai", "tool", "ai"]
    assert answer["messages"][1]["tool_calls"][0]["name"] == "web_search"
    assert [one.text for one in project.memory["tg-1"]][:1] == ["Remember tea"]
    assert (await api.post("/run", {"content": "x"})).status == 500


async def test_an_agent_has_no_parameters(api):
    found = await api.json("GET", "/graph_parameter")
    assert found == {"input_schema": {}, "output_schema": {}, "code": 0, "msg": ""}
    assert (await api.call("POST", "/node_run/answer", json={})).status_code == 404


async def test_two_runs_to_the_end_in_one_session(api, project: ProjectEmulator):
    project.use(fixed(Hang()), times=1)
    asking = asyncio.create_task(
        api.call("POST", "/run", json=api.body(), headers={"x-run-id": "mine"})
    )
    await project.until(lambda: project.runs)
    await api.stream()
    assert [one.rule for one in project.complaints] == ["busy session"]
    await api.call("POST", "/cancel/mine")
    await asking
