"""Chatflows on the cloud: the nodes that ask, the switches of the stream, faults."""

import asyncio
import contextlib
import json
import re
from collections.abc import Callable

import httpx
import pytest

from bridge.sandbox.coze import NODES, SCRIPTS, SHOWS, CozeEmulator, Pace, saying

BOT = "7379462189365198898"
FLOW = "7400000000000000001"
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


def body(text="hi", **more):
    message = {"role": "user", "content": text, "content_type": "text"}
    return {
        "workflow_id": FLOW,
        "bot_id": BOT,
        "parameters": {},
        "additional_messages": [message],
        **more,
    }


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


async def test_a_flow_that_waits_does_not_occupy_its_conversation(api):
    conversation = await api.conversation()
    await api.flowing("options", conversation)
    assert "> hello" in await api.answer("hello", conversation)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SCRIPTS, *SHOWS, *NODES])
async def test_every_script_may_be_a_chatflow_or_a_workflow(
    api, studio_api, coze: CozeEmulator, studio: CozeEmulator, name
):
    for emulator, client in ((coze, api), (studio, studio_api)):
        emulator.add_chatflow(FLOW, script=name)
        emulator.add_workflow("748", script=name)
        chat = client.flow("hi", parameters={"CONVERSATION_NAME": "Default"})
        for path, asked in (
            (PATH, chat),
            ("/v1/workflow/stream_run", {"workflow_id": "748", "parameters": {"input": "hi"}}),
        ):
            with contextlib.suppress(httpx.TransportError):  # `cut` resets the connection
                answer = await client.call("POST", path, json=asked)
                assert answer.content.count(b"event: ") > 0
        runs = [*emulator.runs.values(), *(one.run for one in emulator.executions.values())]
        assert len(runs) == 2
        for run in runs:
            await asyncio.wait_for(run.task, 5)
            assert run.ended
