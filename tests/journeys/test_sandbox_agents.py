"""Each kind of agent in the sandbox's page, chosen as people choose it, in a real browser.

With BRIDGE_TEST_AGENTS_PICTURE=path the picture of the documentation is saved there.
"""

import os
from pathlib import Path

import pytest
from browser import needs_chromium
from playwright.async_api import Locator, Page, expect
from sandboxes import ask, page, sandbox

pytestmark = [needs_chromium, pytest.mark.slow]
SECONDS = 20_000


async def say(shown: Page, text: str) -> Locator:
    """Write something that is settled at once; the bubble of what the bot says to it."""
    bubbles = shown.locator('[data-testid=message][data-from="bot"]')
    before = await bubbles.count()
    composer = shown.get_by_test_id("composer")
    await composer.fill(text)
    await composer.press("Enter")
    answer = bubbles.nth(before)
    await expect(answer).to_be_visible(timeout=SECONDS)
    return answer


async def whole(answer: Locator) -> Locator:
    """The same bubble, once nothing of it is missing."""
    await expect(answer.get_by_text("Stop", exact=True)).to_be_hidden(timeout=2 * SECONDS)
    return answer


async def choose(shown: Page, agent: str) -> None:
    menu = await say(shown, "/agent")
    await menu.get_by_text(agent, exact=True).click()
    await expect(menu.get_by_text(f"Agent: {agent}")).to_be_visible(timeout=SECONDS)


@pytest.mark.parametrize("agent", ["Sandbox agent", "flow", "project"])
async def test_what_people_do_with_any_agent(tmp_path: Path, agent: str) -> None:
    async with sandbox(tmp_path, warns=True) as address, page(address) as shown:
        if agent != "Sandbox agent":  # which answers anyway
            await choose(shown, agent)
        answer = await whole(await ask(shown, "knowledge about tides"))
        await expect(answer.locator("b, strong").first).to_be_visible()
        stopped = await ask(shown, "Tell me a long story about lighthouses")
        await expect(stopped.get_by_test_id("message-text")).to_contain_text(
            "lighthouse", ignore_case=True, timeout=SECONDS
        )
        await stopped.get_by_text("Stop", exact=True).click()
        await expect(stopped).to_contain_text("Stopped", timeout=SECONDS)
        tool = await whole(await say(shown, "tool"))
        await expect(tool).not_to_contain_text("parameters")
        await expect(tool.get_by_test_id("message-text")).not_to_be_empty()
        cut = await whole(await say(shown, "cut"))
        if agent != "project":  # the others keep the answer
            await expect(cut).to_contain_text("every word")
        else:
            await expect(cut).to_contain_text("may be incomplete")
            await expect(cut.get_by_text("Try again")).to_be_visible()
        failed = await whole(await say(shown, "fail"))
        await expect(failed).to_contain_text("could not answer", timeout=SECONDS)
        fresh = await say(shown, "/new")
        await expect(fresh).to_contain_text("new conversation", ignore_case=True)
        if agent == "flow":
            question = await whole(await say(shown, "options"))
            await expect(question).to_contain_text("waits for your answer")
            if picture := os.environ.get("BRIDGE_TEST_AGENTS_PICTURE"):
                await shown.screenshot(path=picture)
            await question.get_by_text("a week", exact=True).click()
            chosen = shown.get_by_test_id("message-text").filter(has_text="You chose a week.")
            await expect(chosen).to_be_visible(timeout=SECONDS)
        forget = await say(shown, "/forget")
        await forget.get_by_role("button", name="Delete all of it").click()
        kept = "cannot be deleted from here" if agent == "project" else "Deleted"
        await expect(forget).to_contain_text(kept, timeout=SECONDS)
