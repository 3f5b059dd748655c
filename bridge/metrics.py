"""What machines may know of the bridge: counters, gauges and times, as Prometheus reads them.

No label ever holds an id, a name or a text, and each has few values: what people are and say stays
out of it. Names and units follow https://prometheus.io/docs/practices/naming/.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    disable_created_metrics,
    generate_latest,
)

# When a series began helps nobody, and doubles their number.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves it untyped
CONTENT_TYPE = CONTENT_TYPE_LATEST
PREFIX = "coze_bridge"
_WORD = re.compile("(invalid|unauthorized|unsupported|access|slow|expired)_[a-z_]{1,20}|TIMEOUT")
_WAITS = (0.25, 0.5, 1, 1.5, 2, 3, 5, 8, 13, 21, 34, 60, 120, 300, 900)
"""Seconds; people give up somewhere between the middle ones."""
_MOMENTS = (0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 8, 13, 30, 60)
_OK, _TOO_MANY, _REFUSED = 200, 429, range(400, 500)


@dataclass(frozen=True)
class Gauged:
    """What is looked at when somebody asks; None is not known now."""

    chats_answering: int | None = None
    turns_waiting: int | None = None
    updates_waiting: int | None = None
    telegram_silence: float | None = None
    """Seconds since Telegram answered."""
    token_left: float | None = None
    """Seconds of the Coze token's life left."""
    allowed: Mapping[str, tuple[float, float]] | None = None
    """Of each kind of call the rate (calls a second) and the burst that Telegram allows."""
    alarms: Iterable[str] | None = None
    """The kinds of those that are active."""
    processes: Mapping[str, int] | None = None
    """How many share the work, and how many are lost."""
    shards: int | None = None
    """How many shards this process holds."""


class Metrics:
    """The metrics of one running bridge, in a registry of their own."""

    def __init__(self, version: str = "") -> None:
        self.registry = CollectorRegistry()
        Info(f"{PREFIX}_build", "The version that runs.", registry=self.registry).info(
            {"version": version}
        )
        self._updates = self._counter("updates", "Updates taken from Telegram.", "kind")
        self._settled = self._counter(
            "turns_settled", "Turns that had their end.", "outcome", "agent"
        )
        self._failed = self._counter(
            "turns_failed", "Turns that ended in a trouble.", "code", "agent"
        )
        self._first_text = self._histogram(
            "first_text_seconds",
            "From a question's coming to the first text of its answer.",
            _WAITS,
        )
        self._answer = self._histogram(
            "answer_seconds", "From a question's coming to its whole answer.", _WAITS
        )
        self._staleness = self._histogram(
            "interim_staleness_seconds",
            "Age of the oldest text that nobody had seen, when an interim text stands.",
            _MOMENTS,
        )
        self._final_lag = self._histogram(
            "final_lag_seconds", "From a run's end to its complete text in Telegram.", _MOMENTS
        )
        self._calls = self._counter("telegram_calls", "Calls of the Bot API.", "method", "outcome")
        self._floods = self._counter(
            "telegram_floods", "Calls that Telegram answered with 429.", "method"
        )
        self._coze = self._counter("coze_errors", "Errors of Coze.", "code")
        self._tokens = self._counter("tokens", "Tokens that answers cost.", "direction", "agent")
        self._gauges()

    def _gauges(self) -> None:
        self._chats_answering = self._gauge("chats_answering", "Chats with something to answer.")
        self._turns_waiting = self._gauge("turns_waiting", "Turns that wait to be asked.")
        self._updates_waiting = self._gauge("updates_waiting", "Updates stored and not settled.")
        self._telegram_silence = self._gauge(
            "telegram_silence_seconds", "Time since Telegram answered a poll."
        )
        self._token_left = self._gauge(
            "coze_token_life_seconds", "Life left of the Coze token; NaN where that is not known."
        )
        self._rate = self._gauge(
            "telegram_allowed_rate",
            "Calls a second that Telegram allows, as far as it was found out.",
            "calls",
        )
        self._burst = self._gauge(
            "telegram_allowed_burst",
            "Calls at once that Telegram allows, as far as it was found out.",
            "calls",
        )
        self._shards = self._gauge("shards_held", "Shards of chats that this process holds.")
        self._processes = self._gauge("processes", "Processes that share the work.", "state")
        self._alarms = self._gauge("alarms_active", "Alarms that are not over.", "kind")

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"{PREFIX}_{name}", what, labels, registry=self.registry)

    def _gauge(self, name: str, what: str, *labels: str) -> Gauge:
        return Gauge(f"{PREFIX}_{name}", what, labels, registry=self.registry)

    def _histogram(self, name: str, what: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"{PREFIX}_{name}", what, buckets=buckets, registry=self.registry)

    def took(self, kind: str) -> None:
        """Count an update; `kind` is one of those that we ask for, or `other`."""
        self._updates.labels(kind).inc()

    def settled(
        self,
        outcome: str,
        code: str | None,
        tokens: tuple[int, int],
        seconds: float,
        agent: str = "by-id",
    ) -> None:
        """Count a turn that has its end: its cost (in, out), and how long after its coming it is.

        `agent` is its name in the settings; those without one are counted together.
        """
        self._settled.labels(outcome, agent).inc()
        for direction, count in zip(("in", "out"), tokens, strict=True):
            self._tokens.labels(direction, agent).inc(max(0, count))
        if outcome == "failed":
            self._failed.labels(_code(code), agent).inc()
        if outcome == "answered":
            self._answer.observe(max(0.0, seconds))

    def first_text(self, seconds: float) -> None:
        """Note the first text of an answer, so many seconds after its question came."""
        self._first_text.observe(max(0.0, seconds))

    def interim(self, seconds: float) -> None:
        """Note an interim text, whose oldest part is so old."""
        self._staleness.observe(max(0.0, seconds))

    def final(self, seconds: float) -> None:
        """Note a complete text, so many seconds after its run ended."""
        self._final_lag.observe(max(0.0, seconds))

    def called(self, method: str, status: int | None) -> None:
        """Count a call of the Bot API by its HTTP status; None when it got lost."""
        told = outcome(status)
        self._calls.labels(method, told).inc()
        if told == "flood":
            self._floods.labels(method).inc()

    def coze_failed(self, code: object) -> None:
        """Count that Coze refused or failed, with its own code, an HTTP status or none."""
        self._coze.labels(_code(code)).inc()

    def exposed(self, now: Gauged) -> bytes:
        """Return all of it as text, for CONTENT_TYPE."""
        for gauge, value in (
            (self._chats_answering, now.chats_answering),
            (self._turns_waiting, now.turns_waiting),
            (self._updates_waiting, now.updates_waiting),
            (self._telegram_silence, now.telegram_silence),
            (self._token_left, now.token_left),
            (self._shards, now.shards),
        ):
            gauge.set(math.nan if value is None else value)
        for calls, (rate, burst) in (now.allowed or {}).items():
            self._rate.labels(calls).set(rate)
            self._burst.labels(calls).set(burst)
        if now.alarms is not None:
            self._alarms.clear()
            for kind in now.alarms:
                self._alarms.labels(kind).set(1)
        for state, count in (now.processes or {}).items():
            self._processes.labels(state).set(count)
        return generate_latest(self.registry)


def outcome(status: int | None) -> str:
    """Return what an HTTP status of the Bot API means: `ok`, `flood`, `refused` or `lost`. Pure."""
    if status == _OK:
        return "ok"
    if status == _TOO_MANY:
        return "flood"
    return "refused" if status in _REFUSED else "lost"


def _code(code: object) -> str:
    """Coze's codes are numbers, or one of a few words of OAuth; anything else is `other`."""
    text = str(code) if code is not None else ""
    plain = text.isascii() and text.isdecimal() and len(text) <= 12
    return text if plain or _WORD.fullmatch(text) else "other"
