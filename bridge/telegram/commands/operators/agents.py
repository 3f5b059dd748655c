"""`/agents`: which agents chats can choose from."""

import re

import structlog

from bridge.coze.agents import agent_information
from bridge.errors import CozeTrouble
from bridge.store.operators import agents
from bridge.store.operators.agents import Listed
from bridge.telegram.commands.operators.context import Desk, language_of
from bridge.telegram.updates.events import CommandCall
from bridge.texts import translate

log = structlog.get_logger(__name__)
MOST_NAME = 40
_AGENT_ID = re.compile(r"[0-9]{1,30}")


async def manage(desk: Desk, order: CommandCall) -> None:
    """List the agents, or change the list."""
    verb, _, rest = order.argument.partition(" ")
    agent_id, _, name = rest.strip().partition(" ")
    name = " ".join(name.split())[:MOST_NAME]
    if verb == "add" and _AGENT_ID.fullmatch(agent_id):
        await _add(desk, order, agent_id, name)
    elif verb in ("rename", "default", "remove") and (verb != "rename" or name):
        await _change(desk, order, verb, agent_id, name)
    else:
        await _learn_name(desk)
        async with desk.store.reading() as tx:
            offered = await agents.offered(tx, desk.home.agent_id)
        lines = "\n".join(_line(one, language_of(order)) for one in offered)
        await desk.answer(order, "agents.list", lines=lines)


async def _learn_name(desk: Desk) -> None:
    """Ask once what the agent of the settings is called."""
    own = desk.home.agent_id
    async with desk.store.reading() as tx:
        known = await agents.offered(tx, own)
    if known[0].name != own:
        return
    try:
        agent = await agent_information(desk.coze, own)
    except CozeTrouble as trouble:
        log.info("the agent's name is not known", trouble=str(trouble))
        return
    async with desk.store.writing() as tx:
        await agents.add(tx, own, agent.name or own)


async def _add(desk: Desk, order: CommandCall, agent_id: str, name: str) -> None:
    """Offer an agent that Coze knows, by its own name if it is given none."""
    try:
        known = await agent_information(desk.coze, agent_id)
    except CozeTrouble as trouble:
        await desk.answer(order, "agents.refused", trouble=str(trouble))
        return
    name = name or known.name or agent_id
    async with desk.store.writing() as tx:
        await agents.add(tx, agent_id, name)
        await desk.note(tx, order, "agents add", agent_id, name)
    await desk.answer(order, "agents.added", name=name)


async def _change(desk: Desk, order: CommandCall, verb: str, agent_id: str, name: str) -> None:
    async with desk.store.writing() as tx:
        offered = await agents.offered(tx, desk.home.agent_id)
        if agent_id not in [one.id for one in offered]:
            said = "agents.unknown"
        elif verb == "remove" and agent_id == desk.home.agent_id:
            said = "agents.kept"
        else:
            said = "agents.done"
            match verb:
                case "rename":
                    await agents.add(tx, agent_id, name)
                case "default":
                    await agents.make_default(tx, agent_id, desk.home.agent_id)
                case _:
                    await agents.remove(tx, agent_id)
            await desk.note(tx, order, f"agents {verb}", agent_id, name)
    await desk.answer(order, said)


def _line(agent: Listed, language: str) -> str:
    mark = translate(language, "agents.default") if agent.default else ""
    return translate(language, "agents.line", name=agent.name, id=agent.id, mark=mark)
