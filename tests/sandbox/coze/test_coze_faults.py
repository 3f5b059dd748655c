"""Faults to order."""

import asyncio

import pytest

from bridge.sandbox.coze import CozeEmulator, saying


async def test_a_refusal_in_json(api, coze: CozeEmulator):
    coze.fail("/v3/chat", code=4013, msg="busy", times=2)
    assert await api.code("POST", "/v3/chat", **api.ask("hi")) == 4013
    coze.fail("POST /v3/chat", code=4100, msg="no", http=401)
    assert await api.code("POST", "/v3/chat", **api.ask("hi")) == 4013
    answer = await api.call("POST", "/v3/chat", **api.ask("hi"))
    assert (answer.status_code, answer.json()["code"]) == (401, 4100)
    assert "hi" in await api.answer("hi")
    assert len(coze.asked) == 1


@pytest.mark.parametrize(
    ("form", "last", "deltas"),
    [
        ("first", b'event:error\ndata:{"code":4013,"msg":"busy"}\n\n', 0),
        ("empty", b"event:error\ndata:{}\n\n", 0),
        ("mid", b'event:error\ndata:{"code":4013,"msg":"busy"}\n\n', 3),
        ("failed_bare", b'event:conversation.chat.failed\ndata:{"code":4013,"msg":"busy"}', 0),
        ("failed_string_code", b'data:{"code": "4013","msg": "busy"}', 0),
        ("failed", b'event:done\ndata:"[DONE]"\n\n', 0),
    ],
)
async def test_a_refusal_as_an_event(api, coze: CozeEmulator, form, last, deltas):
    coze.fail("/v3/chat", code=4013, msg="busy", as_event=form)
    raw = await api.stream("hi")
    assert raw.endswith(last)
    assert raw.count(b"message.delta") == deltas
    assert len(coze.runs) == (0 if form in ("first", "empty") else 1)
    assert raw.startswith(b"event:error") == (form in ("first", "empty"))


async def test_a_gateway_page(api, coze: CozeEmulator):
    coze.fail_gateway("/v3/chat")
    answer = await api.call("POST", "/v3/chat", **api.ask("hi"))
    assert answer.status_code == 504
    assert "504 Gateway Time-out" in answer.text
    assert answer.headers["content-type"].startswith("text/html")


async def test_slow_headers(api, coze: CozeEmulator):
    coze.delay("/v1/users/me", 0.05)
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await api.code("GET", "/v1/users/me") == 0
    assert loop.time() - began >= 0.05


async def test_an_event_may_be_ordered_for_streams_only(coze: CozeEmulator):
    with pytest.raises(ValueError, match="streams only"):
        coze.fail("/v1/users/me", as_event="first")


async def test_scripts_to_order(api, coze: CozeEmulator):
    coze.use(saying("one"), times=1)
    coze.use(saying("two"), times=1)
    coze.use(saying("tea"), for_text="tea")
    assert await api.answer("green tea") == "tea"
    assert [await api.answer("x") for _ in range(2)] == ["one", "two"]
    assert "> x" in await api.answer("x")
    coze.use(saying("always"))
    assert [await api.answer("x") for _ in range(2)] == ["always", "always"]
    coze.use(None)
    assert "> x" in await api.answer("x")
    with pytest.raises(ValueError, match="no script"):
        coze.use("nonsense")


async def test_waiting_for_what_never_happens(coze: CozeEmulator):
    with pytest.raises(TimeoutError, match="a run"):
        await coze.until(lambda: coze.runs, timeout=0.01, what="a run")
