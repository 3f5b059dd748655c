"""Chatflows on the cloud: the request, the conversation, a plain stream, inputs."""

import json
import re

import pytest

from bridge.sandbox.coze import CozeEmulator, Input, saying

BOT = "7379462189365198898"
FLOW = "7400000000000000001"
APP = "7400000000000000002"
PATH = "/v1/workflows/chat"


def names(found):
    return [name.removeprefix("conversation.") for name, _ in found]


def messages(found, kind="answer"):
    return [
        data
        for name, data in found
        if name == "conversation.message.completed" and data["type"] == kind
    ]


def verbose(found):
    return [json.loads(data["content"])["msg_type"] for data in messages(found, "verbose")]


async def test_a_plain_answer_in_spaced_frames(api, coze: CozeEmulator, read_events):
    coze.use(saying("2"))
    conversation = await api.conversation()
    raw = await api.flowing("1+1", conversation)
    for line in raw.decode().split("\n"):
        assert not line or re.match(r"(event|data): \S", line)
    found = read_events(raw)
    assert names(found) == [
        "chat.created",
        "chat.in_progress",
        "message.delta",
        "message.completed",
        "message.completed",
        "message.completed",
        "chat.completed",
        "done",
    ]
    assert verbose(found) == ["empty result", "generate_answer_finish"]
    (run,) = coze.runs.values()
    for _, data in found[:-1]:
        assert "bot_id" not in data
        assert data["conversation_id"] == conversation
        assert data.get("chat_id", data["id"]) == run.chat_id
    assert found[0][1]["last_error"] == {"code": 0, "msg": ""}
    assert "created_at" not in found[2][1]
    assert found[-2][1]["usage"]["token_count"] > 0
    assert f"workflow_id={FLOW}" in found[-1][1]["debug_url"]
    assert b"\\u0026space_id=" in raw
    assert len({tuple(data) for _, data in found[2:6]}) > 1  # the keys are in any order


async def test_what_was_asked_can_be_inspected(api, coze: CozeEmulator):
    conversation = await api.conversation()
    ext = {"user_id": "tg-7", "latitude": "39.9"}
    await api.flowing("hello", conversation, parameters={"lang": "en"}, ext=ext)
    (asked,) = coze.asked
    assert (asked.question, asked.conversation_id) == ("hello", conversation)
    assert (asked.user_id, asked.workflow_id, asked.app_id) == ("tg-7", FLOW, "")
    assert asked.values.parameters == {"lang": "en"}
    assert asked.values.ext == ext
    assert [one.path for one in coze.requests if one.path == PATH] == [PATH]
    assert coze.requests[-1].conversation_id == conversation
    assert coze.runs[asked.chat_id].status == "completed"


async def test_a_user_that_is_not_named_is_the_owner(api, coze: CozeEmulator):
    await api.flowing("hello", ext={})
    assert coze.asked[0].user_id == "7379462189365190001"


def body(text="hi", **more):
    message = {"role": "user", "content": text, "content_type": "text"}
    return {
        "workflow_id": FLOW,
        "bot_id": BOT,
        "parameters": {},
        "additional_messages": [message],
        **more,
    }


def said(role="user", **more):
    return [{"role": role, "content": "hi", "content_type": "text", **more}]


OBJECTS = '[{"type":"text","text":"x"},{"type":"image","file_url":"https://a.example/b"}]'


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"workflow_id": None}, 4000),
        ({"workflow_id": 7400000000000000001}, 4000),
        ({"workflow_id": "74"}, 4200),
        ({"parameters": None}, 4000),
        ({"parameters": []}, 4000),
        ({"parameters": "nonsense"}, 4000),
        ({"parameters": '{"lang":"en"}'}, 0),
        ({"additional_messages": None}, 4000),
        ({"additional_messages": []}, 4000),
        ({"additional_messages": said() * 51}, 4004),
        ({"additional_messages": said() * 50}, 0),
        ({"additional_messages": said("assistant")}, 4000),
        ({"additional_messages": said("system")}, 4000),
        ({"additional_messages": said(content="")}, 4005),
        ({"additional_messages": said(type="tool_output")}, 4000),
        ({"additional_messages": said(content=OBJECTS, content_type="object_string")}, 4000),
        ({"additional_messages": said(meta_data={"k": ""})}, 4003),
        ({"bot_id": None}, 4000),
        ({"app_id": APP}, 4000),
        ({"bot_id": "73"}, 4200),
        ({"bot_id": None, "app_id": "73"}, 4200),
        ({"bot_id": None, "app_id": APP}, 0),
        ({"workflow_id": "7400000000000000003"}, 4000),
        ({"ext": {"phone": "1"}}, 4000),
        ({"ext": {"latitude": 1}}, 4000),
        ({"workflow_version": "v9.9.9"}, 4200),
        ({"workflow_version": "v0.0.1"}, 0),
        ({"connector_id": 1024}, 4000),
        ({"conversation_id": "74"}, 4002),
    ],
)
async def test_every_field_is_checked(api, coze: CozeEmulator, changes, code):
    asked = {name: value for name, value in body(**changes).items() if value is not None}
    answer = await api.call("POST", PATH, json=asked)
    assert answer.status_code == 200
    if code:
        assert answer.json()["code"] == code
        assert not coze.runs
    else:
        assert answer.content.startswith(b"event: conversation.chat.created")


async def test_what_is_not_published_or_not_ours(api, coze: CozeEmulator):
    coze.add_chatflow("741", published=False)
    assert await api.code("POST", PATH, json=body(workflow_id="741")) == 4200
    coze.add_app("742", published=False)
    coze.add_chatflow("743", app_id="742")
    inside = {**body(workflow_id="743", app_id="742")}
    del inside["bot_id"]
    assert await api.code("POST", PATH, json=inside) == 4200
    coze.add_chatflow("744", account="another")
    assert await api.code("POST", PATH, json=body(workflow_id="744")) == 4101
    coze.add_chatflow("745", bot_ids=["1"])
    assert await api.code("POST", PATH, json=body(workflow_id="745")) == 4000
    coze.add_token("pat_chat", ["chat"])
    headers = {"Authorization": "Bearer pat_chat"}
    assert await api.code("POST", PATH, json=body(), headers=headers) == 4101


async def test_what_means_nothing_here_is_written_down(api, coze: CozeEmulator):
    asked = body(user_id="tg-1", stream=True)
    await api.call("POST", PATH, json=asked, params={"conversation_id": "7"})
    outcomes = [entry.outcome for entry in coze.journal.entries]
    assert any("stream, user_id, conversation_id in the query" in one for one in outcomes)


async def test_a_bot_forgets_without_a_conversation_and_remembers_in_one(api, coze: CozeEmulator):
    await api.said("remember that I like tea")
    assert "**nothing**" in await api.said("what do you remember?")
    assert len(coze.conversations) == 2
    conversation = await api.conversation()
    await api.said("remember that I like tea", conversation)
    assert "I like tea" in await api.said("what do you remember?", conversation)
    await api.call("POST", f"/v1/conversations/{conversation}/clear")
    assert "**nothing**" in await api.said("what do you remember?", conversation)


async def test_earlier_messages_are_history(api):
    earlier = [*said(content="remember that I like tea"), *said("assistant", content="I will")]
    asked = [*earlier, *said(content="what do you remember?")]
    assert "I like tea" in await api.said("", additional_messages=asked)


async def test_the_conversations_of_an_application(api, coze: CozeEmulator, read_events):
    coze.add_app(APP, ["Default", "work"])
    await api.said("remember that I like tea", app_id=APP, ext={"user_id": "tg-1"})
    shared = await api.said("what do you remember?", app_id=APP, ext={"user_id": "tg-2"})
    assert "I like tea" in shared  # one conversation of that name for the whole account
    work = {"CONVERSATION_NAME": "work"}
    assert "**nothing**" in await api.said("what do you remember?", app_id=APP, parameters=work)
    unknown = {"CONVERSATION_NAME": "play"}
    raw = await api.flowing("hi", app_id=APP, parameters=unknown)
    expected = 'event: conversation.chat.failed\ndata: {"code": "720702204","msg": "会话名不存在"}'
    assert raw == expected.encode()
    asked = coze.asked[0].conversation_id
    assert await api.said("what do you remember?", asked, app_id=APP, parameters=unknown)
    assert "I like tea" not in await api.said("what do you remember?", parameters=work)


async def test_a_conversation_has_to_fit(api, coze: CozeEmulator):
    await api.said("hi", app_id=APP)
    theirs = coze.asked[0].conversation_id
    assert await api.code("POST", PATH, json=body(conversation_id=theirs)) == 4002
    plain = await api.conversation()
    inside = {**api.flow("hi", plain, app_id=APP)}
    coze.quirks.flow.plain_conversations = False
    assert await api.code("POST", PATH, json=inside) == 4002
    coze.quirks.flow.plain_conversations = True
    assert await api.said("hi", plain, app_id=APP)
    assert await api.code("POST", PATH, json={**api.flow("hi", plain), "connector_id": "999"}) == (
        4002
    )
    coze.add_token("pat_other", account="another")
    coze.add_chatflow("746", account="another")
    asked = body(conversation_id=plain, workflow_id="746")
    headers = {"Authorization": "Bearer pat_other"}
    assert await api.code("POST", PATH, json=asked, headers=headers) == 4002


@pytest.mark.parametrize(
    ("way", "start"),
    [
        ("new", b"event: conversation.chat.created"),
        ("720702204", b'event: conversation.chat.failed\ndata: {"code": "720702204"'),
        ("name", b'{"code":4000,"msg":"Request parameter error: conversation name'),
    ],
)
@pytest.mark.parametrize("owner", [{"bot_id": BOT}, {"app_id": APP}])
async def test_without_a_conversation(api, coze: CozeEmulator, way, start, owner):
    coze.quirks.flow.without_conversation = way
    answer = await api.call("POST", PATH, json=api.flow("hi", **owner))
    assert answer.content.startswith(start)


async def test_the_inputs_of_the_start_node(api, coze: CozeEmulator):
    inputs = {"lang": Input(default="en"), "city": Input(required=True), "nights": "integer"}
    coze.add_chatflow(FLOW, inputs=inputs, script="about me")
    sent = {"city": "Paris", "other": "x", "USER_INPUT": "ignored"}
    told = await api.said("hi", parameters=sent)
    assert "- parameter **lang**: en\n- parameter **city**: Paris" in told
    assert "other" not in told
    assert coze.asked[0].question == "hi"
    raw = await api.flowing("hi")
    assert raw.endswith(b'{"code": "720702002","msg": "missing required input: city"}')
    wrong = await api.flowing("hi", parameters={"city": "Paris", "nights": "three"})
    assert b'"720702001"' in wrong


async def test_files_are_parameters(api, coze: CozeEmulator):
    file_id = await api.uploaded("cat.png")
    image = json.dumps({"file_id": file_id})
    coze.add_chatflow(FLOW, inputs={"image": "image", "files": "file[]"})
    told = await api.said("hi", parameters={"image": image, "files": ["https://a.example/b.pdf"]})
    assert told.startswith("I see a picture: cat.png\nI have a file: https://a.example/b.pdf\n\n")
    assert [item.name for item in coze.asked[0].attachments] == [
        "cat.png",
        "https://a.example/b.pdf",
    ]
    for wrong in ('{"file_id":"1"}', "cat.png", {"file_id": file_id}):
        assert b'"720702001"' in await api.flowing("hi", parameters={"image": wrong})
    coze.add_chatflow(FLOW)  # takes whatever comes
    assert "I see a picture: cat.png" in await api.said("hi", parameters={"picture": image})
