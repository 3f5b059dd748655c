"""The page as a whole in a real browser: people, inspector, connection, sizes and themes."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest
from playwright.async_api import expect
from starlette.applications import Starlette

from bridge.sandbox.page import routes

pytestmark = pytest.mark.asyncio(loop_scope="session")
expect.set_options(timeout=4000)

Open = Callable[..., AbstractAsyncContextManager[Any]]


BOT = {"id": 42, "is_bot": True, "first_name": "Tester", "username": "tester_bot"}
MESSAGE = {"from": BOT, "chat": {"id": 101, "type": "private"}, "date": 1_700_000_000}


def entry(number: int, side: str, name: str, outcome: str = "ok", **detail: object) -> Any:
    """One line of the journal, just now."""
    return {
        "number": number,
        "at": 4_000_000_000,
        "side": side,
        "name": name,
        "outcome": outcome,
        "detail": detail,
    }


async def test_the_answers_carry_a_strict_policy() -> None:
    transport = httpx.ASGITransport(Starlette(routes=routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
        for address in ("/", "/page.css", "/main.js", "/favicon.svg"):
            response = await client.get(address)
            assert response.status_code == 200
            assert response.headers["x-content-type-options"] == "nosniff"
            assert response.headers["referrer-policy"] == "no-referrer"
            assert response.headers["cache-control"] == "no-store"
            assert response.headers["content-security-policy"].startswith("default-src 'self';")
            assert "unsafe" not in response.headers["content-security-policy"]
        assert (await client.get("/__init__.py")).status_code == 404


async def test_several_people_are_played(opened: Open) -> None:
    async with opened() as it:
        people = it.page.get_by_test_id("person")
        await expect(people).to_have_count(2)
        await expect(people.first).to_have_attribute("aria-checked", "true")
        it.emulator.tell("message", it.emulator.message("你好", chat=102))
        await expect(people.nth(1)).to_contain_text("1")
        await expect(it.bubbles).to_have_count(0)
        await it.page.keyboard.press("Alt+2")
        await expect(it.bubbles.locator(".text")).to_have_text("你好")
        await expect(it.page.get_by_test_id("chat")).to_contain_text("你好")
        await it.page.get_by_test_id("composer").fill("嗨")
        await it.page.keyboard.press("Enter")
        assert (await it.emulator.next_asked())[1]["person_id"] == 102
        await it.page.get_by_test_id("add-person").click()
        await it.page.get_by_test_id("person-name").fill("Мария")
        await it.page.get_by_test_id("person-language").fill("ru")
        await it.page.keyboard.press("Enter")
        asked = await it.emulator.next_asked()
        assert asked == ("/sandbox/people", {"first_name": "Мария", "language_code": "ru"})
        await expect(people).to_have_count(3)
        await expect(people.nth(2)).to_have_attribute("aria-checked", "true")


async def test_the_inspector_filters_opens_and_clears(opened: Open) -> None:
    async with opened({"journal": [entry(1, "telegram", "getMe", ms=3)]}) as it:
        rows = it.page.get_by_test_id("inspector-row")
        it.emulator.tell("journal", entry(2, "coze", "chat.created", answer="42"))
        it.emulator.tell("journal", entry(3, "telegram", "sendMessage", "429 Too Many Requests"))
        await expect(rows).to_have_count(3)
        await expect(rows.first).to_contain_text("3 ms")
        await expect(rows.last).to_have_class("entry limited arriving")
        await expect(it.page.get_by_test_id("inspector-counters")).to_contain_text("1 × 429")
        await rows.nth(1).click()
        await expect(it.page.locator(".entry-detail")).to_contain_text('"answer": "42"')
        await it.page.get_by_role("button", name="Coze", exact=True).click()
        await expect(rows).to_have_count(1)
        await it.page.get_by_role("button", name="All", exact=True).click()
        await it.page.get_by_test_id("inspector-filter").fill("GETME")
        await expect(rows).to_have_count(1)
        await it.page.get_by_test_id("inspector-filter").fill("")
        await it.page.get_by_role("button", name="Pause", exact=True).click()
        it.emulator.tell("journal", entry(4, "coze", "late"))
        it.emulator.tell("message", it.emulator.message("after the entry"))
        await expect(it.bubbles).to_have_count(1)
        await expect(rows).to_have_count(3)
        await it.page.get_by_role("button", name="Go on").click()
        await expect(rows).to_have_count(4)
        await it.page.get_by_role("button", name="Clear", exact=True).click()
        await expect(rows).to_have_count(0)


async def test_a_lost_connection_is_told_and_mended(opened: Open) -> None:
    async with opened() as it:
        banner = it.page.locator("#lost")
        await expect(banner).to_be_hidden()
        it.emulator.following.clear()
        it.emulator.state["messages"] = {"101": [it.emulator.message("meanwhile")]}
        it.emulator.drop()
        await expect(banner).to_be_visible()
        await asyncio.wait_for(it.emulator.following.wait(), 4)
        await expect(it.bubbles.locator(".text")).to_have_text("meanwhile")
        await expect(banner).to_be_hidden()


async def test_one_column_at_a_time_on_a_phone(opened: Open) -> None:
    shown = [{**MESSAGE, "message_id": number, "text": "text " * 30} for number in range(1, 20)]
    async with opened({"messages": {"101": shown}}, wide=False) as it:
        composer = it.page.get_by_test_id("composer")
        await expect(composer).to_be_hidden()
        await it.page.get_by_test_id("chat").click()
        await expect(composer).to_be_visible()
        await expect(it.page.get_by_test_id("person").first).to_be_hidden()
        await expect(it.page.get_by_label("Jump to the newest message")).to_be_hidden()
        wide = "() => document.documentElement.scrollWidth <= innerWidth"
        assert await it.page.evaluate(wide)
        inspector = it.page.locator("#inspector")
        await expect(inspector).to_be_hidden()
        await it.page.get_by_test_id("inspector-toggle").click()
        await expect(inspector).to_be_visible()
        await it.page.keyboard.press("Escape")
        await expect(inspector).to_be_hidden()
        await it.page.get_by_label("Back to the chats").click()
        await expect(it.page.get_by_test_id("person").first).to_be_visible()
        await expect(composer).to_be_hidden()


async def test_a_window_that_becomes_narrow_is_not_covered_by_the_inspector(opened: Open) -> None:
    async with opened({}) as it:
        inspector = it.page.locator("#inspector")
        await expect(inspector).to_be_visible()
        await it.page.set_viewport_size({"width": 800, "height": 700})
        await expect(inspector).to_be_hidden()
        await it.page.get_by_test_id("inspector-toggle").click()
        await expect(inspector).to_be_visible()
        await it.page.set_viewport_size({"width": 1280, "height": 700})
        await expect(inspector).to_be_visible()
        await it.page.set_viewport_size({"width": 390, "height": 700})
        await expect(inspector).to_be_hidden()


async def test_light_and_dark(opened: Open) -> None:
    ground = "() => getComputedStyle(document.body).backgroundColor"
    async with opened(dark=True) as it:
        dark = await it.page.evaluate(ground)
        await it.page.get_by_test_id("theme-toggle").click()
        light = await it.page.evaluate(ground)
        assert (light, dark) == ("rgb(255, 255, 255)", "rgb(23, 33, 43)")
        await it.page.reload()
        await it.page.wait_for_selector("body[data-ready]")
        assert await it.page.evaluate(ground) == light


async def test_beside_the_real_telegram_only_the_inspector_is_shown(opened: Open) -> None:
    shown = {"bot": None, "people": [], "chats": [], "journal": [entry(1, "coze", "chat")]}
    async with opened(shown) as it:
        await expect(it.page.get_by_test_id("real")).to_contain_text("Telegram is the real one")
        await expect(it.page.get_by_test_id("inspector-row")).to_have_count(1)
        await expect(it.page.get_by_test_id("composer")).to_be_hidden()


async def test_a_draft_shows_until_its_message_comes(chat: Any) -> None:
    it = chat
    draft = {"chat_id": it.emulator.me, "draft_id": 1, "text": "Hal", "entities": []}
    it.emulator.tell("draft", draft)
    await expect(it.page.get_by_test_id("draft")).to_contain_text("Hal")
    it.emulator.tell("draft", {**draft, "text": "Half way"})
    await expect(it.page.get_by_test_id("draft")).to_contain_text("Half way")
    it.emulator.tell("message", it.emulator.message("Half way there"))
    await expect(it.bubbles).to_have_count(1)
    await expect(it.page.get_by_test_id("draft")).to_have_count(0)


async def test_a_person_blocks_the_bot_and_comes_back(chat: Any) -> None:
    it, me = chat, chat.emulator.me
    person = {"id": me, "first_name": "Ann", "language_code": "en"}
    await it.page.get_by_label("Stop and block the bot").click()
    asked = await it.emulator.next_asked()
    assert asked == ("/sandbox/block", {"person_id": me, "blocked": True})
    it.emulator.tell("person", {**person, "blocked": True})
    await expect(it.page.get_by_test_id("composer")).to_be_hidden()
    await it.page.get_by_role("button", name="Unblock and restart").click()
    assert (await it.emulator.next_asked())[1]["blocked"] is False
    it.emulator.tell("person", {**person, "blocked": False})
    await expect(it.page.get_by_test_id("composer")).to_be_visible()
