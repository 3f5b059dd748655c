"""Chatflows on the cloud: the request, the conversation, the stream, the nodes that ask."""

import json
import re
from collections.abc import Callable

import httpx
import pytest

from bridge.sandbox.coze import CozeEmulator, Input, Pace, saying

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


async def test_several_answers_and_what_is_not_suggested(api, coze: CozeEmulator, read_events):
    found = read_events(await api.flowing("two"))
    assert len({data["id"] for data in messages(found)}) == 2
    found = read_events(await api.flowing("follow up"))
    assert messages(found, "follow_up") == []
    coze.quirks.flow.follow_ups = True
    found = read_events(await api.flowing("follow up"))
    assert len(messages(found, "follow_up")) == 3


INTERRUPTED = ["chat.created", "chat.in_progress", "message.delta", "message.completed"]


@pytest.mark.parametrize(
    ("way", "rest"),
    [
        ("verbose", ["message.completed", "message.completed", "done"]),
        ("requires_action", ["chat.requires_action", "done"]),
        ("both", ["message.completed", "message.completed", "chat.requires_action", "done"]),
    ],
)
async def test_a_question_waits_for_the_next_call(api, coze: CozeEmulator, read_events, way, rest):
    coze.quirks.flow.interrupt = way
    conversation = await api.conversation()
    found = read_events(await api.flowing("options", conversation))
    assert names(found) == INTERRUPTED + rest
    (asked,) = messages(found)
    assert asked["content"] == "How long will you stay?\nA. one day\nB. a week\nC. a month"
    if way == "verbose":
        assert verbose(found) == ["interrupt", "generate_answer_finish"]
        finish = json.loads(json.loads(messages(found, "verbose")[1]["content"])["data"])
        assert finish["finish_reason"] == 1
    assert await api.said("a week", conversation) == "You chose **a week**."
    assert [asked.resumes for asked in coze.asked] == [False, True]
    assert "> a week" in await api.said("a week", conversation)


async def test_the_older_question_script_waits_too(api, read_events):
    conversation = await api.conversation()
    found = read_events(await api.flowing("question", conversation))
    assert names(found)[-1] == "done"
    assert "chat.completed" not in names(found)
    assert "**Paris** it is" in await api.said("Paris", conversation)


async def test_whatever_comes_next_is_the_answer(api, coze: CozeEmulator):
    conversation = await api.conversation()
    await api.flowing("options", conversation)
    await api.call("POST", f"/v1/conversations/{conversation}/clear")
    assert "**markdown** is none" in await api.said("markdown", conversation)


async def test_another_flow_or_another_conversation_answers_nothing(api, coze: CozeEmulator):
    coze.add_chatflow("747")
    conversation = await api.conversation()
    await api.flowing("options", conversation)
    assert "> a week" in await api.said("a week", conversation, workflow_id="747")
    assert "> a week" in await api.said("a week")
    assert "You chose" in await api.said("B", conversation)


async def test_a_question_is_asked_three_times_again(api, coze: CozeEmulator):
    conversation = await api.conversation()
    await api.flowing("extract", conversation)
    for _ in range(3):
        assert "I need a number" in await api.said("many", conversation)
    raw = await api.flowing("many", conversation)
    assert b'conversation.chat.failed\ndata: {"code": "720701013"' in raw
    await api.flowing("extract", conversation)
    assert "**3** nights" in await api.said("3, please", conversation)


@pytest.mark.parametrize(
    "reply", ['{"city":"Paris","nights":2}', "city: Paris\nnights:2", "city：Paris\nnights: 2"]
)
async def test_an_input_node_takes_json_or_lines(api, reply):
    conversation = await api.conversation()
    assert (await api.said("fields", conversation)).endswith("city:\nnights:\nnote:")
    assert "Please give me city, nights" in await api.said("Paris", conversation)
    told = await api.said(reply, conversation)
    assert "- city: **Paris**\n- nights: **2**\n- note: **nothing**" in told


async def test_cards_in_place_of_text(api, coze: CozeEmulator, read_events):
    coze.quirks.flow.cards = True
    conversation = await api.conversation()
    for text, kind in (("options", "QUESTION"), ("a week", ""), ("fields", "INPUT")):
        found = read_events(await api.flowing(text, conversation))
        (answer,) = messages(found)
        assert (answer["content_type"] == "card") == bool(kind)
        if kind:
            card = json.loads(answer["content"])
            inner = json.loads(card["x_properties"]["workflow_card_info"])
            assert (card["card_type"], inner["card_type"]) == (3, kind)
    assert inner["input_card_data"][0] == {"type": "string", "name": "city", "required": True}


async def test_output_nodes_are_messages_of_their_own(api, read_events):
    conversation = await api.conversation()
    found = read_events(await api.flowing("nodes", conversation))
    assert [data["content"][:12] for data in messages(found)] == [
        "**Step one:*",
        "**Step two:*",
        "Which of the",
    ]
    found = read_events(await api.flowing("the second", conversation))
    assert len({data["id"] for data in messages(found)}) == 2
    assert names(found)[-2:] == ["chat.completed", "done"]


async def test_only_a_named_call_may_answer(api, coze: CozeEmulator):
    coze.quirks.flow.resumes = "named"
    conversation = await api.conversation()
    await api.flowing("options", conversation)
    assert "> a week" in await api.said("a week", conversation)
    named = {"CONVERSATION_NAME": "Default"}
    assert "You chose" in await api.said("a week", conversation, parameters=named)


@pytest.mark.parametrize(
    ("shape", "end"),
    [
        ("short", b'event: conversation.chat.failed\ndata: {"code": "5000","msg": "event'),
        ("error", b'event: error\ndata: {"code":5000,"msg":"event interval error"}\n\n'),
        ("text", b"event: error\ndata: workflow execution failed: code=5000 message=event"),
        ("chat", b"event: done\ndata: {"),
    ],
)
async def test_the_shapes_of_failure(api, coze: CozeEmulator, shape, end):
    coze.quirks.flow.failure = shape
    raw = await api.flowing("fail")
    assert end in raw
    assert raw.count(b"event: done") == (shape == "chat")
    (run,) = coze.runs.values()
    assert (run.status, run.last_error[0]) == ("failed", 5000)
    if shape == "chat":
        assert b'"status":"failed"' in raw


async def test_a_local_tool_has_nobody_to_answer_it(api):
    assert b'conversation.chat.failed\ndata: {"code": "720701013"' in await api.flowing(
        "local tool"
    )


async def test_the_other_switches_of_the_stream(api, coze: CozeEmulator, read_events):
    flow = coze.quirks.flow
    flow.done, flow.bot_id, flow.event_ids = "[DONE]", True, True
    flow.toy_ids, flow.empty_result, flow.shuffled = True, False, False
    raw = await api.flowing("two")
    assert raw.startswith(b"id: 0\nevent: conversation.chat.created\n")
    assert raw.endswith(b'event: done\ndata: "[DONE]"\n\n')
    numbers = [int(one) for one in re.findall(rb"^id: (\d+)$", raw, re.MULTILINE)]
    assert numbers == list(range(len(numbers)))
    found = read_events(raw)
    assert {data["bot_id"] for _, data in found[:-1]} == {BOT}
    deltas = [data["id"] for name, data in found if name.endswith("delta")]
    assert len(set(deltas)) == len(deltas) > 2
    assert verbose(found) == ["generate_answer_finish"]
    assert {next(iter(data)) for _, data in found[:-1]} == {"id"}


@pytest.mark.parametrize("listed", [True, False])
async def test_the_messages_in_the_list_of_the_conversation(api, coze: CozeEmulator, listed):
    coze.quirks.flow.listed = listed
    conversation = await api.conversation()
    await api.flowing("remember tea", conversation)
    answer = await api.json(
        "POST", "/v1/conversation/message/list", params={"conversation_id": conversation}, json={}
    )
    assert [one["type"] for one in answer["data"]] == (["answer", "question"] if listed else [])
    assert "tea" in await api.said("what do you remember?", conversation)


@pytest.mark.parametrize("known", [False, True])
async def test_the_endpoints_of_chats_do_not_know_the_run(api, coze: CozeEmulator, known):
    coze.quirks.flow.retrievable = known
    await api.flowing("hi")
    (run,) = coze.runs.values()
    query = {"conversation_id": run.conversation_id, "chat_id": run.chat_id}
    assert await api.code("GET", "/v3/chat/retrieve", params=query) == (0 if known else 4001)
    assert await api.code("POST", "/v3/chat/cancel", json=query) == (4104 if known else 4001)


@pytest.fixture
async def busy(api, coze: CozeEmulator):
    """A conversation in which a run is silent."""
    conversation = await api.conversation()
    coze.pace = Pace(0, 0, 1)
    request = api.http.build_request(
        "POST", api.base + PATH, headers=api.headers, json=api.flow("slow", conversation)
    )
    answer = await api.http.send(request, stream=True)
    yield conversation
    await answer.aclose()


@pytest.mark.parametrize(
    ("way", "start"),
    [
        ("off", b"event: conversation.chat.created"),
        ("event", b'event: error\ndata: {"code":4016,"msg":"Conversation occupied'),
        ("json", b'{"code":4016,"msg":"Conversation occupied'),
    ],
)
async def test_a_busy_conversation(api, coze: CozeEmulator, busy, way, start):
    coze.quirks.flow.busy = way
    answer = await api.call("POST", PATH, json=api.flow("hi", busy))
    assert answer.content.startswith(start)


async def test_a_body_may_have_20_megabytes(api, coze: CozeEmulator):
    coze.use(saying("ok"))
    long = "x" * (16 * 1024 * 1024)
    assert (await api.call("POST", PATH, json=body(long))).status_code == 200
    coze.state.largest_flow_body = 1000
    assert (await api.call("POST", PATH, json=body(long[:1000]))).status_code == 413


@pytest.mark.parametrize(
    ("form", "last"),
    [
        ("first", b'event: error\ndata: {"code":4013,"msg":"busy"}\n\n'),
        ("empty", b"event: error\ndata: {}\n\n"),
        ("mid", b'event: error\ndata: {"code":4013,"msg":"busy"}\n\n'),
        ("failed_bare", b'event: conversation.chat.failed\ndata: {"code":4013,"msg":"busy"}'),
        ("failed", b'event: conversation.chat.failed\ndata: {"code": "4013","msg": "busy"}'),
    ],
)
async def test_failures_to_order(api, coze: CozeEmulator, form, last):
    coze.fail(PATH, code=4013, msg="busy", as_event=form)
    assert (await api.flowing("hi")).endswith(last)
    assert len(coze.runs) == (0 if form in ("first", "empty") else 1)


async def test_the_other_faults_to_order(api, coze: CozeEmulator):
    coze.fail(PATH, code=4013, msg="busy")
    assert await api.code("POST", PATH, json=body()) == 4013
    coze.fail_gateway(PATH)
    assert (await api.call("POST", PATH, json=body())).status_code == 504
    coze.lose_answer(PATH)
    with pytest.raises(httpx.TransportError):
        await api.call("POST", PATH, json=body())
    assert len(coze.asked) == 1
    coze.stall_stream(after_events=3, seconds=0.01)
    assert (await api.flowing("hi")).count(b"event: done") == 1
    coze.drop_stream(after_events=4)
    with pytest.raises(httpx.TransportError):
        await api.flowing("hi")
    await coze.until(lambda: all(run.ended for run in coze.runs.values()))
    assert [run.status for run in coze.runs.values()] == ["completed"] * 3


async def test_a_node_may_be_reached_by_a_bot(api, read_events: Callable):
    """`/v3/chat` with a bot whose work is a chatflow."""
    conversation = await api.conversation()
    found = read_events(await api.stream("options", conversation))
    assert names(found)[-1] == "done"
    assert "chat.completed" not in names(found)
    assert await api.answer("C", conversation) == "You chose **a month**."
