"""Updates: order, confirmation, redelivery, waiting, conflicts; and the doors around them."""

import asyncio

import httpx
import pytest
from telegram.error import BadRequest, Conflict, InvalidToken

TOKEN = "42:SANDBOX"


async def test_a_real_client_reads_a_message(stage):
    assert stage.bot.username == "sandbox_bot"
    assert stage.bot.id == 42
    number = stage.telegram.send(stage.ann, "/start deep  @ann_lee https://example.com", reply_to=1)
    (update,) = await stage.bot.get_updates()
    message = update.message
    assert (message.message_id, message.chat_id) == (number, stage.ann.id)
    assert stage.ann.id > 2**32
    assert message.from_user.language_code == "en"
    assert message.reply_to_message.text == "hello"
    kinds = [each.type for each in message.entities]
    assert kinds == ["bot_command", "mention", "url"]
    assert message.parse_entity(message.entities[1]) == "@ann_lee"
    assert message.chat.type == "private"


async def test_an_update_stays_until_it_is_confirmed(stage):
    for text in ("one", "two", "three"):
        stage.telegram.send(stage.ann, text)
    first = await stage.bot.get_updates(limit=2)
    assert [each.message.text for each in first] == ["one", "two"]
    assert first[1].update_id == first[0].update_id + 1
    assert stage.telegram.pending == 3
    rest = await stage.bot.get_updates(offset=first[1].update_id + 1)
    assert [each.message.text for each in rest] == ["three"]
    assert stage.telegram.pending == 1


async def test_a_negative_offset_keeps_only_the_last(stage):
    for text in ("one", "two", "three"):
        stage.telegram.send(stage.ann, text)
    last = await stage.bot.get_updates(offset=-1)
    assert [each.message.text for each in last] == ["three"]
    assert stage.telegram.pending == 1


async def test_an_offset_far_beyond_the_end_counts_as_none(stage):
    number = stage.telegram.inject({"poll": {}})
    result = await stage.done("getUpdates", offset=number + 50)
    assert [each["update_id"] for each in result] == [number]


async def test_haste_with_one_offset_gets_one_update_at_a_time(stage):
    stage.telegram.send(stage.ann, "one")
    stage.telegram.send(stage.ann, "two")
    assert len(await stage.done("getUpdates")) == 2
    assert len(await stage.done("getUpdates")) == 1


def test_haste_without_updates_has_to_wait(quickly):
    async def scene(stage):
        loop = asyncio.get_running_loop()
        await stage.done("getUpdates")
        started = loop.time()
        assert await stage.done("getUpdates") == []
        assert 2.9 < loop.time() - started < 8

    quickly(scene)


async def test_a_waiting_poll_wakes_at_once(stage):
    poll = asyncio.create_task(stage.bot.get_updates(timeout=30))
    await stage.telegram.until(lambda: stage.telegram.polling)
    stage.telegram.send(stage.ann, "now")
    async with asyncio.timeout(1):
        (update,) = await poll
    assert update.message.text == "now"


async def test_a_second_poll_ends_the_first(stage):
    first = asyncio.create_task(stage.bot.get_updates(timeout=30))
    await stage.telegram.until(lambda: stage.telegram.polling)
    second = asyncio.create_task(stage.bot.get_updates(timeout=30, offset=1))
    with pytest.raises(
        Conflict,
        match="Conflict: terminated by other getUpdates request; make sure that only one bot "
        "instance is running",
    ):
        await first
    stage.telegram.send(stage.ann, "for the second")
    assert [each.message.text for each in await second] == ["for the second"]


def test_conflicts_are_answered_at_most_every_three_seconds(quickly):
    async def scene(stage):
        polls = []
        for offset in range(3):
            polls.append(asyncio.create_task(stage.call("getUpdates", timeout=40, offset=offset)))
            await stage.telegram.until(lambda: stage.telegram.updates.polls == len(polls), 60)
        for poll in polls[:2]:
            status, _ = await poll
            assert status == 409
        refused = [one for one in stage.telegram.calls if one.status == 409]
        first, second = [one.at_loop_time + one.seconds for one in refused]
        assert second - first > 2.9
        polls[2].cancel()

    quickly(scene)


async def test_a_poller_that_hung_up_is_in_nobodys_way(stage):
    poll = asyncio.create_task(stage.bot.get_updates(timeout=30))
    await stage.telegram.until(lambda: stage.telegram.polling)
    poll.cancel()
    await stage.telegram.until(lambda: not stage.telegram.polling)
    stage.telegram.send(stage.ann, "kept")
    (update,) = await stage.bot.get_updates(offset=1)
    assert update.message.text == "kept"
    assert [each.status for each in stage.telegram.calls if each.status == 409] == []


async def test_closing_ends_a_waiting_poll(stage):
    poll = asyncio.create_task(stage.bot.get_updates(timeout=50))
    await stage.telegram.until(lambda: stage.telegram.polling)
    await stage.telegram.close()
    async with asyncio.timeout(1):
        assert await poll == ()


async def test_a_webhook_excludes_polling(stage):
    stage.telegram.send(stage.ann, "early")
    _, answer = await stage.call("setWebhook", url="https://bot.example.com/hook")
    assert answer == {"ok": True, "result": True, "description": "Webhook was set"}
    with pytest.raises(Conflict, match="can't use getUpdates method while webhook is active"):
        await stage.bot.get_updates()
    info = await stage.bot.get_webhook_info()
    assert (info.url, info.pending_update_count) == ("https://bot.example.com/hook", 1)
    status, answer = await stage.call("setWebhook", url="https://bot.example.com/other")
    assert (status, answer["parameters"]) == (429, {"retry_after": 1})
    assert await stage.bot.delete_webhook(drop_pending_updates=True)
    assert stage.telegram.pending == 0
    assert (await stage.bot.get_webhook_info()).url == ""
    with pytest.raises(BadRequest, match=r"(?i)an https url must be provided"):
        await stage.bot.set_webhook("http://bot.example.com/")


async def test_a_webhook_ends_a_waiting_poll(stage):
    poll = asyncio.create_task(stage.bot.get_updates(timeout=30))
    await stage.telegram.until(lambda: stage.telegram.polling)
    await stage.bot.set_webhook("https://bot.example.com/hook")
    with pytest.raises(Conflict, match="terminated by setWebhook request"):
        await poll


async def test_asked_for_kinds_are_remembered(stage):
    assert await stage.bot.get_updates(allowed_updates=["callback_query"], offset=5) == ()
    number = stage.telegram.send(stage.ann, "unheard")
    stage.telegram.edit(stage.ann, number, "unheard, too")
    assert stage.telegram.pending == 0
    assert (await stage.bot.get_webhook_info()).allowed_updates == ("callback_query",)
    stage.telegram.inject({"message": "odd"})
    assert stage.telegram.pending == 1
    stage.telegram.updates.clear()
    await stage.done("getUpdates", allowed_updates=[], offset=6, timeout=0)
    stage.telegram.send(stage.ann, "heard")
    assert stage.telegram.pending == 1


async def test_old_updates_are_dropped():
    from bridge.sandbox.telegram import TelegramEmulator

    now = [1_000_000.0]
    telegram = TelegramEmulator(budgets=None, clock=lambda: now[0])
    telegram.add_bot(TOKEN)
    ann = telegram.add_person("Ann")
    telegram.send(ann, "old")
    telegram.press(ann, 77, data="x")
    assert telegram.pending == 2
    now[0] += 151
    assert telegram.pending == 1
    now[0] += 86_400
    assert telegram.pending == 0


async def test_edits_and_blocks_are_told(stage):
    number = stage.telegram.send(stage.ann, "first")
    stage.telegram.edit(stage.ann, number, "second")
    stage.telegram.block(stage.ann)
    stage.telegram.unblock(stage.ann)
    updates = await stage.bot.get_updates()
    assert updates[1].edited_message.text == "second"
    assert updates[1].edited_message.edit_date is not None
    changes = [each.my_chat_member for each in updates[2:]]
    assert [each.new_chat_member.status for each in changes] == ["kicked", "member"]
    assert changes[0].old_chat_member.user.id == 42


async def test_a_person_sends_a_file(stage):
    content = bytes(range(256)) * 10
    stage.telegram.send_document(stage.ann, "notes.pdf", content, "application/pdf", "read #this")
    stage.telegram.send_photo(stage.ann, b"\xff\xd8jpeg")
    updates = await stage.bot.get_updates()
    message = updates[0].message
    assert (message.caption, message.text) == ("read #this", None)
    assert message.caption_entities[0].type == "hashtag"
    document = message.document
    assert (document.file_name, document.mime_type) == ("notes.pdf", "application/pdf")
    assert updates[1].message.photo[0].width == 800
    path = f"/file/bot{TOKEN}/documents/file_0.pdf"
    assert (await stage.http.get(path)).status_code == 404
    file = await stage.bot.get_file(document.file_id)
    assert bytes(await file.download_as_bytearray()) == content
    assert (await stage.http.get(path)).content == content
    with pytest.raises(BadRequest, match=r"(?i)invalid file_id"):
        await stage.bot.get_file("nonsense")
    stage.telegram.send_document(stage.ann, "big.bin", bytes((20 << 20) + 1))
    big = (await stage.done("getUpdates", offset=-1))[0]["message"]["document"]
    assert await stage.refused("getFile", file_id=big["file_id"]) == "Bad Request: file is too big"


async def test_the_door_knows_tokens_and_methods(stage):
    async def at(path: str) -> tuple[int, str]:
        answer = await stage.http.get(path)
        return answer.status_code, answer.json()["description"]

    assert await at("/bot42/getMe") == (401, "Unauthorized: invalid token specified")
    assert await at(f"/bot42:{'x' * 90}/getMe") == (401, "Unauthorized: invalid token specified")
    assert await at("/bot42:WRONG/getMe") == (401, "Unauthorized")
    assert await at(f"/bot{TOKEN}/test/getMe") == (401, "Unauthorized")
    assert await at(f"/bot{TOKEN}/sendNonsense") == (404, "Not Found: method not found")
    assert await at("/elsewhere") == (404, "Not Found")
    assert await at(f"/file/bot{TOKEN}/a/b") == (404, "Not Found")
    answer = await stage.http.get(f"/bot{TOKEN}/GETME")
    assert answer.json()["result"]["is_bot"] is True
    answer = await stage.http.get(f"/bot{TOKEN}/?method=getme")
    assert answer.json()["result"]["id"] == 42


async def test_a_revoked_token_is_nobodys(stage):
    poll = asyncio.create_task(stage.bot.get_updates(timeout=30))
    await stage.telegram.until(lambda: stage.telegram.polling)
    stage.telegram.revoke(TOKEN)
    with pytest.raises(InvalidToken):
        await poll
    with pytest.raises(InvalidToken):
        await stage.bot.get_me()
    stage.telegram.add_bot("42:FRESH")
    answer = await stage.http.get("/bot42:FRESH/getMe")
    assert answer.json()["result"]["id"] == 42
    with pytest.raises(ValueError, match="has the bot 42 already"):
        stage.telegram.add_bot("43:OTHER")


@pytest.mark.parametrize("shape", ["query", "form", "json", "multipart"])
async def test_parameters_come_in_four_shapes(stage, shape):
    values = {"chat_id": str(stage.ann.id), "text": "a&b=ü 😀", "protect_content": "Yes"}
    sent = {
        "query": {"params": values},
        "form": {"data": values},
        "json": {"json": values | {"chat_id": stage.ann.id, "protect_content": True}},
        "multipart": {"data": values, "files": {"unused": b"bytes"}},
    }[shape]
    answer = await stage.http.post(f"/bot{TOKEN}/sendMessage", **sent)
    assert answer.json()["result"]["text"] == "a&b=ü 😀"
    assert answer.json()["result"]["has_protected_content"] is True
    file = {"unused": {"file_name": "upload", "file_size": 5}} if shape == "multipart" else {}
    assert stage.telegram.calls[-1].params == values | file | {
        "chat_id": stage.ann.id,
        "protect_content": True,
    }


async def test_odd_bodies_are_refused(stage):
    path = f"/bot{TOKEN}/sendMessage"
    kind = {"Content-Type": "application/json"}
    assert (await stage.http.post(path, content=b"[1", headers=kind)).status_code == 400
    assert (await stage.http.post(path, content=b"[1]", headers=kind)).status_code == 400
    large = await stage.http.post(path, data={"text": "x" * (1 << 20)})
    assert large.status_code == 413
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    body = b"chat_id=%d&text=%%ff%%fe" % stage.ann.id
    answer = await stage.http.post(path, content=body, headers=kind)
    assert answer.json()["description"] == "Bad Request: strings must be encoded in UTF-8"


async def test_calls_are_written_down_without_the_token(stage):
    stage.telegram.send(stage.ann, "x")
    await stage.bot.get_updates()
    await stage.bot.send_message(stage.ann.id, "y" * 1000)
    await stage.refused("sendMessage", chat_id=stage.ann.id, text="")
    entries = list(stage.telegram.journal.entries)
    names = [(each.name, each.outcome) for each in entries[-3:]]
    assert names == [
        ("getUpdates", "ok"),
        ("sendMessage", "ok"),
        ("sendMessage", "Bad Request: message text is empty"),
    ]
    assert len(entries[-2].detail["params"]["text"]) < 310
    assert "SANDBOX" not in repr(entries)
    count = len(entries)
    await stage.done("getUpdates", offset=2**31 - 1, limit=0)
    await stage.bot.get_updates(offset=-1)
    assert stage.telegram.calls[-1].method == "getUpdates"
    assert len(stage.telegram.journal.entries) == count + 2


async def test_without_a_server_nothing_breaks():
    from bridge.sandbox.telegram import TelegramEmulator

    telegram = TelegramEmulator()
    telegram.add_bot(TOKEN)
    transport = httpx.ASGITransport(telegram.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        assert (await http.get(f"/bot{TOKEN}/getMe")).json()["ok"] is True
    await telegram.close()
