"""Streams that break, stall or are cancelled, and clients that go away."""

import asyncio

import pytest

from bridge.sandbox.coze.scripts.steps import Completed, Delta, Silence
from bridge.sandbox.coze_projects import Hang, Pace, ProjectEmulator, fixed, saying

SHORT = fixed(Delta("a", "雨"), Completed("a"))


async def test_a_dropped_stream_is_a_reset(api, project: ProjectEmulator):
    project.drop_stream(after_events=2)
    heard = await api.stream()
    assert (heard.broken, len(heard.events)) == (True, 2)
    assert (await api.stream()).code == "0"


async def test_every_byte_can_be_the_last(api, project: ProjectEmulator):
    project.use(SHORT)
    whole = len((await api.stream()).raw)
    for end in ("clean", "missing chunk", "reset"):
        for count in range(0, whole, 61):
            project.drop_stream(after_bytes=count, end=end)
            heard = await api.stream()
            assert heard.broken == (end != "clean")
            assert len(heard.raw) == count or (end == "reset" and len(heard.raw) <= count)


async def test_a_clean_end_in_the_middle(api, project: ProjectEmulator):
    project.drop_stream(after_events=1, end="clean")
    heard = await api.stream()
    assert (heard.broken, heard.types) == (False, ["message_start"])


async def test_a_stalled_stream_goes_on_later(api, project: ProjectEmulator):
    project.stall_stream(after_events=1, seconds=0.05)
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert (await api.stream()).code == "0"
    assert loop.time() - began >= 0.05


@pytest.mark.parametrize("end", ["clean", "missing chunk", "reset"])
async def test_how_a_stream_ends(api, project: ProjectEmulator, end):
    project.quirks.end = end
    heard = await api.stream()
    assert heard.broken == (end != "clean")
    assert end == "reset" or heard.code == "0"


async def test_the_cut_script(api, project: ProjectEmulator):
    project.quirks.disconnect = "completes"
    heard = await api.stream("cut")
    assert heard.broken
    (run,) = project.runs
    await project.until(lambda: run.ended)
    assert (run.status, "**every word**" in run.answer) == ("completed", True)


async def leave(api, project: ProjectEmulator, text: str = "hi") -> None:
    """Begin to listen, and go away."""
    async with api.http.stream(
        "POST", api.base + "/stream_run", headers=api.headers, json=api.body(text)
    ) as answer:
        async for _ in answer.aiter_raw():
            break
    await project.until(lambda: project.runs[-1].stream_left)


PATIENT = fixed(Delta("a", "begun, "), Silence(0.02), Delta("a", "done"), Completed("a"))


@pytest.mark.parametrize(("way", "status"), [("stops", "stopped"), ("completes", "completed")])
async def test_a_run_nobody_listens_to(api, project: ProjectEmulator, way, status):
    project.quirks.disconnect = way
    project.pace = Pace(0, 0, 1)
    project.use(PATIENT)
    await leave(api, project)
    (run,) = project.runs
    await project.until(lambda: run.ended)
    assert run.status == status
    kept = [one.text for one in project.memory["tg-1"]]
    assert kept == (["hi", "begun, done"] if way == "completes" else ["hi"])


async def begun(api, project: ProjectEmulator) -> "asyncio.Task[object]":
    """A question whose run hangs after its first words."""
    project.use(fixed(Delta("a", "begun"), Hang()))
    asking = asyncio.create_task(api.stream())
    await project.until(lambda: project.runs and "answer" in project.runs[-1].events)
    return asking


@pytest.mark.parametrize("tail", ["missing chunk", "clean", "reset"])
async def test_cancelling_a_run(api, project: ProjectEmulator, tail):
    project.quirks.cancel_tail = tail
    asking = await begun(api, project)
    (run,) = project.runs
    answer = await api.call("POST", f"/cancel/{run.run_id}")
    assert answer.status_code == 200
    assert list(answer.json()) == ["status", "run_id", "message"]
    assert (answer.json()["status"], answer.json()["run_id"]) == ("success", run.run_id)
    heard = await asking
    assert heard.broken == (tail != "clean")
    if tail != "reset":
        last = heard.events[-1]
        assert (last["type"], last["content"]["message_end"]["code"]) == ("message_end", "1")
        assert (last["reply_id"], last["sequence_id"]) == ("", 1)
    assert run.cancelled
    assert [one.text for one in project.memory["tg-1"]] == ["hi"]
    again = await api.json("POST", f"/cancel/{run.run_id}")
    assert again["status"] == "already_completed"


async def test_cancelling_before_the_first_event(api, project: ProjectEmulator):
    project.use(fixed(Hang()))
    asking = asyncio.create_task(api.stream(headers={"x-run-id": "mine"}))
    await project.until(lambda: project.runs)
    assert (await api.json("POST", "/cancel/mine"))["status"] == "success"
    assert (await asking).code == "1"


async def test_a_caller_whose_run_id_is_ignored(api, project: ProjectEmulator):
    project.quirks.run_ids = "ignored"
    heard = await api.stream(headers={"x-run-id": "mine"})
    own = heard.events[0]["content"]["message_start"]["execute_id"]
    assert own != "mine"
    assert (await api.json("POST", "/cancel/mine"))["status"] == "not_found"
    assert (await api.json("POST", f"/cancel/{own}"))["status"] == "already_completed"


@pytest.mark.parametrize(("way", "status"), [("not_found", 200), ("404", 404)])
async def test_cancelling_in_vain(api, project: ProjectEmulator, way, status):
    project.quirks.cancel = way
    asking = await begun(api, project)
    answer = await api.call("POST", f"/cancel/{project.runs[0].run_id}")
    assert answer.status_code == status
    if status == 200:
        assert answer.json()["status"] == "not_found"
    assert not project.runs[0].ended
    await project.close()
    assert (await asking).broken


async def test_a_deployment_kills_runs_and_forgets_them(api, project: ProjectEmulator):
    asking = await begun(api, project)
    await project.redeploy()
    assert (await asking).broken
    (run,) = project.runs
    assert run.status == "failed"
    assert (await api.json("POST", f"/cancel/{run.run_id}"))["status"] == "not_found"


@pytest.mark.parametrize(("way", "status"), [("stays", 200), ("dies", 401)])
async def test_the_token_of_a_deployment(api, project: ProjectEmulator, way, status):
    project.quirks.redeploy_token = way
    await project.redeploy()
    assert (await api.call("GET", "/health")).status_code == status


async def test_a_silent_connection_is_cut(api, project: ProjectEmulator):
    project.quirks.idle_cut = 0.2
    asking = await begun(api, project)
    heard = await asking
    assert (heard.broken, heard.text) == (True, "begun")


@pytest.mark.parametrize(
    ("way", "sign"), [("comment", b": ping\n\n"), ("event", b'data: {"type":"ping"}\n\n')]
)
async def test_a_heartbeat_of_the_projects_own(api, project: ProjectEmulator, way, sign):
    project.quirks.heartbeat, project.quirks.heartbeat_seconds = way, 0.01
    project.pace = Pace(0, 0, 1)
    project.use(fixed(Silence(0.15), Delta("a", "x"), Completed("a")))
    heard = await api.stream()
    assert heard.raw.count(sign) >= 3
    assert heard.code == "0"


async def test_a_run_that_takes_too_long(api, project: ProjectEmulator):
    project.quirks.timeout_seconds = 0.1
    project.pace = Pace(0, 0, 10)
    project.use(PATIENT)
    heard = await api.stream()
    assert (heard.types[-1], heard.code) == ("message_end", "TIMEOUT")
    assert "done" not in heard.text
    assert heard.events[-1]["sequence_id"] == 1
    assert project.runs[0].status == "timeout"


async def test_a_tool_that_never_returns(api, project: ProjectEmulator):
    project.use("hanging tool")
    asking = asyncio.create_task(api.stream())
    await project.until(lambda: project.runs and "tool_request" in project.runs[-1].events)
    assert not project.runs[0].ended
    await project.close()
    assert (await asking).types == ["message_start", "tool_request"]


async def test_closing_ends_open_streams_at_once(api, project: ProjectEmulator):
    asking = await begun(api, project)
    await project.close()
    assert (await asyncio.wait_for(asking, 2)).broken
    assert all(run.task.done() for run in project.runs)


async def test_waiting_for_what_never_happens(project: ProjectEmulator):
    with pytest.raises(TimeoutError, match="a run"):
        await project.until(lambda: project.runs, timeout=0.01, what="a run")


async def test_scripts_to_order(api, project: ProjectEmulator):
    project.use(saying("one"), times=1)
    project.use(saying("two"), times=1)
    project.use(saying("tea"), for_text="tea")
    assert (await api.stream("green tea")).text == "tea"
    assert [(await api.stream("x")).text for _ in range(2)] == ["one", "two"]
    assert "> x" in (await api.stream("x")).text
    project.use(saying("always"))
    assert (await api.stream("x")).text == "always"
    project.use(None)
    assert "> x" in (await api.stream("x")).text
    with pytest.raises(ValueError, match="no script"):
        project.use("nonsense")
