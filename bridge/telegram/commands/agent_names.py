"""What agents are called that have only an id: their makers' names, looked up once."""

import structlog

from bridge.errors.coze import CozeTrouble
from bridge.store.operators import agents
from bridge.telegram.commands.context import BotContext

log = structlog.get_logger(__name__)


async def learn_names(context: BotContext) -> None:
    """Look up and remember the names of agents that have only an id, where there are several."""
    async with context.store.reading() as tx:
        offered = await agents.offered(tx, context.declared)
    for one in offered:
        if not (one.name == one.id and one.id.isdecimal()):
            continue
        try:
            agent = await context.agents.of(one.id).client.profile()
        except CozeTrouble as trouble:
            log.info("agent name not available", trouble=str(trouble))
            continue
        async with context.store.writing() as tx:
            await agents.add(tx, one.id, agent.name or one.id)
