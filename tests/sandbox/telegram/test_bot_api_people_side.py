"""The people's side over HTTP, for a web page."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest


async def act(stage, name: str, /, **wish: object) -> tuple[int, dict]:
    answer = await stage.http.post(f"/sandbox/{name}", json=wish)
    return answer.status_code, answer.json()


async def test_a_page_sees_everything(stage):
    await stage.bot.set_my_commands([("start", "Begin")])
    post = await stage.bot.send_message(stage.ann.id, "hi")
    await stage.bot.edit_message_text("hi!", stage.ann.id, post.message_id)
    state = (await stage.http.get("/sandbox/state")).json()
    menu = [{"command": "start", "description": "Begin"}]
    assert state["bot"]["username"] == "sandbox_bot"
    assert state["bot"]["commands"] == menu
    (person,) = state["people"]
    assert (person["id"], person["blocked"]) == (stage.ann.id, False)
    assert state["chats"][0]["title"] == "Ann"
    assert state["chats"][0]["members"] == [stage.ann.id]
    first, second = state["messages"][str(stage.ann.id)]
    assert (first["from"]["id"], first["edits"]) == (stage.ann.id, 0)
    assert (second["from"]["is_bot"], second["text"], second["edits"]) == (True, "hi!", 1)
    assert state["journal"][-1]["name"] == "editMessageText"


async def test_people_act(stage):
    status, bob = await act(stage, "people", first_name="Bob", language_code="zh")
    assert status == 200
    where = {"person_id": bob["id"], "chat_id": bob["id"]}
    _, sent = await act(stage, "send", **where, text="/start")
    number = sent["message_id"]
    _, reply = await act(stage, "send", **where, text="and", reply_to_message_id=number)
    await act(stage, "edit", **where, message_id=reply["message_id"], text="so")
    keyboard = {"inline_keyboard": [[{"text": "Go", "callback_data": "go"}]]}
    post = await stage.done("sendMessage", chat_id=bob["id"], text="?", reply_markup=keyboard)
    press = {**where, "message_id": post["message_id"], "row": 0, "column": 0}
    _, pressed = await act(stage, "press", **press)
    await act(stage, "block", person_id=bob["id"], blocked=True)
    updates = await stage.done("getUpdates")
    kinds = ["message", "message", "edited_message", "callback_query", "my_chat_member"]
    assert [list(each)[1] for each in updates] == kinds
    assert updates[1]["message"]["reply_to_message"]["message_id"] == number
    assert updates[3]["callback_query"]["id"] == pressed["query_id"]
    assert updates[0]["message"]["from"]["language_code"] == "zh"


async def test_people_make_groups_and_topics(stage):
    _, bob = await act(stage, "people", first_name="Bob")
    status, group = await act(
        stage, "groups", person_id=stage.ann.id, title="Team", members=[bob["id"]], forum=True
    )
    assert (status, group["members"], group["has_bot"]) == (200, [stage.ann.id, bob["id"]], True)
    where = {"person_id": bob["id"], "chat_id": group["id"]}
    _, topic = await act(stage, "topics", **where, name="Bugs")
    await act(stage, "send", **where, thread_id=topic["thread_id"], text="@sandbox_bot hi")
    for standing in ("administrator", "restricted", "member"):
        _, shown = await act(stage, "bot", **where, standing=standing)
        assert shown["standing"] == standing
    assert (await act(stage, "bot", **where, standing="creator"))[0] == 400
    await act(stage, "bot", **where, inside=False)
    state = (await stage.http.get("/sandbox/state")).json()
    shown = state["chats"][-1]
    assert shown["topics"] == [{"id": topic["thread_id"], "name": "Bugs", "closed": False}]
    assert shown["has_bot"] is False
    assert state["messages"][str(group["id"])][-1]["message_thread_id"] == topic["thread_id"]
    updates = await stage.done("getUpdates")
    kinds = ["my_chat_member", *["message"] * 3, *["my_chat_member"] * 4]
    assert [list(each)[1] for each in updates] == kinds


async def test_people_stop_drafts(stage):
    draft = {"chat_id": stage.ann.id, "draft_id": 7}
    rich = {"blocks": [{"type": "paragraph", "text": "so"}]}
    await stage.done("sendRichMessageDraft", **draft, rich_message=rich, can_stop=True)
    (shown,) = (await stage.http.get("/sandbox/state")).json()["drafts"]
    assert (shown["rich_message"], shown["can_stop"]) == (rich, True)
    assert await act(stage, "stop", person_id=stage.ann.id) == (200, {"draft_id": 7})
    status, answer = await act(stage, "stop", person_id=stage.ann.id)
    assert (status, answer["error"]) == (400, "Ann sees no draft with a Stop button.")


@pytest.mark.parametrize(
    ("name", "wish", "error"),
    [
        ("send", {"text": "x"}, "person_id must be a whole number."),
        ("send", {"person_id": 9, "chat_id": 9, "text": "x"}, "Nobody here has the id 9."),
        ("send", {"person_id": "ann", "chat_id": 9, "text": "x"}, "person_id must be a"),
        ("send", {"text": " "}, "Telegram's apps do not send this"),
        ("send", {"text": "x" * 4097}, "at most 4096 characters"),
        ("send", {"text": 5}, "text must be a text."),
        ("send", {"text": "x", "chat_id": 77}, "There is no chat 77."),
        ("press", {"message_id": 1, "row": 0, "column": 0}, "Message 1 has no button in row 0"),
        ("edit", {"message_id": 8, "text": "x"}, "There is no message 8"),
        ("block", {"blocked": "yes"}, "blocked must be true or false."),
        ("groups", {"title": "x", "members": 5}, "members must be a list of ids"),
        ("groups", {"title": "x", "members": ["5"]}, "Nobody here has the id 5."),
        ("groups", {"title": " ", "members": []}, "A title has 1 to 64 characters"),
        ("topics", {"name": "\u0007"}, "A name has 1 to 64 characters"),
        ("bot", {"inside": 1}, "inside must be true or false"),
        ("bot", {"inside": False}, "In a private chat one blocks the bot."),
        ("send", {"text": "x", "thread_id": 5}, "There is no topic 5 in the chat"),
        ("people", {"first_name": " "}, "A first name has 1 to 64"),
        ("people", {"first_name": "B", "language_code": "<b>"}, "A language code looks like"),
    ],
)
async def test_bad_wishes_are_refused(stage, name, wish, error):
    known = {"person_id": stage.ann.id, "chat_id": stage.ann.id}
    wish = wish if error.startswith("person_id") else known | wish
    status, answer = await act(stage, name, **wish)
    assert status == 400
    assert answer["error"].startswith(error) or error in answer["error"]


async def test_other_sites_are_kept_out(stage):
    wish = json.dumps({"person_id": stage.ann.id, "chat_id": stage.ann.id, "text": "forged"})

    async def post(**headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return (await stage.http.post("/sandbox/send", content=wish, headers=named)).status_code

    assert await post(content_type="text/plain") == 415
    assert await post() == 415
    assert await post(content_type="application/json", origin="https://evil.example") == 403
    assert await post(content_type="application/json", origin="null") == 403
    assert await post(content_type="application/json", host="evil.example") == 403
    assert len(stage.telegram.messages(stage.ann)) == 1
    rebound = await stage.http.get("/sandbox/state", headers={"host": "evil.example:80"})
    assert rebound.status_code == 403
    assert await post(content_type="application/json", origin=stage.url) == 200


async def test_the_feed(stage):
    async with stage.http.stream("GET", "/sandbox/feed") as feed:
        assert feed.headers["content-type"].startswith("text/event-stream")
        lines = feed.aiter_lines()
        assert (await anext(lines)).startswith(":")
        number = stage.telegram.send(stage.ann, "one")
        stage.telegram.edit(stage.ann, number, "two\nlines")
        stage.telegram.delete(stage.ann, number)
        await stage.bot.send_chat_action(stage.ann.id, "typing")
        await stage.bot.send_message_draft(stage.ann.id, 3, "dra")
        await stage.bot.send_message(stage.ann.id, "post")
        await stage.bot.set_my_commands([("a", "b")])
        query = stage.telegram.press(stage.ann, 999, data="x")
        await stage.bot.answer_callback_query(query, "ok", show_alert=True)
        stage.telegram.add_person("Bob")
        stage.telegram.block(stage.ann)
        async with asyncio.timeout(2):
            events = await events_until(lines, "person", times=2)
    world = [each for each in events if each[0] != "journal"]
    names = "message edited deleted action draft draft message commands answer person person"
    assert [name for name, _ in world] == names.split()
    assert world[1][1]["text"] == "two\nlines"
    assert world[2][1] == {"chat_id": stage.ann.id, "message_id": number}
    assert world[3][1] == {"chat_id": stage.ann.id, "thread_id": 0, "action": "typing"}
    assert world[5][1]["text"] is None
    assert world[8][1] == {
        "query_id": query,
        "person_id": stage.ann.id,
        "text": "ok",
        "show_alert": True,
    }
    assert world[10][1]["blocked"] is True
    journal = [content for name, content in events if name == "journal"]
    assert journal[0]["name"] == "sendChatAction"
    assert set(journal[0]) == {"number", "at", "side", "name", "outcome", "detail"}


async def test_closing_ends_the_feed(stage):
    async with stage.http.stream("GET", "/sandbox/feed") as feed:
        lines = feed.aiter_lines()
        await anext(lines)
        await stage.telegram.close()
        async with asyncio.timeout(1):
            assert [line async for line in lines] == [""]


async def events_until(lines: AsyncIterator[str], last: str, times: int) -> list[tuple[str, dict]]:
    events: list[tuple[str, dict]] = []
    name = ""
    async for line in lines:
        kind, _, value = line.partition(": ")
        if kind == "event":
            name = value
        elif kind == "data":
            events.append((name, json.loads(value)))
            if [each for each, _ in events].count(last) == times:
                break
    return events
