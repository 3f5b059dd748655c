"""What stands in front of a project: tokens, states of the platform, ordered refusals."""

import asyncio

import httpx
import pytest

from bridge.sandbox.coze_projects import ProjectEmulator

PATHS = [("POST", "/stream_run"), ("GET", "/health"), ("POST", "/cancel/x"), ("GET", "/nowhere")]


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_no_token_is_401_everywhere(api, method, path):
    answer = await api.http.request(method, api.base + path)
    assert answer.status_code == 401
    assert list(answer.json()) == ["msg"]
    assert answer.json()["msg"].startswith("Missing authorization header")


@pytest.mark.parametrize("bad", ["Bearer wrong", "Basic wrong", "Bearer"])
@pytest.mark.parametrize(
    ("form", "status", "kind"),
    [
        ("401", 401, "application/json"),
        ("403", 403, "application/json"),
        ("401 html", 401, "text/html"),
        ("event", 200, "text/event-stream"),
    ],
)
async def test_a_wrong_token(api, project: ProjectEmulator, bad, form, status, kind):
    project.quirks.bad_token = form
    answer = await api.call("GET", "/health", headers={"Authorization": bad})
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith(kind)
    if form == "event":
        assert b'"type":"error"' in answer.content


async def test_a_token_that_was_deleted(api, project: ProjectEmulator):
    assert (await api.call("GET", "/health")).status_code == 200
    project.remove_token(api.headers["Authorization"].removeprefix("Bearer "))
    assert (await api.call("GET", "/health")).status_code == 401


async def test_health(api, project: ProjectEmulator):
    answer = await api.call("GET", "/health")
    assert answer.content == b'{"status":"ok","message":"Service is running"}'
    project.quirks.healthy = False
    answer = await api.call("GET", "/health")
    assert (answer.status_code, list(answer.json())) == (503, ["detail"])


@pytest.mark.parametrize("form", ["json", "html"])
@pytest.mark.parametrize(("state", "status"), [("paused", 503), ("stopped", 404), ("budget", 402)])
async def test_states_of_the_platform(api, project: ProjectEmulator, state, status, form):
    project.platform(state, form)
    for method, path in PATHS:
        answer = await api.call(method, path)
        assert answer.status_code == status
        assert ("msg" in answer.text) == (form == "json")
        assert answer.headers["content-type"].startswith(f"{'text' if form == 'html' else 'app'}")
    project.platform("running")
    assert (await api.stream()).code == "0"


async def test_only_a_deployment_ends_a_stop(api, project: ProjectEmulator):
    project.platform("stopped")
    await project.redeploy()
    assert (await api.call("GET", "/health")).status_code == 200
    project.platform("paused")
    await project.redeploy()
    assert (await api.call("GET", "/health")).status_code == 503


async def test_every_third_request_is_too_many(api, project: ProjectEmulator):
    project.limit_every(3, retry_after="7")
    answers = [await api.call("GET", "/health") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200, 200, 429] * 2
    assert answers[2].headers["retry-after"] == "7"
    project.mend()
    assert {(await api.call("GET", "/health")).status_code for _ in range(4)} == {200}


async def test_a_cold_start_delays_one_request(api, project: ProjectEmulator):
    project.cold_start(0.05)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await api.call("GET", "/health")
    assert loop.time() - began >= 0.05
    assert project.state.faults.cold_seconds == 0


async def test_an_instance_that_slept_has_forgotten(api, project: ProjectEmulator):
    project.quirks.memory_store = "process"
    await api.stream(headers={"x-run-id": "mine"})
    project.cold_start(0)
    assert project.memory == {}
    assert (await api.json("POST", "/cancel/mine"))["status"] == "not_found"


async def test_a_page_of_the_gateway(api, project: ProjectEmulator):
    project.fail_gateway("/stream_run", 502, "Bad Gateway")
    heard = await api.stream()
    assert (heard.status, heard.headers["content-type"][:9]) == (502, "text/html")
    assert b"502 Bad Gateway" in heard.raw


async def test_requests_are_seen_without_their_token(api, project: ProjectEmulator):
    await api.stream("hello", headers={"X-Run-Id": "mine"})
    (request,) = project.requests
    assert (request.method, request.path, request.status) == ("POST", "/stream_run", 200)
    assert request.headers["x-run-id"] == "mine"
    assert "authorization" not in request.headers
    assert request.body == api.body("hello")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"detail": "broken"}, "application/json"),
        ("<html>502</html>", "text/html"),
        ("Internal Server Error", "text/plain"),
    ],
)
async def test_an_ordered_refusal(api, project: ProjectEmulator, body, kind):
    project.fail("POST /stream_run", 502, body)
    assert (await api.call("GET", "/health")).status_code == 200
    heard = await api.stream()
    assert (heard.status, project.runs) == (502, [])
    assert heard.headers["content-type"].startswith(kind)
    assert (await api.stream()).code == "0"
    assert project.posts == {"/stream_run": 2}


async def test_frameworks_defaults(api):
    nowhere = await api.call("GET", "/nowhere")
    assert (nowhere.status_code, nowhere.json()) == (404, {"detail": "Not Found"})
    wrong = await api.call("GET", "/stream_run")
    assert (wrong.status_code, wrong.json()) == (405, {"detail": "Method Not Allowed"})


@pytest.mark.parametrize("agent", ["Java/17.0.1", ""])
async def test_some_user_agents_are_not_found(api, agent):
    answer = await api.call("GET", "/health", headers={"User-Agent": agent})
    assert answer.status_code == 404
    assert answer.text.startswith("<html>")


async def test_log_ids_can_be_missing(api, project: ProjectEmulator):
    project.quirks.log_header = project.quirks.log_ids = False
    heard = await api.stream()
    assert "x-tt-logid" not in heard.headers
    assert {event["log_id"] for event in heard.events} == {""}


async def test_a_lost_answer_was_carried_out(api, project: ProjectEmulator):
    project.lose_answer("/stream_run")
    heard = await api.stream("hello")
    assert (heard.broken, heard.status) == (True, 0)
    (run,) = project.runs
    await project.until(lambda: run.ended)
    with pytest.raises(httpx.TransportError):
        project.lose_answer("/health")
        await api.call("GET", "/health")


async def test_the_journal_shows_requests_and_events_but_no_token(api, project: ProjectEmulator):
    await api.stream("hello there")
    seen = [entry.name for entry in project.journal.entries]
    assert seen[0] == "POST /stream_run"
    assert {"message_start", "answer", "message_end"} <= set(seen)
    assert "eyJ" not in repr(list(project.journal.entries))


async def test_a_project_that_checks_its_id(api, project: ProjectEmulator):
    project.quirks.project_id = "checked"
    number = int(project.project_id)
    for good in (number, str(number), int(float(number))):
        assert (await api.stream(project_id=good)).status == 200
    for bad in (number + 1, str(number + 1), float(number), None):
        assert (await api.stream(project_id=bad)).status == 400
    project.quirks.project_id_forms = ("string",)
    project.quirks.project_id_status = 403
    project.quirks.project_id_body = "<html>"
    refused = await api.stream()
    assert (refused.status, refused.headers["content-type"][:9]) == (403, "text/html")
    assert (await api.stream(project_id=str(number))).code == "0"


async def test_a_project_that_wants_a_session(api, project: ProjectEmulator):
    project.quirks.without_session = "400"
    assert (await api.stream(session="")).status == 400
    assert (await api.stream()).status == 200
