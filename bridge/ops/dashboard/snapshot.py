"""What the dashboard shows, read from the running bridge. No text of any message is among it."""

import asyncio
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bridge.app import App
from bridge.errors import StoreTrouble
from bridge.redaction import redacted
from bridge.store import chats
from bridge.store.operators import access, alarms, audit, people, stats
from bridge.store.operators.alarms import Alarm
from bridge.store.operators.audit import Act
from bridge.store.operators.people import Group, Known
from bridge.store.operators.stats import Failure, Live, Stats, Waits
from bridge.telegram.access.limits import PAUSED
from bridge.telegram.status import BridgeStatus

FRESH_SECONDS = 1.0
"""How long what was seen is good for all who look."""
NUMBERS_SECONDS = 15.0
"""The same for the numbers of a day, which cost more."""
HOURS = 24
HOUR = 3600.0
MOST_LIVE, MOST_FAILURES, MOST_PEOPLE, MOST_GROUPS, MOST_ACTS = 30, 8, 40, 30, 30


@dataclass(frozen=True)
class Numbers:
    """The last day, by hours."""

    stats: Stats
    waits: Sequence[Waits]


@dataclass(frozen=True)
class Snapshot:
    """The bridge at one moment."""

    at: float
    pulse: BridgeStatus | None = None
    trouble: str = ""
    """Why the rest is old; empty when it is not."""
    paused: str = ""
    alarms: Sequence[Alarm] = ()
    numbers: Numbers | None = None
    live: Sequence[Live] = ()
    failures: Sequence[Failure] = ()
    waiting: Mapping[int, str] = field(default_factory=dict)
    """Chats that ask to be let in, with their names."""
    people: Sequence[Known] = ()
    people_count: int = 0
    groups: Sequence[Group] = ()
    acts: Sequence[Act] = ()
    operators: frozenset[int] = frozenset()
    by_approval: bool = True
    bot: str = ""
    agent: str = ""
    """What answers where nothing else was chosen, as its maker calls it."""
    host: str = ""
    names: Mapping[int, str] = field(default_factory=dict)
    """Of the chats and people above."""


class Snapshots:
    """Looks at the bridge for all who watch, no more often than it changes for the eye."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._last = Snapshot(0.0)
        self._numbers_until = 0.0
        self._one = asyncio.Lock()
        self._host = socket.gethostname()

    async def look(self) -> Snapshot:
        """Return how it is now; when the store cannot be read, how it was, and the trouble."""
        async with self._one:
            if not 0 <= time.time() - self._last.at < FRESH_SECONDS:
                self._last = await self._fresh()
            return self._last

    def stale(self) -> None:
        """Note that something was changed: the next page is read anew."""
        self._last = replace(self._last, at=0.0)

    async def _fresh(self) -> Snapshot:
        try:
            return await self._read(time.time())
        except StoreTrouble as trouble:
            return replace(self._last, at=time.time(), trouble=redacted(str(trouble)))

    async def _read(self, now: float) -> Snapshot:
        app, context = self._app, self._app.context
        status = await context.status.read()
        numbers = await self._numbers(now)
        async with app.store.reading() as tx:
            found, count = await people.search(tx, "", 0, MOST_PEOPLE)
            groups = await people.groups(tx)
            asking = await access.who_ask(tx)
            waiting = {
                id_: one.name for id_, one in asking.items() if id_ not in context.rights.operators
            }
            wrong = await alarms.current(tx)
            failures = await stats.failures(tx, MOST_FAILURES)
            live = await stats.live(tx)
            acts = await audit.newest(tx, MOST_ACTS)
            paused = await chats.fact(tx, PAUSED)
        return Snapshot(
            now,
            status,
            trouble=redacted(str(app.store.fault or "")),
            paused=paused or "",
            alarms=[replace(one, what=redacted(one.what)) for one in wrong],
            numbers=numbers,
            live=live[:MOST_LIVE],
            failures=[replace(one, trouble=redacted(one.trouble)) for one in failures],
            waiting=waiting,
            people=[one for one in found if one.id not in waiting],
            people_count=count,
            groups=[one for one in groups if one.id not in waiting][:MOST_GROUPS],
            acts=acts,
            operators=frozenset(context.rights.operators),
            by_approval=context.deployment.by_approval,
            bot=f"@{context.calls.bot.username}",
            agent=context.agent_profiles.name_of(context.declared.default),
            host=self._host,
            names={
                **{one.id: one.title for one in groups},
                **{one.id: one.name for one in found},
                **waiting,
            },
        )

    async def _numbers(self, now: float) -> Numbers:
        kept = self._last.numbers
        if kept is not None and now < self._numbers_until:
            return kept
        ended = (now // HOUR + 1) * HOUR
        began = ended - HOURS * HOUR
        async with self._app.store.reading(long=True) as tx:
            day = await stats.between(tx, began, ended, HOURS)
            waits = await stats.waits(tx, began, ended, HOURS)
        self._numbers_until = now + NUMBERS_SECONDS
        return Numbers(day, waits)
