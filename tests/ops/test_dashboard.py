"""Who gets into the dashboard, who changes anything there, and that strangers' words stay words."""

import asyncio
import json
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from babel.messages.extract import extract_from_dir
from worlds import World, a_world, eventually, kept_port

from bridge.app import App
from bridge.errors import SettingsTrouble, StoreTrouble, Trouble
from bridge.model import ChatKey, Sender
from bridge.ops.dashboard import dashboard, link, rendering, snapshot
from bridge.ops.dashboard import page as page_module
from bridge.ops.dashboard.auth import (
    COOKIE,
    SESSION_SECONDS,
    Authenticator,
    new_token,
)
from bridge.ops.run import Restarts, with_dashboard
from bridge.serving import serving
from bridge.settings.environment import settings_from
from bridge.store.operators import access, alarms, audit, people
from bridge.store.operators.access import Access
from bridge.telegram.alarms import ALARM_KINDS

TOKEN = "a-token-of-the-test"
HOSTILE = "<img src=x onerror=alert(1)>\"'&{{7*7}}"


@dataclass
class Served:
    """A dashboard of a running bridge, and somebody in front of it."""

    world: World
    app: App
    client: httpx.AsyncClient

    @property
    def origin(self) -> str:
        return str(self.client.base_url).rstrip("/")

    async def enter(self) -> str:
        """Go in by the link; the page."""
        await self.client.get("/", params={"token": TOKEN})
        return (await self.client.get("/")).text

    async def decide(self, page: str, chat: int, verb: str = "allow", **headers: str) -> int:
        word = re.search(r'name="word" value="(\w+)"', page)
        form = {"word": word[1] if word else "", "chat": str(chat), "verb": verb}
        answer = await self.client.post(
            "/access", data=form, headers={"origin": self.origin, **headers}
        )
        return answer.status_code

    async def state(self, chat: int) -> Access | None:
        async with self.app.store.reading() as tx:
            return await access.of(tx, chat)


@asynccontextmanager
async def served(world: World) -> AsyncIterator[Served]:
    with kept_port() as port:
        variables = {
            **world.variables,
            "BRIDGE_ACCESS": "approval",
            "BRIDGE_DASHBOARD_PORT": str(port),
            "BRIDGE_OPERATORS": "77",
        }
        async with (
            world.bridge(BRIDGE_ACCESS="approval", BRIDGE_OPERATORS="77") as app,
            dashboard(app, settings_from(variables), TOKEN) as address,
            httpx.AsyncClient(base_url=address or "") as client,
        ):
            yield Served(world, app, client)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Served]:
    async with a_world(tmp_path) as world, served(world) as made:
        async with made.app.store.writing() as tx:
            await people.seen(tx, Sender(501, HOSTILE), "stranger")
            await access.ask(tx, 501, HOSTILE)
        yield made


async def test_the_link_becomes_a_cookie_that_scripts_and_other_sites_cannot_use(site) -> None:
    answer = await site.client.get("/", params={"token": TOKEN})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie
    page = await site.client.get("/")
    assert page.status_code == 200
    assert TOKEN not in page.text


@pytest.mark.parametrize(
    "path", ["/", "/live", "/?token=", "/?token=wrong-wrong-wrong", "/?token=%ff"]
)
async def test_without_the_token_there_is_a_kind_refusal_and_nothing_else(site, path) -> None:
    answer = await site.client.get(path)
    assert answer.status_code == 403
    assert "This page needs its link" in answer.text
    assert "501" not in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example:80", "localhost@evil.example", "10.0.0.1:8088", ""],
)
async def test_a_foreign_name_that_resolves_to_us_is_refused(site, host) -> None:
    for path in ("/", f"/?token={TOKEN}", "/dashboard.css", "/nowhere"):
        answer = await site.client.get(path, headers={"host": host})
        assert answer.status_code in (400, 403), path
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("host", ["127.0.0.1:8088", "localhost:9000", "[::1]:8088", "localhost"])
async def test_a_tunnel_may_end_at_another_port(site, host) -> None:
    answer = await site.client.get(f"/?token={TOKEN}", headers={"host": host})
    assert answer.status_code == 303


@pytest.mark.parametrize("path", ["/", "/nowhere", "/dashboard.js", "/access"])
async def test_every_answer_forbids_what_the_page_does_not_need(site, path) -> None:
    headers = (await site.client.get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers


async def test_a_decision_lets_somebody_in_and_is_written_down(site) -> None:
    page = await site.enter()
    assert await site.decide(page, 501) == 303
    assert await site.state(501) is Access.ALLOWED
    async with site.app.store.reading() as tx:
        act = (await audit.newest(tx, 1))[0]
    assert (act.operator_id, act.act, act.subject) == (audit.DASHBOARD, "allowed", "501")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "", "http://127.0.0.1:1", "https://127.0.0.1"]
)
async def test_another_site_decides_nothing(site, origin) -> None:
    page = await site.enter()
    assert await site.decide(page, 501, origin=origin) == 403
    assert await site.state(501) is Access.ASKED


async def test_a_form_without_our_word_or_with_that_of_another_session_decides_nothing(
    site,
) -> None:
    page = await site.enter()
    other = Authenticator(TOKEN).word(Authenticator(TOKEN).session(time.time()))
    forged = re.sub(r'name="word" value="\w+"', f'name="word" value="{other}"', page)
    for each in ("", 'name="word" value="x"', forged):
        assert await site.decide(each, 501) == 403
    site.client.cookies.clear()
    assert await site.decide(page, 501) == 403
    assert await site.state(501) is Access.ASKED


async def test_get_changes_nothing(site) -> None:
    page = await site.enter()
    word = re.search(r'name="word" value="(\w+)"', page)
    assert word
    fields = {"word": word[1], "chat": "501", "verb": "allow"}
    assert (await site.client.get("/access", params=fields)).status_code == 405
    assert (await site.client.get("/", params=fields)).status_code == 200
    assert await site.state(501) is Access.ASKED


@pytest.mark.parametrize(
    ("chat", "verb", "status"),
    [
        ("501", "own", 400),
        ("0", "allow", 400),
        ("99999999999999999999", "allow", 400),
        ("x", "allow", 400),
        ("502", "allow", 404),
        ("-1001", "allow", 404),
        ("77", "block", 400),
    ],
)
async def test_what_cannot_be_decided_is_not(site, chat, verb, status) -> None:
    page = await site.enter()
    assert await site.decide(page, chat, verb) == status
    assert await site.state(501) is Access.ASKED


async def test_a_form_that_is_too_long_is_not_read(site) -> None:
    page = await site.enter()
    assert await site.decide(page, "5" * 100_000) == 403


async def test_names_and_troubles_of_strangers_stay_text(site) -> None:
    async with site.app.store.writing() as tx:
        await alarms.begin(tx, "agent", f"{HOSTILE} pat_sandbox")
        await audit.note(tx, 77, "leave", HOSTILE, HOSTILE)
    page = await site.enter()
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "{{7*7}}" in page
    assert "pat_sandbox" not in page
    changes = await first_changes(site)
    assert "<img" not in "".join(changes.values())
    assert set(changes) >= {"alarms", "pulse", "people"}


async def first_changes(site: Served) -> dict[str, str]:
    async with site.client.stream("GET", "/live") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            return json.loads(line.removeprefix("data: "))
    raise AssertionError("nothing came")


async def test_only_what_changed_comes_and_a_decision_at_once(site) -> None:
    page = await site.enter()
    async with site.client.stream("GET", "/live") as answer:
        lines = (line async for line in answer.aiter_lines() if line)
        await anext(lines)
        assert await site.decide(page, 501) == 303
        changed = json.loads((await anext(lines)).removeprefix("data: "))
        assert "numbers" not in changed
        assert "allowed" in changed["audit"]


async def test_a_database_that_cannot_be_read_is_told_above_what_was_known(
    site, monkeypatch
) -> None:
    assert "Waiting now" in await site.enter()

    def broken() -> None:
        raise StoreTrouble("Reading the database", "it is locked", cure="Unlock it.")

    monkeypatch.setattr(site.app.store, "reading", broken)
    monkeypatch.setattr(snapshot, "FRESH_SECONDS", 0.0)
    page = (await site.client.get("/")).text
    assert "Unlock it." in page
    assert "Waiting now" in page
    assert await site.decide(page, 501) == 503


async def test_groups_are_decided_about_too_and_shown_with_their_state(site) -> None:
    async with site.app.store.writing() as tx:
        await access.ask(tx, -1001, "Team <lunch>")
    page = await site.enter()
    assert "Team &lt;lunch&gt;" in page
    assert await site.decide(page, -1001, "block") == 303
    assert await site.state(-1001) is Access.BLOCKED


async def test_only_so_many_watch_and_who_leaves_makes_room(site, monkeypatch) -> None:
    monkeypatch.setattr(page_module, "MOST_WATCHING", 1)
    await site.enter()
    async with site.client.stream("GET", "/live") as answer:
        await anext(answer.aiter_lines())
        assert (await site.client.get("/live")).status_code == 503

    async def again() -> int:
        async with site.client.stream("GET", "/live") as answer:
            return answer.status_code

    async with asyncio.timeout(5):
        while await again() == 503:  # noqa: ASYNC110  # only the server knows
            await asyncio.sleep(0.01)


async def test_a_taken_port_is_a_clear_trouble(tmp_path: Path) -> None:
    async with (
        a_world(tmp_path) as world,
        world.bridge() as app,
        serving(world.coze.app) as address,
    ):
        port = address.rpartition(":")[2]
        settings = settings_from({**world.variables, "BRIDGE_DASHBOARD_PORT": port})
        with pytest.raises(Trouble, match="BRIDGE_DASHBOARD_PORT"):
            async with dashboard(app, settings, TOKEN):
                pass


def test_the_names_by_which_it_may_be_opened() -> None:
    gate = Authenticator(new_token(), ("bot.example.org",))
    for host in ("localhost", "127.0.0.1:8088", "bot.example.org", "BOT.example.org:8443"):
        assert gate.at_home(host)
        assert gate.own_origin(f"https://{host}", host)
        assert gate.own_origin(f"http://{host}", host)
    for host in ("example.org", "bot.example.org.evil.org", "xbot.example.org", ""):
        assert not gate.at_home(host)
        assert not gate.own_origin(f"http://{host}", host)
    assert not gate.own_origin("https://evil.org", "bot.example.org")
    assert not Authenticator(new_token()).at_home("bot.example.org")


def test_a_cookie_ends_and_cannot_be_made_by_others() -> None:
    gate, now = Authenticator(new_token()), 1_000_000.0
    cookie = gate.session(now)
    assert gate.knows(cookie, now + SESSION_SECONDS - 1)
    assert not gate.knows(cookie, now + SESSION_SECONDS + 1)
    assert not Authenticator(new_token()).knows(cookie, now)
    ends, nonce, mac = cookie.split(".")
    assert not gate.knows(f"{int(ends) + 60}.{nonce}.{mac}", now)
    assert not gate.knows("", now)
    assert not gate.knows(f"{ends}.{nonce}.{'0' * 64}", now)
    assert gate.session(now) != cookie


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil", "localhost:1:2", "", "127.0.0.1:"]
)
def test_other_names_are_not_local(host: str) -> None:
    gate = Authenticator(new_token())
    assert not gate.at_home(host)
    assert not gate.own_origin(f"http://{host}", host)


def test_the_link_holds_the_token_and_the_flag_a_port() -> None:
    assert link("http://127.0.0.1:8088", "a/b") == "http://127.0.0.1:8088/?token=a%2Fb"
    variables = {"TELEGRAM_BOT_TOKEN": "1:x", "COZE_BOT_ID": "1", "COZE_API_TOKEN": "x"}
    assert with_dashboard(settings_from(variables)).bridge_dashboard_port == 8088
    chosen = settings_from({**variables, "BRIDGE_DASHBOARD_PORT": "9000"})
    assert with_dashboard(chosen).bridge_dashboard_port == 9000


async def test_what_people_wrote_is_nowhere_on_the_page(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world, served(world) as site:
        ann = world.telegram.add_person("Ann")
        world.telegram.send(ann, "my secret words")
        await eventually(lambda: world.posts(ann), 10)
        assert await site.state(ann.id) is Access.ASKED
        page = await site.enter()
        assert await site.decide(page, ChatKey(ann.id).chat_id) == 303
        await world.settled(ann, 2)
        world.telegram.send(ann, "more secret words")
        await world.settled(ann, 3)
        page = (await site.client.get("/")).text
        assert "Ann" in page
        assert "secret" not in page
        assert COOKIE not in page


@pytest.mark.parametrize(
    ("own", "terminal", "told"),
    [("", False, True), ("", True, True), ("an-own-long-token", True, True),
     ("an-own-long-token", False, False)],
)  # fmt: skip
def test_the_link_is_printed_once_and_an_own_token_never_into_a_log(
    capsys, monkeypatch, own: str, terminal: bool, told: bool
) -> None:
    variables = {"TELEGRAM_BOT_TOKEN": "1:x", "COZE_BOT_ID": "1", "COZE_API_TOKEN": "x"}
    wishes = Restarts(settings_from({**variables, "BRIDGE_DASHBOARD_TOKEN": own}), None)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    wishes.tell(None)
    wishes.tell("http://127.0.0.1:8088")
    wishes.tell("http://127.0.0.1:8088")
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.count("http://127.0.0.1:8088") == 1
    assert (f"token={wishes.token}" in printed.out) is told
    if own:
        assert wishes.token == own


@pytest.mark.parametrize("token", ["short", "with a space in the middle", "ünïcödé-ünïcödé-x"])
def test_an_own_token_must_be_long_and_plain(token: str) -> None:
    variables = {"TELEGRAM_BOT_TOKEN": "1:x", "COZE_BOT_ID": "1", "COZE_API_TOKEN": "x"}
    with pytest.raises(SettingsTrouble, match="BRIDGE_DASHBOARD_TOKEN must be 16") as found:
        settings_from({**variables, "BRIDGE_DASHBOARD_TOKEN": token})
    assert token not in str(found.value)


TEMPLATES = Path(rendering.__file__).parent / "templates"


def said_by_the_page() -> set[str]:
    """Every sentence that is translated: those of the templates, and those that Python gives them."""
    found = set()
    ways = [("**.html", "jinja2.ext:babel_extract")]
    options = {"**.html": {"newstyle_gettext": "true", "trim_blocks": "true"}}
    for _, _, message, _, _ in extract_from_dir(str(TEMPLATES), ways, options):
        found.add(message if isinstance(message, str) else message[0])
    found |= {*rendering._REFUSALS.values(), *rendering._ALARMS.values()}
    found |= {label for _, label in rendering._DECISIONS.values()} | {*rendering._STATES.values()}
    plot = (TEMPLATES.parent / "plots.py").read_text(encoding="utf-8")
    found |= {*re.findall(r'say\(\s*"([^"]+)"', plot), *re.findall(r'Series\("([^"]+)"', plot)}
    return found | {"running", "waiting", "just now", "%(span)s ago"}


def test_the_page_is_whole_in_chinese_too() -> None:
    known = rendering.translations("zh")
    missing = {one for one in said_by_the_page() if known.gettext(one) == one}
    assert {one for one in missing if known.ngettext(one, one, 2) == one} == set()


def test_every_alarm_has_a_title() -> None:
    assert rendering._ALARMS.keys() == {*ALARM_KINDS}


async def test_a_browser_that_asks_for_chinese_reads_chinese(site) -> None:
    await site.enter()
    page = (await site.client.get("/", headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"})).text
    assert '<html lang="zh">' in page
    assert "一切正常" in page
    assert "@sandbox_bot" in page
    refused = await site.client.get("/?token=wrong", headers={"Accept-Language": "zh-TW"})
    assert "此页面需要专用链接" in refused.text


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("de,zh;q=0.5", "zh"),
        ("EN-us", "en"),
        ("fr", "en"),
        (";;;,,", "en"),
        ("zh", "zh"),
    ],
)
def test_the_language_of_a_browser(accepted: str, language: str) -> None:
    assert rendering.language_of(accepted) == language
