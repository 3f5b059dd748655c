"""How this process is, written down for the others every few seconds."""

import asyncio
import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from bridge import __version__
from bridge.errors import StoreTrouble
from bridge.health import Health
from bridge.redaction import redacted
from bridge.sharing import processes
from bridge.sharing.coordinator import Coordinator
from bridge.sharing.processes import Load, Process
from bridge.sharing.shards import ALL_SHARDS, Duty
from bridge.store.engine import Store
from bridge.telegram.status import StatusReader

log = structlog.get_logger(__name__)
REPORT_SECONDS = 5.0


@dataclass(frozen=True)
class ProcessReport:
    """Writes down what `/status` and the dashboard of any process show of this one."""

    sharing: Coordinator
    status: StatusReader
    health: Health
    began: float = field(default_factory=time.monotonic)
    host: str = field(default_factory=socket.gethostname)

    async def keep(self) -> None:
        """Write it down, for ever; in the end this process is forgotten."""
        try:
            while True:
                try:
                    await self._write()
                except StoreTrouble as trouble:
                    log.warning("process not reported", trouble=str(trouble))
                await asyncio.sleep(REPORT_SECONDS)
        finally:
            with suppress(StoreTrouble):
                async with self.status.store.writing(of=()) as tx:
                    await processes.forget(tx, self.sharing.name)

    async def _write(self) -> None:
        uptime = time.monotonic() - self.began
        named = Process(
            id=self.sharing.name,
            host=self.host,
            pid=os.getpid(),
            version=__version__,
            uptime=uptime,
            load=self.load(),
        )
        async with self.status.store.writing(single=True) as tx:
            await processes.write(tx, named)

    def load(self) -> Load:
        """Return what this process does now."""
        polling = self.status.polling
        return Load(
            shards=sum(self.sharing.holds(shard) for shard in ALL_SHARDS),
            chats=len(self.status.lanes),
            calls=self.status.pacer.in_flight,
            heard=None if polling.resting else polling.silent_seconds,
            duties=tuple(duty.name.lower() for duty in Duty if self.sharing.holds(duty)),
            faults=tuple(redacted(fault) for fault in self.health.faults()),
        )


async def lost_processes(store: Store) -> Sequence[tuple[str, str]]:
    """Return the kinds and descriptions of alarms about processes that are lost. Raises StoreTrouble."""
    async with store.reading() as tx:
        found = await processes.all_of(tx)
    return [
        (
            f"process {one.host} ({one.pid})",
            f"Version {one.version}. Look whether the host is up and its bridge is started again.",
        )
        for one in processes.lost_for_good(found)
    ]
