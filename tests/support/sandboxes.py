"""`bridge sandbox` as a process, and its page in a real browser."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from browser import CHROMIUM, QUIET
from playwright.async_api import Locator, Page, async_playwright, expect


@asynccontextmanager
async def sandbox(folder: Path, *, warns: bool = False) -> AsyncIterator[str]:
    """The address of a running `bridge sandbox`, which says nothing, or `warns` of what failed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bridge", "sandbox", "--port", "0",
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            first = (await process.stdout.readline()).decode()
        found = re.search(r"http://127\.0\.0\.1:\d+", first)
        assert found, first
        yield found[0]
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(40):
            _, errors = await process.communicate()
    assert process.returncode == 0
    assert b"Traceback" not in errors
    assert warns or not errors, errors.decode()


@asynccontextmanager
async def page(address: str) -> AsyncIterator[Page]:
    """The page in a browser; anything in its console, or any request elsewhere, is a failure."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        shown = await browser.new_page(
            viewport={"width": 1440, "height": 900}, reduced_motion="reduce"
        )
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
    await expect(answer.get_by_text("Stop", exact=True)).to_be_visible(timeout=30_000)
    return answer
