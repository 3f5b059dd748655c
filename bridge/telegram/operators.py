"""The commands that only operators may give, in their private chats; for others there are none."""

import re
from collections.abc import Awaitable, Callable

import structlog

from bridge.coze.agents import agent_information
from bridge.coze.client import Coze
from bridge.errors import CozeTrouble
from bridge.model import Home
from bridge.store import agents
from bridge.store.agents import Listed
from bridge.store.engine import Store
from bridge.telegram.calls import Calls
from bridge.telegram.canvas import Rendered
from bridge.telegram.frame import Frame
from bridge.telegram.items import Order
from bridge.telegram.rights import Rights
from bridge.texts import say

log = structlog.get_logger(__name__)
MOST_NAME = 40
_AGENT_ID = re.compile(r"[0-9]{1,30}")


class Operators:
    """Carries out operators' commands."""

    def __init__(self, calls: Calls, store: Store, coze: Coze, home: Home, rights: Rights) -> None:
        self._calls = calls
        self._store = store
        self._coze = coze
        self._home = home
        self._rights = rights

    async def carry_out(self, order: Order) -> bool:
        """Do what an operator's command says; False when it is none, or not an operator's.

        Raises StoreTrouble and ChatClosed.
        """
        act = OPERATOR_COMMANDS.get(order.name)
        sender = order.message.sender
        if act is None or not order.chat.private or sender.id not in self._rights.operators:
            return False
        await act(self, order)
        return True

    async def agents(self, order: Order) -> None:
        """List the agents, or change the list."""
        verb, _, rest = order.argument.partition(" ")
        agent_id, _, name = rest.strip().partition(" ")
        name = " ".join(name.split())[:MOST_NAME]
        if verb == "add" and _AGENT_ID.fullmatch(agent_id):
            await self._add_agent(order, agent_id, name)
        elif verb in ("rename", "default", "remove") and (verb != "rename" or name):
            await self._change_agent(order, verb, agent_id, name)
        else:
            async with self._store.reading() as tx:
                offered = await agents.offered(tx, self._home.agent_id)
            language = order.message.sender.language
            lines = "\n".join(_line(one, language) for one in offered)
            await self._say(order, "agents.list", lines=lines)

    async def _add_agent(self, order: Order, agent_id: str, name: str) -> None:
        """Offer an agent that Coze knows, by its own name if it is given none."""
        try:
            known = await agent_information(self._coze, agent_id)
        except CozeTrouble as trouble:
            await self._say(order, "agents.refused", trouble=str(trouble))
            return
        name = name or known.name or agent_id
        async with self._store.writing() as tx:
            await agents.add(tx, agent_id, name)
        log.info("agent offered", agent=agent_id, by=order.message.sender.id)
        await self._say(order, "agents.added", name=name)

    async def _change_agent(self, order: Order, verb: str, agent_id: str, name: str) -> None:
        async with self._store.writing() as tx:
            offered = await agents.offered(tx, self._home.agent_id)
            if agent_id not in [one.id for one in offered]:
                said = "agents.unknown"
            elif verb == "remove" and agent_id == self._home.agent_id:
                said = "agents.kept"
            else:
                said = "agents.done"
                match verb:
                    case "rename":
                        await agents.add(tx, agent_id, name)
                    case "default":
                        await agents.make_default(tx, agent_id, self._home.agent_id)
                    case _:
                        await agents.remove(tx, agent_id)
        log.info("agents", verb=verb, agent=agent_id, by=order.message.sender.id, said=said)
        await self._say(order, said)

    async def _say(self, order: Order, key: str, **values: object) -> None:
        text = say(order.message.sender.language, key, **values)
        await self._calls.say(order.chat, Frame(Rendered(text)), order.cause)


def _line(agent: Listed, language: str) -> str:
    mark = say(language, "agents.default") if agent.default else ""
    return say(language, "agents.line", name=agent.name, id=agent.id, mark=mark)


OPERATOR_COMMANDS: dict[str, Callable[[Operators, Order], Awaitable[None]]] = {
    "agents": Operators.agents,
}
