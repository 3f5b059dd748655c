"""Look the agents up beside the work: after the start, and while the operators know them to be away.

A start says `ready` once Telegram is heard; that the agent can be asked is said here.
"""

import asyncio
from collections.abc import Sequence

import structlog

from bridge.errors import StoreTrouble
from bridge.errors.coze import CozeTrouble, Forbidden, NotOffered
from bridge.relay.agents import Agents, OfferedAgent
from bridge.telegram.alarms import Alarms, kind_of

log = structlog.get_logger(__name__)
AT_ONCE = 4
AGAIN_SECONDS = 60.0
"""How often an agent is looked up that could not be reached."""


class AgentChecks:
    """Looks up the agents of the settings."""

    def __init__(self, agents: Agents, alarms: Alarms) -> None:
        self._agents = agents
        self._alarms = alarms
        self._wrong: set[str] = set()
        """The agents of which the last look has found something wrong."""

    async def run(self) -> None:
        """Look each up once, and those that are away again and again, for ever."""
        await self._look_at(self._agents.all_declared, first=True)
        while True:
            await asyncio.sleep(AGAIN_SECONDS)
            await self._look_at([one for one in self._agents.all_declared if await self._away(one)])

    async def _look_at(self, agents: Sequence[OfferedAgent], *, first: bool = False) -> None:
        """Look several up, a few at a time: one that hangs keeps no other waiting."""
        few = asyncio.Semaphore(AT_ONCE)

        async def look(agent: OfferedAgent) -> None:
            async with few:
                await self._look(agent, first=first)

        await asyncio.gather(*map(look, agents))

    async def _away(self, agent: OfferedAgent) -> bool:
        if agent.key in self._wrong:
            return True
        try:
            return await self._alarms.stands_for(agent.key, "coze")
        except StoreTrouble:
            return False  # which is an alarm of its own

    async def _look(self, agent: OfferedAgent, *, first: bool = False) -> None:
        """Look one up; what is wrong is a line of the log, and an alarm unless it may pass by itself."""
        try:
            try:
                name = await agent.client.check()
            except (Forbidden, NotOffered) as trouble:  # what asks may be allowed all the same
                if first:
                    log.warning("agent not looked up", trouble=agent.said(trouble))
            except CozeTrouble as raised:
                await self._fails(agent, raised.with_names(agent.names), first=first)
            else:
                if first or agent.key in self._wrong:
                    log.info("agent found", agent=agent.key, name=name or None)
                self._wrong.discard(agent.key)
                await self._alarms.found(agent.key)
        except StoreTrouble as trouble:
            log.error("alarm not delivered", trouble=str(trouble))

    async def _fails(self, agent: OfferedAgent, trouble: CozeTrouble, *, first: bool) -> None:
        self._alarms.failing.discard(agent.key)  # it is away: a look can say when it is back
        if agent.key not in self._wrong:
            log.error("agent cannot be asked", trouble=agent.said(trouble))
        kind = kind_of(trouble) or "coze"
        self._wrong.add(agent.key)
        if kind != "coze" or not first:
            await self._alarms.begin_for(agent.key, kind, trouble)
