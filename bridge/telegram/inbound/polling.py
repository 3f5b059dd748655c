"""Updates in: each is committed to the inbox before Telegram hears that we have it.

The library's own poller confirms a batch at once and keeps it in memory, and one update that
it cannot parse is fetched again for ever; so polling is ours.
"""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from types import TracebackType
from typing import Self

import httpx
import structlog

from bridge.errors import SecondPoller, StoreTrouble, TelegramUnreachable, TokenRevoked, Unstorable
from bridge.failpoints import failpoint
from bridge.metrics import Metrics
from bridge.store import inbox
from bridge.store.engine import Store
from bridge.store.inbox import Arrived
from bridge.telegram.api.clock import TelegramClock
from bridge.telegram.api.errors import pauses
from bridge.telegram.inbound.ordering import Ordering
from bridge.telegram.inbound.router import UpdateRouter
from bridge.telegram.updates.parse import WANTED, kind_of
from bridge.telegram.updates.route import Route, route_of
from bridge.transport import http_client, read_bounded

log = structlog.get_logger(__name__)
POLL_SECONDS = 50
DEAF_SECONDS = 90.0
"""After so long without an answer the connection is dead, whatever it says."""
CONFLICT_SECONDS = 60.0
"""How long another poller is taken for a shadow of our own past."""
REVOKED_SECONDS = 30.0
"""How long a refused token is tried again: servers and gateways refuse good ones for moments."""
MOST_UPDATES_BYTES = 64 * 1024 * 1024
"""Bytes of a hundred updates at most: one is seldom over a hundred kilobytes."""
FORGET_OFFSET_SECONDS = 86400.0
"""After so long without an update all are confirmed, and their numbers may begin anew."""
UNKNOWN_AT_ONCE = 2
STUCK_SECONDS = 120.0
"""After so long with updates of which none is settled, something is wrong."""
_ALLOWED = json.dumps(WANTED)
_DOING = "Fetching updates from Telegram"
Raw = Mapping[str, object]


class UpdatePoller:
    """The `getUpdates` call over plain HTTP: raw JSON in the order of Telegram."""

    def __init__(
        self,
        root: str,
        token: str,
        proxy: str | None = None,
        metrics: Metrics | None = None,
        clock: TelegramClock | None = None,
    ) -> None:
        self._metrics = metrics or Metrics()
        self._clock = clock or TelegramClock()
        self._proxy = proxy
        self._address = f"{root}/bot{token}/getUpdates"
        self._http = self._pool()

    async def __aenter__(self) -> Self:
        """Open the connection pool."""
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close every connection."""
        await self._http.__aexit__(kind, error, trace)

    async def renew(self) -> None:
        """Give up the connections for new ones."""
        await self._http.aclose()
        self._http = self._pool()

    def _pool(self) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=2, keepalive_expiry=60.0)
        timeout = httpx.Timeout(POLL_SECONDS + 15.0, connect=10.0)
        return http_client(self._proxy, limits=limits, timeout=timeout)

    async def fetch(self, offset: int | None) -> Sequence[Raw]:
        """The updates from `offset` on, waiting for one; all before `offset` are confirmed.

        Raises TokenRevoked, SecondPoller, TelegramUnreachable and TelegramTrouble.
        """
        asked = {"timeout": str(POLL_SECONDS), "allowed_updates": _ALLOWED}
        if offset is not None:
            asked["offset"] = str(offset)
        try:
            with failpoint("getupdates"):
                request = self._http.build_request("POST", self._address, data=asked)
                response = await self._http.send(request, stream=True)
                try:
                    await read_bounded(response, MOST_UPDATES_BYTES)
                finally:
                    await response.aclose()
        except httpx.HTTPError as error:
            self._metrics.called("getupdates", None)
            raise TelegramUnreachable(_DOING, type(error).__name__) from error
        self._metrics.called("getupdates", response.status_code)
        self._clock.note(response.headers.get("Date"))
        return _updates(response)


def _updates(response: httpx.Response) -> Sequence[Raw]:
    try:
        answer = json.loads(response.content, parse_int=_number)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise TelegramUnreachable(_DOING, f"HTTP {response.status_code} without JSON")
    if answer.get("ok") is True and isinstance(answer.get("result"), list):
        return [item for item in answer["result"] if isinstance(item, dict)]
    what = str(answer.get("description") or f"HTTP {response.status_code}")[:200]
    if response.status_code in (401, 404):
        raise TokenRevoked(_DOING, what, code=response.status_code)
    if response.status_code == 409:
        raise SecondPoller(_DOING, what, code=409)
    raise TelegramUnreachable(_DOING, what, code=response.status_code)


def _route(arrived: Arrived) -> Route:
    try:
        return route_of(json.loads(arrived.payload))
    except (ValueError, RecursionError):
        return Route(0, 0, act=True, all=False)  # it will be set aside


def _number(digits: str) -> float:
    """A whole number; one of thousands of digits, which Python does not read, as infinity."""
    return int(digits) if len(digits) < 100 else math.inf


class Intake:
    """Polls, stores, and has every update settled in its order."""

    def __init__(
        self,
        mailbox: UpdatePoller,
        bot_id: int,
        store: Store,
        settling: UpdateRouter,
        recovered: Callable[[], None],
        metrics: Metrics | None = None,
        ignores: Callable[[Route], bool] = lambda route: False,
        unknown: Callable[[Route], bool] = lambda route: False,
    ) -> None:
        """`ignores` says of which updates nothing follows: they are done when they come.

        Those of `unknown` people are settled a few at a time: they must not crowd out the others.
        """
        self._ignores = ignores
        self._unknown = unknown
        self._few = asyncio.Semaphore(UNKNOWN_AT_ONCE)
        self._metrics = metrics or Metrics()
        self.fault: str | None = "Taking updates has not begun."
        """Why no updates are taken now; None when they are."""
        self._recovered = recovered
        self._heard = self._came = asyncio.get_running_loop().time()
        self._offset: int | None = None
        """Behind the newest batch: what is below is confirmed by the next call."""
        self._vain = 0
        """How many batches in a row held nothing new."""
        self._vain_since: float | None = None
        self._tasks: dict[asyncio.Task[None], tuple[float, int]] = {}
        """When each update that is being settled came (on the loop's clock), and for which chat."""
        self._settled = self._heard
        """When the last one was settled."""
        self._mailbox = mailbox
        self._bot_id = bot_id
        self._store = store
        self._settling = settling
        self._ordering = Ordering()

    @property
    def deaf_seconds(self) -> float:
        """How long Telegram has not been heard, though it answers a poll after 50 s at most."""
        return asyncio.get_running_loop().time() - self._heard

    @property
    def stuck_seconds(self) -> float:
        """How long updates have come of which none was settled; 0 when that is not so.

        One chat that takes its time, as where Telegram wants silence, proves nothing.
        """
        now, oldest = asyncio.get_running_loop().time(), dict[int, float]()
        for begun, chat_id in self._tasks.values():
            oldest[chat_id] = min(begun, oldest.get(chat_id, now))
        since = self._vain_since if self._vain > 1 else None
        if len(oldest) > 1:
            since = min(max(self._settled, sorted(oldest.values())[1]), since or now)
        return now - since if since is not None else 0.0

    async def run(self) -> None:
        """Take updates until cancelled.

        Raises TokenRevoked when Telegram no longer knows us, and SecondPoller when another
        program takes the updates for good.
        """
        await self._leftovers()
        self.fault = None
        tries = pauses()
        conflict_since: float | None = None
        revoked_since: float | None = None
        failing = False
        loop = asyncio.get_running_loop()
        while True:
            try:
                await self._poll()
            except TimeoutError:
                self.fault = "Nothing is heard from Telegram."
                log.error("deaf: nothing from Telegram, connecting anew", seconds=DEAF_SECONDS)
                await self._mailbox.renew()
            except TokenRevoked as trouble:
                revoked_since = revoked_since or loop.time()
                pause = next(tries)
                if loop.time() + pause - revoked_since > REVOKED_SECONDS:
                    raise
                self.fault = str(trouble)
                log.warning("token refused; asking again", trouble=self.fault)
                await asyncio.sleep(pause)
            except SecondPoller as trouble:
                conflict_since = conflict_since or loop.time()
                lasting = loop.time() - conflict_since > CONFLICT_SECONDS
                if lasting or "webhook" in trouble.what.casefold():
                    raise
                self.fault = str(trouble)
                log.warning("another poller", trouble=self.fault)
                await asyncio.sleep(5.0)
            except (TelegramUnreachable, StoreTrouble) as trouble:
                failing, self.fault = True, str(trouble)
                if self.deaf_seconds > DEAF_SECONDS:
                    await self._mailbox.renew()
                pause = next(tries)
                log.warning("no updates", trouble=self.fault, next_try_seconds=pause)
                await asyncio.sleep(pause)
            else:
                tries, self.fault = pauses(), None
                conflict_since = revoked_since = None
                if failing:
                    failing = False
                    self._recovered()

    async def _poll(self) -> None:
        """Fetch once, and take what has come."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._came > FORGET_OFFSET_SECONDS:
            self._offset = None
        async with asyncio.timeout(DEAF_SECONDS):
            updates = await self._mailbox.fetch(self._offset)
        try:
            fresh = await self._take(updates)
        finally:  # what the store takes its time for is not silence
            self._heard = loop.time()
        if not updates or fresh:
            self._vain_since, self._vain = None, 0
            return
        self._vain += 1
        if self._vain_since is None:
            self._vain_since = loop.time()
        if self._vain > 1:  # once is a batch of which we had not confirmed all
            await asyncio.sleep(min(30.0, 2.0 ** (self._vain - 2)))

    async def _leftovers(self) -> None:
        """Settle first what an earlier process stored and did not settle."""
        for pause in pauses():
            try:
                await self._take_leftovers()
            except StoreTrouble as trouble:
                log.error("inbox not read", trouble=str(trouble), next_try_seconds=pause)
                await asyncio.sleep(pause)
            else:
                return

    async def _take_leftovers(self) -> None:
        async with self._store.reading() as tx:
            left = await inbox.waiting(tx, self._bot_id)
        for arrived in left:
            self._dispatch(arrived, _route(arrived))

    async def _take(self, updates: Sequence[Raw]) -> bool:
        """Commit a batch; the offset behind it is what confirms it with the next call.

        The newest batch counts, whatever came before: their numbers begin anew, lower. Returns
        whether there was anything new in it.
        """
        numbered = {}
        for content in updates:
            update_id = content.get("update_id")
            if type(update_id) is int and 0 <= update_id < 1 << 63:
                numbered[update_id] = content
        if updates and not numbered:
            raise TelegramUnreachable(_DOING, "no update has a number by which to confirm it")
        if not numbered:
            return False
        routes = {number: route_of(one) for number, one in numbered.items()}
        ignored = {number for number, route in routes.items() if self._ignores(route)}
        try:
            async with self._store.writing() as tx:
                fresh = await inbox.put(tx, self._bot_id, numbered, ignored)
        except inbox.NumberTaken as error:
            raise TelegramUnreachable(_DOING, "a number was given to two updates") from error
        self._came = asyncio.get_running_loop().time()
        for arrived in fresh:
            self._metrics.took(kind_of(numbered[arrived.update_id]))
            self._dispatch(arrived, routes[arrived.update_id])
        behind = max(numbered) + 1
        if self._offset is not None and behind < self._offset:
            log.warning("the numbers of updates begin anew", before=self._offset, now=behind)
        self._offset = behind
        return bool(fresh) or bool(ignored)

    def _dispatch(self, arrived: Arrived, route: Route) -> None:
        """Settle an update after those that it has to wait for."""
        before, quick = self._ordering.before(route)
        task = asyncio.create_task(
            self._settle(arrived, before, route), name=f"update {arrived.update_id}"
        )
        self._ordering.add(route, task, quick=quick)
        self._tasks[task] = (asyncio.get_running_loop().time(), route.chat_id)
        task.add_done_callback(lambda done: self._forget(route, done))

    def _forget(self, route: Route, done: asyncio.Task[None]) -> None:
        del self._tasks[done]
        self._settled = asyncio.get_running_loop().time()
        self._ordering.remove(route, done)

    async def _settle(
        self, arrived: Arrived, before: Collection[asyncio.Task[None]], route: Route
    ) -> None:
        if before:
            await asyncio.wait(before)
        async with self._few if self._unknown(route) else nullcontext():
            await self._settle_now(arrived)

    async def _settle_now(self, arrived: Arrived) -> None:
        settle: Callable[[], Awaitable[None]] = partial(self._settling.settle, arrived)
        for pause in pauses():  # until then it stays new in the inbox, also for a next start
            try:
                await settle()
            except Unstorable as trouble:
                log.error("update set aside", update=arrived.update_id, trouble=str(trouble))
                settle = partial(self._settling.set_aside, arrived, trouble)
            except StoreTrouble as trouble:
                log.error("update waits", update=arrived.update_id, trouble=str(trouble))
                await asyncio.sleep(pause)
            except Exception as error:  # the edge: a defect must not end the chat's intake
                log.exception("update not settled", update=arrived.update_id)
                settle = partial(self._settling.set_aside, arrived, error)
                await asyncio.sleep(pause)
            else:
                return

    async def close(self) -> None:
        """Let what is being settled end; nothing new is taken."""
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks), timeout=2.0)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
