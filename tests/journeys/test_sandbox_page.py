"""`bridge sandbox` as a newcomer meets it: a process, a real browser, a streamed answer.

With BRIDGE_TEST_PICTURE=path the picture of the README is saved there, with
BRIDGE_TEST_PICTURE_OF_CONVERSATIONS that of its earlier conversations.
"""

import os
from pathlib import Path

import pytest
from browser import needs_chromium
from made import picture
from playwright.async_api import Locator, Page, expect
from sandboxes import ask, page, sandbox

pytestmark = [needs_chromium, pytest.mark.slow]


async def test_a_question_in_the_page_is_answered_by_a_streaming_formatted_message(
    tmp_path: Path,
) -> None:
    async with sandbox(tmp_path) as address, page(address) as shown:
        composer = shown.get_by_test_id("composer")
        await composer.fill("/start")
        await composer.press("Enter")
        words = shown.get_by_test_id("message-text").filter(has_text="Hi Ann! 👋")
        await expect(words).to_be_visible()
        theirs = shown.locator('[data-testid=message][data-from="bot"]')
        await expect(theirs).to_have_count(2)  # the second is for operators: of topics

        answer = await ask(shown, "knowledge about tides")
        growing = len(await answer.inner_text())
        await expect(answer.get_by_text("Stop", exact=True)).to_be_hidden(timeout=20_000)
        text = await answer.inner_text()
        assert len(text) > growing
        assert "**" not in text
        await expect(answer.locator("b, strong").first).to_be_visible()
        rows = shown.get_by_test_id("inspector-row")
        await expect(rows.filter(has_text="editMessageText").first).to_be_attached()
        await expect(rows.filter(has_text="conversation.chat.completed").first).to_be_attached()
        if picture := os.environ.get("BRIDGE_TEST_PICTURE"):
            await shown.set_viewport_size({"width": 1440, "height": 940})
            code = await ask(shown, "Show me a table, please")
            await expect(code.get_by_text("Stop", exact=True)).to_be_hidden(timeout=30_000)
            grows = await ask(shown, "Write some Python code")
            await expect(grows.locator("pre")).to_contain_text("return", timeout=20_000)
            await shown.screenshot(path=picture, animations="disabled")


async def test_pictures_go_both_ways_in_the_page(tmp_path: Path) -> None:
    photo = tmp_path / "dog.jpg"
    photo.write_bytes(picture())
    async with sandbox(tmp_path) as address, page(address) as shown:
        await shown.locator("input[type=file]").first.set_input_files(photo)
        answer = await ask(shown, "What is this?")
        await expect(answer).to_contain_text("I see a picture: photo.jpg", timeout=20_000)
        await expect(answer.get_by_text("Stop", exact=True)).to_be_hidden(timeout=20_000)
        await ask(shown, "picture please")
        theirs = shown.locator('[data-testid=message][data-from="bot"] img')
        await expect(theirs.first).to_be_visible(timeout=30_000)
        width = await theirs.first.evaluate("image => image.naturalWidth")
        assert width > 100


async def says(shown: Page, text: str) -> Locator:
    """Write something that is answered at once; the bubble of its answer."""
    bubbles = shown.locator('[data-testid=message][data-from="bot"]')
    before = await bubbles.count()
    await shown.get_by_test_id("composer").fill(text)
    await shown.get_by_test_id("composer").press("Enter")
    return bubbles.nth(before)


async def test_an_earlier_conversation_is_found_and_a_topic_is_one(tmp_path: Path) -> None:
    # So lively a chat may learn a limit by a refusal, of which it warns.
    async with sandbox(tmp_path, warns=True) as address, page(address) as shown:
        tides = await ask(shown, "knowledge about tides")
        await expect(tides.get_by_text("Stop", exact=True)).to_be_hidden(timeout=20_000)
        fresh = await says(shown, "/new")
        await fresh.get_by_role("button", name="Conversations").click()
        listed = fresh.get_by_role("button", name="knowledge about tides")
        await expect(listed).to_be_visible(timeout=30_000)
        other = await ask(shown, "a list of lighthouses")
        await expect(other.get_by_text("Stop", exact=True)).to_be_hidden(timeout=20_000)
        shows = await says(shown, "/conversations")
        await expect(shows.get_by_role("button", name="lighthouses")).to_be_visible(timeout=30_000)
        if picture := os.environ.get("BRIDGE_TEST_PICTURE_OF_CONVERSATIONS"):
            await shown.screenshot(path=picture, animations="disabled")
        await shows.get_by_role("button", name="knowledge about tides").click()
        await expect(shows).to_contain_text("You are back in “knowledge", timeout=30_000)

        await shown.get_by_test_id("add-topic").click()
        await shown.get_by_test_id("topic-name").fill("Trip")
        await shown.get_by_test_id("topic-name").press("Enter")
        title = shown.locator(".chat-bar .bar-title")
        await expect(title).to_contain_text("Trip")
        fresh = await says(shown, "/new")
        await expect(fresh).to_contain_text("This topic is a new conversation", timeout=30_000)
        idea = await ask(shown, "something brief")
        await expect(idea.get_by_text("Stop", exact=True)).to_be_hidden(timeout=20_000)
        await says(shown, "/new")
        rows = shown.get_by_test_id("chat")
        # In so lively a chat the pace may have it wait.
        await expect(rows.filter(has_text="New conversation")).to_be_visible(timeout=30_000)
        await shown.get_by_test_id("delete-topic").click()
        await expect(rows.filter(has_text="Trip")).to_have_count(0)


async def test_a_stranger_is_let_in_on_the_page(tmp_path: Path) -> None:
    """As the manual tells it: Dora writes, Ann presses Allow; no `.env` of the folder counts."""
    (tmp_path / ".env").write_text("BRIDGE_ACCESS=open\nBRIDGE_OPERATORS=1\nBRIDGE_HEALTH_PORT=1\n")
    async with sandbox(tmp_path) as address, page(address) as shown:
        await expect(shown.locator("[role=radio]", has_text="Dora")).to_be_visible()
        await shown.locator("[role=radio]", has_text="Dora").click()
        composer = shown.get_by_test_id("composer")
        await composer.fill("May I ask something?")
        await composer.press("Enter")
        bubbles = shown.locator('[data-testid=message][data-from="bot"]')
        await expect(bubbles.last).to_contain_text("has to approve you", timeout=30_000)
        await shown.locator("[role=radio]", has_text="Ann").click()
        await shown.get_by_text("Allow", exact=True).click(timeout=30_000)
        await shown.locator("[role=radio]", has_text="Dora").click()
        await expect(bubbles.nth(1)).to_contain_text("You may use me now", timeout=30_000)
        await expect(bubbles.nth(2)).to_be_visible(timeout=30_000)
        await composer.fill("/")
        menu = shown.get_by_test_id("commands-menu").get_by_role("option")
        await expect(menu.filter(has_text="/new")).to_be_visible()
        assert await menu.filter(has_text="/status").count() == 0
        await shown.locator("[role=radio]", has_text="Ann").click()
        await composer.fill("/status")
        await expect(menu.filter(has_text="/status")).to_be_visible()
        await shown.locator("[role=radio]", has_text="小雨").click()
        await composer.fill("/new")
        await expect(menu.filter(has_text="开始新的会话")).to_be_visible()


async def test_a_phone_has_one_button_for_what_one_may_do_in_a_group(tmp_path: Path) -> None:
    async with sandbox(tmp_path) as address, page(address) as shown:
        await shown.set_viewport_size({"width": 390, "height": 800})
        await shown.locator(".chat-row", has_text="Workshop").first.click()
        await expect(shown.locator("#chat-bar .bar-title")).to_contain_text("Workshop")
        await expect(shown.get_by_test_id("mute")).to_be_hidden()
        await shown.get_by_test_id("more").click()
        await expect(shown.get_by_test_id("mute")).to_be_visible()
        await shown.keyboard.press("Escape")
        await expect(shown.get_by_test_id("mute")).to_be_hidden()
        await shown.get_by_test_id("more").click()
        await shown.get_by_test_id("mute").click()
        await expect(shown.locator("#chat-bar .bar-status")).to_contain_text("the bot is muted")
        await expect(shown.get_by_test_id("mute")).to_be_hidden()
        assert await shown.evaluate("document.documentElement.scrollWidth") == 390
