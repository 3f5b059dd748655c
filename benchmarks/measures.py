"""What a person sees of a growing answer, as numbers. Pure; times in seconds of one clock.

Text is counted in letters and digits, which formatting neither adds nor removes.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bridge.telegram.budget import Limits

Step = tuple[float, int]
"""A time, and how many letters there are from then on."""


@dataclass(frozen=True)
class Seen:
    """One answer as a person saw it."""

    first: float
    """From the first delta to the first visible text."""
    last: float
    """From the last delta to the complete text."""
    staleness: float
    """Mean age of the oldest unseen delta, weighted by time."""
    calls: int


def letters(text: str) -> int:
    """How many letters and digits a text has."""
    return sum(map(str.isalnum, text))


def seen(deltas: Sequence[Step], shown: Sequence[Step], calls: int) -> Seen:
    """What came of an answer; `deltas` and `shown` are the letters written and visible so far."""
    total = deltas[-1][1]
    visible = [at for at, count in shown if count > 0]
    complete = next((at for at, count in shown if count >= total), float("inf"))
    return Seen(
        first=(visible[0] if visible else float("inf")) - deltas[0][0],
        last=max(0.0, complete - deltas[-1][0]),
        staleness=staleness(deltas, shown, min(complete, deltas[-1][0] + 600)),
        calls=calls,
    )


def staleness(deltas: Sequence[Step], shown: Sequence[Step], end: float) -> float:
    """Mean age of the oldest delta that is not visible, from the first delta to `end`."""
    counts = [count for _, count in deltas]
    times = sorted({at for at, _ in (*deltas, *shown) if deltas[0][0] <= at < end} | {end})
    area, place, visible = 0.0, 0, 0
    for here, there in pairwise(times):
        while place < len(shown) and shown[place][0] <= here:
            visible = shown[place][1]
            place += 1
        oldest = bisect_right(counts, visible)
        if oldest < len(deltas) and deltas[oldest][0] <= here:
            area += ((here + there) / 2 - deltas[oldest][0]) * (there - here)
    return area / (end - deltas[0][0]) if end > deltas[0][0] else 0.0


def best_possible(
    deltas: Sequence[Step], limits: Limits, latency: float, *, sharing: int = 1, start: float = 0.0
) -> float:
    """The staleness of a bot that knows in advance how long the answer takes.

    It spreads all calls that the budget allows evenly over the answer, one kept for the end;
    `sharing` answers share the budget; `start` is the earliest time at which it may begin.
    """
    first, last = deltas[0][0], deltas[-1][0]
    begin = max(first, start)
    duration = max(0.0, last - begin)
    calls = (limits.capacity + duration / limits.refill_seconds) / sharing - 1
    gap = max(limits.gap_seconds, duration / calls if calls > 0 else duration + 1)
    moments = [begin]
    while moments[-1] + gap < last:
        moments.append(moments[-1] + gap)
    if calls < 1:
        moments = [begin + duration / 2] if calls > 0 else []
    times, counts = [at for at, _ in deltas], [count for _, count in deltas]
    shown = [
        (at + latency, counts[bisect_right(times, at) - 1]) for at in (*moments, max(last, begin))
    ]
    return staleness(deltas, shown, shown[-1][0])


def share(values: Sequence[float], part: float) -> float:
    """The value that this part of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
