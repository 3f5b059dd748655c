"""A project's stream in every shape that the reference names, cut at every byte, refused in every form."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from fast import run_fast
from hypothesis import given
from hypothesis import strategies as st

from bridge.coze.auth import StaticToken
from bridge.coze.events import Began, Ended, Event, Run, Status
from bridge.coze.kinds.project import ProjectAgent, ProjectShape
from bridge.coze.kinds.project_events import AgentEvents, WorkflowEvents, said_by
from bridge.coze.runs import RunRequest
from bridge.coze.sse import Decoder
from bridge.errors import Happened, Retry
from bridge.errors.coze import (
    AgentUnavailable,
    CozeTrouble,
    Paused,
    QuotaGone,
    RateLimited,
    RunFailed,
    RunLost,
    ServerTrouble,
    TokenRefused,
    Unreachable,
)
from bridge.relay.progress import Progress
from bridge.sandbox.coze import Pace, saying
from bridge.sandbox.coze_projects import ProjectEmulator
from bridge.serving import serving

TOKEN = "eyJhbGciOi.c2FuZGJveA.cHJvamVjdA"
QUESTION = RunRequest("", "user", "tg-session", "hello", "mark-1")
TEXT = "It will **rain**; 明天见 🌧️."


@dataclass
class Heard:
    progress: Progress
    events: list[Event]
    trouble: CozeTrouble | None = None

    @property
    def text(self) -> str:
        return self.progress.text


@asynccontextmanager
async def a_project(
    kind: str = "agent", shape: ProjectShape | None = None
) -> AsyncIterator[tuple[ProjectEmulator, ProjectAgent]]:
    project = ProjectEmulator(kind=kind)  # type: ignore[arg-type]  # one of its words
    project.add_token(TOKEN)
    project.pace = Pace(0, 0)
    project.use(saying(TEXT))
    shape = shape or ProjectShape(project_id=project.project_id)
    async with (
        serving(project.app, only_local=True) as address,
        ProjectAgent(address, StaticToken(TOKEN), shape) as agent,
    ):
        try:
            yield project, agent
        finally:
            await project.close()


async def heard(agent: ProjectAgent, question: RunRequest = QUESTION) -> Heard:
    """What a run says, folded as the relay folds it."""
    found = Heard(Progress(), [])
    try:
        async for event in agent.ask(question):
            found.events.append(event)
            found.progress = found.progress.after(event)
            if isinstance(event, Ended) and event.run.failure is not None:
                raise event.run.failure
    except CozeTrouble as trouble:
        found.trouble = trouble
    return found


def in_short_seconds(journey: Any) -> None:
    run_fast(journey(), 60)


QUIRKS: list[dict[str, Any]] = [
    {}, {"finish": "last"}, {"finish": "whole"}, {"error_key": False}, {"log_ids": False},
    {"log_header": False}, {"thinking": "events"}, {"sequence": "restart"},
    {"sequence": "duplicate"}, {"sequence": "gap"}, {"sequence": "shuffled"},
    {"event_line": False}, {"line_end": "\r\n"}, {"chunks": "split"}, {"chunks": "joined"},
    {"end": "reset"}, {"end": "missing chunk"}, {"run_ids": "ignored"}, {"project_id": "checked"},
    {"chunks": "split", "line_end": "\r\n", "sequence": "duplicate", "event_line": False},
]  # fmt: skip


@pytest.mark.parametrize("quirks", QUIRKS, ids=str)
def test_the_text_is_whole_in_every_shape(quirks: dict[str, Any]) -> None:
    async def journey() -> None:
        async with a_project() as (project, agent):
            for name, value in quirks.items():
                setattr(project.quirks, name, value)
            found = await heard(agent)
            assert (found.trouble, found.text) == (None, TEXT)
            assert found.progress.ended is Status.COMPLETED
            ids = [one.run.id for one in found.events if isinstance(one, Began)]
            assert ids[-1] == project.runs[0].run_id
            assert project.complaints == []

    in_short_seconds(journey)


@pytest.mark.parametrize("end", ["reset", "clean", "missing chunk"])
def test_a_stream_cut_behind_any_event_keeps_what_was_heard_and_is_never_asked_again(
    end: str,
) -> None:
    async def journey() -> None:
        async with a_project() as (project, agent):
            whole = len(project_events(await raw(project)))
            before = len(project.runs)
            for number in range(whole + 1):
                project.drop_stream(after_events=number, end=end)  # type: ignore[arg-type]
                found = await heard(
                    agent, RunRequest("", "u", f"tg-{number}", "hello", f"m-{number}")
                )
                assert TEXT.startswith(found.text)
                if number < whole:
                    assert isinstance(found.trouble, RunLost)
                    assert found.trouble.happened is not Happened.NO
            assert len(project.runs) - before == whole + 1

    in_short_seconds(journey)


async def raw(project: ProjectEmulator) -> bytes:
    """All bytes of one run's stream."""
    import httpx

    async with serving(project.app, only_local=True) as address, httpx.AsyncClient() as client:
        body = {"session_id": "raw", "content": {"query": {"prompt": [
            {"type": "text", "content": {"text": "hello"}}]}}}  # fmt: skip
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = await client.post(f"{address}/stream_run", json=body, headers=headers)
        return answer.content


def project_events(stream: bytes) -> list[str]:
    decoder = Decoder()
    return [one.data for one in (*decoder.feed(stream), *decoder.end())]


def test_a_stream_cut_at_any_byte_says_a_beginning_of_it_or_all() -> None:
    streams: list[bytes] = []

    async def journey() -> None:
        async with a_project() as (project, _):
            streams.append(await raw(project))

    in_short_seconds(journey)
    (stream,) = streams
    for cut in range(len(stream) + 1):
        decoder, reader, progress = (
            Decoder(),
            AgentEvents(Run("1", "2", Status.IN_PROGRESS)),
            Progress(),
        )
        for sent in (*decoder.feed(stream[:cut]), *decoder.end()):
            progress = progress.after(reader.read(sent))
        assert TEXT.startswith(progress.text)
        assert (progress.ended is Status.COMPLETED) == (cut >= len(stream.rstrip(b"\n")))


REFUSALS: list[tuple[str, tuple[Any, ...], type[CozeTrouble], Happened]] = [
    ("platform", ("paused", "json"), Paused, Happened.NO),
    ("platform", ("paused", "html"), Paused, Happened.NO),
    ("platform", ("stopped", "json"), AgentUnavailable, Happened.NO),
    ("platform", ("stopped", "html"), AgentUnavailable, Happened.NO),
    ("platform", ("budget", "json"), QuotaGone, Happened.NO),
    ("platform", ("budget", "html"), QuotaGone, Happened.NO),
    ("fail", ("/stream_run", 429, {"msg": "slow down"}), RateLimited, Happened.NO),
    ("fail", ("/stream_run", 502, "<html>Bad Gateway</html>"), ServerTrouble, Happened.NO),
    ("fail", ("/stream_run", 504, "<html>Gateway Time-out</html>"), RunFailed, Happened.YES),
    ("fail", ("/stream_run", 500, {"detail": {"error_code": 701001, "stack_trace": ["x"]}}),
     RunFailed, Happened.YES),
    ("fail", ("/stream_run", 500, "Internal Server Error"), RunFailed, Happened.YES),
    ("fail", ("/stream_run", 401, {"msg": "Missing authorization header"}), TokenRefused, Happened.NO),
    ("fail", ("/stream_run", 403, "<html>Forbidden</html>"), TokenRefused, Happened.NO),
    ("fail", ("/stream_run", 404, {"detail": "Not Found"}), AgentUnavailable, Happened.NO),
    ("lose_answer", ("/stream_run",), RunLost, Happened.UNKNOWN),
]  # fmt: skip


@pytest.mark.parametrize(("how", "with_", "trouble", "happened"), REFUSALS, ids=str)
def test_each_refusal_is_a_trouble_with_a_cure(
    how: str, with_: tuple[Any, ...], trouble: type[CozeTrouble], happened: Happened
) -> None:
    async def journey() -> None:
        async with a_project() as (project, agent):
            getattr(project, how)(*with_)
            found = await heard(agent)
            assert type(found.trouble) is trouble
            assert found.trouble.happened is happened
            assert "stack" not in str(found.trouble)
            assert (found.trouble.retry is Retry.WAIT) == (
                trouble in (Paused, RateLimited, ServerTrouble)
            )

    in_short_seconds(journey)


@pytest.mark.parametrize("bad", ["401", "403", "401 html", "event"])
def test_a_wrong_token_in_each_of_its_forms(bad: str) -> None:
    async def journey() -> None:
        async with a_project() as (project, agent):
            project.quirks.bad_token = bad  # type: ignore[assignment]
            project.remove_token(TOKEN)
            found = await heard(agent)
            assert isinstance(found.trouble, AgentUnavailable if bad == "event" else TokenRefused)

    in_short_seconds(journey)


CODES = ["301001", "301002", "301003", "301004", "301005", "301006", "301007", "301008", "305001",
         "503001", "601002", "604001", "701001", "701002", "702002", "900001", "TIMEOUT"]  # fmt: skip


@pytest.mark.parametrize("shape", ["end", "error", "error only", "eof", "torn", "500"])
def test_each_failure_in_each_shape_happened_and_quotes_nothing(shape: str) -> None:
    async def journey() -> None:
        async with a_project() as (project, agent):
            for number, code in enumerate(CODES):
                project.fail_run(code, "SELECT secret FROM t", shape=shape, after=1)  # type: ignore[arg-type]
                found = await heard(
                    agent, RunRequest("", "u", f"tg-{number}", "hello", f"m-{number}")
                )
                assert found.trouble is not None
                assert found.trouble.happened is Happened.YES
                assert "SELECT" not in str(found.trouble)
                assert shape in ("eof", "torn", "500") or str(found.trouble.code) == code
                assert shape in ("error only", "500") or TEXT.startswith(found.text)

    in_short_seconds(journey)


def test_nobody_there_is_harmless() -> None:
    async def journey() -> None:
        agent = ProjectAgent("http://127.0.0.1:9", StaticToken(TOKEN), ProjectShape())
        async with agent:
            found = await heard(agent)
            assert isinstance(found.trouble, Unreachable)
            assert not await agent.cancel(QUESTION, None)
            assert await agent.end_run(QUESTION, None)

    in_short_seconds(journey)


@pytest.mark.parametrize("cancel", ["works", "not_found", "404"])
def test_stop_is_stop_whatever_the_project_says(cancel: str) -> None:
    async def journey() -> None:
        async with a_project() as (project, agent):
            project.quirks.cancel = cancel  # type: ignore[assignment]
            project.pace = Pace(1, 1)
            hearing = asyncio.create_task(heard(agent))
            await project.until(lambda: bool(project.runs))
            assert await agent.cancel(QUESTION, None) == (cancel == "works")
            if cancel == "works":
                found = await hearing
                assert found.progress.ended is Status.CANCELED or found.trouble is not None
                assert project.runs[0].cancelled
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)

    in_short_seconds(journey)


@pytest.mark.parametrize("as_", ["number", "string", "omit"])
def test_the_projects_number_goes_out_whole_or_not_at_all(as_: str) -> None:
    async def journey() -> None:
        number = "7600000000000000001"
        shape = ProjectShape(project_id=number, project_id_as=as_, extra={"source": "telegram"})
        async with a_project(shape=shape) as (project, agent):
            await heard(agent)
            sent = project.requests[-1].body
            assert isinstance(sent, dict)
            expected = {"number": int(number), "string": number, "omit": None}[as_]
            assert sent.get("project_id") == expected
            assert sent["source"] == "telegram"

    in_short_seconds(journey)


WORKFLOWS: list[dict[str, Any]] = [
    {}, {"first_event_id": 1}, {"workflow_last": "done"}, {"workflow_output": "empty"},
]  # fmt: skip


@pytest.mark.parametrize("quirks", WORKFLOWS, ids=str)
def test_a_workflow_projects_output_is_the_answer(quirks: dict[str, Any]) -> None:
    async def journey() -> None:
        async with a_project("workflow", ProjectShape(input="query")) as (project, agent):
            for name, value in quirks.items():
                setattr(project.quirks, name, value)
            found = await heard(agent)
            assert (found.trouble, found.text) == (None, TEXT)

    in_short_seconds(journey)


@pytest.mark.parametrize("key", ["error_msg", "message"])
def test_a_workflow_that_fails_is_a_failed_run(key: str) -> None:
    async def journey() -> None:
        async with a_project("workflow", ProjectShape(input="query")) as (project, agent):
            project.quirks.workflow_error_key = key  # type: ignore[assignment]
            project.fail_run("701001")
            found = await heard(agent)
            assert isinstance(found.trouble, RunFailed)

    in_short_seconds(journey)


def test_an_output_of_several_texts_says_each_by_its_name() -> None:
    assert said_by({"a": "x", "n": {"deep": "y"}}) == "x"
    assert said_by({"a": "x", "n": 1}) == "**a**: x\n\n**n**: 1"
    assert said_by("plain") == "plain"
    assert said_by({"a": "x", "b": "y"}) == "**a**: x\n\n**b**: y"
    assert said_by({"a": "x", "b": "y"}, "b") == "y"
    assert said_by({"answer": ["a", "b"]}, "answer") == "a\nb"
    assert said_by({"n": {"deep": "x"}}) == ""


@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_whatever_bytes_come_nothing_breaks(stream: bytes) -> None:
    run = Run("1", "2", Status.IN_PROGRESS)
    agent, workflow = AgentEvents(run), WorkflowEvents(run)
    decoder = Decoder()
    for sent in (*decoder.feed(b"data: " + stream + b"\n\n"), *decoder.end()):
        Progress().after(agent.read(sent))
        workflow.read(sent)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
KINDS = ("message_start", "answer", "thinking", "tool_request", "tool_response", "message_end",
         "error", "workflow_start", "node_end", "workflow_end", "done", "ping", "?")  # fmt: skip


@given(st.sampled_from(KINDS), JSON, st.dictionaries(st.sampled_from(KINDS), JSON, max_size=4))
def test_whatever_an_event_holds_is_read_or_passed_over(
    kind: str, other: Any, content: Any
) -> None:
    sent = json.dumps({"type": kind, "content": content, "output": content, "msg_id": other})
    run = Run("1", "2", Status.IN_PROGRESS)
    (event,) = Decoder().feed(f"data: {sent}\n\n".encode())
    Progress().after(AgentEvents(run).read(event))
    WorkflowEvents(run).read(event)
