"""Drafts: text that shows while the bot writes, and the button that stops it."""

import asyncio
from itertools import count

import pytest
from telegram.error import Forbidden

OFFSETS = count(1)


async def test_drafts(stage):
    chat = stage.ann.id
    draft = {"chat_id": chat, "draft_id": 7}
    await stage.bot.send_message_draft(chat, 7, "so far")
    assert stage.telegram.draft(stage.ann).text == "so far"
    await stage.done("sendMessageDraft", **draft, text="", can_stop=True)
    assert stage.telegram.draft(stage.ann).text == ""
    assert stage.telegram.press_stop(stage.ann) == 7
    (update,) = await stage.done("getUpdates")
    assert update["stopped_message_generation"]["draft_id"] == 7
    await stage.done("sendMessageDraft", **draft, text="more")
    await stage.bot.send_message(chat, "all of it")
    assert stage.telegram.draft(stage.ann) is None
    assert [each.text for each in stage.telegram.drafts(stage.ann)] == ["so far", "", "more"]
    assert stage.telegram.posts(stage.ann)[0].text == "all of it"
    group = await stage.refused("sendMessageDraft", chat_id=-100, draft_id=1, text="x")
    assert group == "Bad Request: TEXTDRAFT_PEER_INVALID"
    assert "non-zero" in await stage.refused("sendMessageDraft", chat_id=chat, text="x")


def test_a_draft_lasts_thirty_seconds(quickly):
    async def scene(stage):
        loop = asyncio.get_running_loop()
        await stage.done("sendMessageDraft", chat_id=stage.ann.id, draft_id=7, text="so far")
        since = loop.time()
        await stage.telegram.until(lambda: stage.telegram.draft(stage.ann) is None, timeout=60)
        assert 20 < loop.time() - since < 40

    quickly(scene, budgets=None)


async def test_what_is_no_draft(stage):
    draft = {"chat_id": stage.ann.id, "draft_id": 7, "text": "x"}

    async def refused(**changes: object) -> str:
        return await stage.refused("sendMessageDraft", **(draft | changes))

    assert await refused(chat_id="@ann_lee") == "Bad Request: TEXTDRAFT_PEER_INVALID"
    assert await refused(chat_id="") == "Bad Request: chat_id is empty"
    assert await refused(chat_id=77) == "Bad Request: chat not found"
    assert await refused(text="x" * 4097) == "Bad Request: message is too long"
    assert await refused(text="a\ud83d") == "Bad Request: strings must be encoded in UTF-8"
    await stage.done("sendMessageDraft", **(draft | {"text": "x" * 4096}))
    await stage.done(
        "sendMessageDraft", **draft, message_thread_id=77
    )  # nobody looks for the topic
    assert len(stage.telegram.drafts(stage.ann)) == 2
    stage.telegram.block(stage.ann)
    assert stage.telegram.draft(stage.ann) is None
    with pytest.raises(Forbidden):
        await stage.bot.send_message_draft(stage.ann.id, 7, "x")


async def test_stop_tells_only_who_asked(stage):
    async def stopped(**asked: object) -> list[dict]:
        await stage.done("getUpdates", offset=next(OFFSETS), **asked)
        await stage.done(
            "sendMessageDraft", chat_id=stage.ann.id, draft_id=7, text="x", can_stop="True"
        )
        stage.telegram.press_stop(stage.ann)
        assert stage.telegram.draft(stage.ann) is None
        updates = await stage.done("getUpdates", offset=next(OFFSETS))
        stage.telegram.updates.clear()
        return [each["stopped_message_generation"] for each in updates]

    chat = {"id": stage.ann.id, "type": "private", "first_name": "Ann", "username": "ann_lee"}
    told = [{"chat": chat, "draft_id": 7}]
    assert await stopped() == told
    assert await stopped(allowed_updates=["message"]) == []
    assert await stopped(allowed_updates=["stopped_message_generation"]) == told
    assert await stopped(allowed_updates=[]) == told
    with pytest.raises(ValueError, match="Ann sees no draft with a Stop button"):
        stage.telegram.press_stop(stage.ann)
    await stage.bot.send_message_draft(stage.ann.id, 7, "no button")
    with pytest.raises(ValueError, match="sees no draft with a Stop button"):
        stage.telegram.press_stop(stage.ann)


async def test_a_kept_draft_stays_without_its_button(stage):
    draft = {"chat_id": stage.ann.id, "draft_id": 7, "text": "half", "can_stop": True}
    await stage.done("sendMessageDraft", **draft, keep_on_stop=True)
    stage.telegram.press_stop(stage.ann)
    kept = stage.telegram.draft(stage.ann)
    assert (kept.text, kept.can_stop) == ("half", False)
    with pytest.raises(ValueError, match="sees no draft with a Stop button"):
        stage.telegram.press_stop(stage.ann)
    await stage.bot.send_message(stage.ann.id, "half, stopped")
    assert stage.telegram.draft(stage.ann) is None
    assert len(stage.telegram.drafts(stage.ann)) == 1


async def test_each_topic_has_its_draft(stage):
    trip, home = [stage.telegram.add_topic(stage.ann, name) for name in ("Trip", "Home")]
    stage.telegram.updates.clear()
    draft = {"chat_id": stage.ann.id, "can_stop": True}
    for thread, text in ((trip, "Ro"), (home, "Ki")):
        await stage.done(
            "sendMessageDraft", **draft, draft_id=thread, text=text, message_thread_id=thread
        )
    assert stage.telegram.draft(stage.ann) is None
    await stage.bot.send_message(stage.ann.id, "Rome", message_thread_id=trip)
    assert stage.telegram.draft(stage.ann, trip) is None
    assert stage.telegram.draft(stage.ann, home).text == "Ki"
    assert [each.text for each in stage.telegram.drafts(stage.ann, trip)] == ["Ro"]
    assert stage.telegram.press_stop(stage.ann, thread_id=home) == home
    (update,) = await stage.done("getUpdates", offset=next(OFFSETS))
    assert update["stopped_message_generation"]["message_thread_id"] == home


async def test_drafts_share_the_budget_of_typing(limited):
    stage = limited
    for number in range(20):
        if number % 2:
            await stage.bot.send_chat_action(stage.ann.id, "typing")
        else:
            await stage.bot.send_message_draft(stage.ann.id, 7, "x" * (number + 1))
    status, answer = await stage.call(
        "sendMessageDraft", chat_id=stage.ann.id, draft_id=7, text="too much"
    )
    assert (status, answer["parameters"]) == (429, {"retry_after": 3})
    assert await stage.bot.send_message(stage.ann.id, "messages have their own")
