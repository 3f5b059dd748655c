"""The stream of an agent: its bytes, its events and their order."""

import json
import re

import pytest

from bridge.sandbox.coze.scripts.steps import Completed, Delta
from bridge.sandbox.coze_projects import (
    FailAs,
    ProjectEmulator,
    ToolRequest,
    ToolResponse,
    fixed,
    saying,
)

NONE = (
    '"answer":null,"thinking":null,"tool_request":null,"tool_response":null,"error":null,'
    '"message_start":null,"message_end":null'
)


def content(key, value):
    return "{" + NONE.replace(f'"{key}":null', f'"{key}":{value}') + "}"


async def test_the_frames_are_exact(api, project: ProjectEmulator):
    project.use("around a tool")
    heard = await api.stream("天气 & <b>?", "tg-42-9f3c", local_msg_id="m-17")
    (run,) = project.runs
    assert heard.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert heard.headers["transfer-encoding"] == "chunked"
    blocks = heard.raw.decode().split("\n\n")
    assert blocks.pop() == ""
    found = heard.events
    reply = found[0]["reply_id"]
    (first, second) = (found[1]["msg_id"], found[5]["msg_id"])
    milliseconds = found[8]["content"]["message_end"]["time_cost_ms"]

    def event(number, kind, value, msg_id, finish="true"):
        return (
            f'event: message\ndata: {{"type":"{kind}","session_id":"tg-42-9f3c",'
            f'"query_msg_id":"m-17","reply_id":"{reply}","msg_id":"{msg_id}",'
            f'"sequence_id":{number},"finish":{finish},"content":{content(kind, value)},'
            f'"log_id":"{run.log_id}"}}'
        )

    ids = [one["msg_id"] for one in found]
    assert blocks == [
        event(
            1,
            "message_start",
            f'{{"local_msg_id":"m-17","msg_id":"m-17","execute_id":"{run.run_id}"}}',
            ids[0],
        ),
        event(2, "answer", '"Let me look"', first, "false"),
        event(3, "answer", '""', first),
        event(
            4,
            "tool_request",
            '{"tool_call_id":"call_a1","tool_name":"web_search",'
            '"parameters":{"web_search":{"query":"weather"}}}',
            ids[3],
        ),
        event(
            5,
            "tool_response",
            '{"tool_call_id":"call_a1","code":"0","message":"","result":"3 hits",'
            '"time_cost_ms":null}',
            ids[4],
        ),
        event(6, "answer", '"It will "', second, "false"),
        event(7, "answer", '"rain."', second, "false"),
        event(8, "answer", '""', second),
        event(
            9,
            "message_end",
            '{"code":"0","message":"","token_cost":{"input_tokens":0,"output_tokens":0,'
            f'"total_tokens":0}},"time_cost_ms":{milliseconds}}}',
            ids[8],
        ),
    ]
    assert len({ids[0], first, ids[3], ids[4], second, ids[8]}) == 6
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", run.run_id)
    assert re.fullmatch(r"\d{14}[0-9A-F]{20}", run.log_id)
    assert heard.headers["x-tt-logid"] == run.log_id


async def test_nothing_of_utf_8_is_escaped(api, project: ProjectEmulator):
    project.use(saying("雨 ☂️ <&>"))
    heard = await api.stream()
    assert heard.text == "雨 ☂️ <&>"
    assert "雨".encode() in heard.raw
    assert b"\\u" not in heard.raw


async def test_a_request_without_ids(api):
    body = api.body()
    del body["session_id"], body["project_id"], body["type"]
    heard = await api.post("/stream_run", body)
    assert {(event["session_id"], event["query_msg_id"]) for event in heard.events} == {("", "")}
    assert heard.code == "0"


async def test_an_answer_that_is_not_streamed_is_one_event(api, project: ProjectEmulator):
    project.use(fixed(Completed("a", "whole")))
    heard = await api.stream()
    assert heard.types == ["message_start", "answer", "message_end"]
    assert heard.events[1]["finish"] is True
    assert heard.text == "whole"


async def test_an_answer_without_text(api, project: ProjectEmulator):
    project.use("empty")
    heard = await api.stream()
    assert (heard.types, heard.text, heard.code) == (
        ["message_start", "answer", "message_end"],
        "",
        "0",
    )


async def test_parallel_tools(api, project: ProjectEmulator):
    project.use("parallel tools")
    heard = await api.stream()
    tools = [event for event in heard.events if event["type"].startswith("tool")]
    assert [event["type"] for event in tools] == ["tool_request"] * 2 + ["tool_response"] * 2
    named = [event["content"][event["type"]]["tool_call_id"] for event in tools]
    assert named == ["call_b1", "call_b2", "call_b2", "call_b1"]
    assert heard.text.endswith("**free**.")


async def test_a_plugin_of_the_other_emulators_scripts(api):
    heard = await api.stream("what is the weather?")
    request, response = (one for one in heard.events if one["type"].startswith("tool"))
    asked = request["content"]["tool_request"]
    assert asked["parameters"] == {"tianqi-getWeather": {"city": "Lisbon"}}
    answered = response["content"]["tool_response"]
    assert answered["result"] == "clear, 24 °C"
    assert answered["tool_call_id"] == asked["tool_call_id"]


@pytest.mark.parametrize(
    ("shape", "types", "code"),
    [
        ("end", ["message_start", "answer", "answer", "message_end"], "301001"),
        ("error", ["message_start", "answer", "answer", "error"], "301001"),
        ("eof", ["message_start", "answer", "answer"], ""),
        ("torn", ["message_start", "answer", "answer"], ""),
        ("error only", ["error"], "301001"),
    ],
)
async def test_the_shapes_of_failure(api, project: ProjectEmulator, shape, types, code):
    project.fail_run("301001", "请求失败", shape, after=2)
    heard = await api.stream()
    assert (heard.types, heard.code, heard.broken) == (types, code, False)
    if shape == "error only":
        assert project.runs == []
        error = heard.events[0]
        assert error["content"]["error"] == {
            "local_msg_id": "",
            "code": "301001",
            "error_msg": "请求失败",
        }
        assert (error["reply_id"], error["msg_id"], error["sequence_id"]) == ("", "", 1)
        return
    (run,) = project.runs
    assert run.status == "failed"
    assert heard.raw.endswith(b"\n\n") == (shape != "torn")


async def test_a_run_that_is_not_begun_is_http_500(api, project: ProjectEmulator):
    project.fail_run("701001", "boom", "500")
    heard = await api.stream()
    assert heard.status == 500
    detail = json.loads(heard.raw)["detail"]
    assert (detail["error_code"], detail["error_message"]) == (701001, "boom")
    assert detail["stack_trace"][0].startswith("Traceback")


@pytest.mark.parametrize("shape", ["error", "eof", "torn", "error only", "500"])
async def test_the_quirk_bends_the_failures_of_scripts(api, project: ProjectEmulator, shape):
    project.quirks.failure = shape
    heard = await api.stream("fail")
    assert heard.status == (500 if shape == "500" else 200)
    expected = {"error": "701001", "error only": "701001"}.get(shape, "")
    assert (heard.code if heard.status == 200 else "") == expected
    assert (await api.stream("hello")).code == "0"


@pytest.mark.parametrize(
    ("text", "last", "code"),
    [
        ("fail", "message_end", "701001"),
        ("quota", "message_end", "604001"),
        ("fail bare", "message_end", "701231"),
        ("error", "error", "701001"),
    ],
)
async def test_the_failures_of_the_scripts(api, text, last, code):
    heard = await api.stream(text)
    assert (heard.types[-1], heard.code) == (last, code)


async def test_a_failure_of_a_script_of_ones_own(api, project: ProjectEmulator):
    project.use(fixed(Delta("a", "half"), FailAs("301002", "限流", "end")))
    heard = await api.stream()
    assert (heard.text, heard.code) == ("half", "301002")


async def test_a_tool_of_ones_own(api, project: ProjectEmulator):
    project.use(fixed(ToolRequest("c", "t", {}), ToolResponse("c", '{"a":1}')))
    heard = await api.stream()
    assert heard.types == ["message_start", "tool_request", "tool_response", "message_end"]
    assert heard.events[2]["content"]["tool_response"]["result"] == '{"a":1}'


@pytest.mark.parametrize(
    "body",
    [
        [],
        "text",
        {"content": "text"},
        {"content": {"query": "text"}},
        {"content": {"query": {"prompt": "text"}}},
        {"content": {"query": {"prompt": ["text"]}}},
        {"content": {"query": {"prompt": [{"content": "text"}]}}},
        {"content": {"query": {"prompt": [{"content": {"text": 1}}]}}},
        {"session_id": 1},
    ],
)
async def test_wrong_types_break_the_connection(api, project: ProjectEmulator, body):
    heard = await api.post("/stream_run", body)
    assert (heard.status, heard.broken, heard.raw) == (200, True, b"")
    assert project.runs == []
    assert "wrong shape" in {one.rule for one in project.complaints}


async def test_a_body_that_is_no_json(api):
    answer = await api.call("POST", "/stream_run", content=b"{")
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("Invalid JSON format:")
    assert "Traceback" in answer.json()["detail"]


async def test_unknown_blocks_and_members_are_dropped(api, project: ProjectEmulator):
    blocks = [
        {"type": "hologram", "content": {"text": "no"}},
        {"content": {"text": "one"}},
        {"type": "text", "content": {"text": ""}},
        {"type": "text", "content": {"text": None}},
        {"type": "text", "content": {"text": "two"}},
    ]
    body = api.body() | {"content": {"query": {"prompt": blocks}}, "user_id": "u", "stream": False}
    heard = await api.post("/stream_run", body)
    assert heard.code == "0"
    assert project.runs[0].prompt == "one\ntwo"


async def test_the_callers_ids(api, project: ProjectEmulator):
    own = {"x-run-id": "run-of-mine", "X-Tt-Logid": "log-of-mine"}
    heard = await api.stream(headers=own)
    start = heard.events[0]["content"]["message_start"]
    assert start["execute_id"] == project.runs[0].run_id == "run-of-mine"
    assert {event["log_id"] for event in heard.events} == {"log-of-mine"}


async def test_an_agent_has_no_alias(api):
    assert (await api.post("/run/stream", {})).status == 404
