"""The dashboard's plots: honest scales, gaps where nothing was, and valid SVG whatever is drawn."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.ops.dashboard.plots import HEIGHT, WIDTH, latency, log_ticks, nice_top, runs, throughput
from bridge.store.operators.stats import Bucket, Waits

AT = 1_700_000_000.0


def hours(*counts: tuple[int, int]) -> list[Bucket]:
    return [
        Bucket(AT + place * 3600, messages, 0, failures)
        for place, (messages, failures) in enumerate(counts)
    ]


def boxes(svg: str, kind: str) -> list[dict[str, float]]:
    return [
        {name: float(one.attrib[name]) for name in ("x", "y", "width", "height")}
        for one in ElementTree.fromstring(svg).iter("rect")
        if one.attrib["class"] == kind
    ]


def test_bars_are_as_high_as_their_hours() -> None:
    svg = throughput(hours((10, 0), (5, 0), (0, 0), (4, 4)))
    full, half = boxes(svg, "good")
    (failed,) = boxes(svg, "bad")
    assert half["height"] == pytest.approx(full["height"] / 2, abs=0.2)
    assert failed["height"] == pytest.approx(full["height"] * 0.4, abs=0.2)
    bottoms = {round(one["y"] + one["height"]) for one in (full, half, failed)}
    assert len(bottoms) == 1


def test_failures_stand_below_the_rest_of_their_hour() -> None:
    svg = throughput(hours((10, 3)))
    (good,), (bad,) = boxes(svg, "good"), boxes(svg, "bad")
    assert good["y"] + good["height"] == pytest.approx(bad["y"], abs=0.2)
    assert "10 messages, 3 failed" in svg


def test_a_gap_is_a_gap_and_not_a_line() -> None:
    spans = [
        Waits(AT + place * 3600, both, both)
        for place, both in enumerate([(1.0, 2.0), (1.0, 2.0), None, (3.0, 9.0)])
    ]
    svg = latency(spans)
    assert svg.count("<polyline") == 4  # each line has one stretch of two hours
    assert svg.count("<circle") == 4 * 3


def test_runs_are_the_stretches_without_a_gap() -> None:
    assert list(runs([1.0, 2.0, None, 3.0, None, 4.0, 5.0])) == [
        [(0, 1.0), (1, 2.0)],
        [(5, 4.0), (6, 5.0)],
    ]


@pytest.mark.parametrize(
    ("most", "top"), [(0, 1), (1, 1), (3, 5), (10, 10), (11, 20), (201, 500), (5000, 5000)]
)
def test_scales_end_at_round_numbers(most: float, top: float) -> None:
    assert nice_top(most) == top


@given(st.floats(0.0, 1e5), st.floats(0.0, 1e5))
def test_a_scale_by_ratios_holds_what_it_is_for(one: float, other: float) -> None:
    least, most = sorted((one, other))
    ticks = log_ticks(least, most)
    assert 2 <= len(ticks) <= 6
    assert list(ticks) == sorted(set(ticks))
    assert ticks[0] <= max(least, 0.01)
    assert ticks[-1] >= most


seconds = st.one_of(st.none(), st.tuples(st.floats(0, 1e5), st.floats(0, 1e5)))


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=30))
def test_any_day_is_drawn_inside_the_picture(counts: list[tuple[int, int]]) -> None:
    inside(throughput(hours(*counts)))


@given(st.lists(st.tuples(seconds, seconds), max_size=30))
def test_any_waiting_is_drawn_inside_the_picture(days: list) -> None:
    inside(latency([Waits(AT + 3600 * place, *both) for place, both in enumerate(days)]))


def inside(svg: str) -> None:
    root = ElementTree.fromstring(svg)
    assert not re.search(r"style=|<script|javascript:|\bnan\b|\binf\b", svg)
    for one in root.iter("rect"):
        assert -0.1 <= float(one.attrib["x"]) <= WIDTH
        assert -0.1 <= float(one.attrib["y"]) <= HEIGHT
    for one in root.iter("circle"):
        assert 0 <= float(one.attrib["cx"]) <= WIDTH
        assert 0 <= float(one.attrib["cy"]) <= HEIGHT
