"""What machines read: the counters of a small journey, and that the papers name what there is."""

import json
import math
import re
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fast import run_fast
from prometheus_client.parser import text_string_to_metric_families
from worlds import World, a_world, eventually, kept_port

import bridge
from bridge.metrics import PREFIX, Gauged, Metrics, outcome
from bridge.ops.http import pages
from bridge.sandbox.coze import Pace, saying
from bridge.settings.environment import settings_from
from bridge.store.operators import alarms

DOCS = Path(bridge.__file__).parent.parent / "docs"


class Samples:
    """A page of /metrics, read by Prometheus's own parser."""

    def __init__(self, text: str) -> None:
        self.types = {}
        self.values = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                self.types[sample.name] = family.type
                self.values[sample.name, frozenset(sample.labels.items())] = sample.value

    def of(self, name: str, **labels: str) -> float:
        return self.values.get((f"{PREFIX}_{name}", frozenset(labels.items())), 0.0)


@asynccontextmanager
async def served(world: World):
    """The running app, and how to look at a page of it."""
    with kept_port() as port:
        settings = settings_from({**world.variables, "BRIDGE_HEALTH_PORT": str(port)})
        async with (
            world.bridge() as app,
            pages(app, settings),
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=1000) as client,
        ):
            yield app, client.get


async def scraped(get) -> Samples:
    answer = await get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return Samples(answer.text)


async def test_a_small_journey_is_counted(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world, served(world) as (app, get):
        ann = world.telegram.add_person("Ann")
        world.coze.use(saying("A short answer."))
        world.telegram.send(ann, "hello")
        await world.settled(ann, 1)
        world.coze.fail("/v3/chat", 4011)
        world.telegram.send(ann, "again")
        await world.settled(ann, 2)
        async with app.store.writing() as tx:
            await alarms.begin(tx, "quota", "The balance is used up.")
        await eventually(lambda: not len(app.lanes), 10)
        seen = await scraped(get)
    assert seen.of("updates_total", kind="message") == 2
    assert seen.of("turns_settled_total", outcome="answered", agent="by-id") == 1
    assert seen.of("turns_settled_total", outcome="failed", agent="by-id") == 1
    assert seen.of("turns_failed_total", code="4011", agent="by-id") == 1
    assert seen.of("coze_errors_total", code="4011") == 1
    assert seen.of("first_text_seconds_count") == 1
    assert seen.of("answer_seconds_count") == 1
    assert seen.of("final_lag_seconds_count") == 2
    assert 0 < seen.of("answer_seconds_sum") < 30
    assert seen.of("telegram_calls_total", method="sendmessage", outcome="ok") >= 2
    assert seen.of("telegram_calls_total", method="getupdates", outcome="ok") >= 2
    assert seen.of("tokens_total", direction="out", agent="by-id") > 0
    assert seen.of("alarms_active", kind="quota") == 1
    assert seen.of("chats_answering") == seen.of("turns_waiting") == 0
    assert seen.of("telegram_silence_seconds") < 60
    assert math.isnan(seen.of("coze_token_life_seconds"))
    assert seen.of("build_info", version=bridge.__version__) == 1


def test_floods_and_what_people_saw_meanwhile_are_counted(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path) as world, served(world) as (_, get):
            ann = world.telegram.add_person("Ann")
            world.coze.use(saying("so many words " * 100))
            world.coze.pace = Pace(first_delta=0.02, delta=0.02)
            world.telegram.send(ann, "talk")
            await world.telegram.until(lambda: world.posts(ann), timeout=1000)
            world.telegram.flood(ann, seconds=3)
            await world.settled(ann, 1, timeout=1000)
            seen = await scraped(get)
        floods = seen.of("telegram_floods_total", method="editmessagetext")
        assert floods >= 1
        assert floods == seen.of("telegram_calls_total", method="editmessagetext", outcome="flood")
        assert seen.of("interim_staleness_seconds_count") >= 1
        assert seen.of("first_text_seconds_count") == 1

    run_fast(journey())


async def test_two_bridges_in_one_process_count_for_themselves(tmp_path: Path) -> None:
    first, second = Metrics("1"), Metrics("2")
    first.took("message")
    assert Samples(second.exposed(Gauged()).decode()).of("updates_total", kind="message") == 0
    assert Samples(first.exposed(Gauged()).decode()).of("updates_total", kind="message") == 1


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (200, "ok"),
        (429, "flood"),
        (400, "refused"),
        (403, "refused"),
        (502, "lost"),
        (None, "lost"),
    ],
)
def test_what_a_status_of_the_bot_api_means(status: int | None, told: str) -> None:
    assert outcome(status) == told


@pytest.mark.parametrize("code", ["Ann asked: why?", "x" * 40, "", None, "<b>", "编号"])
def test_no_text_becomes_a_label(code: str | None) -> None:
    metrics = Metrics()
    metrics.coze_failed(code)
    seen = Samples(metrics.exposed(Gauged()).decode())
    assert seen.of("coze_errors_total", code="other") == 1


def test_an_alarm_that_is_over_is_not_told_any_more() -> None:
    metrics = Metrics()
    assert b'kind="token"' in metrics.exposed(
        Gauged(alarms=["token"], allowed={"private": (0.4, 10.0)})
    )
    assert b'kind="token"' not in metrics.exposed(Gauged(alarms=[]))


def test_ready_is_red_until_updates_are_taken_and_while_they_are_not(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path) as world, served(world) as (app, get):
            await eventually(lambda: app.polling.fault is None, 1000)
            answer = await get("/readyz")
            assert (answer.status_code, answer.json()) == (200, {"ready": True, "reasons": []})
            world.telegram.fail("getUpdates", 502)
            world.telegram.send(world.telegram.add_person("Ann"), "hello")
            await eventually(lambda: app.polling.fault is not None, 1000)
            answer = await get("/readyz")
            assert answer.status_code == 503
            assert "Fetching updates from Telegram" in answer.json()["reasons"][0]
            await eventually(lambda: app.polling.fault is None, 1000)
            assert (await get("/readyz")).status_code == 200

    run_fast(journey())


def described() -> list[tuple[str, str, str, str]]:
    """All metrics there are: name, type, labels and meaning."""
    found = []
    for family in text_string_to_metric_families(_with_every_label()):
        labels = {name for sample in family.samples for name in sample.labels} - {"le"}
        name = family.name + ("_total" if family.type == "counter" else "")
        found.append((name, family.type, ", ".join(sorted(labels)), family.documentation))
    return found


def _with_every_label() -> str:
    metrics = Metrics()
    metrics.took("message")
    metrics.settled("failed", None, (1, 1), 1.0)
    metrics.called("sendmessage", 429)
    metrics.coze_failed(4011)
    there = Gauged(alarms=["token"], allowed={"private": (0.4, 10.0)}, processes={"working": 2})
    return metrics.exposed(there).decode()


def test_the_table_lists_every_metric() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (\w+) \| (.*) ?\| (.+) \|$",
        (DOCS / "metrics.md").read_text(),
        re.MULTILINE,
    )
    told = [
        (name, kind, ", ".join(sorted(re.findall(r"\w+", labels))), meaning)
        for name, kind, labels, meaning in rows
    ]
    assert sorted(told) == sorted(described())


def test_the_grafana_dashboard_uses_metrics_that_there_are() -> None:
    board = json.loads((DOCS / "grafana.json").read_text())
    exprs = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    known = Samples(_with_every_label()).types
    used = {name for expr in exprs for name in re.findall(rf"{PREFIX}_\w+", expr)}
    assert used
    assert used <= known.keys()
    written = re.findall(rf"{PREFIX}_\w+", (DOCS / "metrics.md").read_text())
    assert {name for name in written if name.endswith("_bucket")} <= known.keys()
    shown = {re.sub("_(bucket|sum|count)$", "", name) for name in used}
    assert shown == {name for name, *_ in described()}


async def test_what_a_draft_shows_counts_as_seen(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        world.variables["BRIDGE_STREAMING"] = "drafts"
        async with served(world) as (_, get):
            ann = world.telegram.add_person("Ann")
            world.coze.pace = Pace(first_delta=0.3, delta=0.02)
            world.coze.use(saying("so many words " * 100))
            world.telegram.send(ann, "talk")
            await world.telegram.until(
                lambda: len([one for one in world.telegram.drafts(ann) if one.text]) > 1
            )
            early = await scraped(get)
            await world.settled(ann, 1)
            late = await scraped(get)
    assert early.of("first_text_seconds_count") == late.of("first_text_seconds_count") == 1
    assert 0.3 < late.of("first_text_seconds_sum") < 10
    assert early.of("interim_staleness_seconds_count") > 0
