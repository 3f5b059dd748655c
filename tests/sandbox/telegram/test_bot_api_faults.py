"""The switches with which the server misbehaves."""

import asyncio

import httpx
import pytest
from telegram.error import InvalidToken, NetworkError

TOKEN = "42:SANDBOX"


async def test_statuses_have_the_bodies_they_usually_have(stage):
    for status in (500, 502, 504):
        stage.telegram.fail("sendMessage", status)

    async def send() -> httpx.Response:
        body = {"chat_id": stage.ann.id, "text": "x"}
        return await stage.http.post(f"/bot{TOKEN}/sendMessage", json=body)

    first, second, third = [await send() for _ in range(3)]
    assert first.json()["description"] == "Internal Server Error: restart"
    assert second.headers["content-type"].startswith("text/html")
    assert "502 Bad Gateway" in second.text
    assert (third.status_code, third.content) == (504, b"")
    assert stage.telegram.posts(stage.ann) == []
    assert (await send()).status_code == 200
    assert [each.status for each in stage.telegram.calls[-4:]] == [500, 502, 504, 200]


async def test_any_body_any_number_of_times(stage):
    odd = {"ok": False, "error_code": 400, "description": "Bad Request: MESSAGE_TOO_LONG"}
    stage.telegram.fail("*", 400, times=2, body=odd)
    assert await stage.refused("sendMessage", chat_id=stage.ann.id, text="x") == odd["description"]
    assert await stage.refused("getMe") == odd["description"]
    assert await stage.bot.get_me()


async def test_a_lost_answer(stage):
    stage.telegram.fail("sendMessage", after_executing=True)
    with pytest.raises(NetworkError, match=r"RemoteProtocolError|ReadError"):
        await stage.bot.send_message(stage.ann.id, "said once")
    assert [each.text for each in stage.telegram.posts(stage.ann)] == ["said once"]
    assert stage.telegram.calls[-1].status == 0
    assert await stage.bot.send_message(stage.ann.id, "next")


def test_a_delay_outlives_the_client(quickly):
    async def scene(stage):
        loop = asyncio.get_running_loop()
        stage.telegram.delay("sendMessage", 10)
        body = {"chat_id": stage.ann.id, "text": "late"}
        with pytest.raises(httpx.ReadTimeout):
            await stage.http.post(f"/bot{TOKEN}/sendMessage", json=body, timeout=5)
        assert stage.telegram.posts(stage.ann) == []
        started = loop.time()
        await stage.telegram.until(lambda: bool(stage.telegram.posts(stage.ann)), timeout=60)
        assert loop.time() - started < 30

    quickly(scene, budgets=None)


async def test_closing_ends_a_delay(stage):
    stage.telegram.delay("getMe", 60)
    call = asyncio.create_task(stage.bot.get_me())
    await asyncio.sleep(0)
    await stage.telegram.close()
    async with asyncio.timeout(1):
        await call


async def test_an_old_server(stage):
    stage.telegram.without("sendmessagedraft")
    draft = {"chat_id": stage.ann.id, "draft_id": 1, "text": "x"}
    assert await stage.refused("sendMessageDraft", **draft) == "Not Found: method not found"
    with pytest.raises(InvalidToken):
        await stage.bot.send_message_draft(stage.ann.id, 1, "x")
    with pytest.raises(ValueError, match="no method sendNonsense"):
        stage.telegram.without("sendNonsense")


async def test_waiting_for_something(stage):
    seen = stage.telegram.until(lambda: len(stage.telegram.posts(stage.ann)) == 2, what="two posts")
    waiting = asyncio.create_task(seen)
    await stage.bot.send_message(stage.ann.id, "one")
    await stage.bot.send_message(stage.ann.id, "two")
    await waiting
    with pytest.raises(TimeoutError, match=r"(?s)three posts did not come within 0.01 s.*'two'"):
        await stage.telegram.until(lambda: False, timeout=0.01, what="three posts")


async def test_a_part_of_all_calls_fails_until_it_is_mended(stage):
    stage.telegram.send(stage.ann, "hi")
    stage.telegram.fail_sometimes(1.0, 0.0)
    answer = await stage.http.post(
        "/bot42:SANDBOX/sendMessage", json={"chat_id": stage.ann.id, "text": "x"}
    )
    assert answer.status_code == 502
    stage.telegram.mend()
    await stage.done("sendMessage", chat_id=stage.ann.id, text="x")
