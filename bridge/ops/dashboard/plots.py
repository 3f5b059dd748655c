"""The dashboard's two plots as SVG. Pure.

Colours are the style sheet's, by class: the page has a light and a dark face.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from bridge.store.operators.stats import Bucket, Waits

WIDTH, HEIGHT = 420, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 6, 8, 20
_STEPS = (1, 2, 5)
_X_LABELS = 4


Say = Callable[[str], str]
"""Translates what stands in a plot."""


@dataclass(frozen=True)
class Series:
    """One line of a plot: a value for each span, None where there is none."""

    name: str
    kind: str
    """Its class in the style sheet."""
    values: Sequence[float | None]


def throughput(buckets: Sequence[Bucket], say: Say = str) -> str:
    """Draw messages as bars, the failures among them in another colour; `say` translates."""
    top = nice_top(max([bucket.messages for bucket in buckets], default=0))
    across, up = _across(len(buckets)), _linear(top)
    wide = (WIDTH - _LEFT - _RIGHT) / max(1, len(buckets))
    parts = [*_grid([0, top / 2, top] if top > 1 else [0, top], up), *_moments(len(buckets), say)]
    counted = say("%(messages)d messages, %(failed)d failed")
    for place, bucket in enumerate(buckets):
        numbers = {"messages": bucket.messages, "failed": bucket.failures}
        words = f"{_hour(bucket.began)}: {counted % numbers}"
        middle = across(place)
        failed = min(bucket.failures, bucket.messages)
        parts.append(f"<g><title>{escape(words)}</title>")
        parts.append(_rect("touch", middle - wide / 2, _TOP, wide, up(0) - _TOP))
        for kind, low, high in (("good", failed, bucket.messages), ("bad", 0, failed)):
            if high > low:
                place_of = (middle - wide * 0.36, up(high), wide * 0.72, up(low) - up(high))
                parts.append(_rect(kind, *place_of))
        parts.append("</g>")
    return _svg(say("Messages and failures in each of the last hours"), parts)


def latency(spans: Sequence[Waits], say: Say = str) -> str:
    """Return how long people waited: first text and whole answer, median and 95th percentile."""
    series = [
        Series("whole answer, 95 %", "end late", [one.end and one.end[1] for one in spans]),
        Series("whole answer, median", "end", [one.end and one.end[0] for one in spans]),
        Series("first text, 95 %", "first late", [w.first_text and w.first_text[1] for w in spans]),
        Series("first text, median", "first", [w.first_text and w.first_text[0] for w in spans]),
    ]
    found = [value for one in series for value in one.values if value is not None]
    ticks = log_ticks(min(found, default=1.0), max(found, default=10.0))
    across, up = _across(len(spans)), _logarithmic(ticks[0], ticks[-1])
    parts = [*_grid(ticks, up, " s"), *_moments(len(spans), say)]
    for one in series:
        for run in runs(one.values):
            points = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in run)
            parts.append(f'<polyline class="{escape(one.kind)}" points="{points}"/>')
        for place, value in enumerate(one.values):
            if value is not None:
                words = f"{_hour(spans[place].began)}: {say(one.name)} {value:.1f} s"
                parts.append(
                    f'<circle class="{escape(one.kind)}" cx="{across(place):.1f}" '
                    f'cy="{up(value):.1f}" r="1.8"><title>{escape(words)}</title></circle>'
                )
    return _svg(say("Seconds until the first text and the whole answer, by hour"), parts)


def nice_top(most: float) -> float:
    """Return the end of a scale from 0 that holds so much: 1, 2 or 5 and zeros."""
    size = 1.0
    while True:
        for step in _STEPS:
            if most <= step * size:
                return step * size
        size *= 10


def log_ticks(least: float, most: float) -> Sequence[float]:
    """Return the marks of a scale by ratios that holds both: at most five of 1, 2 and 5 with zeros."""
    least = max(least, 0.01)
    all_ = [step * 10.0**power for power in range(-2, 7) for step in _STEPS]
    low = max((index for index, tick in enumerate(all_) if tick <= least), default=0)
    high = next((index for index, tick in enumerate(all_) if tick >= most), len(all_) - 1)
    ticks = all_[low : max(high, low + 1) + 1]
    stride = math.ceil((len(ticks) - 1) / 4)
    kept = ticks[::-stride][::-1]
    return kept if kept[0] == ticks[0] else [ticks[0], *kept]


def runs(values: Sequence[float | None]) -> Iterator[Sequence[tuple[int, float]]]:
    """Yield the stretches without a gap, of more than one value."""
    run: list[tuple[int, float]] = []
    for place, value in enumerate([*values, None]):
        if value is not None:
            run.append((place, value))
            continue
        if len(run) > 1:
            yield run
        run = []


def _across(count: int) -> Callable[[float], float]:
    wide = (WIDTH - _LEFT - _RIGHT) / max(1, count)
    return lambda place: _LEFT + wide * (place + 0.5)


def _linear(top: float) -> Callable[[float], float]:
    high = HEIGHT - _TOP - _BOTTOM
    return lambda value: _TOP + high * (1 - value / top)


def _logarithmic(low: float, top: float) -> Callable[[float], float]:
    high = HEIGHT - _TOP - _BOTTOM
    span = math.log(top / low)
    return lambda value: _TOP + high * (1 - math.log(max(value, low) / low) / span)


def _grid(ticks: Sequence[float], up: Callable[[float], float], unit: str = "") -> Iterator[str]:
    for tick in ticks:
        y = up(tick)
        yield f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        label = f"{tick:g}{unit}"
        yield f'<text class="y" x="{_LEFT - 5}" y="{y + 3.5:.1f}">{escape(label)}</text>'


def _moments(count: int, say: Say) -> Iterator[str]:
    """Yield the hours below: how long ago they are."""
    across = _across(count)
    for part in range(_X_LABELS + 1):
        ago = count - count * part // _X_LABELS
        where = across(count - ago - 0.5) if ago else WIDTH - _RIGHT
        kind = "x first-x" if part == 0 else "x last-x" if not ago else "x"
        label = f"−{ago} h" if ago else say("now")
        yield f'<text class="{kind}" x="{where:.1f}" y="{HEIGHT - 5}">{escape(label)}</text>'


def _rect(kind: str, x: float, y: float, width: float, height: float) -> str:
    return (
        f'<rect class="{escape(kind)}" x="{x:.1f}" y="{y:.1f}" '
        f'width="{width:.1f}" height="{height:.1f}"/>'
    )


def _hour(began: float) -> str:
    return datetime.fromtimestamp(began, UTC).strftime("%H:%M UTC")


def _svg(title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        + "".join(parts)
        + "</svg>"
    )
