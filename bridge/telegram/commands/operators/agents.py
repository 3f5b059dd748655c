"""`/agents`: which agents chats can choose from."""

import re

from bridge.errors.coze import CozeTrouble
from bridge.store.operators import agents
from bridge.store.operators.agents import Listed
from bridge.telegram.commands.agent_names import learn_names
from bridge.telegram.commands.context import BotContext, language_of
from bridge.telegram.updates.events import CommandCall
from bridge.texts import translate

MOST_NAME = 40
_AGENT_ID = re.compile(r"[0-9]{1,30}")


async def manage(context: BotContext, call: CommandCall) -> None:
    """List the agents, or change the list."""
    verb, _, rest = call.argument.partition(" ")
    agent_id, _, name = rest.strip().partition(" ")
    name = " ".join(name.split())[:MOST_NAME]
    if verb == "add" and _AGENT_ID.fullmatch(agent_id):
        await _add(context, call, agent_id, name)
    elif verb in ("rename", "default", "remove") and (verb != "rename" or name):
        await _change(context, call, verb, agent_id, name)
    else:
        await learn_names(context)
        async with context.store.reading() as tx:
            offered = await agents.offered(tx, context.declared)
        lines = "\n".join(_line(context, one, language_of(call)) for one in offered)
        await context.answer(call, "agents.list", lines=lines)


async def _add(context: BotContext, call: CommandCall, agent_id: str, name: str) -> None:
    """Offer an agent that Coze knows, by its own name if it is given none."""
    try:
        known = await context.agents.of(agent_id).client.profile()
    except CozeTrouble as trouble:
        named = trouble.with_names({"COZE_BOT_ID": "the id that you sent"})
        await context.answer(call, "agents.refused", trouble=str(named))
        return
    name = name or known.name or agent_id
    async with context.store.writing() as tx:
        await agents.add(tx, agent_id, name)
        await context.audit(tx, call, "agents add", agent_id, name)
    await context.answer(call, "agents.added", name=name)


async def _change(
    context: BotContext, call: CommandCall, verb: str, agent_id: str, name: str
) -> None:
    async with context.store.writing() as tx:
        offered = await agents.offered(tx, context.declared)
        if agent_id not in [one.id for one in offered]:
            said = "agents.unknown"
        elif verb == "remove" and agent_id in context.declared.keys:
            said = "agents.kept"
        else:
            said = "agents.done"
            match verb:
                case "rename":
                    await agents.add(tx, agent_id, name)
                case "default":
                    await agents.make_default(tx, agent_id, context.declared)
                case "remove":
                    await agents.remove(tx, agent_id)
                case _:
                    raise AssertionError(verb)
            await context.audit(tx, call, f"agents {verb}", agent_id, name)
    await context.answer(call, said)


def _line(context: BotContext, agent: Listed, language: str) -> str:
    mark = translate(language, "agents.default") if agent.default else ""
    known = agent.id if agent.id.isdecimal() else context.agents.of(agent.id).kind
    return translate(language, "agents.line", name=agent.name, id=known, mark=mark)
