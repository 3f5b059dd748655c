"""The self-hosted server's habits."""

import asyncio

import pytest

from bridge.sandbox.coze import CozeEmulator, Pace


async def test_it_streams_unless_told_otherwise_and_ends_its_own_way(studio_api):
    request = studio_api.ask("hi")
    del request["json"]["stream"]
    answer = await studio_api.call("POST", "/v3/chat", **request)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["x-log-id"]
    assert "x-tt-logid" not in answer.headers
    assert answer.content.endswith(b"\n\nevent:conversation.stream.done\ndata:\n\n")


async def test_a_bad_token(studio_api):
    answer = await studio_api.call("POST", "/v3/chat", **studio_api.ask("hi"), headers={})
    assert answer.status_code == 200
    assert answer.json() == {"code": 700012006, "msg": "access token invalid"}


async def test_an_unknown_conversation_becomes_a_new_one(studio_api, studio: CozeEmulator):
    await studio_api.stream("hi", "123")
    assert studio.asked[0].conversation_id not in ("", "123")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/permission/oauth2/token"),
        ("POST", "/v3/chat/submit_tool_outputs"),
        ("POST", "/v1/conversation/message/create"),
        ("GET", "/v1/users/me"),
        ("GET", "/v1/workspaces"),
        ("GET", "/v1/files/retrieve"),
        ("POST", "/v1/audio/speech"),
        ("POST", "/v1/audio/transcriptions"),
        ("GET", "/v1/audio/voices"),
    ],
)
async def test_what_it_lacks(studio_api, method, path):
    assert (await studio_api.call(method, path)).status_code == 404


async def test_a_failure_is_an_error_event_and_nothing_follows(studio_api):
    raw = await studio_api.stream("fail")
    assert raw.endswith(b'event:error\ndata:{"code":5000,"msg":"event interval error"}\n\n')
    assert b"chat.failed" not in raw


async def test_refusals_are_http_400(studio_api):
    answer = await studio_api.call("POST", "/v3/chat", **studio_api.ask("hi", bot_id="x"))
    assert (answer.status_code, answer.json()["code"]) == (400, 400)


async def test_a_question_node_completes_the_chat(studio_api):
    assert b"conversation.chat.completed" in await studio_api.stream("question")


async def test_cancelling_ends_the_stream(studio_api, studio: CozeEmulator):
    studio.pace = Pace(0, 0, 1)
    asking = asyncio.create_task(studio_api.stream("slow"))
    await studio.until(lambda: studio.runs)
    (run,) = studio.runs.values()
    await studio.until(lambda: len(run.frames) == 2)
    body = {"conversation_id": run.conversation_id, "chat_id": run.chat_id}
    await studio_api.call("POST", "/v3/chat/cancel", json=body)
    raw = await asking
    assert b'event:conversation.chat.cancelled\ndata:{"id":' in raw
    assert raw.endswith(b"event:conversation.stream.done\ndata:\n\n")
    assert run.status == "cancelled"


async def test_the_onboarding_in_both_spellings(studio_api):
    new = (await studio_api.json("GET", "/v1/bots/7379462189365198898"))["data"]
    assert new["onboarding_info"]["SuggestedQuestions"]
    old = await studio_api.json(
        "GET", "/v1/bot/get_online_info", params={"bot_id": "7379462189365198898"}
    )
    assert old["data"]["onboarding_info"]["suggested_questions"]


async def test_its_list_of_conversations_differs_from_the_clouds(studio_api):
    for name in ("one", "two", "three"):
        body = {"bot_id": studio_api.ask("hi")["json"]["bot_id"], "name": name}
        made = await studio_api.call("POST", "/v1/conversation/create", json=body)
    where = {"bot_id": body["bot_id"]}
    listed = (await studio_api.call("GET", "/v1/conversations", params=where)).json()["data"]
    assert ([one["name"] for one in listed["conversations"]], listed["has_more"]) == (
        ["three", "two"],
        True,
    )
    pages = where | {"page_num": "1", "page_size": "3"}
    listed = (await studio_api.call("GET", "/v1/conversations", params=pages)).json()["data"]
    assert (len(listed["conversations"]), listed["has_more"]) == (3, False)
    (first, *_) = listed["conversations"]
    assert "creator_d" in first
    assert not {"creator_id", "updated_at"} & first.keys()
    path = f"/v1/conversations/{made.json()['data']['id']}"
    renamed = (await studio_api.call("PUT", path, json={"name": "four"})).json()["data"]
    assert renamed["name"] == "four"
    assert "meta_data" not in renamed
