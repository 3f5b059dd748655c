"""Accept updates, whoever brought them: store, order and settle each, and retry what fails.

A batch is committed to the inbox before Telegram hears that we have it.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import nullcontext
from functools import partial

import structlog

from bridge.errors import LeaseLost, StoreTrouble, TelegramUnreachable, Unstorable
from bridge.metrics import Metrics
from bridge.sharing.coordinator import Bell, Coordinator
from bridge.sharing.solo import SoloCoordinator
from bridge.store import inbox
from bridge.store.engine import Store
from bridge.store.inbox import Arrived
from bridge.telegram.access.limits import IgnoredPeople
from bridge.telegram.api.cancelling import break_off
from bridge.telegram.api.deliver import pauses
from bridge.telegram.inbound.get_updates import DOING, Raw
from bridge.telegram.inbound.ordering import Ordering
from bridge.telegram.inbound.router import UpdateRouter
from bridge.telegram.updates.parse import kind_of, owner_chat_of
from bridge.telegram.updates.route import Route, route_of

log = structlog.get_logger(__name__)
UNKNOWN_AT_ONCE = 2
LOOK_SECONDS = 1.0
"""While updates are stored, how often a process that shares the work looks for those it heard nothing of."""


def _routes(arrived: Arrived) -> tuple[Route, int]:
    """Return where a stored update belongs, and the chat whose process settles it."""
    try:
        content = json.loads(arrived.payload)
        return route_of(content), arrived.chat_id or owner_chat_of(content)
    except (ValueError, RecursionError):
        return Route(0, 0, act=True, all=False), arrived.chat_id  # it will be set aside


class Dispatcher:
    """Has every update settled once, in its order."""

    def __init__(
        self,
        bot_id: int,
        store: Store,
        router: UpdateRouter,
        ignored: IgnoredPeople | None = None,
        metrics: Metrics | None = None,
        sharing: Coordinator | None = None,
    ) -> None:
        """Updates of `ignored` people are done when they come.

        Those of unknown people are settled a few at a time: they must not crowd out the others.
        """
        self._sharing = sharing or SoloCoordinator()
        self._look_now = asyncio.Event()
        self._looking = asyncio.Lock()
        self._looked_at = float("-inf")
        """When it was looked last, on the loop's clock."""
        self._going: set[int] = set()
        """The numbers of updates that are being settled, or were since the last look began."""
        self._done: set[int] = set()
        self._bot_id = bot_id
        self._store = store
        self.router = router
        self._ignored = ignored or IgnoredPeople()
        self._metrics = metrics or Metrics()
        self._few = asyncio.Semaphore(UNKNOWN_AT_ONCE)
        self.tasks: dict[asyncio.Task[None], tuple[float, int, int]] = {}
        """When each update that is being settled came (on the loop's clock), for which chat, and in
        the order of which chat."""
        self._settled = asyncio.get_running_loop().time()
        """When the last one was settled."""
        self._ordering = Ordering()

    def stuck_since(self) -> float | None:
        """Return since when updates wait and none was settled (on the loop's clock).

        One chat that takes its time, as where Telegram wants silence, proves nothing: None then.
        """
        oldest = dict[int, float]()
        for begun, chat_id, _ in self.tasks.values():
            oldest[chat_id] = min(begun, oldest.get(chat_id, begun))
        return max(self._settled, sorted(oldest.values())[1]) if len(oldest) > 1 else None

    async def follow(self) -> None:
        """Settle, for ever, what other processes store of this one's chats."""
        self._sharing.on(Bell.UPDATES, self._hear)
        while True:
            await self._look_now.wait()
            self._look_now.clear()
            try:
                await self.look()
            except StoreTrouble as trouble:
                log.error("reading the inbox failed", trouble=str(trouble))

    def _hear(self, about: str) -> None:
        if any(self._sharing.owns(int(chat_id)) for chat_id in about.split(",")):
            self._look_now.set()

    def look_again(self) -> None:
        """Look for what nobody rang for, unless it was looked a moment ago."""
        if asyncio.get_running_loop().time() - self._looked_at >= LOOK_SECONDS:
            self._look_now.set()

    async def look(self) -> None:
        """Settle what is stored of this process's chats and is not being settled, in its order.

        Raises StoreTrouble.
        """

        def wanted(number: int, chat_id: int) -> bool:
            ours = chat_id == 0 or self._sharing.owns(chat_id)
            return ours and number not in self._going

        async with self._looking:
            self._looked_at = asyncio.get_running_loop().time()
            self._going -= self._done
            self._done.clear()
            async with self._store.reading() as tx:
                left = await inbox.waiting(tx, self._bot_id, wanted)
            for arrived in left:
                route, owner = _routes(arrived)
                if self._sharing.owns(owner):  # as far as is known by now
                    self._dispatch(arrived, route, owner)

    def chats(self) -> set[int]:
        """Return the ids of chats of which updates are being settled."""
        return {owner for _, _, owner in self.tasks.values()}

    async def drop_chats(self, dropped: Callable[[int], bool]) -> None:
        """Break off what settles updates of chats that are `dropped`; they stay new in the store."""
        tasks = [task for task, (_, _, owner) in self.tasks.items() if dropped(owner)]
        await break_off(tasks)

    async def accept(self, updates: Mapping[int, Raw]) -> bool:
        """Commit updates by their numbers, and begin to settle them; whether any was new.

        Raises StoreTrouble, and TelegramUnreachable for a number that two updates have.
        """
        routes = {number: route_of(one) for number, one in updates.items()}
        chats = {number: owner_chat_of(one) for number, one in updates.items()}
        ignored = {number for number, route in routes.items() if self._ignored.ignores(route)}
        try:
            # Alone, what is new is known here only, and must be forgotten with what fails.
            async with self._store.writing(of=(), single=self._sharing.shared) as tx:
                rings = self._sharing.ringing(Bell.UPDATES, inbox.CHAT_OF_NEW)
                fresh = await inbox.put(tx, self._bot_id, updates, ignored, chats, rings)
        except inbox.NumberTaken as error:
            raise TelegramUnreachable(DOING, "a number was given to two updates") from error
        for arrived in fresh:
            self._metrics.took(kind_of(updates[arrived.update_id]))
            if not self._sharing.shared:
                self._dispatch(arrived, routes[arrived.update_id], chats[arrived.update_id])
        ours = any(self._sharing.owns(chats[one.update_id]) for one in fresh)
        if self._sharing.shared and ours:  # all go one way, which keeps their order
            self._look_now.set()
        return bool(fresh) or bool(ignored)

    def _dispatch(self, arrived: Arrived, route: Route, owner: int) -> None:
        """Settle an update after those that it has to wait for."""
        before, quick = self._ordering.before(route)
        task = asyncio.create_task(
            self._settle(arrived, before, route), name=f"update {arrived.update_id}"
        )
        self._ordering.add(route, task, quick=quick)
        now = asyncio.get_running_loop().time()
        self.tasks[task] = (now, route.chat_id, owner)
        if self._sharing.shared:
            self._going.add(arrived.update_id)
        task.add_done_callback(lambda done: self._forget(arrived, route, done))

    def _forget(self, arrived: Arrived, route: Route, done: asyncio.Task[None]) -> None:
        del self.tasks[done]
        if self._sharing.shared:
            self._done.add(arrived.update_id)
        self._settled = asyncio.get_running_loop().time()
        self._ordering.remove(route, done)

    async def _settle(
        self, arrived: Arrived, before: Collection[asyncio.Task[None]], route: Route
    ) -> None:
        if before:
            await asyncio.wait(before)
        async with self._few if self._ignored.unknown(route) else nullcontext():
            await self._settle_now(arrived)

    async def _settle_now(self, arrived: Arrived) -> None:
        settle: Callable[[], Awaitable[None]] = partial(self.router.settle, arrived)
        for pause in pauses():  # until then it stays new in the inbox, also for a next start
            try:
                await settle()
            except Unstorable as trouble:
                log.error("update set aside", update=arrived.update_id, trouble=str(trouble))
                settle = partial(self.router.set_aside, arrived, trouble)
            except LeaseLost as lost:
                log.info("update left to another process", update=arrived.update_id, why=lost.what)
                return
            except StoreTrouble as trouble:
                log.error("update waits", update=arrived.update_id, trouble=str(trouble))
                await asyncio.sleep(pause)
            except Exception as error:  # the edge: a defect must not end the chat's updates
                log.exception("update not settled", update=arrived.update_id)
                settle = partial(self.router.set_aside, arrived, error)
                await asyncio.sleep(pause)
            else:
                return

    async def close(self) -> None:
        """Let what is being settled end; nothing new is taken."""
        if self.tasks:
            _, late = await asyncio.wait(set(self.tasks), timeout=2.0)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
