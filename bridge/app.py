"""The only place where everything is put together: `async with running(settings) as app:`."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace

import structlog
from telegram import Bot

from bridge.coze.client import Coze
from bridge.errors import StoreTrouble, TelegramTrouble
from bridge.model import Entrance, Home, Preferences
from bridge.neighbours import (
    agent_home,
    coze_client,
    coze_place,
    downloads,
    meet_telegram,
    telegram_bot,
    telegram_mailbox,
)
from bridge.relay.carrying import Carrying
from bridge.relay.lanes import Lanes
from bridge.relay.speaking import Speaking
from bridge.relay.turn import Answering
from bridge.settings import Settings
from bridge.store import chats, inbox, migrate, offers, outbox, uploads
from bridge.store.engine import Store
from bridge.telegram import scratch
from bridge.telegram.budget import Limits
from bridge.telegram.calls import Calls
from bridge.telegram.commands import COMMANDS, Commands
from bridge.telegram.context import Context
from bridge.telegram.door import Door, known_operators, new_code
from bridge.telegram.enclosing import Enclosing
from bridge.telegram.features import Features
from bridge.telegram.fetching import Fetching
from bridge.telegram.intake import DEAF_SECONDS, Intake
from bridge.telegram.introduction import Introduction
from bridge.telegram.life import Life
from bridge.telegram.listening import Listening
from bridge.telegram.opening import Replies
from bridge.telegram.operators import Operators
from bridge.telegram.pacing import Pacer
from bridge.telegram.reactions import Reactions
from bridge.telegram.rights import Rights
from bridge.telegram.settling import Settling
from bridge.telegram.shut import Shut
from bridge.telegram.taps import Taps
from bridge.texts import DEFAULT, catalogues

log = structlog.get_logger(__name__)
_MENU_FACT = "telegram menu"
TIDY_SECONDS = 3600.0
TRY_AGAIN_SECONDS = 60.0
"""After this long without another failed write, a write is tried when somebody asks."""


@dataclass(frozen=True)
class App:
    """The running bridge."""

    bot: Bot
    store: Store
    lanes: Lanes
    intake: Intake
    taking: asyncio.Task[None]
    """Ends only with the trouble that ended the intake of updates."""

    async def faults(self) -> Sequence[str]:
        """What is wrong now, for the operator; empty when all is well."""
        found = []
        if self.intake.deaf_seconds > DEAF_SECONDS:
            found.append(f"Nothing heard from Telegram for {self.intake.deaf_seconds:.0f} s.")
        now = asyncio.get_running_loop().time()
        if self.store.fault is not None and now - self.store.fault_at > TRY_AGAIN_SECONDS:
            with suppress(StoreTrouble):  # it may have passed, and nobody has written since
                async with self.store.writing() as tx:
                    await chats.remember(tx, "health", "")
        if self.store.fault is not None:
            found.append(str(self.store.fault))
        return found


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[App]:
    """Start everything, and stop it in the opposite order.

    Raises SettingsTrouble, StoreTrouble and TokenRevoked when it cannot start.
    """
    async with AsyncExitStack() as stack:
        store = Store(settings.database_url)
        stack.push_async_callback(store.close)
        await migrate.upgrade(store)
        await _tidy(store)
        coze = await stack.enter_async_context(coze_client(settings))
        bot = telegram_bot(settings)
        stack.push_async_callback(bot.shutdown)
        await meet_telegram(bot)
        home = agent_home(settings)
        features = _features(settings)
        default = settings.preferences
        default = replace(default, wake_word=default.wake_word or bot.first_name)
        pacer = Pacer(Limits(*settings.bridge_pace_private), Limits(*settings.bridge_pace_group))
        files = await stack.enter_async_context(downloads(settings, bot))
        shut = Shut(store)
        await shut.recall()
        calls = Calls(bot, pacer, store, shut)
        await calls.recall_silences()
        rights = Rights(bot, pacer, {*settings.bridge_operators, *await known_operators(store)})
        code = "" if rights.operators else new_code()
        introduction = Introduction(bot, rights)
        by_approval = settings.bridge_access is Entrance.APPROVAL
        door = Door(calls, store, rights, introduction, by_approval=by_approval, code=code)
        reactions = Reactions(calls)
        enclosing = _enclosing(settings, store, coze, bot)
        lanes = Lanes(
            store,
            Answering(coze, store, home, Carrying(coze, store, files, coze_place(settings))),
            Replies(calls, store, features, default, reactions, enclosing).open,
            quiet_seconds=settings.bridge_quiet_seconds,
            most=settings.bridge_open_chats,
        )
        stack.push_async_callback(lanes.close, settings.bridge_grace_seconds)
        await lanes.go_on()
        parts = _Parts(
            bot, store, coze, home, default, features, calls, lanes, shut, rights, door, reactions
        )
        settling, life = _settling(settings, parts)
        await stack.enter_async_context(_owned(life.follow_moves, "moves"))
        mailbox = await stack.enter_async_context(telegram_mailbox(settings))
        intake = Intake(mailbox, bot.id, store, settling, recovered=lanes.hurry)
        stack.push_async_callback(intake.close)
        taking = await stack.enter_async_context(_owned(intake.run, "intake"))
        await stack.enter_async_context(_owned(lambda: _set_menu(calls, store), "menu"))
        await stack.enter_async_context(_owned(lambda: _tidy_each_hour(store), "housekeeping"))
        if code:
            log.warning("no operator yet: send the bot this code within an hour", code=code)
        log.info("ready", bot=bot.username, agent=home.agent_id, coze=home.api_base)
        yield App(bot, store, lanes, intake, taking)


def _features(settings: Settings) -> Features:
    return Features(
        judging=settings.bridge_feedback,
        transcripts=settings.bridge_transcripts,
        rich=settings.bridge_rich,
    )


def _enclosing(settings: Settings, store: Store, coze: Coze, bot: Bot) -> Enclosing:
    """What finds and sends the files that go with answers."""
    fetching = Fetching(settings.bridge_picture_hosts)
    speaking = Speaking(coze, settings.coze_voice_id)
    return Enclosing(store, fetching, speaking, bot.id, settings.bridge_file_characters)


@dataclass(frozen=True)
class _Parts:
    """What the settling of updates is made of."""

    bot: Bot
    store: Store
    coze: Coze
    home: Home
    default: Preferences
    features: Features
    calls: Calls
    lanes: Lanes
    shut: Shut
    rights: Rights
    door: Door
    reactions: Reactions


def _settling(settings: Settings, has: _Parts) -> tuple[Settling, Life]:
    """What becomes of updates, and what follows the moves of groups."""
    calls, store, lanes, most = has.calls, has.store, has.lanes, settings.bridge_waiting_messages
    context = Context()
    commands = Commands(
        calls,
        store,
        lanes,
        has.coze,
        has.home,
        has.default,
        has.rights,
        has.door.introduction,
        has.reactions,
        Operators(calls, store, has.coze, has.home, has.rights),
    )
    taps = Taps(
        calls,
        store,
        lanes,
        commands,
        has.coze,
        has.features,
        has.default,
        has.rights,
        has.door,
        most_waiting=most,
    )
    listening = Listening(
        calls,
        store,
        lanes,
        has.shut,
        context,
        has.reactions,
        has.default,
        most_waiting=most,
        stale_seconds=settings.bridge_group_stale_seconds,
    )
    life = Life(
        has.bot, calls, store, lanes, has.shut, has.rights, has.door, context, has.door.introduction
    )
    return Settling(has.bot, calls, store, lanes, has.door, listening, commands, taps, life), life


async def _set_menu(calls: Calls, store: Store) -> None:
    """Set the menu of commands when it is not the one that was set last: Telegram counts."""
    menus = {
        language: {one.name: one.description(language) for one in COMMANDS.values()}
        for language in sorted(catalogues())
    }
    mark = hashlib.sha256(json.dumps(menus).encode()).hexdigest()
    try:
        async with store.reading() as tx:
            if await chats.fact(tx, _MENU_FACT) == mark:
                return
        for language, menu in menus.items():
            await calls.set_menu(menu, None if language == DEFAULT else language)
        async with store.writing() as tx:
            await chats.remember(tx, _MENU_FACT, mark)
    except TelegramTrouble as trouble:
        log.warning("menu not set", trouble=str(trouble))


async def _tidy(store: Store) -> None:
    """Forget what nothing can ask for any more."""
    await asyncio.to_thread(scratch.sweep)
    try:
        async with store.writing() as tx:
            await inbox.prune(tx)
            await outbox.prune(tx)
            await offers.forget_old_offers(tx)
            await uploads.prune(tx)
    except StoreTrouble as trouble:
        log.warning("not tidied", trouble=str(trouble))


async def _tidy_each_hour(store: Store) -> None:
    while True:
        await asyncio.sleep(TIDY_SECONDS)
        await _tidy(store)


@asynccontextmanager
async def _owned(
    work: Callable[[], Coroutine[None, None, None]], name: str
) -> AsyncIterator[asyncio.Task[None]]:
    """A task that ends with the context."""
    task = asyncio.create_task(work(), name=name)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
