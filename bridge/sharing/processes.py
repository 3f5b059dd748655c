"""The processes that share the work, as each of them writes itself down."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.dialects.clock import now
from bridge.store.dialects.upsert import insert_or_update
from bridge.store.tables import processes

LOST_SECONDS = 15.0
"""A process that was not seen for so long is lost, or frozen."""
FORGET_SECONDS = 86400.0
ALARM_SECONDS = 3600.0
"""For so long a lost process that nothing replaces is an alarm."""


@dataclass(frozen=True)
class Load:
    """What a process does now."""

    shards: int = 0
    chats: int = 0
    """How many chats it answers."""
    calls: int = 0
    """How many calls of the Bot API are on their way."""
    heard: float | None = None
    """Seconds since Telegram answered its last poll; None where another process polls."""
    duties: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Process:
    """One process."""

    id: str
    host: str
    pid: int
    version: str
    uptime: float = 0.0
    """Seconds since it began."""
    seen: float = 0.0
    """Seconds since it wrote itself down."""
    load: Load = field(default_factory=Load)

    @property
    def lost(self) -> bool:
        """Whether it was not seen for so long that others work in its place."""
        return self.seen > LOST_SECONDS


def lost_for_good(found: Sequence[Process]) -> Sequence[Process]:
    """Return which of them were lost within the hour, and no other has begun on their host since."""
    return [
        one
        for one in found
        if one.lost
        and one.seen < ALARM_SECONDS
        and not any(other.host == one.host and other.uptime < one.seen for other in found)
    ]


async def write(tx: AsyncConnection, process: Process) -> None:
    """Write down how a process is."""
    time = now(tx)
    changes = {"seen_at": time, "state": asdict(process.load)}
    values = {
        "id": process.id,
        "host": process.host,
        "pid": process.pid,
        "version": process.version,
        "began_at": time - process.uptime,
        **changes,
    }
    await tx.execute(insert_or_update(tx, processes, values, changes))


async def forget(tx: AsyncConnection, name: str) -> None:
    """Forget a process that ends by itself, and those that were lost long ago."""
    old = processes.c.seen_at < now(tx) - FORGET_SECONDS
    await tx.execute(delete(processes).where((processes.c.id == name) | old))


async def all_of(tx: AsyncConnection) -> Sequence[Process]:
    """Return all processes, the longest running first."""
    time = now(tx)
    ages = (
        (time - processes.c.began_at).label("uptime"),
        (time - processes.c.seen_at).label("seen"),
    )
    rows = (await tx.execute(select(processes, *ages).order_by(processes.c.began_at))).all()
    return [
        Process(
            id=row.id,
            host=row.host,
            pid=row.pid,
            version=row.version,
            uptime=float(row.uptime),
            seen=float(row.seen),
            load=_load(row.state),
        )
        for row in rows
    ]


def _load(stored: Mapping[str, object]) -> Load:
    """Return what a process does; one of another release may tell more or less of it."""
    known = {one.name: stored[one.name] for one in fields(Load) if one.name in stored}
    lists = {name: tuple(value) for name, value in known.items() if isinstance(value, list)}
    return Load(**{**known, **lists})  # type: ignore[arg-type]  # as it was written
