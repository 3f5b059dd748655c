"""Several processes on one PostgreSQL: each holds shards of chats and duties by a session's locks."""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager

import structlog
from sqlalchemy import ColumnElement, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.errors import StoreTrouble
from bridge.sharing.coordinator import Bell, ShardWorker, Work
from bridge.sharing.leases import FENCE_SECONDS, Leases
from bridge.sharing.session import Holders, LeaseSession
from bridge.sharing.shards import ALL_SHARDS, Duty, to_hand_over, to_take
from bridge.store.dialects.postgresql import BELL_CHANNEL, driver_errors
from bridge.store.engine import Store

log = structlog.get_logger(__name__)
BEAT_SECONDS = 0.5
AGAIN_SECONDS = 0.3
"""How long after a session was lost a new one is tried."""
SURPLUS_SECONDS = 60.0
"""So long a shard that another process should have may go on being busy."""


class PostgresqlCoordinator:
    """Holds its part of the shards for as long as its session with the database lives.

    A process that dies loses its session, and with it the locks. One that is frozen or cut off
    is silent for so long that the server ends its session; before that time its own timer has
    broken off its work.
    """

    shared = True

    def __init__(self, store: Store) -> None:
        self._store = store
        self.name = secrets.token_hex(6)
        """Of this process, among those of the database."""
        self.leases = Leases()
        self.processes = 1
        """How many share the work."""
        self._session: LeaseSession | None = None
        self._heard: dict[Bell, list[Callable[[str], None]]] = {}
        self._duties: dict[Duty, asyncio.Event] = {}
        """Those that this process would do, and whether each is its own."""
        self._changed = asyncio.Condition()
        self._taking: set[int] = set()
        """Shards that are being taken up."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._to_release: set[int] = set()
        self._surplus_since: float | None = None
        self._leaving = self._left = False

    def owns(self, chat_id: int) -> bool:
        """Return whether the chat is this process's."""
        return self.leases.owns(chat_id)

    def holds(self, number: int) -> bool:
        """Return whether a shard or a duty is this process's."""
        return number in self.leases

    @asynccontextmanager
    async def working(self, worker: ShardWorker) -> AsyncIterator[None]:
        """Have the worker take up and break off shards until the context ends. Raises StoreTrouble."""
        session = self._session = await LeaseSession.open(self._store.address, self._hear)
        asked_at = self.leases.clock()
        await session.look()
        self.leases.confirm(asked_at)
        self._store.fence = self.leases
        living = asyncio.create_task(self._live(worker), name="leases")
        try:
            yield
        finally:
            await self._store.flush()  # it needs the leases
            for task in (living, *self._tasks):
                task.cancel()
            await asyncio.gather(living, *self._tasks, return_exceptions=True)
            self.leases.lose_all()
            if self._session is not None:
                await self._session.close()

    async def leave(self) -> None:
        """Hand over what is idle, and take nothing more: this process is about to end."""
        self._leaving = True

    async def perform(self, duty: Duty, work: Work) -> None:
        """Do the work of a duty while it is this process's; for ever. Raises what the work raises."""
        ours = self._duties[duty] = asyncio.Event()
        try:
            while True:
                await ours.wait()
                await self._while_held(duty, work)
        finally:
            self._duties.pop(duty, None)

    async def _while_held(self, duty: Duty, work: Work) -> None:
        log.info("duty taken", duty=duty.name.lower())
        doing = asyncio.ensure_future(work())
        losing = asyncio.create_task(self._lost(duty), name=f"loss of {duty.name.lower()}")
        try:
            await asyncio.wait({doing, losing}, return_when=asyncio.FIRST_COMPLETED)
            if doing.done():
                doing.result()
        finally:
            for task in (doing, losing):
                task.cancel()
            await asyncio.gather(doing, losing, return_exceptions=True)

    async def _lost(self, duty: Duty) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: duty not in self.leases)

    async def ring(self, tx: AsyncConnection, bell: Bell, about: object = "") -> None:
        """Let the other processes hear of something when the transaction commits."""
        await tx.execute(select(*self.ringing(bell, literal(str(about)))))

    def ringing(
        self, bell: Bell, about: ColumnElement[str | None]
    ) -> Sequence[ColumnElement[object]]:
        """Return what rings as `ring` does for each row of which it is read; not where `about` is null."""
        said = literal(f"{self.name} {bell.name} ").concat(about)
        return (func.pg_notify(BELL_CHANNEL, said).label("rung"),)

    def on(self, bell: Bell, heard: Callable[[str], None]) -> None:
        """Have a function called when another process rings, with what it is about."""
        self._heard.setdefault(bell, []).append(heard)

    def _hear(self, said: str) -> None:
        """Pass on what another process says; a newer release may say what is not known here."""
        who, _, rest = said.partition(" ")
        name, _, about = rest.partition(" ")
        if who == self.name or name not in Bell.__members__:
            return
        for heard in self._heard.get(Bell[name], ()):
            try:
                heard(about)
            except ValueError:
                log.warning("bell not understood", bell=name)

    async def _live(self, worker: ShardWorker) -> None:
        """Keep a session, and do what follows from having and losing it; for ever."""
        lost: tuple[type[Exception], ...] = (*driver_errors(), StoreTrouble)
        while True:
            try:
                if self._session is None:
                    self._session = await LeaseSession.open(self._store.address, self._hear)
                    log.info("database session opened again")
                await self._beat_on(self._session, worker)
            except lost as error:
                log.warning("database session lost", error=type(error).__name__)
                await self._start_over(worker, error)
            except Exception as error:  # the edge: whatever it is, without leases nothing goes on
                log.exception("unhandled error while the leases were kept")
                await self._start_over(worker, error)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _start_over(self, worker: ShardWorker, error: Exception) -> None:
        """Give the session up, and all that was held by it."""
        if self._session is not None:
            self._session.terminate()  # it may live, and hold what nobody works for
        self._session = None
        if isinstance(error, StoreTrouble):
            self._store.fault = error
        try:
            await self._break_off_all(worker)
        except Exception:  # the edge: what is not broken off here is fenced by its epoch
            log.exception("work not broken off")

    async def _break_off_all(self, worker: ShardWorker) -> None:
        """The session is lost, and everything with it."""
        self.leases.lose_all()
        self._store.cut()  # nothing may wait for a link that is dead
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._to_release.clear()
        await self._note_change()
        await worker.break_off(ALL_SHARDS)

    async def _beat_on(self, session: LeaseSession, worker: ShardWorker) -> None:
        """Confirm, take and hand over, again and again, until the session is lost.

        Raises what it is lost by, and StoreTrouble when it is merely silent.
        """
        silent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        beating = asyncio.create_task(self._beats(session, worker, silent), name="lease beats")
        try:
            await asyncio.wait({beating, silent}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            beating.cancel()
            await asyncio.wait({beating}, timeout=AGAIN_SECONDS)
        if silent.done() or not beating.done() or beating.cancelled():
            raise StoreTrouble(
                "Keeping the leases", f"the database is silent for {FENCE_SECONDS} s"
            )
        beating.result()

    async def _beats(
        self, session: LeaseSession, worker: ShardWorker, silent: asyncio.Future[None]
    ) -> None:
        loop = asyncio.get_running_loop()
        fence = loop.call_later(FENCE_SECONDS, self._fence, session, silent)
        try:
            while True:
                asked_at = self.leases.clock()
                found = await session.look()
                self.leases.confirm(asked_at)
                fence.cancel()
                left = FENCE_SECONDS - (self.leases.clock() - asked_at)
                fence = loop.call_later(left, self._fence, session, silent)
                if found.updates:
                    worker.note_updates()
                await self._balance(session, worker, found)
                await asyncio.sleep(BEAT_SECONDS)
        finally:
            fence.cancel()

    def _fence(self, session: LeaseSession, silent: asyncio.Future[None]) -> None:
        """Nothing was confirmed for too long: hold nothing any more. It waits for nobody."""
        log.warning("database silent, leases given up", seconds=FENCE_SECONDS)
        self.leases.lose_all()
        session.terminate()
        self._store.cut()
        if not silent.done():
            silent.set_result(None)

    async def _balance(self, session: LeaseSession, worker: ShardWorker, found: Holders) -> None:
        """Take what is free and due to this process; hand over what is others'."""
        if found.processes != self.processes:
            self.processes = found.processes
            log.info("processes", count=found.processes)
        if self._leaving and not self._left:
            self._left = True
            await session.leave()
        await self._hand_over(session, worker)
        free = [shard for shard in ALL_SHARDS if shard not in found.taken]
        random.shuffle(free)
        wanted = [] if self._leaving else free[: self._room(found)]
        wanted += [duty for duty in self._duties if duty not in found.taken]
        taken = await session.take(wanted)
        self.leases.take(taken)
        if taken:
            await self._note_change()
        if shards := taken.keys() & ALL_SHARDS:
            self._start(self._take_up(worker, shards))

    def _room(self, found: Holders) -> int:
        return to_take(self.leases.held, found.taken, found.processes)

    async def _hand_over(self, session: LeaseSession, worker: ShardWorker) -> None:
        mine = self.leases.held & ALL_SHARDS
        busy = {*worker.busy()} | self._taking
        surplus = to_hand_over(
            {shard: shard in busy for shard in mine}, self.processes, leaving=self._leaving
        )
        going = {shard for shard in surplus if shard not in busy}
        going |= {duty for duty in Duty if duty in self.leases and duty not in self._duties}
        self.leases.give_up(going)
        now = asyncio.get_running_loop().time()
        if {*surplus} <= going or self._leaving:  # its answers have their grace
            self._surplus_since = None
        elif self._surplus_since is None:
            self._surplus_since = now
        elif now - self._surplus_since > SURPLUS_SECONDS:
            self._surplus_since = None
            self._start(self._break_off(worker, {*surplus} - going))
        if going:
            await self._note_change()
        await session.release(going | self._to_release)
        self._to_release.clear()

    async def _break_off(self, worker: ShardWorker, shards: Collection[int]) -> None:
        """Hand over shards that do not become idle."""
        self.leases.give_up(shards)
        try:
            await worker.break_off(shards)
        finally:
            self._to_release |= {*shards}

    async def _take_up(self, worker: ShardWorker, shards: Collection[int]) -> None:
        self._taking |= {*shards}
        try:
            while True:
                try:
                    await worker.take_up(shards)
                    return
                except StoreTrouble as trouble:
                    log.error("shards not taken up yet", trouble=str(trouble))
                    await asyncio.sleep(AGAIN_SECONDS)
        finally:
            self._taking -= {*shards}

    def _start(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.create_task(work, name="shards")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _note_change(self) -> None:
        """Let everybody who waits for a lease see what is held now."""
        for duty, ours in self._duties.items():
            ours.set() if duty in self.leases else ours.clear()
        async with self._changed:
            self._changed.notify_all()
