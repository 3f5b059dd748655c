"""The stream byte by byte, and the order of its events."""

import asyncio
import json
import re

import httpx
import pytest

from bridge.sandbox.coze import OCCUPIED, CozeEmulator, Pace, saying
from bridge.sandbox.coze.scripts.steps import Delta, Silence, say


def names(found):
    return [name for name, _ in found]


async def test_the_frames_are_exact(api, coze: CozeEmulator):
    coze.use(saying("2"))
    conversation = await api.conversation()
    raw = (await api.stream("1+1", conversation)).decode()
    (chat_id,) = coze.runs
    run = coze.runs[chat_id]
    answer = run.messages[0]
    ids = f'"conversation_id":"{conversation}","bot_id":"7379462189365198898"'
    zero = '"usage":{"token_count":0,"output_count":0,"input_count":0}'
    no_error = '"last_error":{"code":0,"msg":""}'
    at, done_at = run.created_at, run.completed_at
    created, in_progress, delta, completed, verbose, ended, done, nothing = raw.split("\n\n")
    assert created == (
        "event:conversation.chat.created\n"
        f'data:{{"id":"{chat_id}",{ids},"completed_at":{at},{no_error},"status":"created",{zero}}}'
    )
    assert in_progress == (
        "event:conversation.chat.in_progress\n"
        f'data:{{"id":"{chat_id}",{ids},"created_at":{at},"completed_at":{at},{no_error},'
        f'"status":"in_progress",{zero}}}'
    )
    assert delta == (
        "event:conversation.message.delta\n"
        f'data:{{"id":"{answer.id}",{ids},"role":"assistant","type":"answer","content":"2",'
        f'"content_type":"text","chat_id":"{chat_id}"}}'
    )
    assert completed == (
        "event:conversation.message.completed\n"
        f'data:{{"id":"{answer.id}",{ids},"role":"assistant","type":"answer","content":"2",'
        f'"content_type":"text","chat_id":"{chat_id}","section_id":"{conversation}",'
        f'"created_at":{answer.created_at}}}'
    )
    assert '"type":"verbose"' in verbose
    assert r"{\"msg_type\":\"generate_answer_finish\"," in verbose
    assert ended.startswith("event:conversation.chat.completed\ndata:{")
    assert f'"completed_at":{done_at},' in ended
    assert done == 'event:done\ndata:"[DONE]"'
    assert nothing == ""


async def test_every_answer_carries_its_log_id(api):
    for answer in (
        await api.call("POST", "/v3/chat", **api.ask("hi")),
        await api.call("GET", "/v1/users/me"),
        await api.call("GET", "/v1/users/me", headers={}),
        await api.call("GET", "/nowhere"),
    ):
        logid = answer.headers["X-Tt-Logid"]
        assert re.fullmatch(r"\d{14}[0-9A-F]{20}", logid)
        if answer.headers["content-type"].startswith("application/json"):
            assert answer.json()["detail"]["logid"] == logid


async def test_ids_are_large_unique_and_increasing(api, coze: CozeEmulator):
    first, second = await api.conversation(), await api.conversation()
    assert 2**53 < int(first) < int(second)


async def test_a_tool_answers_under_an_older_id(api, read_events):
    found = read_events(await api.stream("use a tool"))
    messages = [data for name, data in found if name == "conversation.message.completed"]
    assert [message["type"] for message in messages][:3] == [
        "function_call",
        "tool_response",
        "answer",
    ]
    assert int(messages[2]["id"]) < int(messages[0]["id"])


async def test_thoughts_come_first(api, read_events):
    found = read_events(await api.stream("think"))
    deltas = [data for name, data in found if name.endswith("delta")]
    assert deltas[0]["content"] == ""
    assert deltas[0]["reasoning_content"]
    assert "reasoning_content" not in deltas[-1]
    whole = next(data for name, data in found if name.endswith("message.completed"))
    assert whole["reasoning_content"]
    assert "5 cents" in whole["content"]


async def test_speech_follows_the_completed_chat(api, read_events):
    found = names(read_events(await api.stream("audio")))
    assert found[-4:] == [
        "conversation.chat.completed",
        "conversation.audio.delta",
        "conversation.audio.delta",
        "done",
    ]


async def test_a_question_node_has_no_terminal_event(api, read_events):
    conversation = await api.conversation()
    found = names(read_events(await api.stream("question", conversation)))
    assert found[-1] == "done"
    assert "conversation.chat.completed" not in found
    assert "**Paris** it is" in await api.answer("Paris", conversation)


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("fail bare", b'event:conversation.chat.failed\ndata:{"code":701231,"msg":"error"}'),
        (
            "fail string",
            'data:{"code": "720702204","msg": "会话名不存在"}'.encode(),
        ),
        ("fail", b'event:done\ndata:"[DONE]"\n\n'),
    ],
)
async def test_the_shapes_of_failure(api, coze: CozeEmulator, text, last):
    raw = await api.stream(text)
    assert raw.endswith(last)
    (run,) = coze.runs.values()
    assert run.status == "failed"
    query = {"conversation_id": run.conversation_id, "chat_id": run.chat_id}
    retrieved = (await api.json("GET", "/v3/chat/retrieve", params=query))["data"]
    assert retrieved["last_error"]["code"] in (5000, 701231, 720702204)
    assert "data" not in await api.json("GET", "/v3/chat/message/list", params=query)


async def test_an_empty_answer_has_no_list(api, coze: CozeEmulator):
    await api.stream("empty")
    (run,) = coze.runs.values()
    query = {"conversation_id": run.conversation_id, "chat_id": run.chat_id}
    listed = await api.json("GET", "/v3/chat/message/list", params=query)
    assert (listed["code"], "data" in listed, run.status) == (0, False, "completed")


async def test_a_noisy_stream(api):
    raw = await api.stream("noise")
    assert raw.startswith(b"event:conversation.chat.created\n")
    for part in (b": keep-alive\n", b"id:0\nevent:PING\n", b"\r\n\r\n", "\u2028".encode()):
        assert part in raw
    assert raw.count("A clean answer\u2028in".encode()) == 2


async def test_a_busy_conversation_refuses_in_both_forms(api, coze: CozeEmulator):
    coze.pace = Pace(0, 0, 1)
    conversation = await api.conversation()
    first = api.ask("slow", conversation, stream=False)
    assert (await api.json("POST", "/v3/chat", **first))["code"] == 0
    raw = await api.stream("second", conversation)
    text = json.dumps({"code": 4016, "msg": OCCUPIED}, separators=(",", ":"))
    assert raw == f"event:error\ndata:{text}\n\n".encode()
    again = api.ask("second", conversation, stream=False)
    refused = await api.json("POST", "/v3/chat", **again)
    assert (refused["code"], refused["msg"]) == (4016, OCCUPIED)
    assert len(coze.asked) == 1


async def test_a_run_goes_on_without_its_client(api, coze: CozeEmulator):

    def patient(turn):
        yield Delta("answer", "begun, ")
        yield Silence(0.05)
        yield Delta("answer", "done")

    coze.use(patient)
    coze.pace = Pace(0, 0, 1)
    request = api.http.build_request(
        "POST", api.base + "/v3/chat", headers=api.headers, **api.ask("x")
    )
    answer = await api.http.send(request, stream=True)
    async for _ in answer.aiter_bytes():
        break
    await answer.aclose()
    (run,) = coze.runs.values()
    assert not run.ended
    await coze.until(lambda: run.ended, what="the run ends")
    assert run.status == "completed"


async def test_a_canceled_run_streams_on_and_leaves_no_context(api, coze: CozeEmulator):
    def patient(turn):
        yield Silence(0.05)
        yield from say("answer", "all of it")

    conversation = await api.conversation()
    coze.use(patient, for_text="secret")
    coze.pace = Pace(0, 0, 1)
    asking = asyncio.create_task(api.stream("remember secret", conversation))
    await coze.until(lambda: coze.runs)
    (run,) = coze.runs.values()
    body = {"conversation_id": conversation, "chat_id": run.chat_id}
    cancelled = await api.json("POST", "/v3/chat/cancel", json=body)
    assert "code" not in cancelled
    assert cancelled["data"]["status"] == "canceled"
    raw = await asking
    assert b'"content":"all of it"' in raw
    assert raw.endswith(b'data:"[DONE]"\n\n')
    assert run.status == "canceled"
    assert run.cancelled_at is not None
    assert await api.code("POST", "/v3/chat/cancel", json=body) == 4104
    assert "**nothing**" in await api.answer("what do you remember?", conversation)


async def test_a_dropped_stream_is_a_reset_and_the_run_finishes(api, coze: CozeEmulator):
    coze.drop_stream(after_events=4)
    got = b""
    with pytest.raises(httpx.TransportError):
        async with api.http.stream(
            "POST", api.base + "/v3/chat", headers=api.headers, **api.ask("hi")
        ) as answer:
            async for chunk in answer.aiter_bytes():
                got += chunk
    assert got.count(b"event:") == 4
    (run,) = coze.runs.values()
    await coze.until(lambda: run.ended)
    query = {"conversation_id": run.conversation_id, "chat_id": run.chat_id}
    listed = await api.json("GET", "/v3/chat/message/list", params=query)
    assert "> hi" in listed["data"][1]["content"]


async def test_a_stream_that_ends_cleanly_without_done(api, coze: CozeEmulator):
    coze.drop_stream(after_bytes=300, clean_eof=True)
    raw = await api.stream("hi")
    assert len(raw) == 300
    assert b"done" not in raw


async def test_the_cut_script_breaks_the_line_only(api, coze: CozeEmulator):
    with pytest.raises(httpx.TransportError):
        await api.stream("cut")
    (run,) = coze.runs.values()
    await coze.until(lambda: run.ended)
    assert "**every word**" in run.answers[0]


async def test_a_stalled_stream_goes_on_later(api, coze: CozeEmulator):
    coze.stall_stream(after_events=3, seconds=0.05)
    loop = asyncio.get_running_loop()
    began = loop.time()
    raw = await api.stream("hi")
    assert loop.time() - began >= 0.05
    assert raw.endswith(b'data:"[DONE]"\n\n')


async def test_closing_ends_open_streams_at_once(api, coze: CozeEmulator):
    coze.pace = Pace(0, 0, 1)
    asking = asyncio.create_task(api.stream("slow"))
    await coze.until(lambda: coze.runs)
    await coze.close()
    with pytest.raises(httpx.TransportError):
        await asyncio.wait_for(asking, 2)
    assert all(run.task.done() for run in coze.runs.values())


async def test_the_journal_shows_requests_and_events_but_no_token(api, coze: CozeEmulator):
    await api.stream("hello there")
    seen = [(entry.name, entry.outcome) for entry in coze.journal.entries]
    assert seen[0] == ("POST /v3/chat", "ok")
    assert ("conversation.chat.completed", "ok") in seen
    first = coze.journal.entries[0].detail
    assert first["question"] == "hello there"
    assert "pat_sandbox" not in repr(list(coze.journal.entries))
