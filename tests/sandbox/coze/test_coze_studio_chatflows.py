"""Chatflows of the self-hosted server."""

import json
import re
import time

import pytest

from bridge.sandbox.coze import CozeEmulator, saying

BOT = "7379462189365198898"
FLOW = "7400000000000000001"
APP = "7400000000000000002"
APP_FLOW = "7400000000000000003"
PATH = "/v1/workflows/chat"
NAMED = {"CONVERSATION_NAME": "tg-42"}


def short(found):
    return [name.removeprefix("conversation.") for name, _ in found]


async def test_its_frames_are_numbered_and_its_objects_its_own(studio_api, studio, read_events):
    studio.use(saying("2"))
    raw = await studio_api.flowing("1+1", parameters=NAMED)
    assert re.findall(rb"^id: (\d+)\nevent: ", raw, re.MULTILINE) == [
        b"1",
        b"2",
        b"3",
        b"4",
        b"5",
        b"6",
    ]
    found = read_events(raw)
    assert short(found) == [
        "chat.created",
        "chat.in_progress",
        "message.delta",
        "message.completed",
        "chat.completed",
        "done",
    ]
    assert list(found[0][1]) == ["id", "conversation_id", "status", "execute_id", "section_id"]
    assert found[2][1]["bot_id"] == found[4][1]["bot_id"] == BOT
    usage = found[4][1]["usage"]
    assert usage["token_count"] == 2 * usage["output_count"]
    assert list(found[-1][1]) == ["debug_url"]


async def test_an_answer_without_deltas_gets_one(studio_api, read_events):
    found = read_events(await studio_api.flowing("two", parameters=NAMED))
    second = [data["content"] for name, data in found if "Second" in str(data.get("content"))]
    assert second == ["**Second answer.** It came as a whole."] * 2
    suggesting = {"parameters": NAMED, "suggest_reply_info": {"reply_mode": 1}}
    found = read_events(await studio_api.flowing("follow up", **suggesting))
    assert sum(data.get("type") == "follow_up" for _, data in found) == 3
    found = read_events(await studio_api.flowing("follow up", parameters=NAMED))
    assert not any(data.get("type") == "follow_up" for _, data in found)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"parameters": "nonsense"}, 777777775),
        ({"parameters": "nonsense", "additional_messages": []}, 777777775),
        ({"additional_messages": []}, 777777775),
        ({"workflow_id": "x"}, 777777775),
        ({"workflow_id": ""}, 777777775),
        ({"workflow_id": "74"}, 720702004),
        ({"bot_id": "x"}, 777777775),
        ({"bot_id": "73"}, 777777775),
        ({"app_id": APP}, 777777775),
        ({"bot_id": None}, 777777775),
        ({"bot_id": None, "app_id": "73"}, 777777775),
        ({"version": "v9"}, 720702004),
        ({"parameters": {}}, 777777775),
        ({"parameters": {"CONVERSATION_NAME": 1}}, 777777775),
        ({"conversation_id": "x"}, 777777775),
        ({"conversation_id": "74"}, 103000002),
        ({"additional_messages": [{"role": "assistant", "content": "x"}]}, 777777775),
        ({"additional_messages": [{"role": "system", "content": "x"}]}, 777777775),
    ],
)
async def test_refusals_are_http_200(studio_api, studio: CozeEmulator, changes, code):
    asked = {**studio_api.flow("hi", parameters=NAMED, bot_id=BOT), **changes}
    asked = {name: value for name, value in asked.items() if value is not None}
    answer = await studio_api.call("POST", PATH, json=asked)
    assert (answer.status_code, answer.json()["code"]) == (200, code)
    assert list(answer.json()) == ["code", "msg"]
    assert not studio.runs


@pytest.mark.parametrize("content", [b"{", b'{"additional_messages":{}}', b"[]"])
async def test_a_body_that_cannot_be_read_is_http_400(studio_api, content):
    answer = await studio_api.call("POST", PATH, content=content)
    assert (answer.status_code, answer.json()["code"]) == (400, 400)


async def test_the_draft_of_what_is_not_published(studio_api, studio: CozeEmulator):
    studio.add_chatflow(FLOW, published=False)
    asked = studio_api.flow("hi", parameters=NAMED)
    assert await studio_api.code("POST", PATH, json=asked) == 720702011
    assert await studio_api.said("hi", parameters=NAMED, execute_mode="DEBUG")


async def test_parameters_may_be_a_string(studio_api, studio: CozeEmulator):
    text = json.dumps({**NAMED, "lang": "en"})
    assert await studio_api.said("hi", parameters=text)
    assert studio.asked[0].values.parameters == {**NAMED, "lang": "en"}


async def test_conversations_have_names_and_not_users(studio_api, studio: CozeEmulator):
    await studio_api.said("remember that I like tea", parameters=NAMED)
    other = {"user_id": "tg-43"}
    assert "tea" in await studio_api.said("what do you remember?", parameters=NAMED, ext=other)
    named = {"CONVERSATION_NAME": "tg-43"}
    assert "**nothing**" in await studio_api.said("what do you remember?", parameters=named)
    assert "**nothing**" in await studio_api.said(
        "what do you remember?", parameters=NAMED, app_id=APP
    )
    first = studio.asked[0].conversation_id
    assert "tea" in await studio_api.said("what do you remember?", first)
    inside = studio_api.flow("hi", first, app_id=APP)
    assert await studio_api.code("POST", PATH, json=inside) == 103000002
    studio.add_token("pat_other", account="another")
    studio.add_chatflow("745", account="another")
    theirs = {**studio_api.flow("hi", first), "workflow_id": "745"}
    headers = {"Authorization": "Bearer pat_other"}
    assert await studio_api.code("POST", PATH, json=theirs, headers=headers) == 103000001


async def test_a_named_conversation_is_created(studio_api, studio: CozeEmulator, api):
    path = "/v1/workflow/conversation/create"
    asked = {"app_id": APP, "conversation_name": "work"}
    assert await studio_api.code("POST", path, json=asked) == 777777762
    made = await studio_api.json("POST", path, json={**asked, "get_or_create": True})
    again = await studio_api.json("POST", path, json={**asked, "get_or_create": True})
    assert made["data"]["id"] == again["data"]["id"]
    assert made["data"]["last_section_id"]
    known = {"app_id": APP, "conversation_name": "Default"}
    assert await studio_api.code("POST", path, json=known) == 0
    assert await studio_api.said("hi", made["data"]["id"], app_id=APP)
    assert studio.asked[-1].conversation_id == made["data"]["id"]
    unknown = {"app_id": "73", "conversation_name": "work"}
    assert await studio_api.code("POST", path, json=unknown) == 777777775
    assert await studio_api.code("POST", path, json={"app_id": APP}) == 777777775
    assert (await api.call("POST", path, json=asked)).status_code == 404


async def test_pictures_may_be_in_the_message(studio_api, studio: CozeEmulator):
    file_id = await studio_api.uploaded("cat.png")
    items = [{"type": "text", "text": "who?"}, {"type": "image", "file_id": file_id}]
    message = {"role": "user", "content": json.dumps(items), "content_type": "object_string"}
    told = await studio_api.said("", parameters=NAMED, additional_messages=[message])
    assert told.startswith("I see a picture: cat.png")
    assert [one.name for one in studio.asked[0].attachments] == ["cat.png"]


async def test_a_question_requires_action_and_any_flow_answers(
    studio_api, studio: CozeEmulator, read_events
):
    studio.add_chatflow("746")
    found = read_events(await studio_api.flowing("options", parameters=NAMED))
    assert short(found) == [
        "chat.created",
        "chat.in_progress",
        "message.completed",
        "chat.requires_action",
        "done",
    ]
    card = json.loads(found[2][1]["content"])
    assert found[2][1]["content_type"] == "card"
    assert "QUESTION" in card["x_properties"]["workflow_card_info"]
    assert "required_action" not in found[3][1]
    assert found[3][1]["status"] == "requires_action"
    ignored = {**NAMED, "x": "1"}
    assert "You chose" in await studio_api.said("B", parameters=ignored, workflow_id="746")


async def test_a_text_question_has_a_delta(studio_api, read_events):
    found = read_events(await studio_api.flowing("extract", parameters=NAMED))
    assert short(found)[2:4] == ["message.delta", "message.completed"]
    assert found[2][1]["content_type"] == "text"


async def test_the_binding_is_forgotten_after_a_day(studio_api, studio: CozeEmulator):
    await studio_api.flowing("options", parameters=NAMED)
    studio.state.clock = lambda: time.time() + 24 * 3600
    assert "> a week" in await studio_api.said("a week", parameters=NAMED)


async def test_a_failure_is_an_error_event(studio_api, studio: CozeEmulator):
    raw = await studio_api.flowing("fail", parameters=NAMED)
    assert b'event: error\ndata: {"code":"5000","msg":"event interval error","debug_url":' in raw
    assert b"event: done" not in raw
    assert b"chat.failed" not in raw
    studio.quirks.flow.failure = "text"
    raw = await studio_api.flowing("fail", parameters=NAMED)
    assert raw.endswith(
        b"data: workflow execution failed: code=5000 message=event interval error\n\n"
    )
    studio.fail(PATH, code=4013, msg="busy", as_event="first")
    raw = await studio_api.flowing("hi", parameters=NAMED)
    assert raw == b'id: 1\nevent: error\ndata: {"code": "4013","msg": "busy"}\n\n'


async def test_nothing_of_the_inside_is_told(studio_api):
    raw = await studio_api.flowing("use a tool", parameters=NAMED)
    assert b"verbose" not in raw
    assert b"function_call" not in raw
    assert b'"code":"720701013"' in await studio_api.flowing("local tool", parameters=NAMED)
