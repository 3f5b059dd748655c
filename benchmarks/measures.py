"""What a person sees of a growing answer, as numbers. Pure; times in seconds of one clock.

Text is counted in letters and digits, which formatting neither adds nor removes.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Step = tuple[float, int]
"""A time, and how many letters there are from then on."""


@dataclass(frozen=True)
class Allowed:
    """What a server allows in one chat, as somebody knows who has read its settings."""

    burst: float
    """Calls at once."""
    every: float
    """Seconds until one more."""
    gap: float = 0.05
    """The least seconds between calls, when they go on for long."""


@dataclass(frozen=True)
class Seen:
    """One answer as a person saw it."""

    first: float
    """From the first delta to the first visible text."""
    last: float
    """From the last delta to the complete text."""
    staleness: float
    """Mean age of the oldest unseen delta, weighted by time."""
    calls: float


def letters(text: str) -> int:
    """How many letters and digits a text has."""
    return sum(map(str.isalnum, text))


def seen(deltas: Sequence[Step], shown: Sequence[Step], calls: float) -> Seen:
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
    answers: Sequence[Sequence[Step]], limits: Allowed, latency: float, start: float = 0.0
) -> float:
    """The mean staleness of a bot that knows in advance how long the answers take.

    The answers share one budget and end with one call each. All other calls that the budget allows
    are spread evenly over them, yet early enough that those for the ends are there again: the
    k-th last of them `k - (capacity - answers)` refills before the end. `start` is the earliest
    time at which the bot may begin.
    """
    begin = max(start, min(written[0][0] for written in answers))
    last = max(written[-1][0] for written in answers)
    duration = max(0.0, last - begin)
    spare = limits.burst - len(answers)
    calls = int(min(spare + duration / limits.every, len(answers) * duration / limits.gap))
    even = sorted(
        (begin + duration * (number + 1) / (of + 1), place)
        for place, of in enumerate(_shares(max(0, calls), len(answers)))
        for number in range(of)
    )
    moments: list[list[float]] = [[] for _ in answers]
    for number, (at, place) in enumerate(reversed(even), start=1):
        latest = last - max(0.0, number - max(0.0, spare)) * limits.every
        moments[place].append(max(begin, min(at, latest)))
    each = [
        with_frames(written, sorted(at), latency)
        for written, at in zip(answers, moments, strict=True)
    ]
    return sum(each) / len(each)


def _shares(calls: int, parts: int) -> list[int]:
    """So many calls dealt to so many parts."""
    return [calls // parts + (number < calls % parts) for number in range(parts)]


def with_frames(written: Sequence[Step], moments: Sequence[float], latency: float) -> float:
    """The staleness when the answer is shown at these moments, and whole at its end."""
    times, counts = [at for at, _ in written], [count for _, count in written]
    ends = max(written[-1][0], *moments) if moments else written[-1][0]
    shown = [(at + latency, counts[max(0, bisect_right(times, at) - 1)]) for at in (*moments, ends)]
    return staleness(written, shown, shown[-1][0])


def over_posts(posts: Sequence[Sequence[Step]]) -> list[Step]:
    """When how many letters were visible, over all posts of an answer; given each post's own."""
    changes = sorted((at, number, count) for number, post in enumerate(posts) for at, count in post)
    visible: dict[int, int] = {}
    steps = []
    for at, number, count in changes:
        visible[number] = count
        steps.append((at, sum(visible.values())))
    return steps


def share(values: Sequence[float], part: float) -> float:
    """The value that this part of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
