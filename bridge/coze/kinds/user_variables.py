"""Variables that Coze keeps for each user of an agent: told before a question, when they changed."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping

import structlog

from bridge.coze.client import Coze
from bridge.coze.values import Value, texts
from bridge.errors.coze import CozeTrouble

log = structlog.get_logger(__name__)
TELL_SECONDS = 3.0
"""How long a question waits for them."""
PAUSE_SECONDS = 60.0
MOST_USERS = 10_000
"""Of how many users it is remembered what they were told; others are told once more."""


class UserVariables:
    """Tells one agent, or one app, what it is to know of each user."""

    def __init__(
        self, coze: Coze, names: Mapping[str, str], *, bot_id: str | None, app_id: str | None = None
    ) -> None:
        """`names` gives for each variable of the agent the fact that it gets."""
        self._coze = coze
        self._names = names
        self._owner = {"bot_id": bot_id} if bot_id else {"app_id": app_id}
        self._told: OrderedDict[str, dict[str, str]] = OrderedDict()
        self._again_at = 0.0
        """When it is tried again after a trouble, by the loop's clock."""

    async def tell(self, user_id: str, facts: Mapping[str, Value]) -> None:
        """Write what changed since the last time. A trouble is logged: the question matters more."""
        wanted = texts(self._names, facts)
        if not wanted or self._told.get(user_id) == wanted:
            return
        loop = asyncio.get_running_loop()
        if loop.time() < self._again_at:
            return
        try:
            async with asyncio.timeout(TELL_SECONDS):
                await self._write(user_id, wanted)
        except (CozeTrouble, TimeoutError) as trouble:
            self._again_at = loop.time() + PAUSE_SECONDS
            log.warning("user variables not written", trouble=str(trouble) or "it took too long")
            return
        self._told[user_id] = wanted
        self._told.move_to_end(user_id)
        if len(self._told) > MOST_USERS:
            self._told.popitem(last=False)

    async def forget(self, user_id: str) -> None:
        """Overwrite what was told of a user with nothing: they cannot be deleted. Raises CozeTrouble."""
        self._told.pop(user_id, None)
        if self._names:
            await self._write(user_id, dict.fromkeys(self._names, ""))

    async def _write(self, user_id: str, variables: Mapping[str, str]) -> None:
        body = {
            **self._owner,
            "connector_id": "1024",
            "connector_uid": user_id,
            "data": [{"keyword": name, "value": value} for name, value in variables.items()],
        }
        await self._coze.call("Telling the agent of a user", "PUT", "/v1/variables", body=body)
