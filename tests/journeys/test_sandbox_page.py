"""`bridge sandbox` as a newcomer meets it: a process, a real browser, a streamed answer.

With BRIDGE_TEST_PICTURE=path the picture of the README is saved there.
"""

import os
from pathlib import Path

from browser import needs_chromium
from made import picture
from playwright.async_api import expect
from sandboxes import ask, page, sandbox

pytestmark = needs_chromium


async def test_a_question_in_the_page_is_answered_by_a_streaming_formatted_message(
    tmp_path: Path,
) -> None:
    async with sandbox(tmp_path) as address, page(address) as shown:
        composer = shown.get_by_test_id("composer")
        await composer.fill("/start")
        await composer.press("Enter")
        words = shown.get_by_test_id("message-text").filter(has_text="Hi Ann! 👋")
        await expect(words).to_be_visible()

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
            await shown.screenshot(path=picture)


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
