"""What a client does wrong although it passes is written down."""

import asyncio
import json

import pytest

from bridge.sandbox.coze_projects import Complaint, Hang, ProjectEmulator, fixed


def rules(project: ProjectEmulator) -> list[str]:
    return [one.rule for one in project.complaints]


async def test_a_good_request_has_no_complaint(api, project: ProjectEmulator):
    await api.stream(local_msg_id="m-1", headers={"x-run-id": "a"})
    await api.stream(local_msg_id="m-2", headers={"x-run-id": "b"})
    await api.stream(project_id=project.project_id)
    body = api.body()
    del body["project_id"]
    await api.post("/stream_run", body)
    assert project.complaints == []


@pytest.mark.parametrize(
    ("number", "what"),
    [
        (lambda right: float(right), "a float"),
        (lambda right: int(float(right)), "rounded"),
        (lambda right: 7, "of another project"),
        (lambda right: [right], "a list"),
    ],
)
async def test_project_ids(api, project: ProjectEmulator, number, what):
    project.state.project_id = "7600000000000000001"
    heard = await api.stream(project_id=number(int(project.project_id)))
    assert heard.code == "0"
    (complaint,) = project.complaints
    assert (complaint.rule, complaint.path) == ("project id", "/stream_run")
    assert complaint.what.startswith(what)


def test_the_projects_number_is_larger_than_doubles_hold():
    numbers = {ProjectEmulator().project_id for _ in range(9)}
    assert all(len(number) == 19 and int(number) > 2**53 for number in numbers)
    assert len(numbers) == 9


@pytest.mark.parametrize("session", ["", "x" * 65, "a b", "é"])
async def test_session_ids(api, project: ProjectEmulator, session):
    await api.stream(session=session)
    assert rules(project) == ["session id"]


async def test_a_second_run_in_a_session(api, project: ProjectEmulator):
    project.use(fixed(Hang()), times=1)
    first = asyncio.create_task(api.stream())
    await project.until(lambda: project.runs)
    await api.stream(session="tg-2")
    assert project.complaints == []
    await api.stream()
    assert rules(project) == ["busy session"]
    await api.call("POST", f"/cancel/{project.runs[0].run_id}")
    await first
    await api.stream()
    assert rules(project) == ["busy session"]


async def test_a_client_that_left_is_not_in_a_session(api, project: ProjectEmulator):
    project.use(fixed(Hang()))
    for number in range(1, 6):
        async with api.http.stream(
            "POST", api.base + "/stream_run", headers=api.headers, json=api.body()
        ) as answer:
            async for _ in answer.aiter_raw():
                break
        assert len(project.runs) == number
    assert project.complaints == []


async def test_an_answer_that_was_lost_is_not_listened_to(api, project: ProjectEmulator):
    project.use(fixed(Hang()), times=1)
    project.lose_answer("/stream_run")
    await api.stream()
    assert (await api.stream()).code == "0"
    assert not project.runs[0].ended
    assert project.complaints == []


async def test_a_retry_after_message_start(api, project: ProjectEmulator):
    project.drop_stream(after_events=0)
    await api.stream(local_msg_id="m-1")
    await project.until(lambda: project.runs[-1].ended)
    project.drop_stream(after_events=1)
    await api.stream(local_msg_id="m-1")
    assert project.complaints == []
    await project.until(lambda: project.runs[-1].ended)
    await api.stream(local_msg_id="m-1")
    assert rules(project) == ["retry"]
    await api.stream(session="tg-2", local_msg_id="m-1")
    assert rules(project) == ["retry"]


async def test_a_run_id_is_used_once(api, project: ProjectEmulator):
    await api.stream(headers={"x-run-id": "a"})
    await api.stream(session="tg-2", headers={"x-run-id": "a"})
    assert rules(project) == ["run id"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.telegram.org/file/bot42:x/a.jpg", ["telegram url"]),
        ("HTTPS://API.TELEGRAM.ORG/a.jpg", ["telegram url"]),
        ("data:image/png;base64,eA==", ["not http"]),
        ("/tmp/a.png", ["not http"]),
        ("ftp://files.example/a.png", ["not http"]),
    ],
)
async def test_addresses(api, project: ProjectEmulator, url, expected):
    await api.stream(files=[url])
    assert rules(project) == expected


async def test_content_types(api, project: ProjectEmulator):
    body = json.dumps(api.body()).encode()
    answer = await api.call("POST", "/stream_run", content=body)
    assert answer.status_code == 200
    await api.call("POST", "/stream_run", content=body, headers={"Content-Type": "text/plain"})
    assert project.complaints == [
        Complaint("content type", "missing", "/stream_run"),
        Complaint("content type", "text/plain", "/stream_run"),
    ]


async def test_headers_of_the_platforms_own(api, project: ProjectEmulator):
    await api.stream(headers={"x-run-mode": "test_run", "rpc-persist-a": "b"})
    assert sorted(one.what for one in project.complaints) == ["rpc-persist-a", "x-run-mode"]


async def test_what_is_dropped_silently(api, project: ProjectEmulator):
    body = api.body(type="answer")
    body["content"]["query"]["prompt"].append({"type": "image", "content": {}})
    await api.post("/stream_run", body)
    assert rules(project) == ["ignored", "ignored"]


async def test_a_question_without_blocks(api, project: ProjectEmulator):
    await api.stream("")
    assert rules(project) == ["wrong shape"]


async def test_no_json(api, project: ProjectEmulator):
    await api.call("POST", "/stream_run", content=b"{")
    assert rules(project) == ["not JSON"]
