"""Accept updates, whoever brought them: store, order and settle each, and retry what fails.

A batch is committed to the inbox before Telegram hears that we have it.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import nullcontext
from functools import partial

import structlog

from bridge.errors import StoreTrouble, TelegramUnreachable, Unstorable
from bridge.metrics import Metrics
from bridge.store import inbox
from bridge.store.engine import Store
from bridge.store.inbox import Arrived
from bridge.telegram.access.limits import IgnoredPeople
from bridge.telegram.api.deliver import pauses
from bridge.telegram.inbound.get_updates import DOING, Raw
from bridge.telegram.inbound.ordering import Ordering
from bridge.telegram.inbound.router import UpdateRouter
from bridge.telegram.updates.parse import kind_of
from bridge.telegram.updates.route import Route, route_of

log = structlog.get_logger(__name__)
UNKNOWN_AT_ONCE = 2


def _route(arrived: Arrived) -> Route:
    try:
        return route_of(json.loads(arrived.payload))
    except (ValueError, RecursionError):
        return Route(0, 0, act=True, all=False)  # it will be set aside


class Dispatcher:
    """Has every update settled once, in its order."""

    def __init__(
        self,
        bot_id: int,
        store: Store,
        router: UpdateRouter,
        ignored: IgnoredPeople | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        """Updates of `ignored` people are done when they come.

        Those of unknown people are settled a few at a time: they must not crowd out the others.
        """
        self._bot_id = bot_id
        self._store = store
        self.router = router
        self._ignored = ignored or IgnoredPeople()
        self._metrics = metrics or Metrics()
        self._few = asyncio.Semaphore(UNKNOWN_AT_ONCE)
        self.tasks: dict[asyncio.Task[None], tuple[float, int]] = {}
        """When each update that is being settled came (on the loop's clock), and for which chat."""
        self._settled = asyncio.get_running_loop().time()
        """When the last one was settled."""
        self._ordering = Ordering()

    def stuck_since(self) -> float | None:
        """Return since when updates wait and none was settled (on the loop's clock).

        One chat that takes its time, as where Telegram wants silence, proves nothing: None then.
        """
        oldest = dict[int, float]()
        for begun, chat_id in self.tasks.values():
            oldest[chat_id] = min(begun, oldest.get(chat_id, begun))
        return max(self._settled, sorted(oldest.values())[1]) if len(oldest) > 1 else None

    async def resume(self) -> None:
        """Settle first what an earlier process stored and did not settle."""
        for pause in pauses():
            try:
                async with self._store.reading() as tx:
                    left = await inbox.waiting(tx, self._bot_id)
            except StoreTrouble as trouble:
                log.error("reading the inbox failed", trouble=str(trouble), next_try_seconds=pause)
                await asyncio.sleep(pause)
            else:
                break
        for arrived in left:
            self._dispatch(arrived, _route(arrived))

    async def accept(self, updates: Mapping[int, Raw]) -> bool:
        """Commit updates by their numbers, and begin to settle them; whether any was new.

        Raises StoreTrouble, and TelegramUnreachable for a number that two updates have.
        """
        routes = {number: route_of(one) for number, one in updates.items()}
        ignored = {number for number, route in routes.items() if self._ignored.ignores(route)}
        try:
            async with self._store.writing(of=()) as tx:
                fresh = await inbox.put(tx, self._bot_id, updates, ignored)
        except inbox.NumberTaken as error:
            raise TelegramUnreachable(DOING, "a number was given to two updates") from error
        for arrived in fresh:
            self._metrics.took(kind_of(updates[arrived.update_id]))
            self._dispatch(arrived, routes[arrived.update_id])
        return bool(fresh) or bool(ignored)

    def _dispatch(self, arrived: Arrived, route: Route) -> None:
        """Settle an update after those that it has to wait for."""
        before, quick = self._ordering.before(route)
        task = asyncio.create_task(
            self._settle(arrived, before, route), name=f"update {arrived.update_id}"
        )
        self._ordering.add(route, task, quick=quick)
        self.tasks[task] = (asyncio.get_running_loop().time(), route.chat_id)
        task.add_done_callback(lambda done: self._forget(route, done))

    def _forget(self, route: Route, done: asyncio.Task[None]) -> None:
        del self.tasks[done]
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
