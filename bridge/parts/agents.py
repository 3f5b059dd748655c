"""Make the agents that the settings name, each with its client and its credential."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from bridge.coze.client import Coze
from bridge.coze.kinds.chat import ChatAgent
from bridge.metrics import Metrics
from bridge.parts.clients import agent_home, coze_client, coze_place
from bridge.relay.agents import Agents, OfferedAgent
from bridge.relay.attachments import Attachments
from bridge.relay.protocols import Files
from bridge.settings import Settings
from bridge.store.engine import Store


@dataclass(frozen=True, kw_only=True)
class OpenedAgents:
    """The agents, and what is done for all of them."""

    agents: Agents
    voice: Coze
    """Where recordings are written down and answers spoken."""


@dataclass(frozen=True, kw_only=True)
class _Carriers:
    """What brings files to agents."""

    store: Store
    files: Files | None
    """Where people's files come from; None where they send none."""

    def of(self, coze: Coze, place: str) -> Attachments | None:
        return Attachments(coze, self.store, self.files, place) if self.files else None


async def opened_agents(
    stack: AsyncExitStack,
    settings: Settings,
    store: Store,
    files: Files | None,
    *,
    metrics: Metrics | None = None,
    stream: bool = True,
) -> OpenedAgents:
    """Return all agents, their connections closed with the stack.

    Raises SettingsTrouble when a key cannot be used.
    """
    coze = await stack.enter_async_context(coze_client(settings, metrics))
    home = agent_home(settings)
    carrying = _Carriers(store=store, files=files).of(coze, coze_place(settings))

    def by_id(agent_id: str) -> OfferedAgent:
        return OfferedAgent(
            key=agent_id,
            home=replace(home, agent_id=agent_id),
            client=ChatAgent(coze, agent_id, stream=stream),
            attachments=carrying,
        )

    return OpenedAgents(agents=Agents([by_id(home.agent_id)], by_id=by_id), voice=coze)
