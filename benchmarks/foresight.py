"""What a bot shows that knows the limits, every question and every end beforehand. Pure; times in seconds.

It is what the bridge is compared with: it shows the first and the last text of each answer at once,
and spends all other calls where most is gained by them, which no bot can that does not know the future.
It is found step by step, so one that is a little better may exist.
"""

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from benchmarks.measures import Step
from bridge.sandbox.telegram.rate_limits import Limit

GRID_SECONDS = 0.25
"""How closely the moments lie that are tried for a call."""
LATER_SECONDS = 0.05
"""By how much a first or last text is put off while there is no call for it."""
EVEN_OUT = 3
"""How often moments are moved to the middle of their neighbours."""
LEAST_GAIN = 0.02


@dataclass(frozen=True)
class Asked:
    """One answer to come: where, and how it will be written."""

    chat_id: int
    written: Sequence[Step]

    @property
    def begin(self) -> float:
        """When its first letters are written."""
        return self.written[0][0]

    @property
    def end(self) -> float:
        """When it is written to its end."""
        return self.written[-1][0]


class Calls:
    """Calls that keep limits."""

    def __init__(self, limits: Sequence[Limit]) -> None:
        self._limits = limits
        self._times: list[float] = []

    def add(self, at: float) -> None:
        """Make one more."""
        insort(self._times, at)

    def remove(self, at: float) -> None:
        """Make it no more."""
        del self._times[bisect_left(self._times, at)]

    def fits(self, at: float) -> bool:
        """Return whether one more call then would be allowed, and all later ones, too."""
        return all((self._fills if one.burst else self._crowds)(at, one) for one in self._limits)

    def _crowds(self, at: float, limit: Limit) -> bool:
        place = bisect_left(self._times, at)
        near = self._times[max(0, place - limit.count) : place + limit.count]
        near = sorted([*near, at])
        spans = zip(near, near[limit.count :], strict=False)
        return all(last - first >= limit.seconds for first, last in spans)

    def _fills(self, at: float, limit: Limit) -> bool:
        place = bisect_left(self._times, at)
        level, then = float(limit.burst), float("-inf")
        for one in (*self._times[:place], at, *self._times[place:]):
            level, then = min(limit.burst, level + (one - then) / limit.every) - 1, one
            if level < -1e-9:
                return False
        return True


class Foresight:
    """The moments at which each answer is shown."""

    def __init__(
        self,
        asked: Sequence[Asked],
        own: Mapping[int, Sequence[Limit]],
        overall: Sequence[Limit],
        new: Sequence[Limit],
    ) -> None:
        """Each chat keeps its `own` limits; all calls `overall`, and new messages `new`."""
        self._asked = asked
        self._own = {chat_id: Calls(limits) for chat_id, limits in own.items()}
        self._all, self._new = Calls(overall), Calls(new)
        self.moments: list[list[float]] = [[] for _ in asked]
        """Of each answer, first and last text included."""
        self._show_ends()
        self._fill()
        for _ in range(EVEN_OUT):
            self._even_out()

    def _show_ends(self) -> None:
        """Show first words and whole texts as soon as a call may be made."""
        wanted = [(one.begin, place) for place, one in enumerate(self._asked)]
        wanted += [(one.end, place) for place, one in enumerate(self._asked)]
        for at, place in sorted(wanted):
            first = not self.moments[place]
            while not self._fits(place, at) or (first and not self._new.fits(at)):
                at += LATER_SECONDS
            if first:
                self._new.add(at)
            self._add(place, at)

    def _fill(self) -> None:
        """Make all other calls that fit, the most useful one first."""
        gains = []
        for place, one in enumerate(self._asked):
            steps = int((one.end - one.begin) / GRID_SECONDS)
            tries = [one.begin + number * GRID_SECONDS for number in range(1, steps + 1)]
            gains += [(-self._gain(place, at), place, at) for at in tries]
        heapify(gains)
        while gains:
            gain, place, at = heappop(gains)
            now = -self._gain(place, at)
            if now > gain + 1e-9:  # others were made meanwhile
                if now < -LEAST_GAIN:
                    heappush(gains, (now, place, at))
            elif self._fits(place, at):
                self._add(place, at)

    def _even_out(self) -> None:
        for place, moments in enumerate(self.moments):
            for number in range(1, len(moments) - 1):
                here = moments[number]
                middle = (moments[number - 1] + moments[number + 1]) / 2
                self._remove(place, here)
                parts = (1.0, 0.75, 0.5, 0.25)
                tries = (here + part * (middle - here) for part in parts)
                self._add(place, next((at for at in tries if self._fits(place, at)), here))

    def _gain(self, place: int, at: float) -> float:
        """Return by how much less is unseen, in square seconds, with a call then."""
        moments = self.moments[place]
        number = bisect_left(moments, at)
        if not 0 < number < len(moments):
            return 0.0
        return (at - moments[number - 1]) * (moments[number] - at)

    def _fits(self, place: int, at: float) -> bool:
        return self._own[self._asked[place].chat_id].fits(at) and self._all.fits(at)

    def _add(self, place: int, at: float) -> None:
        insort(self.moments[place], at)
        self._own[self._asked[place].chat_id].add(at)
        self._all.add(at)

    def _remove(self, place: int, at: float) -> None:
        self.moments[place].remove(at)
        self._own[self._asked[place].chat_id].remove(at)
        self._all.remove(at)
