"""`/v1/chat/completions` of an agent."""

import json
from typing import Any

import pytest

from bridge.sandbox.coze.scripts.steps import Completed, Delta, Silence
from bridge.sandbox.coze_projects import Pace, ProjectEmulator, fixed, saying

PATH = "/v1/chat/completions"


def body(text: object = "hi", **members: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], "session_id": "tg-1", **members}


def chunks(raw: bytes) -> list[Any]:
    blocks = raw.decode().split("\n\n")
    assert blocks.pop() == ""
    assert all(block.startswith("data: ") for block in blocks)
    assert blocks.pop() == "data: [DONE]"
    return [json.loads(block.removeprefix("data: ")) for block in blocks]


async def test_the_frames_are_exact(api, project: ProjectEmulator):
    project.use(fixed(Delta("a", "雨"), Completed("a")))
    project.state.clock = lambda: 1780000000.5
    heard = await api.post(PATH, body(stream=True, model="m"))
    (run,) = project.runs
    head = (
        f'"id":"chatcmpl-{run.run_id}","object":"chat.completion.chunk","created":1780000000,'
        '"model":"m"'
    )

    def chunk(delta, reason="null"):
        choice = f'{{"index":0,"delta":{delta},"finish_reason":{reason}}}'
        return f'data: {{{head},"choices":[{choice}]}}\n\n'

    assert heard.raw.decode() == (
        chunk('{"role":"assistant"}')
        + chunk('{"content":"雨"}')
        + chunk("{}", '"stop"')
        + "data: [DONE]\n\n"
    )
    assert heard.headers["content-type"].startswith("text/event-stream")


async def test_a_tool_looks_like_an_end(api, project: ProjectEmulator):
    project.use("around a tool")
    heard = await api.post(PATH, body(stream=True))
    choices = [chunk["choices"][0] for chunk in chunks(heard.raw)]
    assert [list(one["delta"]) for one in choices] == [
        ["role"],
        ["content"],
        ["tool_calls"],
        [],
        ["role", "tool_call_id", "content"],
        [],
        ["content"],
        ["content"],
        [],
    ]
    reasons = [one["finish_reason"] for one in choices]
    assert reasons == [None, None, None, "tool_calls", None, "stop", None, None, "stop"]
    call = choices[2]["delta"]["tool_calls"][0]
    assert call["function"] == {"name": "web_search", "arguments": '{"query":"weather"}'}
    assert (call["index"], call["type"], call["id"]) == (0, "function", "call_a1")


async def test_a_failure_in_the_stream(api, project: ProjectEmulator):
    project.fail_run("301002", "限流", after=1)
    found = chunks((await api.post(PATH, body(stream=True))).raw)
    assert list(found[-1]) == ["id", "object", "error"]
    assert found[-1]["error"] == {"message": "限流", "type": "server_error", "code": "301002"}


async def test_every_message_is_a_choice(api, project: ProjectEmulator):
    project.use("around a tool")
    answer = await api.json("POST", PATH, json=body())
    assert list(answer) == ["id", "object", "created", "model", "choices", "usage"]
    roles = [choice["message"]["role"] for choice in answer["choices"]]
    assert roles == ["assistant", "tool", "assistant"]
    assert answer["choices"][-1]["message"]["content"] == "It will rain."
    assert set(answer["usage"].values()) == {0}
    assert answer["model"] == "default"


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ({"session_id": ""}, "400001"),
        ({"session_id": None}, "400001"),
        ({"messages": []}, "400002"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "400002"),
    ],
)
async def test_refusals(api, project: ProjectEmulator, broken, code):
    answer = await api.call("POST", PATH, json=body() | broken)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert list(answer.json()["error"]) == ["message", "type", "code"]
    assert project.runs == []


async def test_errors_without_a_stream(api, project: ProjectEmulator):
    project.fail_run("301001", "boom")
    answer = await api.call("POST", PATH, json=body())
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "301001")
    project.quirks.timeout_seconds = 0.05
    project.pace = Pace(0, 0, 1)
    project.use(fixed(Silence(0.1), Completed("a", "x")))
    assert (await api.call("POST", PATH, json=body())).status_code == 408
    project.quirks.gateway_seconds = 0.01
    assert (await api.call("POST", PATH, json=body())).status_code == 408


async def test_the_last_message_of_the_user_and_the_same_memory(api, project: ProjectEmulator):
    await api.stream("Remember that I like tea")
    messages = [
        {"role": "user", "content": "ignored"},
        {"role": "user", "content": "What do you remember?"},
        {"role": "assistant", "content": "ignored, too"},
    ]
    answer = await api.json("POST", PATH, json=body() | {"messages": messages})
    assert "like tea" in answer["choices"][-1]["message"]["content"]
    assert project.runs[-1].text == "What do you remember?"


async def test_parts(api, project: ProjectEmulator):
    parts = [
        {"type": "text", "text": "one"},
        {"type": "text", "text": "two"},
        {"type": "image_url", "image_url": {"url": "http://127.0.0.1:1/a.png"}},
        {"type": "file_url", "file_url": {"url": "data:,x", "file_name": "x.txt"}},
        {"type": "hologram"},
    ]
    await api.post(PATH, body(parts))
    (run,) = project.runs
    assert (run.text, run.urls) == ("one\ntwo", ["http://127.0.0.1:1/a.png", "data:,x"])
    assert [one.rule for one in project.complaints] == ["not http"]


async def test_such_runs_cannot_be_cancelled(api, project: ProjectEmulator):
    project.use(saying("x"))
    await api.post(PATH, body(stream=True))
    run_id = project.runs[0].run_id
    assert (await api.json("POST", f"/cancel/{run_id}"))["status"] == "not_found"
