"""Everything the API refuses, with its code."""

import json

import pytest

from bridge.sandbox.coze import DEFAULT_BOT_ID, CozeEmulator


def media(*items):
    return {"role": "user", "content": json.dumps(items), "content_type": "object_string"}


TEXT = {"role": "user", "content": "hi", "content_type": "text"}
IMAGE = {"type": "image", "file_url": "https://example.org/cat.png"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"user_id": 42}, 4000),
        ({"bot_id": int(DEFAULT_BOT_ID)}, 4000),
        ({"bot_id": None}, 4000),
        ({"user_id": ""}, 4000),
        ({"stream": "true"}, 4000),
        ({"additional_messages": {}}, 4000),
        ({"additional_messages": [TEXT] * 101}, 4004),
        ({"additional_messages": []}, 4000),
        ({"additional_messages": [{**TEXT, "role": "system"}]}, 4000),
        ({"additional_messages": [{**TEXT, "role": "assistant"}]}, 4000),
        ({"additional_messages": [{**TEXT, "type": "verbose"}]}, 4000),
        ({"additional_messages": [{**TEXT, "content": ""}]}, 4005),
        ({"additional_messages": [{**TEXT, "content": 5}]}, 4000),
        ({"additional_messages": [{**TEXT, "content_type": "card"}]}, 4000),
        ({"additional_messages": [{**media(), "content": "no json"}]}, 4005),
        ({"additional_messages": [media({"type": "text", "text": "alone"})]}, 4000),
        ({"additional_messages": [media(IMAGE)]}, 4000),
        ({"additional_messages": [media({"type": "text", "text": "a"}, IMAGE)] * 2}, 0),
        ({"additional_messages": [TEXT, media(IMAGE)]}, 0),
        ({"additional_messages": [TEXT, media({"type": "image", "file_id": "1"})]}, 4000),
        ({"additional_messages": [TEXT, media({"type": "image"})]}, 4005),
        ({"additional_messages": [TEXT, media({"type": "video", "file_id": "1"})]}, 4005),
        (
            {
                "additional_messages": [
                    media({"type": "text", "text": "a"}, {"type": "text", "text": "b"}, IMAGE)
                ]
            },
            4000,
        ),
        ({"stream": False, "auto_save_history": False}, 4007),
        (
            {
                "stream": False,
                "additional_messages": [TEXT, media({**IMAGE, "type": "audio"})],
            },
            4000,
        ),
        ({"meta_data": {"k": "v" * 513}}, 4003),
        ({"meta_data": {str(n): "v" for n in range(17)}}, 4003),
        ({"custom_variables": {"name": 1}}, 4000),
        ({"custom_variables": {"a-b": "1"}}, 4000),
        ({"parameters": []}, 4000),
        ({"publish_status": "draft"}, 4000),
        ({"publish_status": "unpublished_draft", "bot_version": "1"}, 4000),
        ({"bot_id": "1"}, 4200),
    ],
)
async def test_a_chat_request(api, change, code):
    request = api.ask("hi", stream=False)
    request["json"] = {**request["json"], **change}
    if change.get("stream") is None and code == 0:
        request["json"]["stream"] = False
    answer = await api.json("POST", "/v3/chat", **request)
    assert (answer["code"], answer["msg"] == "") == (code, code == 0)


async def test_a_numeric_id_has_its_own_text(api):
    request = api.ask("hi", user_id=42)
    answer = await api.call("POST", "/v3/chat", **request)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json()["msg"] == (
        "The field http body provided is not a valid json or chat request"
    )


@pytest.mark.parametrize("content", [b"{", b"[]", b"null", b"\xff"])
async def test_a_body_that_is_no_object(api, content):
    assert await api.code("POST", "/v3/chat", content=content) == 4000


async def test_a_body_above_the_limit_meets_the_gateway(api, coze: CozeEmulator):
    coze.state.largest_body = 1000
    answer = await api.call("POST", "/v3/chat", **api.ask("x" * 1000))
    assert answer.status_code == 413
    assert answer.text.startswith("<html>")


@pytest.mark.parametrize(
    "header",
    [None, "pat_sandbox", "Bearer", "Bearer  pat_sandbox", "bearer pat_sandbox", "Bearer pat_x"],
)
async def test_a_bad_token(api, header):
    headers = {} if header is None else {"Authorization": header}
    answer = await api.call("POST", "/v3/chat", **api.ask("hi"), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (200, 4100)


async def test_a_token_without_the_permission(api, coze: CozeEmulator):
    coze.add_token("pat_narrow", {"chat"})
    api.headers = {"Authorization": "Bearer pat_narrow"}
    raw = await api.stream("hi")
    assert b"done" in raw
    (run,) = coze.runs.values()
    query = {"conversation_id": run.conversation_id, "chat_id": run.chat_id}
    assert await api.code("GET", "/v3/chat/retrieve", params=query) == 4101
    assert await api.code("GET", "/v3/chat/message/list", params=query) == 4101
    assert await api.code("POST", "/v1/conversation/create") == 4101
    assert await api.code("GET", "/v1/users/me") == 0


async def test_an_agent_that_is_not_published(api, coze: CozeEmulator):
    coze.add_agent("7379462189365198899", published=False)
    answer = await api.json("POST", "/v3/chat", **api.ask("hi", bot_id="7379462189365198899"))
    assert answer["code"] == 4015
    assert "has not been published to the channel Agent As API" in answer["msg"]


async def test_the_other_code_of_an_unknown_agent(api, coze: CozeEmulator):
    coze.quirks.unknown_agent_code = 4006
    assert await api.code("POST", "/v3/chat", **api.ask("hi", bot_id="1")) == 4006
    assert await api.code("POST", "/v1/conversation/create", json={"bot_id": "1"}) == 5000


async def test_an_unknown_and_a_forgotten_conversation(api, coze: CozeEmulator):
    assert await api.code("POST", "/v3/chat", **api.ask("hi", "123")) == 4002
    conversation = await api.conversation()
    await api.stream("hi", conversation)
    coze.forget_conversation(conversation)
    assert await api.code("POST", "/v3/chat", **api.ask("hi", conversation)) == 4002


async def test_a_run_without_history_cannot_be_retrieved(api, coze: CozeEmulator):
    await api.stream("hi", auto_save_history=False)
    (run,) = coze.runs.values()
    query = {"conversation_id": run.conversation_id, "chat_id": run.chat_id}
    assert await api.code("GET", "/v3/chat/retrieve", params=query) == 4001
    assert await api.code("GET", "/v3/chat/message/list", params=query) == 4001


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v2/chat"),
        ("POST", "/open_api/v2/chat"),
        ("GET", "/v3/chat"),
        ("HEAD", "/v1/users/me"),
        ("GET", "/v1/users/me/"),
        ("GET", "/v1/audio/speech"),
    ],
)
async def test_a_path_that_does_not_exist(api, method, path):
    answer = await api.call(method, path)
    assert answer.status_code == 404
    if method != "HEAD":
        body = answer.json()
        assert body["code"] == 4200
        assert body["msg"] == f"The requested API endpoint {method} {path} does not exist."


@pytest.mark.parametrize(
    ("outputs", "code"),
    [
        ([], 4000),
        ([{"tool_call_id": "wrong", "output": "x"}], 4000),
        ([{"tool_call_id": "BUJJS0JKQ0dHT0xPSUI="}], 4000),
        ([{"tool_call_id": "BUJJS0JKQ0dHT0xPSUI=", "output": "x"}], 0),
    ],
)
async def test_tool_outputs(api, coze: CozeEmulator, outputs, code):
    await api.stream("local tool")
    (run,) = coze.runs.values()
    query = {"conversation_id": run.conversation_id, "chat_id": run.chat_id}
    path = "/v3/chat/submit_tool_outputs"
    body = {"tool_outputs": outputs, "stream": False}
    assert await api.code("POST", path, params=query, json=body) == code
    if code == 0:
        await coze.until(lambda: run.ended)
        assert run.answers == ["Your tool says: `x`"]
        assert await api.code("POST", path, params=query, json=body) == 4000
    else:
        assert await api.code("POST", "/v3/chat/cancel", json=query) == 4104


async def test_tool_outputs_without_history(api, coze: CozeEmulator):
    await api.stream("local tool", auto_save_history=False)
    (run,) = coze.runs.values()
    query = {"conversation_id": run.conversation_id, "chat_id": run.chat_id}
    path = "/v3/chat/submit_tool_outputs"
    assert await api.code("POST", path, params=query, json={"tool_outputs": []}) == 5000


async def test_feedback(api, coze: CozeEmulator):
    conversation = await api.conversation()
    await api.stream("hi", conversation)
    question, answer = coze.conversations[conversation].messages
    base = f"/v1/conversations/{conversation}/messages"
    like = {"feedback_type": "like"}
    assert await api.code("POST", f"{base}/{answer.id}/feedback", json=like) == 0
    assert coze.feedback == {answer.id: "like"}
    assert await api.code("DELETE", f"{base}/{answer.id}/feedback") == 0
    assert coze.feedback == {}
    assert await api.code("POST", f"{base}/{question.id}/feedback", json=like) == 4000
    assert await api.code("POST", f"{base}/1/feedback", json=like) == 4005
    wrong = {"feedback_type": "love"}
    assert await api.code("POST", f"{base}/{answer.id}/feedback", json=wrong) == 4000
    long = {**like, "comment": "x" * 251}
    assert await api.code("POST", f"{base}/{answer.id}/feedback", json=long) == 4000


@pytest.mark.parametrize(
    ("method", "path", "options", "code"),
    [
        ("POST", "/v1/conversation/create", {}, 0),
        ("POST", "/v1/conversation/create", {"json": {"name": "x" * 101}}, 4000),
        ("POST", "/v1/conversation/create", {"json": {"messages": [TEXT] * 17}}, 4004),
        ("GET", "/v1/conversations", {}, 4000),
        ("GET", "/v1/conversations", {"params": {"bot_id": "1", "page_size": "51"}}, 4000),
        ("GET", "/v1/conversations", {"params": {"bot_id": "1", "sort_order": "up"}}, 4000),
        ("PUT", "/v1/conversations/1", {"json": {"name": "x"}}, 4002),
        ("DELETE", "/v1/conversations/1", {}, 4002),
        ("POST", "/v1/conversations/1/clear", {}, 4002),
        ("POST", "/v3/chat/cancel", {"json": {"chat_id": "1"}}, 4000),
        ("GET", "/v1/bots/1", {}, 4200),
        ("GET", "/v1/bot/get_online_info", {}, 4000),
        ("GET", "/v1/files/retrieve", {"params": {"file_id": "1"}}, 4200),
        ("GET", "/v1/audio/voices", {"params": {"page_size": "101"}}, 4000),
        ("GET", "/v1/audio/voices", {"params": {"model_type": "huge"}}, 4000),
        ("GET", "/v1/audio/voices", {"params": {"voice_state": "lost"}}, 4000),
        ("GET", "/v1/audio/voices", {"params": {"filter_system_voice": "1"}}, 4000),
        ("GET", "/v1/workspaces", {"params": {"page_size": "51"}}, 4000),
    ],
)
async def test_the_other_endpoints(api, method, path, options, code):
    assert await api.code(method, path, **options) == code


async def test_message_lists(api):
    conversation = await api.conversation()
    query = {"conversation_id": conversation}
    path = "/v1/conversation/message/list"
    for body, code in (
        ({"limit": 0}, 4000),
        ({"limit": 51}, 4000),
        ({"order": "up"}, 4000),
        ({"after_id": "1"}, 4005),
        ({}, 0),
    ):
        assert await api.code("POST", path, params=query, json=body) == code
    created = await api.json("POST", "/v1/conversation/message/create", params=query, json=TEXT)
    assert created["data"]["type"] == ""
    one = {**query, "message_id": created["data"]["id"]}
    changed = await api.json(
        "POST", "/v1/conversation/message/modify", params=one, json={"content": "new"}
    )
    assert changed["message"]["content"] == "new"
    assert "data" not in changed
    assert await api.code("POST", "/v1/conversation/message/delete", params=one) == 0
    assert await api.code("GET", "/v1/conversation/message/retrieve", params=one) == 4005
