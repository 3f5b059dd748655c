"""What all chats together may call: an estimate, and how much of it is used. Pure."""

from math import ceil

from bridge.telegram.pace.estimates import BOT, Estimate, Range, Rates
from bridge.telegram.pace.evidence import Evidence
from bridge.telegram.pace.tokens import INSTANT, Recent, Tokens

BURST, STEADY = 20.0, 4.0
"""Calls at once of those that people wait for, and of all others."""
PROBE = 0.12
"""What many chats use is soon found out: by which part it grows in a minute above what was refused."""
OVERALL = Range(
    rate=25.0, burst=BURST, most_rate=400.0, most_burst=BURST, least_rate=1.0, probe=PROBE
)
"""All calls of all chats."""
NEW = Range(
    rate=25.0,
    burst=BURST,
    most_rate=100.0,
    most_burst=BURST,
    least_rate=1.0,
    near=27.0,
    probe=PROBE,
)
"""New messages of all chats; Telegram's own FAQ for bots speaks of about 30 a second."""
USED_PART = 0.85
"""From this part of its rate on an estimate is really used."""
BOT_SECONDS, BOT_LONG_SECONDS = 1.0, 10.0
"""Over how long the rate of all chats is measured."""
CLEARLY_TIMES = 1.1
"""What is so many times as much is more, though calls arrive less evenly than they were sent."""
SECOND = 1.1
"""A second, and what the ways of two calls to Telegram may differ by."""
MOST_CALLS = 4096
"""So many are remembered: of a quarter of a minute, where hundreds of chats are busy."""
PROVED_SECONDS = 2.0
"""After so long without a late answer calls went well."""


class Overall:
    """What all chats together may call of one kind: an estimate, and how much of it is used."""

    def __init__(self, range_: Range) -> None:
        self.estimate = Estimate(range_)
        self.tokens = Tokens(self.estimate, BOT, float("-inf"))
        self.recent = Recent(MOST_CALLS)
        self.evidence = Evidence(self.recent, (BOT_SECONDS, 4 * BOT_SECONDS))
        self.opens_at = 0.0
        """From when on this process may call, where others do, too."""

    def wait(self, now: float, count: int, kept: float) -> float:
        """Return seconds until so many calls may go, and leave so many `kept` for others."""
        return max(self.opens_at - now, self.own_wait(now, count, kept))

    def own_wait(self, now: float, count: int, kept: float) -> float:
        """Return the same for a process that shares with nobody."""
        most = int(self.tokens.rate) + 1  # in any second, however much had been saved
        wait = max(self.tokens.wait(now, count + kept), self.recent.wait(now, most, SECOND))
        return wait if wait > INSTANT else 0.0

    def take(self, now: float, count: int) -> None:
        """Count a call that goes out."""
        self.tokens.take(now, count)
        self.recent.add(now, count)

    def others_called(self, begin: float, now: float, count: int) -> None:
        """Count what other processes have called since then."""
        self.tokens.take(now, count)
        self.recent.spread(begin, now, count)

    def give_back(self, count: int) -> None:
        """Undo the last count."""
        self.tokens.give_back(count)
        self.recent.take_back(count)

    def rate(self, now: float) -> float:
        """Return how many calls went out in the second before."""
        return self.recent.rate(now, BOT_SECONDS)

    def answered(self, now: float) -> None:
        """Rise, if what is allowed was really used: a call was answered promptly."""
        self.evidence.answered(now)
        self.estimate.went_well(self.rate(now - PROVED_SECONDS))
        if self.rate(now) >= USED_PART * self.tokens.rate:
            self.estimate.answered(now, BOT)

    def suspect(self, now: float, part: float = USED_PART) -> bool:
        """Return whether that part of what went well before was called of late."""
        return self.rate(now) >= part * self.estimate.rate

    def explained(self, sent_at: float) -> bool:
        """Return whether what was called may be too much: clearly more went well lately otherwise."""
        counts = [ceil(CLEARLY_TIMES * one) for one in self.evidence.counts(sent_at)]
        return not self.evidence.speaks_against(counts, sent_at - BOT_SECONDS)

    def refused(self, now: float, sent_at: float, *, late: bool) -> None:
        """Lower the estimate."""
        rates = Rates(self.rate(sent_at), self.recent.rate(sent_at, BOT_LONG_SECONDS))
        self.estimate.refused(now, BOT, sent_at, rates, late=late)
        self.tokens.drain(now)
