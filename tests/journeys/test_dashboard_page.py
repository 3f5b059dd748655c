"""The dashboard in a real browser, of the real app between both emulators.

With BRIDGE_TEST_DASHBOARD_PICTURE=path the picture of the README is saved there, with
BRIDGE_TEST_PROCESSES_PICTURE=path that of docs/scaling.md.
"""

import asyncio
import math
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import postgres
import pytest
from browser import CHROMIUM, QUIET, needs_chromium
from playwright.async_api import FloatRect, Page, async_playwright, expect
from sqlalchemy import delete, insert, update
from worlds import World, a_world, eventually, kept_port

from bridge import process_report
from bridge.app import App
from bridge.model import ChatKey, Sender
from bridge.ops.dashboard import dashboard, link
from bridge.sandbox.coze import Pace, saying
from bridge.settings.environment import settings_from
from bridge.sharing import processes
from bridge.sharing.processes import Process
from bridge.store import chats
from bridge.store.operators import access, people
from bridge.store.operators.access import Access
from bridge.store.operators.tables import people as people_table
from bridge.store.tables import processes as processes_table
from bridge.store.tables import turns

pytestmark = [needs_chromium, pytest.mark.slow]
TOKEN = "a-token-of-the-test"
HOUR = 3600.0
HOSTS = ("alpha.example", "beta.example")
ABOVE = FloatRect(x=0.0, y=0.0, width=1280.0, height=372.0)


@asynccontextmanager
async def browser_page(address: str, *, interrupted: bool = False) -> AsyncIterator[Page]:
    """The dashboard in a browser; anything in its console, or a request elsewhere, is a failure."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        shown = await browser.new_page(viewport={"width": 1280, "height": 900})
        noise: list[str] = []
        shown.on("console", lambda message: noise.append(message.text))
        shown.on("pageerror", lambda error: noise.append(str(error)))
        shown.on(
            "request",
            lambda asked: None if asked.url.startswith(address) else noise.append(asked.url),
        )
        await shown.goto(link(address, TOKEN))
        await shown.wait_for_selector("body[data-ready]")
        assert shown.url == f"{address}/"
        yield shown
        await browser.close()
    assert [each for each in noise if not (interrupted and "net::ERR" in each)] == []


@asynccontextmanager
async def served(world: World, port: int) -> AsyncIterator[tuple[App, str]]:
    rules = {"BRIDGE_ACCESS": "approval", "BRIDGE_DASHBOARD_PORT": str(port)}
    async with (
        world.bridge(**rules) as app,
        dashboard(app, settings_from({**world.variables, **rules}), TOKEN) as address,
    ):
        assert address
        yield app, address


async def test_a_stranger_is_let_in_and_their_question_appears_live(tmp_path: Path) -> None:
    with kept_port() as port:
        async with a_world(tmp_path) as world:
            ann = world.telegram.add_person("Ann <b>Bold</b>")
            world.coze.pace = Pace(first_delta=0.05, delta=0.05)
            world.coze.use(saying("so many words " * 200))
            async with served(world, port) as (_, address), browser_page(address) as shown:
                await expect(shown.locator("#connection")).to_have_text("Live")
                world.telegram.send(ann, "Tell me something long")
                await world.settled(ann, 1)
                asks = shown.locator(f'[data-key="asks-{ann.id}"]')
                await expect(asks).to_contain_text("Ann <b>Bold</b>")
                summary = shown.locator("#audit summary")
                await summary.click()
                await asks.get_by_role("button", name="Allow").click()
                await expect(asks).to_be_hidden()
                await expect(shown.locator("#audit")).to_contain_text("allowed")
                await expect(shown.locator("#audit details")).to_have_attribute("open", "")
                await world.telegram.until(lambda: len(world.posts(ann)) > 1)
                assert "You may use me now" in world.posts(ann)[1].text

                await shown.set_viewport_size({"width": 390, "height": 800})
                assert await shown.evaluate("document.documentElement.scrollWidth") == 390

                await summary.focus()
                turn = shown.get_by_test_id("turn")
                await expect(turn).to_contain_text("running")
                await expect(turn).to_contain_text("text shown")
                await expect(turn).to_contain_text(str(ann.id))
                await expect(summary).to_be_focused()
                world.telegram.press(ann, world.posts(ann)[-1].message_id, "Stop")
                await expect(turn).to_be_hidden()


async def test_a_block_can_be_taken_back_before_anybody_is_told(tmp_path: Path) -> None:
    with kept_port() as port:
        async with a_world(tmp_path) as world:
            ann = world.telegram.add_person("Ann")
            async with served(world, port) as (app, address), browser_page(address) as shown:
                await expect(shown.locator("h1")).to_contain_text("@sandbox_bot")
                assert await shown.title() == "@sandbox_bot"
                world.telegram.send(ann, "May I?")
                await world.settled(ann, 1)
                asks = shown.locator(f'[data-key="asks-{ann.id}"]')
                await asks.get_by_role("button", name="Block").click()
                notice = shown.locator("#notice")
                await expect(notice).to_contain_text("Ann is about to be blocked.")
                await notice.get_by_role("button", name="Undo").click()
                await expect(notice).to_be_hidden()
                await expect(asks.get_by_role("button", name="Block")).to_be_enabled()
                bo = world.telegram.add_person("Bo $& {name}")
                world.telegram.send(bo, "May I, too?")
                await world.settled(bo, 1)
                theirs = shown.locator(f'[data-key="asks-{bo.id}"]')
                await asks.get_by_role("button", name="Deny").click()
                await theirs.get_by_role("button", name="Block").click()  # which does the first now
                await expect(asks).to_be_hidden(timeout=15_000)
                await expect(notice).to_contain_text("Bo $& {name} is about to be blocked.")
                await notice.get_by_role("button", name="Undo").click()
                await expect(theirs.get_by_role("button", name="Block")).to_be_enabled()
                await world.telegram.until(lambda: len(world.posts(ann)) == 2)
                assert "not to let you in" in world.posts(ann)[1].text
                person = shown.locator(f'[data-key="person-{ann.id}"]')
                await person.get_by_role("button", name="Block").click()
                await shown.goto("about:blank")  # whoever leaves has not taken it back

                async def blocked() -> bool:
                    async with app.store.reading() as tx:
                        return await access.of(tx, ann.id) is Access.BLOCKED

                async with asyncio.timeout(20):
                    while not await blocked():  # noqa: ASYNC110  # there is no event of the store
                        await asyncio.sleep(0.1)
    assert len(world.posts(ann)) == 2


async def test_a_question_that_does_not_reach_coze_is_seen_to_be_tried_again(
    tmp_path: Path,
) -> None:
    with kept_port() as port:
        async with a_world(tmp_path) as world:
            ann = world.telegram.add_person("Ann")
            world.variables["COZE_API_BASE"] = "http://127.0.0.1:9"
            async with served(world, port) as (app, address), browser_page(address) as shown:
                await app.context.approval.rule(ChatKey(ann.id), Access.ALLOWED, 0, "en")
                world.telegram.send(ann, "hello")
                await expect(shown.get_by_test_id("turn")).to_contain_text("trying again")


async def test_a_lost_connection_is_shown_and_mended(tmp_path: Path) -> None:
    with kept_port() as port:
        rules = {"BRIDGE_DASHBOARD_PORT": str(port)}
        async with a_world(tmp_path) as world, world.bridge() as app, AsyncExitStack() as stack:
            settings = settings_from({**world.variables, **rules})
            async with AsyncExitStack() as first:
                address = await first.enter_async_context(dashboard(app, settings, TOKEN))
                opened = browser_page(address, interrupted=True)
                shown = await stack.enter_async_context(opened)
                await expect(shown.locator("#connection")).to_have_text("Live")
            await expect(shown.locator("#connection")).to_contain_text("Connection lost")
            await stack.enter_async_context(dashboard(app, settings, TOKEN))
            await expect(shown.locator("#connection")).to_have_text("Live", timeout=10_000)


async def test_the_picture(tmp_path: Path) -> None:
    """A believable day, one failure, one alarm, one who asks, and answers on their way."""
    picture = os.environ.get("BRIDGE_TEST_DASHBOARD_PICTURE", str(tmp_path / "picture.png"))
    with kept_port() as port:
        async with a_world(tmp_path) as world, served(world, port) as (app, address):
            await a_day(app)
            names = ("Ann", "Bo", "小雨")
            asking = [world.telegram.add_person(name) for name in names]
            for person in asking[:2]:
                await app.context.approval.rule(ChatKey(person.id), Access.ALLOWED, 0, "en")
            world.coze.fail("/v3/chat", 4011, "The token balance is used up")
            world.telegram.send(asking[0], "hello")
            await world.settled(asking[0], 1)
            world.coze.pace = Pace(first_delta=0.05, delta=0.3)
            world.coze.use(saying("so many words " * 300))
            for person in asking:
                world.telegram.send(person, "hello")
            await world.telegram.until(lambda: bool(world.posts(asking[1])))
            async with browser_page(address) as shown:
                await expect(shown.get_by_test_id("alarm")).to_be_visible()
                await expect(shown.get_by_test_id("turn")).to_have_count(2)
                await shown.set_viewport_size({"width": 1280, "height": 960})
                await shown.screenshot(path=picture)
                for width in (390, 1280):
                    await shown.set_viewport_size({"width": width, "height": 900})
                    for scheme in ("light", "dark"):
                        await shown.emulate_media(color_scheme=scheme)
                        path = tmp_path / f"{width}.{scheme}.png"
                        await shown.screenshot(path=path, full_page=True)


async def a_day(app: App) -> None:
    """Turns of the last 24 hours, more by day than by night, of some people."""
    crowd = {
        9100 + place: name for place, name in enumerate(("Cleo", "Dan", "Eve", "Fay", "Gus", "Hal"))
    }
    now = time.time()
    async with app.store.writing() as tx:
        for number, name in crowd.items():
            await people.seen(tx, Sender(number, name, "en"), name.split()[0].lower())
            await chats.ensure_chat(tx, ChatKey(number))
        rows = []
        for hour in range(24):
            busy = int(7 + 6 * math.sin((hour - 8) / 24 * 2 * math.pi)) + hour % 3
            for place in range(busy if hour not in (3, 4) else 0):
                came = now - (24 - hour) * HOUR + (place + 0.5) * HOUR / (busy + 1)
                chat = 9100 + (place * 7 + hour) % len(crowd)
                rows.append(a_turn(chat, crowd[chat], came, len(rows)))
        await tx.execute(insert(turns), rows)
        for place, number in enumerate(crowd):
            seen = {"last_seen": now - 400 * 3**place}
            await tx.execute(
                update(people_table).where(people_table.c.person_id == number).values(seen)
            )
            if number != 9102:
                await access.decide(tx, number, Access.ALLOWED, crowd[number], 0)


def a_turn(chat: int, name: str, came: float, number: int) -> dict[str, object]:
    first = 0.9 + (number * 37 % 23) / 14 + (4 if number % 29 == 0 else 0)
    failed = number == 120
    return {
        "chat_id": chat, "thread_id": 0, "state": "failed" if failed else "answered", "parts": [],
        "sender_id": chat, "sender_name": name, "language": "en", "correlation_id": f"day {number}",
        "asked": True, "posts": [1], "tokens_in": 310 + number, "tokens_out": 420,
        "created_at": came, "shown_at": None if failed else came + first,
        "settled_at": came + first + 5 + number * 53 % 17,
        "trouble_code": "4013" if failed else None, "log_id": "20261121174023A1B2" if failed else None,
        "trouble": "Asking the agent: too many requests (code 4013). Wait a minute; ask fewer "
        "questions at once, or raise the limit in Coze." if failed else None,
    }  # fmt: skip


def sharing_evenly(served_: list[tuple[App, str]]) -> bool:
    """Whether two have their halves."""
    shards = [sum(map(app.context.calls.sharing.holds, range(64))) for app, _ in served_]
    return shards == [32, 32]


async def test_the_dashboards_of_two_processes_show_both_and_one_that_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_report, "REPORT_SECONDS", 0.2)
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(a_world(tmp_path))
        database = await stack.enter_async_context(postgres.server().database())
        world.variables["DATABASE_URL"] = database
        ports = [stack.enter_context(kept_port()) for _ in range(2)]
        served_ = [await stack.enter_async_context(served(world, port)) for port in ports]
        app = served_[0][0]
        await eventually(lambda: sharing_evenly(served_), 20)
        async with app.store.writing() as tx:
            for number, (one, _) in enumerate(served_):  # two hosts, as far as the page can tell
                mine = Process(one.context.calls.sharing.name, HOSTS[number], 901 + number, "0.1.0")
                await tx.execute(delete(processes_table).where(processes_table.c.id == mine.id))
                await processes.write(tx, mine)
            gone = Process("gone", "gamma.example", 4711, "0.1.0", 86_000.0)
            await processes.write(tx, gone)
            old = processes_table.c.seen_at - 75.0
            which = processes_table.c.id == "gone"
            await tx.execute(update(processes_table).where(which).values(seen_at=old))
        for number, (_, address) in enumerate(served_):
            async with browser_page(address) as page:
                rows = page.locator("#processes li")
                await expect(rows).to_have_count(3, timeout=20_000)
                await expect(page.locator("#processes")).to_contain_text("lost", timeout=20_000)
                shared = rows.filter(has_text="32 of 64 shards")
                await expect(shared).to_have_count(2, timeout=20_000)
                await expect(page.locator("#processes")).to_contain_text("polling")
                await expect(rows.filter(has_text="Telegram heard")).to_have_count(1)
                picture = os.environ.get("BRIDGE_TEST_PROCESSES_PICTURE")
                if picture and number == 0:
                    await page.screenshot(path=picture, clip=ABOVE)
