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


Made = tuple[float, bool]
"""When a call is made, and whether it shows a text in between: not the first of an answer, nor the last."""


class Calls:
    """Calls that keep limits."""

    def __init__(self, limits: Sequence[Limit], kept: int = 0) -> None:
        """Calls in between leave so many `kept`."""
        self._limits = limits
        self._kept = kept
        self._made: list[Made] = []

    def add(self, made: Made) -> None:
        """Make one more."""
        insort(self._made, made)

    def remove(self, made: Made) -> None:
        """Make it no more."""
        del self._made[bisect_left(self._made, made)]

    def fits(self, made: Made) -> bool:
        """Return whether one more call then would be allowed, and all later ones, too."""
        return all((self._fills if one.burst else self._crowds)(made, one) for one in self._limits)

    def _crowds(self, made: Made, limit: Limit) -> bool:
        """Return whether a sliding window has room."""
        place = bisect_left(self._made, made)
        near = self._made[max(0, place - limit.count) : place + limit.count]
        insort(near, made)
        for number, (at, between) in enumerate(near):
            most = max(1, limit.count - (self._kept if between else 0))
            if number >= most and at - near[number - most][0] < limit.seconds:
                return False
        return True

    def _fills(self, made: Made, limit: Limit) -> bool:
        """Return whether a bucket has as many."""
        place = bisect_left(self._made, made)
        kept = min(self._kept, limit.burst - 1)
        level, then = float(limit.burst), float("-inf")
        for at, between in (*self._made[:place], made, *self._made[place:]):
            level, then = min(limit.burst, level + (at - then) / limit.every) - 1, at
            if level < (kept if between else 0) - 1e-9:
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
        *,
        kept: int = 0,
    ) -> None:
        """Each chat keeps its `own` limits; all calls `overall`, and new messages `new`.

        Texts in between leave so many calls of the chat's own `kept`, for the next answer.
        """
        self._asked = asked
        self._own = {chat_id: Calls(limits, kept) for chat_id, limits in own.items()}
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
            while not self._fits(place, at, between=False) or (
                first and not self._new.fits((at, False))
            ):
                at += LATER_SECONDS
            if first:
                self._new.add((at, False))
            self._add(place, at, between=False)

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
            if now >= -LEAST_GAIN:
                continue  # next to others, or before the first words
            if now > gain + 1e-9:  # others were made meanwhile
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

    def _fits(self, place: int, at: float, *, between: bool = True) -> bool:
        made = (at, between)
        return self._own[self._asked[place].chat_id].fits(made) and self._all.fits(made)

    def _add(self, place: int, at: float, *, between: bool = True) -> None:
        insort(self.moments[place], at)
        self._own[self._asked[place].chat_id].add((at, between))
        self._all.add((at, between))

    def _remove(self, place: int, at: float) -> None:
        self.moments[place].remove(at)
        self._own[self._asked[place].chat_id].remove((at, True))
        self._all.remove((at, True))
