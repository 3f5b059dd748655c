"""The `getUpdates` call over plain HTTP, since one update that the library cannot parse blocks it."""

import json
import math
from collections.abc import Mapping, Sequence

import httpx

from bridge.errors import SecondPoller, TelegramUnreachable, TokenRevoked
from bridge.failpoints import failpoint
from bridge.metrics import Metrics
from bridge.telegram.api.clock import TelegramClock
from bridge.telegram.updates.parse import WANTED
from bridge.transport import OwnsHttp, http_client, read_bounded, why_not_reached

POLL_SECONDS = 50
MOST_UPDATES_BYTES = 64 * 1024 * 1024
"""Bytes of a hundred updates at most: one is seldom over a hundred kilobytes."""
DOING = "Fetching updates from Telegram"
_ALLOWED = json.dumps(WANTED)
Raw = Mapping[str, object]


class GetUpdates(OwnsHttp):
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

    async def renew(self) -> None:
        """Give up the connections for new ones."""
        await self._http.aclose()
        self._http = self._pool()

    def _pool(self) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=2, keepalive_expiry=60.0)
        timeout = httpx.Timeout(POLL_SECONDS + 15.0, connect=10.0)
        return http_client(self._proxy, limits=limits, timeout=timeout)

    async def fetch(self, offset: int | None) -> Sequence[Raw]:
        """Return the updates from `offset` on, waiting for one; all before `offset` are confirmed.

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
            raise TelegramUnreachable(DOING, why_not_reached(error)) from error
        self._metrics.called("getupdates", response.status_code)
        self._clock.note(response.headers.get("Date"))
        return _updates(response)


def _updates(response: httpx.Response) -> Sequence[Raw]:
    try:
        answer = json.loads(response.content, parse_int=_number)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise TelegramUnreachable(DOING, f"HTTP {response.status_code} without JSON")
    if answer.get("ok") is True and isinstance(answer.get("result"), list):
        return [item for item in answer["result"] if isinstance(item, dict)]
    what = str(answer.get("description") or f"HTTP {response.status_code}")[:200]
    if response.status_code in (401, 404):
        raise TokenRevoked(DOING, what, code=response.status_code)
    if response.status_code == 409:
        raise SecondPoller(DOING, what, code=409)
    raise TelegramUnreachable(DOING, what, code=response.status_code)


def _number(digits: str) -> float:
    """Return a whole number; one of thousands of digits, which Python does not read, as infinity."""
    return int(digits) if len(digits) < 100 else math.inf
