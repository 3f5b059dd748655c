"""Updates in: each is committed to the inbox before Telegram hears that we have it.

The library's own poller confirms a batch at once and keeps it in memory, and one update that
it cannot parse is fetched again for ever; so polling is ours.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import httpx
import structlog

from bridge.errors import (
    SecondPoller,
    StoreTrouble,
    TelegramUnreachable,
    TokenRevoked,
    Trouble,
)
from bridge.store import inbox, turns
from bridge.store.engine import Store
from bridge.store.inbox import Arrived
from bridge.telegram.calls import pauses
from bridge.telegram.reading import WANTED, chat_of
from bridge.telegram.settling import Settling
from bridge.transport import transport

log = structlog.get_logger(__name__)
POLL_SECONDS = 50
CONFLICT_SECONDS = 60.0
"""How long another poller is taken for a shadow of our own past."""
_ALLOWED = json.dumps(WANTED)
_DOING = "Fetching updates from Telegram"
Raw = Mapping[str, object]


class Mailbox:
    """The `getUpdates` call over plain HTTP: raw JSON in the order of Telegram."""

    def __init__(self, root: str, token: str, proxy: str | None = None) -> None:
        self._http = httpx.AsyncClient(
            proxy=proxy,
            transport=transport(proxy, httpx.Limits(max_connections=2, keepalive_expiry=60.0)),
            timeout=httpx.Timeout(POLL_SECONDS + 15.0, connect=10.0),
        )
        self._address = f"{root}/bot{token}/getUpdates"

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

    async def fetch(self, offset: int | None) -> Sequence[Raw]:
        """The updates from `offset` on, waiting for one; all before `offset` are confirmed.

        Raises TokenRevoked, SecondPoller, TelegramUnreachable and TelegramTrouble.
        """
        asked = {"timeout": str(POLL_SECONDS), "allowed_updates": _ALLOWED}
        if offset is not None:
            asked["offset"] = str(offset)
        try:
            response = await self._http.post(self._address, data=asked)
        except httpx.HTTPError as error:
            raise TelegramUnreachable(_DOING, type(error).__name__) from error
        return _updates(response)


def _updates(response: httpx.Response) -> Sequence[Raw]:
    try:
        answer = json.loads(response.content)
    except ValueError:
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


class Intake:
    """Polls, stores, and has every update settled in the order of its chat."""

    def __init__(self, mailbox: Mailbox, bot_id: int, store: Store, settling: Settling) -> None:
        self._mailbox = mailbox
        self._bot_id = bot_id
        self._store = store
        self._settling = settling
        self._chains: dict[int, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Take updates until cancelled.

        Raises TokenRevoked when Telegram no longer knows us, and SecondPoller when another
        program takes the updates for good.
        """
        await self._leftovers()
        offset: int | None = None
        tries = pauses()
        conflict_since: float | None = None
        loop = asyncio.get_running_loop()
        while True:
            try:
                updates = await self._mailbox.fetch(offset)
                offset = await self._take(updates, offset)
            except SecondPoller as trouble:
                conflict_since = conflict_since or loop.time()
                lasting = loop.time() - conflict_since > CONFLICT_SECONDS
                if lasting or "webhook" in trouble.what.casefold():
                    raise
                log.warning("another poller", trouble=str(trouble))
                await asyncio.sleep(5.0)
            except (TelegramUnreachable, StoreTrouble) as trouble:
                pause = next(tries)
                log.warning("no updates", trouble=str(trouble), next_try_seconds=pause)
                await asyncio.sleep(pause)
            else:
                tries = pauses()
                conflict_since = None

    async def _leftovers(self) -> None:
        """Settle first what an earlier process stored and did not settle."""
        async with self._store.writing() as tx:
            await inbox.prune(tx)
            await turns.forget_old_offers(tx)
        async with self._store.reading() as tx:
            left = await inbox.waiting(tx, self._bot_id)
        for arrived in left:
            self._dispatch(arrived)

    async def _take(self, updates: Sequence[Raw], offset: int | None) -> int | None:
        """Commit a batch; the offset behind it is what confirms it with the next call."""
        numbered = {}
        for content in updates:
            update_id = content.get("update_id")
            if isinstance(update_id, int):
                numbered[update_id] = content
        if not numbered:
            return offset
        async with self._store.writing() as tx:
            fresh = await inbox.put(tx, self._bot_id, numbered)
        for arrived in fresh:
            self._dispatch(arrived)
        return max(numbered) + 1

    def _dispatch(self, arrived: Arrived) -> None:
        """Settle an update after the earlier ones of its chat, beside those of others."""
        chat_id = chat_of(json.loads(arrived.payload))
        before = self._chains.get(chat_id)
        task = asyncio.create_task(
            self._settle(arrived, before), name=f"update {arrived.update_id}"
        )
        self._chains[chat_id] = task
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._forget(chat_id, done))

    def _forget(self, chat_id: int, done: asyncio.Task[None]) -> None:
        self._tasks.discard(done)
        if self._chains.get(chat_id) is done:
            del self._chains[chat_id]

    async def _settle(self, arrived: Arrived, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        try:
            await self._settling.settle(arrived)
        except Trouble as trouble:  # it stays new in the inbox, for the next start
            log.error("update not settled", update=arrived.update_id, trouble=str(trouble))
        except Exception:  # the edge of the lane: a defect must not end the chat's intake
            log.exception("update not settled", update=arrived.update_id)

    async def close(self) -> None:
        """Let what is being settled end; nothing new is taken."""
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks), timeout=2.0)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
