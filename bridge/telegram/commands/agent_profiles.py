"""How agents present themselves, kept for a while: each look costs an API call of the plan."""

import time

import structlog

from bridge.coze.agents import AgentProfile
from bridge.errors.coze import CozeTrouble
from bridge.relay.agents import Agents

log = structlog.get_logger(__name__)
KNOWN_SECONDS = 600.0


class AgentProfiles:
    """Reads what the makers of agents wrote about them."""

    def __init__(self, agents: Agents) -> None:
        self._agents = agents
        self._known: dict[str, tuple[AgentProfile, float]] = {}
        """Each agent, and when that was read (monotonic seconds)."""

    async def of(self, key: str) -> AgentProfile | None:
        """Return an agent's name, greeting and suggestions; None when Coze never could say them."""
        agent, read = self._known.get(key, (None, float("-inf")))
        if agent is None or time.monotonic() - read > KNOWN_SECONDS:
            try:
                agent = await self._agents.of(key).client.profile()
                self._known[key] = (agent, time.monotonic())
            except CozeTrouble as trouble:
                log.warning("agent information not available", trouble=str(trouble))
        return agent

    def name_of(self, key: str) -> str:
        """Return what an agent is called, as far as that was read; else its key."""
        agent, _ = self._known.get(key, (None, 0.0))
        return agent.name if agent is not None and agent.name else key
