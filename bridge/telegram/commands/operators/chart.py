"""The numbers as a picture. The library that draws is imported only when something is drawn."""

import io
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bridge.store.operators.stats import Stats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BLUE, _ORANGE, _RED, _GREY = "#3390ec", "#f5a623", "#e0433c", "#8a94a0"
_one_at_a_time = threading.Lock()


def drawn(stats: Stats, title: str) -> bytes | None:
    """Draw messages, failures, tokens and times as a PNG. Takes a second: use a thread.

    None where the library is not installed, which is larger than all else together (extra `charts`).
    """
    try:
        from matplotlib.figure import Figure  # it takes a second and 60 MB
    except ImportError:
        return None

    with _one_at_a_time:
        figure = Figure(figsize=(9, 7.2), dpi=120, layout="constrained")
        figure.suptitle(f"{title} (UTC)", fontsize=15, fontweight="bold")
        top, middle, bottom = figure.subplots(3, 1, height_ratios=(3, 2, 1.4))
        at = range(len(stats.buckets))
        fine = [bucket.messages for bucket in stats.buckets]
        top.bar(at, fine, color=_BLUE, width=0.85, label="messages")
        failed = [bucket.failures for bucket in stats.buckets]
        top.bar(at, failed, color=_RED, width=0.85, label="failed")
        top.legend(loc="upper left", frameon=False)
        tokens = [bucket.tokens for bucket in stats.buckets]
        middle.bar(at, tokens, color=_ORANGE, width=0.85, label="tokens")
        middle.legend(loc="upper left", frameon=False)
        for plot in (top, middle):
            _label_times(plot, stats)
            plot.margins(x=0.01)
            plot.spines[["top", "right"]].set_visible(False)
            plot.yaxis.get_major_locator().set_params(integer=True)
        _draw_speed(bottom, stats)
        written = io.BytesIO()
        figure.savefig(written, format="png")
        return written.getvalue()


def _draw_speed(plot: "Axes", stats: Stats) -> None:
    rows: Sequence[tuple[str, tuple[float, float]]] = (
        ("end of the answer", stats.end),
        ("first text", stats.first_text),
    )
    for place, (_, (median, late)) in enumerate(rows):
        plot.barh(place, late, color=_GREY, alpha=0.35, height=0.55)
        plot.barh(place, median, color=_BLUE, height=0.55)
        words = f" {median:.1f} s, 95 % within {late:.1f} s"
        plot.text(late, place, words, va="center", fontsize=10)
    plot.set_yticks(range(len(rows)), [name for name, _ in rows])
    plot.set_xlim(0, max(1.0, *(late for _, (_, late) in rows)) * 1.6)
    plot.spines[["top", "right"]].set_visible(False)
    plot.set_xlabel("seconds")


def _label_times(plot: "Axes", stats: Stats) -> None:
    """Some of the buckets say when they began (UTC)."""
    form = "%H:%M" if stats.bucket_seconds < 86400 / 2 and len(stats.buckets) <= 24 else "%d.%m."
    every = max(1, len(stats.buckets) // 8)
    places = range(0, len(stats.buckets), every)
    words = [
        datetime.fromtimestamp(stats.buckets[place].began, UTC).strftime(form) for place in places
    ]
    plot.set_xticks(places, words)
