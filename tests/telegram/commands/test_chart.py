"""The numbers as a picture."""

import io
import math
import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from bridge.store.operators.stats import Bucket, Stats, percentile
from bridge.telegram.commands.operators.chart import drawn

BEGAN = 1_795_132_800.0


def a_day() -> Stats:
    """A day with a lunch break and an evening."""
    buckets = []
    for hour in range(24):
        busy = max(0.0, math.sin((hour - 6) / 18 * math.pi)) ** 2 * 60 - (12 if hour == 13 else 0)
        messages = max(0, round(busy + 7 * math.sin(hour * 2.3)))
        failures = 6 if hour == 17 else messages // 40
        buckets.append(Bucket(BEGAN + hour * 3600, messages, messages * 640, failures))
    return Stats(buckets, 3600.0, 84, 61, (1.3, 3.9), (9.8, 31.4), {"4028": 6})


@pytest.mark.slow
def test_a_picture_is_drawn_of_any_numbers() -> None:
    nothing = Stats([Bucket(0.0, 0, 0, 0)] * 30, 86400.0, 0, 0, (0.0, 0.0), (0.0, 0.0), {})
    for stats in (a_day(), nothing):
        image = Image.open(io.BytesIO(drawn(stats, "The last 24 hours") or b""))
        assert image.format == "PNG"
        assert image.size == (1080, 864)
    if picture := os.environ.get("BRIDGE_TEST_STATS_PICTURE"):
        Path(picture).write_bytes(drawn(a_day(), "The last 24 hours") or b"")


def test_percentiles_are_values_that_occurred() -> None:
    assert percentile([], 0.5) == 0.0
    assert percentile([3.0], 0.95) == 3.0
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.0
    assert percentile([float(n) for n in range(1, 101)], 0.95) == 95.0


def test_without_the_library_there_are_the_numbers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert drawn(a_day(), "The last 24 hours") is None
