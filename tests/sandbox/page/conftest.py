"""A scripted emulator behind the page, and one browser for all tests of this folder."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx
import pytest
import pytest_asyncio
from browser import CHROMIUM
from browser import QUIET as QUIETLY
from playwright.async_api import Browser, Locator, Page, async_playwright, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from bridge.sandbox.page import routes
from bridge.sandbox.telegram import Message, Person, TelegramEmulator
from bridge.serving import serving

QUIET = [
    *QUIETLY,
    # a microphone that beeps, and leave to use it
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]

TOKEN = "42:SANDBOX"
BOT = {"id": 42, "is_bot": True, "first_name": "Tester", "username": "tester_bot"}
ANN = {"id": 101, "is_bot": False, "first_name": "Ann", "language_code": "en"}
LI = {"id": 102, "is_bot": False, "first_name": "李雷", "language_code": "zh-hans"}
COMMANDS = [
    {"command": "start", "description": "Begin"},
    {"command": "new", "description": "Forget the conversation"},
    {"command": "news", "description": "What is new"},
    {"command": "stop", "description": "Stop the answer"},
]

Thing = dict[str, object]
_COUNTER = itertools.count()


@dataclass
class Emulator:
    """What the page sees and asks; the test is the bot."""

    state: Thing
    asked: asyncio.Queue[tuple[str, Thing]] = field(default_factory=asyncio.Queue)
    refusal: str = ""
    base: str = ""
    _feeds: set[asyncio.Queue[str | None]] = field(default_factory=set)
    me: int = 101
    _number: int = 1000
    following: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, shown: Thing) -> None:
        """Forget what was, and be what `shown` says."""
        self.state, self.refusal, self.asked = shown, "", asyncio.Queue()
        self.me = 101
        self.following.clear()
        self._feeds.clear()

    def tell(self, event: str, payload: object) -> None:
        """Send one event to every open page."""
        for feed in self._feeds:
            feed.put_nowait(f"event: {event}\ndata: {json.dumps(payload)}\n\n")

    def drop(self) -> None:
        """End every feed, as a restart would."""
        for feed in self._feeds:
            feed.put_nowait(None)

    def message(
        self, text: str, sender: Thing = BOT, chat: int | None = None, **more: object
    ) -> Thing:
        """A message as the Bot API shapes it; it is numbered, not sent."""
        self._number += 1
        chat = chat or self.me
        shape: Thing = {"message_id": self._number, "from": sender, "text": text}
        shape |= {"chat": {"id": chat, "type": "private"}, "date": int(time.time())}
        return shape | more

    async def next_asked(self) -> tuple[str, Thing]:
        """The next thing the page asked."""
        return await asyncio.wait_for(self.asked.get(), 3)

    async def _state(self, _request: Request) -> Response:
        return JSONResponse(self.state)

    async def _feed(self, _request: Request) -> Response:
        feed: asyncio.Queue[str | None] = asyncio.Queue()
        self._feeds.add(feed)
        self.following.set()

        async def events() -> AsyncIterator[str]:
            try:
                yield ": open\n\n"
                while (event := await feed.get()) is not None:
                    yield event
            finally:
                self._feeds.discard(feed)

        return StreamingResponse(events(), media_type="text/event-stream")

    async def _ask(self, request: Request) -> Response:
        asked: Thing = await request.json()
        self.asked.put_nowait((request.url.path, asked))
        if self.refusal:
            return JSONResponse({"error": self.refusal}, 400)
        if request.url.path == "/sandbox/press":
            return JSONResponse({"query_id": "7001"})
        if request.url.path == "/sandbox/people":
            person = {"id": 103, "is_bot": False, **asked}
            self.tell("person", person)
            return JSONResponse(person)
        return JSONResponse({})

    def app(self) -> Starlette:
        """The page and the emulator's side of it."""
        asks = [
            Route(f"/sandbox/{name}", self._ask, methods=["POST"])
            for name in (
                "send",
                "edit",
                "press",
                "people",
                "block",
                "stop",
                "groups",
                "topics",
                "bot",
            )
        ]
        state = Route("/sandbox/state", self._state)
        return Starlette(routes=[*routes(), state, Route("/sandbox/feed", self._feed), *asks])


def state() -> Thing:
    """One bot, two people, no messages."""
    return {
        "bot": {**BOT, "commands": COMMANDS},
        "people": [{**ANN, "blocked": False}, {**LI, "blocked": False}],
        "chats": [
            {"id": 101, "type": "private", "title": None, "members": [101]},
            {"id": 102, "type": "private", "title": None, "members": [102]},
        ],
        "messages": {},
        "journal": [],
    }


@dataclass
class Opened:
    """A page that is open, its emulator, and what went wrong in it."""

    page: Page
    emulator: Emulator
    console: list[str] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)
    plain: bool = False
    """Is it open over the usual state, wide and light, so that a chat can be added to it?"""

    def watch(self) -> None:
        """Keep every complaint of the page and every address it asks for."""
        loud = ("error", "warning")
        self.page.on("console", lambda m: self.console.append(m.text) if m.type in loud else None)
        self.page.on("pageerror", lambda error: self.console.append(str(error)))
        self.page.on("request", lambda request: self.requested.append(request.url))

    @property
    def bubbles(self) -> Locator:
        """The messages of the open chat."""
        return self.page.get_by_test_id("message")

    async def open(self, shown: Thing, wide: bool, dark: bool) -> None:
        """Load the page anew."""
        size = {"width": 1280, "height": 800} if wide else {"width": 390, "height": 844}
        await self.page.set_viewport_size(size)  # type: ignore[arg-type]  # TypedDict of this shape
        scheme: Literal["dark", "light"] = "dark" if dark else "light"
        await self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        self.emulator.begin(shown)
        await self.page.goto(f"{self.emulator.base}/?{next(_COUNTER)}")
        await self.page.wait_for_selector("body[data-ready]")

    def settle(self) -> None:
        """Fail when the page wrote an error to the console or asked any other origin."""
        complaints, asked = self.console[:], self.requested[:]
        self.console.clear()
        self.requested.clear()
        assert complaints == []
        assert [url for url in asked if not url.startswith(self.emulator.base)] == []


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One browser for all tests."""
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def tab(browser: Browser) -> AsyncIterator[Opened]:
    """One tab, which the tests use one after the other."""
    emulator = Emulator(state())
    async with serving(emulator.app()) as emulator.base:
        page = await browser.new_page()
        page.set_default_timeout(4000)
        it = Opened(page, emulator)
        it.watch()
        yield it
        await page.close()


@dataclass
class Whole:
    """The page over the real emulator, open in the chat of one person after the other."""

    telegram: TelegramEmulator
    page: Page
    base: str
    http: httpx.AsyncClient
    console: list[str] = field(default_factory=list)
    me: Person = field(default_factory=lambda: Person(0, "Nobody"))

    @property
    def bubbles(self) -> Locator:
        """The messages of the open chat."""
        return self.page.get_by_test_id("message")

    async def meet(self) -> None:
        """Open the chat of somebody new, who has said hello."""
        self.me = self.telegram.add_person("Ann")
        self.telegram.send(self.me, "hello")
        await self.page.locator(f'[data-testid="person"][data-key="{self.me.id}"]').click()
        await expect(self.bubbles).to_have_count(1)

    async def call(self, method: str, files: Thing | None = None, **params: str) -> Any:
        """The bot does something in the open chat."""
        asked = {"chat_id": str(self.me.id), **params}
        sent: Any = {"data": asked, "files": files}
        answer = await self.http.post(f"/bot{TOKEN}/{method}", **sent)
        assert answer.json()["ok"], answer.text
        return answer.json()["result"]

    async def written(self, count: int = 1) -> list[Message]:
        """What the person wrote after the hello, once there is so much."""

        def mine() -> list[Message]:
            return [each for each in self.telegram.messages(self.me) if not each.by_bot][1:]

        await self.telegram.until(lambda: len(mine()) >= count, 8)
        return mine()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def one_whole(browser: Browser) -> AsyncIterator[Whole]:
    """The page, loaded once, over an emulator without limits on rates."""
    telegram = TelegramEmulator(budgets=None)
    telegram.add_bot(TOKEN)
    telegram.add_person("Zoe")
    app = Starlette(routes=[*routes(), Mount("/", telegram.app)])
    async with serving(app) as base, httpx.AsyncClient(base_url=base, verify=False) as http:
        context = await browser.new_context(permissions=["microphone"], color_scheme="light")
        page = await context.new_page()
        page.set_default_timeout(4000)
        it = Whole(telegram, page, base, http)
        loud = ("error", "warning")
        page.on("console", lambda m: it.console.append(m.text) if m.type in loud else None)
        page.on("pageerror", lambda error: it.console.append(str(error)))
        await page.goto(base)
        await page.wait_for_selector("body[data-ready]")
        yield it
        await context.close()
        await telegram.close()


@pytest_asyncio.fixture(loop_scope="session")
async def whole(one_whole: Whole) -> AsyncIterator[Whole]:
    """The same with the chat of somebody new; nothing may be written to the console."""
    await one_whole.meet()
    yield one_whole
    complaints = one_whole.console[:]
    one_whole.console.clear()
    assert complaints == []


@pytest.fixture
def opened(tab: Opened) -> Callable[..., AbstractAsyncContextManager[Opened]]:
    """Open the page anew over the usual state with `shown` instead of its parts."""

    @asynccontextmanager
    async def open_page(
        shown: Thing | None = None, *, wide: bool = True, dark: bool = False
    ) -> AsyncIterator[Opened]:
        tab.plain = False
        await tab.open(state() | (shown or {}), wide, dark)
        yield tab
        await tab.page.evaluate("localStorage.clear()")
        tab.settle()

    return open_page


@pytest_asyncio.fixture(loop_scope="session")
async def chat(tab: Opened) -> AsyncIterator[Opened]:
    """The page with the empty chat of somebody new; loading it anew for each would take long."""
    if not tab.plain:
        await tab.open(state(), wide=True, dark=False)
        tab.plain = True
    emulator = tab.emulator
    emulator.me = me = 200 + next(_COUNTER)
    emulator.refusal, emulator.asked = "", asyncio.Queue()
    emulator.tell("person", {**ANN, "id": me, "blocked": False})
    await tab.page.locator(f'[data-testid="person"][data-key="{me}"]').click()
    yield tab
    tab.settle()
