"""`bridge sandbox` as a newcomer meets it: a process, a real browser, a streamed answer.

With BRIDGE_TEST_PICTURE=path the picture of the README is saved there.
"""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from browser import CHROMIUM, QUIET, needs_chromium
from made import picture
from playwright.async_api import Locator, Page, async_playwright, expect

pytestmark = needs_chromium


@asynccontextmanager
async def sandbox(folder: Path) -> AsyncIterator[str]:
    """The address of a running `bridge sandbox`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bridge", "sandbox", "--port", "0",
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            first = (await process.stdout.readline()).decode()
        found = re.search(r"http://127\.0\.0\.1:\d+", first)
        assert found, first
        yield found[0]
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(15):
            _, errors = await process.communicate()
    assert process.returncode == 0
    assert errors == b""


@asynccontextmanager
async def page(address: str) -> AsyncIterator[Page]:
    """The page in a browser; anything in its console, or any request elsewhere, is a failure."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        shown = await browser.new_page(viewport={"width": 1440, "height": 900})
        noise: list[str] = []
        shown.on("console", lambda message: noise.append(message.text))
        shown.on("pageerror", lambda error: noise.append(str(error)))
        shown.on(
            "request",
            lambda asked: None if asked.url.startswith(address) else noise.append(asked.url),
        )
        await shown.goto(address)
        await shown.wait_for_selector("body[data-ready]")
        yield shown
        await browser.close()
    assert noise == []


async def ask(shown: Page, question: str) -> Locator:
    """Write a question; the bubble of its answer, which has begun to grow."""
    bubbles = shown.locator('[data-testid=message][data-from="bot"]')
    before = await bubbles.count()
    composer = shown.get_by_test_id("composer")
    await composer.fill(question)
    await composer.press("Enter")
    answer = bubbles.nth(before)
    await expect(answer.get_by_text("Stop", exact=True)).to_be_visible(timeout=10_000)
    return answer


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
