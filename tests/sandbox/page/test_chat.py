"""One chat in a real browser: what is shown of its messages, and what can be done there."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from playwright.async_api import expect

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]
expect.set_options(timeout=4000)

Open = Callable[..., AbstractAsyncContextManager[Any]]


BOT = {"id": 42, "is_bot": True, "first_name": "Tester", "username": "tester_bot"}
KEYBOARD = {
    "inline_keyboard": [
        [{"text": "Site", "url": "https://example.com/"}],
        [{"text": "Yes", "callback_data": "y"}, {"text": "No", "callback_data": "n"}],
    ]
}


def utf16(text: str) -> int:
    """The length of a text in UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def marked(*parts: str | tuple[Any, ...]) -> dict[str, Any]:
    """A text and its entities from pieces: a string, or (string, type, more)."""
    text, entities = "", []
    for part in parts:
        piece, *kind = (part,) if isinstance(part, str) else part
        if kind:
            more = kind[1] if len(kind) > 1 else {}
            place = {"offset": utf16(text), "length": utf16(piece)}
            entities.append({"type": kind[0], **place, **more})
        text += piece
    return {"text": text, "entities": entities}


async def test_every_kind_of_entity_is_shown(chat: Any) -> None:
    said = marked(
        "😀 ",
        ("bold", "bold"),
        (" italic", "italic"),
        (" under", "underline"),
        (" struck", "strikethrough"),
        ("secret", "spoiler"),
        ("x = 1", "code"),
        ("docs", "text_link", {"url": "https://example.com/d"}),
        ("example.org", "url"),
        ("@someone", "mention"),
        ("/news", "bot_command"),
        ("#tag", "hashtag"),
        ("a@example.com", "email"),
        "\n",
        ("print('𝒳')", "pre", {"language": "python"}),
        "\n",
        ("a quotation", "blockquote"),
        "\nthe end",
    )
    it = chat
    it.emulator.tell("message", it.emulator.message(**said))
    bubble = it.bubbles
    for tag, text in {
        "strong": "bold",
        "em": " italic",
        "u": " under",
        "s": " struck",
        "code.code": "x = 1",
        "pre": "print('𝒳')",
        ".pre-language": "python",
        "blockquote": "a quotation",
        ".entity-bot_command": "/news",
        ".entity-hashtag": "#tag",
        "a[href='https://example.com/d']": "docs",
        "a[href='http://example.org/']": "example.org",
        "a[href='https://t.me/someone']": "@someone",
        "a[href='mailto:a@example.com']": "a@example.com",
    }.items():
        await expect(bubble.locator(tag)).to_have_text(text)
    await expect(bubble).to_have_attribute("data-from", "bot")
    for link in await bubble.locator("a").all():
        assert await link.get_attribute("target") == "_blank"
        assert "noopener" in (await link.get_attribute("rel") or "")
    spoiler = bubble.locator(".spoiler")
    await expect(spoiler).not_to_have_class("spoiler shown")
    await spoiler.click()
    await expect(spoiler).to_have_class("spoiler shown")
    await bubble.locator(".entity-bot_command").click()
    asked = await it.emulator.next_asked()
    assert asked == (
        "/sandbox/send",
        {"person_id": it.emulator.me, "chat_id": it.emulator.me, "text": "/news"},
    )


async def test_entities_nest_and_may_overlap(chat: Any) -> None:
    text = "👩‍🚀 one two three"
    entities = [
        {"type": "bold", "offset": 6, "length": 7},
        {"type": "italic", "offset": 10, "length": 9},
        {"type": "blockquote", "offset": 0, "length": utf16(text)},
        {"type": "bold", "offset": 6, "length": 7},
        {"type": "underline", "offset": 900, "length": 3},
        {"type": "unheard_of", "offset": 0, "length": 3},
    ]
    it = chat
    it.emulator.tell("message", it.emulator.message(text, entities=entities))
    bubble = it.bubbles
    await expect(bubble.locator(".text")).to_have_text(text)
    await expect(bubble.locator("blockquote strong")).to_have_text("one two")
    await expect(bubble.locator("blockquote strong > em")).to_have_text("two")
    await expect(bubble.locator("blockquote .quote-body > em")).to_have_text(" three")
    await expect(bubble.locator("strong strong")).to_have_count(0)


async def test_a_long_quotation_is_collapsed_until_its_toggle_is_pressed(chat: Any) -> None:
    long = "\n".join(f"line {number}" for number in range(9))
    it = chat
    quote = marked((long, "expandable_blockquote"), "\nafter")
    short = marked(("short", "expandable_blockquote"))
    it.emulator.tell("message", it.emulator.message(**quote))
    it.emulator.tell("message", it.emulator.message(**short))
    body = it.bubbles.first.locator(".quote-body")
    toggle = it.bubbles.first.locator(".quote-toggle")
    await expect(toggle).to_have_attribute("aria-expanded", "false")
    before = await body.evaluate("e => e.clientHeight")
    await toggle.click()
    await expect(toggle).to_have_attribute("aria-expanded", "true")
    assert await body.evaluate("e => e.clientHeight") > 2 * before
    await expect(it.bubbles.last.locator(".quote-toggle")).to_be_hidden()


async def test_a_live_edit_changes_the_bubble_in_place(chat: Any) -> None:
    it = chat
    message = it.emulator.message("Hel")
    it.emulator.tell("message", message)
    bubble = it.bubbles
    await expect(bubble.locator(".text")).to_have_text("Hel")
    await expect(bubble.locator(".edited")).to_be_hidden()
    handle = await bubble.element_handle()
    now = marked("Hello ", ("world", "bold"))
    it.emulator.tell("edited", {**message, **now, "edit_date": message["date"] + 1})
    await expect(bubble.locator(".text")).to_have_text("Hello world")
    await expect(bubble.locator("strong")).to_have_text("world")
    await expect(bubble.locator(".edited")).to_be_visible()
    assert await handle.evaluate("e => e.isConnected")
    await expect(bubble).to_have_count(1)


async def test_a_reader_above_stays_there_while_the_newest_grows(chat: Any) -> None:
    it = chat
    for number in range(40):
        it.emulator.tell("message", it.emulator.message(f"message {number}"))
    last = it.emulator.message("writing")
    it.emulator.tell("message", last)
    await expect(it.bubbles).to_have_count(41)
    log = it.page.locator("#log")
    gap = "e => e.scrollHeight - e.scrollTop - e.clientHeight"
    jump = it.page.get_by_label("Jump to the newest message")
    assert await log.evaluate(gap) < 2
    it.emulator.tell("edited", {**last, "text": "\n".join("writing" for _ in range(9))})
    await expect(it.bubbles.last.locator(".text")).to_contain_text("writing\nwriting")
    assert await log.evaluate(gap) < 2
    await log.evaluate("e => { e.scrollTop = 200 }")
    await expect(jump).to_be_visible()
    it.emulator.tell("message", it.emulator.message("one more"))
    await expect(jump).to_contain_text("1")
    assert await log.evaluate("e => e.scrollTop") == 200
    await jump.click()
    await expect(jump).to_be_hidden()
    assert await log.evaluate(gap) < 60


async def test_pressing_a_button_waits_for_the_answer(chat: Any) -> None:
    it = chat
    message = it.emulator.message("Well?", reply_markup=KEYBOARD)
    it.emulator.tell("message", message)
    buttons = it.page.get_by_test_id("keyboard-button")
    await expect(buttons.first).to_have_attribute("href", "https://example.com/")
    no = buttons.filter(has_text="No")
    await no.click()
    where = {"message_id": message["message_id"], "row": 1, "column": 1}
    asked = await it.emulator.next_asked()
    assert asked == (
        "/sandbox/press",
        {"person_id": it.emulator.me, "chat_id": it.emulator.me, **where},
    )
    await expect(no).to_have_attribute("aria-busy", "true")
    it.emulator.tell("edited", {**message, "text": "Well? Well?"})
    await expect(it.bubbles.locator(".text")).to_have_text("Well? Well?")
    await expect(no).to_have_attribute("aria-busy", "true")
    said = {"query_id": "7001", "person_id": it.emulator.me, "text": "Noted", "show_alert": False}
    it.emulator.tell("answer", said)
    await expect(it.page.get_by_test_id("toast").last).to_have_text("Noted")
    await expect(no).to_have_attribute("aria-busy", "false")


async def test_an_alert_waits_to_be_dismissed(chat: Any) -> None:
    it = chat
    it.emulator.tell("message", it.emulator.message("Well?", reply_markup=KEYBOARD))
    await it.page.get_by_test_id("keyboard-button").filter(has_text="Yes").click()
    await it.emulator.next_asked()
    said = {"query_id": "7001", "person_id": it.emulator.me, "text": "Careful", "show_alert": True}
    it.emulator.tell("answer", said)
    await expect(it.page.get_by_test_id("alert")).to_contain_text("Careful")
    await it.page.keyboard.press("Enter")
    await expect(it.page.get_by_test_id("alert")).to_have_count(0)


async def test_the_commands_menu_by_keyboard(chat: Any) -> None:
    it = chat
    composer, menu = it.page.get_by_test_id("composer"), it.page.get_by_test_id("commands-menu")
    await composer.press_sequentially("/n")
    await expect(menu.get_by_role("option")).to_have_count(2)
    await expect(composer).to_have_attribute("aria-activedescendant", "command-0")
    await composer.press("ArrowDown")
    await composer.press("Tab")
    await expect(composer).to_have_value("/news ")
    await composer.fill("/")
    await expect(menu.get_by_role("option")).to_have_count(4)
    await composer.press("Escape")
    await expect(menu).to_be_hidden()
    await composer.fill("/n")
    await composer.press("Enter")
    assert (await it.emulator.next_asked())[1]["text"] == "/new"
    await expect(composer).to_have_value("")


async def test_enter_sends_and_shift_enter_begins_a_line(chat: Any) -> None:
    it = chat
    composer = it.page.get_by_test_id("composer")
    await expect(composer).to_be_focused()
    await composer.press_sequentially("one")
    low = await composer.evaluate("e => e.clientHeight")
    await composer.press("Shift+Enter")
    await composer.press_sequentially("two")
    assert await composer.evaluate("e => e.clientHeight") > low
    await composer.press("Enter")
    asked = await it.emulator.next_asked()
    assert asked == (
        "/sandbox/send",
        {"person_id": it.emulator.me, "chat_id": it.emulator.me, "text": "one\ntwo"},
    )
    await expect(composer).to_have_value("")
    await composer.fill("three")
    await it.page.get_by_test_id("send").click()
    assert (await it.emulator.next_asked())[1]["text"] == "three"


async def test_a_refusal_is_shown_and_the_text_comes_back(chat: Any) -> None:
    it = chat
    it.emulator.refusal = "The bot was blocked by this person"
    composer = it.page.get_by_test_id("composer")
    await composer.fill("hello")
    await composer.press("Enter")
    await expect(it.page.get_by_test_id("toast").last).to_have_text(it.emulator.refusal)
    await expect(composer).to_have_value("hello")
    it.console.clear()  # the browser itself reports a 400


async def test_up_edits_the_last_own_message_and_escape_leaves_it(chat: Any) -> None:
    ann = {"id": chat.emulator.me, "is_bot": False, "first_name": "Ann"}
    it = chat
    mine = it.emulator.message("helo", ann)
    it.emulator.tell("message", mine)
    it.emulator.tell("message", it.emulator.message("Hi"))
    await expect(it.bubbles).to_have_count(2)
    await expect(it.bubbles.first).to_have_attribute("data-from", "person")
    composer = it.page.get_by_test_id("composer")
    await composer.press("ArrowUp")
    await expect(composer).to_have_value("helo")
    await composer.press("Escape")
    await expect(composer).to_have_value("")
    await composer.press("ArrowUp")
    await composer.fill("hello")
    await composer.press("Enter")
    path, asked = await it.emulator.next_asked()
    assert (path, asked["message_id"], asked["text"]) == (
        "/sandbox/edit",
        mine["message_id"],
        "hello",
    )


async def test_a_reply_by_keyboard_shows_what_it_answers(chat: Any) -> None:
    it = chat
    question = it.emulator.message("Which?")
    it.emulator.tell("message", question)
    await it.bubbles.focus()
    await it.page.keyboard.press("r")
    await it.page.keyboard.type("that")
    await it.page.keyboard.press("Enter")
    _, asked = await it.emulator.next_asked()
    assert asked["reply_to_message_id"] == question["message_id"]
    answer = it.emulator.message("Fine", reply_to_message=question)
    it.emulator.tell("message", answer)
    await expect(it.page.get_by_test_id("reply-quote")).to_contain_text("Which?")


async def test_typing_shows_until_the_bot_says_something(chat: Any) -> None:
    it = chat
    typing = it.page.get_by_test_id("typing")
    it.emulator.tell("action", {"chat_id": 102, "action": "typing"})
    it.emulator.tell("action", {"chat_id": it.emulator.me, "action": "typing"})
    await expect(typing).to_have_count(1)
    it.emulator.tell("message", it.emulator.message("Done"))
    await expect(it.bubbles).to_have_count(1)
    await expect(typing).to_have_count(0)


async def test_a_deleted_message_goes(chat: Any) -> None:
    it = chat
    message = it.emulator.message("gone soon")
    it.emulator.tell("message", message)
    await expect(it.bubbles).to_have_count(1)
    it.emulator.tell("deleted", {"chat_id": it.emulator.me, "message_id": message["message_id"]})
    await expect(it.bubbles).to_have_count(0)
    await expect(it.page.get_by_role("button", name="Start", exact=True)).to_be_visible()


async def test_hostile_text_stays_text(opened: Open) -> None:
    html = "<img src=x onerror=\"document.title='hit'\"><script>document.title='hit'</script>"
    links = marked(
        ("script", "text_link", {"url": "javascript:document.title='hit'"}),
        ("page", "text_link", {"url": " data:text/html,<b>x</b>"}),
        ("javascript:alert(1)", "url"),
    )
    keyboard = {"inline_keyboard": [[{"text": html, "url": "javascript:alert(1)"}]]}
    async with opened({"bot": {**BOT, "first_name": html, "commands": []}}) as it:
        it.emulator.tell("message", it.emulator.message(html, reply_markup=keyboard))
        it.emulator.tell("message", it.emulator.message(**links))
        it.emulator.tell("person", {"id": 109, "first_name": html, "language_code": html})
        entry = {"number": 1, "at": 1, "side": "coze", "name": html, "outcome": html}
        it.emulator.tell("journal", {**entry, "detail": {html: html}})
        await expect(it.bubbles.first.locator(".text")).to_have_text(html)
        await expect(it.bubbles.last.locator(".text")).to_contain_text("javascript:alert(1)")
        await it.page.get_by_test_id("inspector-row").click()
        await expect(it.page.locator(".entry-detail")).to_contain_text("<img")
        assert await it.bubbles.locator("a, img").count() == 0
        assert await it.page.locator("body script, #log img, #inspector img").count() == 0
        assert "hit" not in (await it.page.title()).split("Sandbox")[1]


async def test_a_text_from_right_to_left_stands_right(chat: Any) -> None:
    it = chat
    it.emulator.tell("message", it.emulator.message("سلام، حال شما چطور است؟\n/help first\nپایان"))
    body = it.page.get_by_test_id("message-text").last
    lines = await body.evaluate(
        """text => { const range = document.createRange(); range.selectNodeContents(text);
        const edge = text.closest(".body").getBoundingClientRect(); const lines = {};
        for (const { top, left, right } of range.getClientRects()) {
          const line = (lines[Math.round(top / 10)] ??= [Infinity, Infinity]);
          line[0] = Math.min(line[0], left - edge.left); line[1] = Math.min(line[1], edge.right - right);
        }
        return Object.entries(lines).sort(([a], [b]) => a - b).map(([, line]) => line); }"""
    )
    assert lines[0][1] < 2  # the first line ends at the right edge
    assert lines[1][0] < 2  # one with a command first begins at the left one
