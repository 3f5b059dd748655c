"""End the answer that is being written."""

from bridge.model import ChatKey
from bridge.store.turns import lifecycle
from bridge.telegram.commands.context import BotContext

ENDING_SECONDS = 10.0
"""How long a run that is stopped may take to end: its id may have to be heard first."""


async def stop_running(context: BotContext, key: ChatKey, turn_id: int | None = None) -> bool:
    """Have the running turn stopped, also by a later process; False when none runs."""
    async with context.store.writing(of=key.chat_id) as tx:
        wished = await lifecycle.stopping(tx, key, turn_id)
    told = context.lanes.stop(key, turn_id)
    if wished and not told:
        context.lanes.wake(key)
    return wished or told


async def end_runs_in(context: BotContext, chat_id: int, conversation_id: str) -> None:
    """Stop what runs in a conversation, and wait a while until that has ended."""
    async with context.store.reading() as tx:
        running = await lifecycle.running_in(tx, chat_id, conversation_id)
    for key, turn_id in running:
        if await stop_running(context, key, turn_id):
            await context.lanes.ended(key, ENDING_SECONDS)
