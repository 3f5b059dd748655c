"""What an agent remembers of a session, and what it loses."""

import asyncio

import pytest

from bridge.sandbox.coze.scripts.steps import Completed, Delta, Silence
from bridge.sandbox.coze_projects import Hang, Pace, ProjectEmulator, ToolRequest, fixed

WHAT = "What do you remember?"


async def test_a_session_is_remembered_and_another_knows_nothing(api, project: ProjectEmulator):
    await api.stream("Remember that I like green tea")
    assert "green tea" in (await api.stream(WHAT)).text
    assert "**nothing**" in (await api.stream(WHAT, "tg-2")).text
    assert [one.role for one in project.memory["tg-1"]] == ["user", "assistant"] * 2


async def test_callers_without_a_session_share_one(api, project: ProjectEmulator):
    await api.stream("Remember that I like tea", "")
    assert "tea" in (await api.stream(WHAT, "")).text
    assert list(project.memory) == [""]


async def test_an_agent_without_a_memory(api, project: ProjectEmulator):
    project.quirks.memory = "none"
    await api.stream("Remember that I like tea")
    assert "**nothing**" in (await api.stream(WHAT)).text


async def test_the_last_messages_only(api, project: ProjectEmulator):
    project.quirks.memory_messages = 2
    await api.stream("Remember that I like tea")
    await api.stream("hello")
    assert "tea" not in (await api.stream(WHAT)).text


@pytest.mark.parametrize(("store", "kept"), [("database", True), ("process", False)])
async def test_memory_after_a_deployment(api, project: ProjectEmulator, store, kept):
    project.quirks.memory_store = store
    await api.stream("Remember that I like tea")
    await project.redeploy()
    assert ("like tea" in (await api.stream(WHAT)).text) == kept


async def test_a_poisoned_session(api, project: ProjectEmulator):
    project.poison("tg-1")
    for _ in range(2):
        heard = await api.stream()
        assert (heard.types, heard.code) == (["message_start", "message_end"], "301004")
    assert (await api.stream(session="tg-2")).code == "0"


@pytest.mark.parametrize(("poisons", "code"), [(True, "301004"), (False, "0")])
async def test_a_run_that_ends_inside_a_tool(api, project: ProjectEmulator, poisons, code):
    project.quirks.torn_tool_poisons = poisons
    project.use(fixed(ToolRequest("c", "t", {}), Hang()), times=1)
    asking = asyncio.create_task(api.stream())
    await project.until(lambda: project.runs and "tool_request" in project.runs[0].events)
    await api.call("POST", f"/cancel/{project.runs[0].run_id}")
    await asking
    assert (await api.stream()).code == code


@pytest.mark.parametrize(
    ("way", "texts"),
    [
        ("apart", ["first", "1", "second", "2"]),
        ("interleaved", ["first", "second", "2", "1"]),
    ],
)
async def test_runs_at_the_same_time(api, project: ProjectEmulator, way, texts):
    project.quirks.parallel_runs = way
    project.pace = Pace(0, 0, 1)
    project.use(fixed(Delta("a", "1"), Silence(0.6), Completed("a")), for_text="first")
    project.use(fixed(Completed("a", "2")), for_text="second")
    asking = asyncio.create_task(api.stream("first"))
    await project.until(lambda: project.runs and "answer" in project.runs[0].events)
    await api.stream("second")
    await asking
    assert [one.text for one in project.memory["tg-1"]] == texts
    assert [one.rule for one in project.complaints] == ["busy session"]


async def test_a_failed_run_leaves_its_question(api, project: ProjectEmulator):
    project.fail_run(after=2)
    await api.stream("lost words")
    assert [one.text for one in project.memory["tg-1"]] == ["lost words"]
