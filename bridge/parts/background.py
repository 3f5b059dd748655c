"""Say what goes on beside the polling until the bridge ends."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from bridge.health import Health
from bridge.housekeeping import keep_clean
from bridge.parts.components import Components
from bridge.process_report import ProcessReport, lost_processes
from bridge.shard_work import ShardWork
from bridge.sharing.coordinator import Work
from bridge.sharing.shards import Duty
from bridge.telegram.agent_checks import AgentChecks
from bridge.telegram.commands.context import BotContext
from bridge.telegram.commands.menus import Menus
from bridge.telegram.commands.operators.broadcast import Broadcasting
from bridge.telegram.commands.operators.control import follow_reloads, tell_reloaded
from bridge.telegram.inbound.dispatch import Dispatcher
from bridge.telegram.inbound.membership import follow_migrations


def background_work(has: Components, health: Health) -> dict[str, Work]:
    """Return what goes on beside the polling until the bridge ends, by its name."""
    context, alarms = has.context, has.alarms
    store, pacer, sharing = context.store, context.calls.pacer, context.calls.sharing
    days = context.deployment.retention_days

    async def faults() -> Sequence[tuple[str, str]]:
        lost = await lost_processes(store) if sharing.shared else ()
        return [*await health.alarming(), *lost]

    duties: dict[Duty, Work] = {
        Duty.MENUS: Menus(
            bot=context.calls.bot,
            pacer=pacer,
            store=store,
            rights=context.rights,
            people=context.people,
        ).keep,
        Duty.HOUSEKEEPING: lambda: keep_clean(store, days, begin=sharing.shared),
        Duty.ALARMS: lambda: _watch(
            alarms.watch(faults), AgentChecks(context.agents, alarms).run()
        ),
        Duty.BROADCASTS: lambda: Broadcasting(context).run(),
    }
    return {
        "chat migrations": lambda: follow_migrations(context),
        "approval cards": has.cards.run,
        "learned limits": context.calls.pace_memory.keep,
        "alarms of runs": alarms.follow_runs,
        "reload": lambda: tell_reloaded(context),
    } | {duty.name.lower(): partial(sharing.perform, duty, work) for duty, work in duties.items()}


async def _watch(*watches: Coroutine[None, None, None]) -> None:
    """Watch several things side by side, for ever."""
    async with asyncio.TaskGroup() as group:
        for watch in watches:
            group.create_task(watch)


def shared_work(
    context: BotContext, health: Health, dispatcher: Dispatcher, shards: ShardWork
) -> dict[str, Work]:
    """Return what goes on besides where several processes share the work."""
    return {
        "updates of others": dispatcher.follow,
        "bells": shards.follow,
        "reloads": partial(follow_reloads, context),
        "process report": ProcessReport(context.calls.sharing, context.status, health).keep,
    }


@asynccontextmanager
async def beside(work: Work, name: str) -> AsyncIterator[asyncio.Task[None]]:
    """Give a task that does the work until the context ends."""
    task = asyncio.create_task(work(), name=name)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def begin(stack: AsyncExitStack, works: Mapping[str, Work]) -> None:
    """Begin all of them; they end with the stack."""
    for name, work in works.items():
        await stack.enter_async_context(beside(work, name))
