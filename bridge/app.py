"""The only place where everything is started and stopped: `async with running(settings) as app:`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog
from telegram import Bot

from bridge import __version__
from bridge.clients import coze_client, downloads, meet_telegram, telegram_bot, telegram_updates
from bridge.health import Health
from bridge.housekeeping import keep_clean
from bridge.metrics import Metrics
from bridge.parts import Components, Connections, bot_client, opened_store, parts
from bridge.relay.lanes import Lanes
from bridge.settings import Settings
from bridge.store import ownership
from bridge.store.engine import Store
from bridge.telegram.alarms import Alarms
from bridge.telegram.api.clock import TelegramClock
from bridge.telegram.api.orphans import OrphanSearch
from bridge.telegram.commands.context import BotContext, ProcessControls
from bridge.telegram.commands.menus import Menus
from bridge.telegram.commands.operators.broadcast import Broadcasting
from bridge.telegram.commands.operators.control import tell_reloaded
from bridge.telegram.inbound.dispatch import Dispatcher
from bridge.telegram.inbound.membership import follow_migrations
from bridge.telegram.inbound.polling import UpdatePoller
from bridge.telegram.inbound.router import UpdateRouter
from bridge.telegram.status import PollingHealth

log = structlog.get_logger(__name__)
LAST_NOTICES_SECONDS = 2.0
"""How long a shutdown waits for short messages to be sent; the rest goes out at the next start."""


@dataclass(frozen=True, kw_only=True)
class App:
    """The running bridge."""

    context: BotContext
    polling: PollingHealth
    poller: UpdatePoller
    polling_task: asyncio.Task[None]
    """Ends only with the trouble that ended the polling."""
    health: Health
    alarms: Alarms
    metrics: Metrics

    @property
    def bot(self) -> Bot:
        """Our bot, as the library knows it."""
        return self.context.calls.bot

    @property
    def store(self) -> Store:
        """The database."""
        return self.context.store

    @property
    def lanes(self) -> Lanes:
        """The turns that are being answered."""
        return self.context.lanes


@asynccontextmanager
async def running(
    settings: Settings, controls: ProcessControls | None = None
) -> AsyncIterator[App]:
    """Start everything, and stop it in the opposite order.

    Raises SettingsTrouble, StoreTrouble and TokenRevoked when it cannot start.
    """
    async with AsyncExitStack() as stack:
        store = await opened_store(stack, settings)
        metrics, clock, polling = Metrics(__version__), TelegramClock(), PollingHealth()
        coze = await stack.enter_async_context(coze_client(settings, metrics))
        bot = telegram_bot(settings, metrics, clock)
        stack.push_async_callback(bot.shutdown)
        await meet_telegram(bot)
        async with store.writing() as tx:
            await ownership.claim(tx, bot.id, bot.username)
        files = await stack.enter_async_context(downloads(settings, bot))
        calls = await bot_client(settings, bot, store, metrics)
        sides = Connections(coze=coze, calls=calls, downloads=files, polling=polling)
        has = await parts(settings, sides, controls or ProcessControls())
        context = has.context
        stack.push_async_callback(context.lanes.close, settings.bridge_grace_seconds)
        stack.push_async_callback(context.notices.close, LAST_NOTICES_SECONDS)
        await context.notices.recall()
        await context.lanes.resume_open()
        updates = await stack.enter_async_context(telegram_updates(settings, metrics, clock))
        router = UpdateRouter(context, has.admission, clock)
        dispatcher = Dispatcher(bot.id, store, router, has.ignored, metrics)
        poller = UpdatePoller(updates, dispatcher, polling, context.lanes.retry_now)
        stack.push_async_callback(dispatcher.close)
        polling_task = await stack.enter_async_context(_owned(poller.run, "polling"))
        health = Health(store, polling, poller, ownership.opened(store.address), clock)
        for name, work in _works(has, health).items():
            await stack.enter_async_context(_owned(work, name))
        code, home = context.approval.code.code, context.deployment.home
        if code:
            log.warning("no operator yet: send the bot this code within an hour", code=code)
        log.info("ready", bot=bot.username, agent=home.agent_id, coze=home.api_base)
        yield App(
            context=context,
            polling=polling,
            poller=poller,
            polling_task=polling_task,
            health=health,
            alarms=has.alarms,
            metrics=metrics,
        )


def _works(has: Components, health: Health) -> dict[str, Callable[[], Coroutine[None, None, None]]]:
    """Return what goes on beside the polling until the bridge ends, by its name."""
    context, alarms = has.context, has.alarms
    store, pacer = context.store, context.calls.pacer
    return {
        "chat migrations": lambda: follow_migrations(context),
        "approval cards": has.cards.run,
        "menus": Menus(context.calls.bot, pacer, store, context.rights).keep,
        "orphans": OrphanSearch(context.calls, context.notices).run,
        "learned limits": context.calls.pace_memory.keep,
        "housekeeping": lambda: keep_clean(store, context.deployment.retention_days),
        "alarms of runs": alarms.follow_runs,
        "alarms": lambda: alarms.watch(health.alarming),
        "broadcasts": Broadcasting(context).run,
        "reload": lambda: tell_reloaded(context),
    }


@asynccontextmanager
async def _owned(
    work: Callable[[], Coroutine[None, None, None]], name: str
) -> AsyncIterator[asyncio.Task[None]]:
    """Give a task that ends with the context."""
    task = asyncio.create_task(work(), name=name)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
