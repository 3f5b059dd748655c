"""The only place where everything is started and stopped: `async with running(settings) as app:`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog
from telegram import Bot

from bridge import __version__
from bridge.health import Health
from bridge.metrics import Metrics
from bridge.parts.agents import Surroundings, opened_agents
from bridge.parts.background import background_work, begin, beside, shared_work
from bridge.parts.clients import (
    downloads,
    meet_telegram,
    public_files,
    telegram_bot,
    telegram_updates,
)
from bridge.parts.components import Components, Connections, bot_client, opened_store, parts
from bridge.relay.lanes import Lanes
from bridge.settings import Settings
from bridge.shard_work import ShardWork
from bridge.sharing.shards import Duty
from bridge.store import ownership
from bridge.store.engine import Store
from bridge.telegram.alarms import Alarms
from bridge.telegram.api.client import BotClient
from bridge.telegram.api.clock import TelegramClock
from bridge.telegram.api.orphans import OrphanSearch
from bridge.telegram.commands.context import BotContext, ProcessControls
from bridge.telegram.files.public import PublicFiles
from bridge.telegram.inbound.dispatch import Dispatcher
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
    public_files: PublicFiles | None
    """What the world can fetch; None where the settings name no address."""

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
        store, sharing = await opened_store(stack, settings)
        metrics, clock = Metrics(__version__), TelegramClock()
        bot = await _met_bot(stack, settings, metrics, clock)
        await _claim(store, bot)
        calls = await bot_client(settings, bot, store, metrics, sharing)
        stack.push_async_callback(calls.pacer.close)
        sides = await _connections(stack, settings, calls, metrics)
        has = await parts(settings, sides, controls or ProcessControls())
        context, polling = has.context, sides.polling
        updates = await stack.enter_async_context(telegram_updates(settings, metrics, clock))
        dispatcher = _dispatcher(has, metrics, clock)
        poller = UpdatePoller(updates, dispatcher, polling, context.lanes.retry_now)
        orphans = OrphanSearch(calls, context.notices, sharing.owns)
        shards = ShardWork(context, dispatcher, orphans, has.looks)
        await stack.enter_async_context(sharing.working(shards))
        _close_in_order(stack, context, dispatcher, settings.bridge_grace_seconds)
        polling.rests()
        polling_task = await stack.enter_async_context(
            beside(lambda: sharing.perform(Duty.POLLING, poller.run), "polling")
        )
        health = Health(
            store=store,
            polling=polling,
            poller=poller,
            file=ownership.opened(store.address),
            clock=clock,
        )
        works = background_work(has, health) | {"orphans": orphans.run}
        if sharing.shared:
            works |= shared_work(context, health, dispatcher, shards)
        await begin(stack, works)
        _say_ready(context)
        yield App(
            context=context,
            polling=polling,
            poller=poller,
            polling_task=polling_task,
            health=health,
            alarms=has.alarms,
            metrics=metrics,
            public_files=sides.public_files,
        )


async def _connections(
    stack: AsyncExitStack, settings: Settings, calls: BotClient, metrics: Metrics
) -> Connections:
    """Return the connections to both sides. Raises SettingsTrouble when a key cannot be used."""
    files = await stack.enter_async_context(downloads(settings, calls.bot))
    public = public_files(settings, files)
    address = public.address if public is not None else None
    around = Surroundings(store=calls.store, files=files, address=address, metrics=metrics)
    opened = await opened_agents(stack, settings, around)
    return Connections(
        agents=opened.agents,
        voice=opened.voice,
        calls=calls,
        polling=PollingHealth(),
        public_files=public,
    )


def _dispatcher(has: Components, metrics: Metrics, clock: TelegramClock) -> Dispatcher:
    """Return what settles the updates, whoever brings them."""
    calls = has.context.calls
    return Dispatcher(
        bot_id=calls.bot.id,
        store=calls.store,
        router=UpdateRouter(has.context, has.admission, clock),
        ignored=has.ignored,
        metrics=metrics,
        sharing=calls.sharing,
    )


def _close_in_order(
    stack: AsyncExitStack, context: BotContext, dispatcher: Dispatcher, grace_seconds: float
) -> None:
    """Have the end begin with what takes updates, and let answers end last."""
    stack.push_async_callback(context.lanes.close, grace_seconds)
    stack.push_async_callback(context.notices.close, LAST_NOTICES_SECONDS)
    stack.push_async_callback(context.calls.sharing.leave)
    stack.push_async_callback(dispatcher.close)


async def _met_bot(
    stack: AsyncExitStack, settings: Settings, metrics: Metrics, clock: TelegramClock
) -> Bot:
    """Return the bot, known by its name. Raises TokenRevoked."""
    bot = telegram_bot(settings, metrics, clock)
    stack.push_async_callback(bot.shutdown)
    await meet_telegram(bot)
    return bot


async def _claim(store: Store, bot: Bot) -> None:
    """Note whose database it is. Raises StoreTrouble when it is another bot's."""
    async with store.writing() as tx:
        await ownership.claim(tx, bot.id, bot.username)


def _say_ready(context: BotContext) -> None:
    code, home = context.approval.code.code, context.agents.default.home
    if code:
        link = f"https://t.me/{context.calls.bot.username}?start={code}"
        what = "no operator yet: send the bot this code within an hour, or open the link"
        log.warning(what, code=code, link=link)
    log.info("ready", bot=context.calls.bot.username, agent=home.agent_id, coze=home.api_base)
