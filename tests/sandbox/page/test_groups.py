"""Groups, topics, drafts and rich messages on the page, with the scripted and the real emulator."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from bridge.sandbox.page import routes
from bridge.sandbox.telegram import TelegramEmulator
from bridge.serving import serving

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]
expect.set_options(timeout=4000)

Open = Callable[..., AbstractAsyncContextManager[Any]]

ANN = {"id": 101, "is_bot": False, "first_name": "Ann"}
LI = {"id": 102, "is_bot": False, "first_name": "李雷"}
FORUM = {
    "id": -1002,
    "type": "supergroup",
    "title": "Team",
    "is_forum": True,
    "members": [101, 102],
    "topics": [{"id": 5, "name": "Bugs", "closed": False}],
    "has_bot": True,
}
PLACE = {"chat": {"id": -1002, "type": "supergroup", "title": "Team"}}
IN_BUGS = PLACE | {"message_thread_id": 5, "is_topic_message": True}
CELL = {"align": "left", "valign": "top"}


def words(text: object) -> dict[str, object]:
    """A paragraph of a rich message."""
    return {"type": "paragraph", "text": text}


async def test_topics_are_chats_of_their_own(opened: Open) -> None:
    async with opened() as it:
        chats = it.page.get_by_test_id("chat")
        it.emulator.tell("chat", FORUM)
        await expect(chats).to_have_count(3)
        created = {"message_id": 5, "text": None, "forum_topic_created": {"name": "Bugs"}}
        opening = {**it.emulator.message("", ANN), **IN_BUGS, **created}
        it.emulator.tell("message", opening)
        it.emulator.tell("message", {**it.emulator.message("to all", LI), **PLACE})
        said = {**it.emulator.message("it is slow", LI, reply_to_message=opening), **IN_BUGS}
        it.emulator.tell("message", said)
        await expect(chats.nth(1)).to_contain_text("李雷: it is slow")
        await chats.filter(has_text="Bugs").click()
        await expect(it.page.locator(".chat-bar .bar-title")).to_have_text("Team · Bugs")
        await expect(it.bubbles).to_have_count(2)
        await expect(it.bubbles.first).to_have_text("Ann opened the topic “Bugs”")
        await expect(it.bubbles.last.locator(".sender")).to_have_text("李雷")
        await expect(it.page.get_by_test_id("reply-quote")).to_have_count(0)
        await it.page.get_by_test_id("composer").fill("how slow?")
        await it.page.keyboard.press("Enter")
        asked = {"person_id": 101, "chat_id": -1002, "thread_id": 5, "text": "how slow?"}
        assert await it.emulator.next_asked() == ("/sandbox/send", asked)
        it.emulator.tell("action", {"chat_id": -1002, "thread_id": 0, "action": "typing"})
        await expect(chats.nth(0)).to_contain_text("typing")
        await expect(it.page.get_by_test_id("typing")).to_have_count(0)
        it.emulator.tell("deleted", {"chat_id": -1002, "message_id": said["message_id"]})
        await expect(it.bubbles).to_have_count(1)
        it.emulator.tell("chat", {**FORUM, "topics": []})
        await expect(it.page.locator(".chat-bar .bar-title")).not_to_contain_text("Bugs")


async def test_any_member_writes(opened: Open) -> None:
    async with opened({"chats": [FORUM]}) as it:
        await it.page.get_by_test_id("chat").filter(has_text="Bugs").click()
        composer, writer = it.page.get_by_test_id("composer"), it.page.get_by_test_id("writer")
        await expect(writer.locator("option")).to_have_text(["Ann", "李雷"])
        await composer.fill("on behalf of")
        await writer.select_option(label="李雷")
        await expect(it.page.get_by_test_id("person").nth(1)).to_have_attribute(
            "aria-checked", "true"
        )
        await expect(composer).to_have_value("on behalf of")
        await composer.press("Enter")
        _, asked = await it.emulator.next_asked()
        assert (asked["person_id"], asked["chat_id"]) == (102, -1002)
        mine = {**it.emulator.message("on behalf of", LI), **IN_BUGS}
        it.emulator.tell("message", mine)
        await expect(it.bubbles.last).to_have_class("row own first last")
        await composer.press("ArrowUp")
        await composer.fill("on my own behalf")
        await composer.press("Enter")
        path, asked = await it.emulator.next_asked()
        assert (path, asked["message_id"]) == ("/sandbox/edit", mine["message_id"])
        await it.page.keyboard.press("Alt+1")
        await expect(it.page.locator(".chat-bar .bar-title")).to_have_text("Team · Bugs")
        await composer.press("ArrowUp")
        await expect(composer).to_have_value("")


async def test_the_bot_is_thrown_out_and_added(opened: Open) -> None:
    async with opened({"chats": [FORUM]}) as it:
        await it.page.get_by_test_id("chat").filter(has_text="Team").click()
        door = it.page.get_by_test_id("door")
        await door.click()
        asked = {"person_id": 101, "chat_id": -1002, "inside": False}
        assert await it.emulator.next_asked() == ("/sandbox/bot", asked)
        it.emulator.tell("chat", {**FORUM, "has_bot": False})
        await expect(it.page.locator(".chat-bar .bar-status")).to_have_text(
            "2 members · the bot is not here"
        )
        await door.click()
        assert (await it.emulator.next_asked())[1]["inside"] is True


async def test_the_bot_is_promoted_and_muted(opened: Open) -> None:
    async with opened({"chats": [{**FORUM, "standing": "member"}]}) as it:
        await it.page.get_by_test_id("chat").filter(has_text="Team").click()
        status = it.page.locator(".chat-bar .bar-status")
        await it.page.get_by_test_id("promote").click()
        asked = {"person_id": 101, "chat_id": -1002, "standing": "administrator"}
        assert await it.emulator.next_asked() == ("/sandbox/bot", asked)
        it.emulator.tell("chat", {**FORUM, "standing": "administrator"})
        await expect(status).to_have_text("2 members · the bot is administrator")
        await it.page.get_by_test_id("mute").click()
        assert (await it.emulator.next_asked())[1]["standing"] == "restricted"
        it.emulator.tell("chat", {**FORUM, "standing": "restricted"})
        await expect(status).to_have_text("2 members · the bot is muted")
        await it.page.get_by_test_id("mute").click()
        assert (await it.emulator.next_asked())[1]["standing"] == "member"


async def test_a_draft_is_stopped_and_goes(chat: Any) -> None:
    it = chat
    draft = {"chat_id": it.emulator.me, "thread_id": 0, "draft_id": 1, "entities": []}
    bubble, stop = it.page.get_by_test_id("draft"), it.page.get_by_test_id("draft-stop")
    it.emulator.tell("draft", {**draft, "text": "", "can_stop": True})
    await expect(bubble).to_contain_text("Thinking")
    it.emulator.tell("draft", {**draft, "text": "", "rich_message": {"blocks": [words("So")]}})
    await expect(bubble.locator("p")).to_have_text("So")
    await expect(stop).to_be_hidden()
    it.emulator.tell("draft", {**draft, "text": "So far", "can_stop": True})
    await stop.click()
    asked = {"person_id": it.emulator.me, "chat_id": it.emulator.me}
    assert await it.emulator.next_asked() == ("/sandbox/stop", asked)
    it.emulator.tell("draft", {**draft, "text": None})
    await expect(bubble).to_have_count(0)


async def test_the_bots_reaction_is_shown(chat: Any) -> None:
    it = chat
    mine = it.emulator.message("look", {**ANN, "id": it.emulator.me})
    it.emulator.tell("message", mine)
    reactions = it.page.get_by_test_id("reactions")
    await expect(reactions).to_be_empty()
    it.emulator.tell(
        "edited", {**mine, "edits": 0, "reactions": [{"type": "emoji", "emoji": "👀"}]}
    )
    await expect(reactions).to_have_text("👀")
    await expect(it.bubbles.locator(".edited")).to_be_hidden()
    it.emulator.tell("edited", {**mine, "edits": 0})
    await expect(reactions).to_be_empty()


async def test_a_rich_message_is_drawn(chat: Any) -> None:
    it = chat
    blocks = [
        {"type": "heading", "size": 2, "text": "Title"},
        words(["a ", {"type": "bold", "text": ["b", {"type": "italic", "text": "c"}]}]),
        {"type": "list", "items": [{"label": "2.", "blocks": [words("two")]}]},
        {"type": "list", "items": [{"label": "•", "has_checkbox": True, "blocks": [words("t")]}]},
        {"type": "table", "cells": [[{"text": "h", "is_header": True, **CELL}, CELL]]},
        {"type": "pre", "text": "x = 1", "language": "python"},
        {"type": "blockquote", "blocks": [words("said")], "credit": "Li"},
        {"type": "details", "summary": "More", "blocks": [words("hidden")]},
        words({"type": "url", "text": "site", "url": "https://example.com/"}),
        {"type": "divider"},
        {"type": "unheard_of", "text": "?"},
    ]
    plain = it.emulator.message("first a text")
    it.emulator.tell("message", plain)
    await expect(it.bubbles.locator(".text")).to_have_text("first a text")
    rich = {name: value for name, value in plain.items() if name != "text"}
    it.emulator.tell("edited", {**rich, "rich_message": {"blocks": blocks}, "edits": 1})
    bubble = it.bubbles
    for selector, text in {
        ".rich-heading.size-2": "Title",
        "strong": "bc",
        "strong em": "c",
        ".rich-label": "2.",
        "th": "h",
        "pre": "x = 1",
        ".pre-language": "python",
        "blockquote p": "said",
        "cite": "Li",
        "summary": "More",
        "a[href='https://example.com/']": "site",
    }.items():
        await expect(bubble.locator(selector)).to_have_text(text)
    await expect(bubble.locator("hr, .rich-box")).to_have_count(2)
    await expect(bubble.get_by_text("hidden")).to_be_hidden()
    await bubble.locator("summary").click()
    await expect(bubble.get_by_text("hidden")).to_be_visible()
    blocks[0] = {"type": "heading", "size": 1, "text": "Title!"}
    it.emulator.tell("edited", {**rich, "rich_message": {"blocks": blocks}, "edits": 2})
    await expect(bubble.locator(".rich-heading.size-1")).to_have_text("Title!")
    await expect(bubble.get_by_text("hidden")).to_be_visible()
    it.emulator.tell("edited", {**plain, "edits": 3})
    await expect(bubble.locator(".text")).to_have_text("first a text")
    await expect(bubble.locator("table")).to_have_count(0)


async def test_hostile_blocks_stay_text(opened: Open) -> None:
    html = "<img src=x onerror=\"document.title='hit'\">"
    evil = "javascript:document.title='hit'"
    deep: object = "x"
    for _ in range(300):
        deep = [{"type": "bold", "text": deep}]
    blocks = [
        words(html),
        words({"type": "url", "text": html, "url": evil}),
        words({"type": "mention", "text": "m", "username": "../" + evil}),
        {"type": "heading", "size": html, "text": html},
        {"type": "pre", "text": html, "language": html},
        {"type": "table", "cells": [[{"text": html, "align": html, "colspan": html}], None, 5]},
        {"type": "list", "items": [{"label": html, "blocks": "x"}, None]},
        {"type": "details", "summary": html, "blocks": [None, 7, [words(html)]]},
        {"type": "buttons", "buttons": [{"text": html, "url": evil}]},
        words(deep),
    ]
    odd = {**FORUM, "title": html, "topics": [{"id": 5, "name": html}]}
    async with opened() as it:
        it.emulator.tell("chat", odd)
        it.emulator.tell("message", it.emulator.message("", rich_message={"blocks": blocks}))
        await expect(it.bubbles.locator("p").first).to_have_text(html)
        await expect(it.bubbles.locator("td")).to_have_text(html)
        assert await it.page.locator("#app img:not(.logo), #app script").count() == 0
        links = await it.bubbles.locator("a").evaluate_all("all => all.map(a => a.protocol)")
        assert set(links) == {"https:"}
        assert "hit" not in await it.page.title()


@pytest_asyncio.fixture(loop_scope="session")
async def real(tab: Any) -> AsyncIterator[tuple[Page, TelegramEmulator, httpx.AsyncClient]]:
    """The page over the real emulator, in a tab of its own."""
    telegram = TelegramEmulator(budgets=None)
    telegram.add_bot("42:SANDBOX", first_name="Tester")
    telegram.add_person("Ann", "ann", "en")
    telegram.add_person("Bob")
    web = Starlette(routes=[*routes(), Mount("/", telegram.app)])
    async with serving(web) as base, httpx.AsyncClient(base_url=base, verify=False) as http:
        page = await tab.page.context.browser.new_page()
        page.set_default_timeout(4000)
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(base)
        await page.wait_for_selector("body[data-ready]")
        yield page, telegram, http
        await page.close()
        await telegram.close()
        assert complaints == []


async def test_a_whole_visit_to_the_real_emulator(real: Any) -> None:
    page, telegram, http = real

    async def call(method: str, **params: object) -> Any:
        answer = (await http.post(f"/bot42:SANDBOX/{method}", json=params)).json()
        assert answer["ok"] is True, answer
        return answer["result"]

    await page.get_by_test_id("add-group").click()
    await page.get_by_test_id("group-title").fill("Team")
    await page.get_by_test_id("group-forum").check()
    await page.get_by_test_id("group-add").click()
    await expect(page.locator(".chat-bar .bar-title")).to_have_text("Team · General")
    await page.get_by_test_id("add-topic").click()
    await page.get_by_test_id("topic-name").fill("Bugs")
    await page.get_by_test_id("topic-add").click()
    await expect(page.locator(".chat-bar .bar-title")).to_have_text("Team · Bugs")
    await page.get_by_test_id("writer").select_option(label="Bob")
    await page.get_by_test_id("composer").fill("@sandbox_bot hello")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("message").last).to_contain_text("@sandbox_bot hello")
    update = (await call("getUpdates"))[-1]["message"]
    where = {"chat_id": update["chat"]["id"], "message_thread_id": update["message_thread_id"]}
    assert update["from"]["first_name"] == "Bob"
    keyboard = {"inline_keyboard": [[{"text": "Go", "callback_data": "go"}]]}
    post = await call("sendMessage", **where, text="Well?", reply_markup=json.dumps(keyboard))
    await page.get_by_test_id("keyboard-button").click()
    await telegram.until(lambda: telegram.pending == 5, what="the press")
    query = (await call("getUpdates", offset=2))[-1]["callback_query"]
    await call("answerCallbackQuery", callback_query_id=query["id"], text="Went")
    await expect(page.get_by_test_id("toast").last).to_have_text("Went")
    rich = {"markdown": "# Rich"}
    edit = {"chat_id": where["chat_id"], "message_id": post["message_id"]}
    await call("editMessageText", **edit, rich_message=rich)
    await expect(page.locator(".rich-heading")).to_have_text("Rich")
    await page.get_by_test_id("add-person").click()
    await page.get_by_test_id("person-name").fill("Eve")
    await page.get_by_test_id("person-add").click()
    await expect(page.get_by_test_id("person")).to_have_count(3)
    await call("setMyCommands", commands=[{"command": "new", "description": "Forget"}])
    await page.get_by_test_id("composer").fill("/")
    await expect(page.get_by_role("option", name="/new")).to_be_visible()
    await page.get_by_test_id("composer").fill("hi")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("message")).to_have_count(1)
    (eve,) = [each for each in telegram.world.people.values() if each.first_name == "Eve"]
    draft = {"chat_id": eve.id, "draft_id": 7, "text": "So", "can_stop": True}
    await call("sendMessageDraft", **draft)
    await expect(page.get_by_test_id("draft")).to_contain_text("So")
    await page.reload()
    await page.get_by_test_id("draft-stop").click()
    await expect(page.get_by_test_id("draft")).to_have_count(0)
    assert telegram.draft(eve) is None
