"""How agents present themselves, kept for a while: each look costs an API call of the plan."""

import time

import structlog

from bridge.coze.agents import Agent, agent_information
from bridge.coze.client import Coze
from bridge.errors.coze import CozeTrouble

log = structlog.get_logger(__name__)
KNOWN_SECONDS = 600.0


class AgentProfiles:
    """Reads what the makers of agents wrote about them."""

    def __init__(self, coze: Coze) -> None:
        self._coze = coze
        self._known: dict[str, tuple[Agent, float]] = {}
        """Each agent, and when that was read (monotonic seconds)."""

    async def of(self, agent_id: str) -> Agent | None:
        """Return an agent's name, greeting and suggestions; None when Coze never could say them."""
        agent, read = self._known.get(agent_id, (None, float("-inf")))
        if agent is None or time.monotonic() - read > KNOWN_SECONDS:
            try:
                agent = await agent_information(self._coze, agent_id)
                self._known[agent_id] = (agent, time.monotonic())
            except CozeTrouble as trouble:
                log.warning("agent information not available", trouble=str(trouble))
        return agent
