"""The only place where everything is put together: `async with running(settings) as app:`."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace

import structlog
from telegram import Bot

from bridge import __version__
from bridge.clients import (
    agent_home,
    coze_client,
    coze_place,
    downloads,
    meet_telegram,
    telegram_bot,
    telegram_mailbox,
)
from bridge.coze.client import Coze
from bridge.errors import StoreTrouble
from bridge.metrics import Metrics
from bridge.model import AccessMode, AgentAccount, Preferences
from bridge.relay.attachments import Attachments
from bridge.relay.lanes import Lanes
from bridge.relay.speech import SpeechMaker
from bridge.relay.turn import Answering
from bridge.settings import Settings
from bridge.store import chats, erasure, inbox, migrate, outbox, ownership, uploads
from bridge.store.engine import Store
from bridge.store.operators import audit, broadcasts
from bridge.store.turns import lifecycle, suggestions
from bridge.telegram.access.approval import Approval, all_operators, new_code
from bridge.telegram.access.approval_cards import ApprovalCards
from bridge.telegram.access.introduction import Introduction
from bridge.telegram.access.limits import IgnoredPeople, UsageLimits, UserRateLimit
from bridge.telegram.access.people import People
from bridge.telegram.access.rights import Rights
from bridge.telegram.alarms import Alarms, clock_off, file_lost, updates_stuck
from bridge.telegram.api.budget import Limits
from bridge.telegram.api.client import BotClient
from bridge.telegram.api.clock import WARNING_SECONDS, TelegramClock
from bridge.telegram.api.notices import NoticeQueue
from bridge.telegram.api.scheduler import Pacer
from bridge.telegram.api.unwritable import UnwritableChats
from bridge.telegram.commands.menus import Menus
from bridge.telegram.commands.operators.broadcast import Broadcasting
from bridge.telegram.commands.operators.context import Controls, Desk
from bridge.telegram.commands.operators.control import tell_reloaded
from bridge.telegram.commands.operators.table import Operators
from bridge.telegram.commands.people import Commands
from bridge.telegram.commands.privacy import OwnData
from bridge.telegram.files import tempfiles
from bridge.telegram.files.deliver import FileDelivery
from bridge.telegram.files.download import Downloads
from bridge.telegram.files.fetch_url import UrlFetcher
from bridge.telegram.inbound.callbacks import Callbacks
from bridge.telegram.inbound.membership import Membership
from bridge.telegram.inbound.polling import DEAF_SECONDS, STUCK_SECONDS, Intake
from bridge.telegram.inbound.router import UpdateRouter
from bridge.telegram.questions.ask import Questions
from bridge.telegram.questions.overheard import OverheardLines
from bridge.telegram.reply.factory import ReplyFactory
from bridge.telegram.reply.features import Features
from bridge.telegram.reply.reactions import Reactions
from bridge.telegram.status import StatusReader

log = structlog.get_logger(__name__)
TIDY_SECONDS = 3600.0
WORDS_SECONDS = 60.0
LAST_NOTICES_SECONDS = 2.0
"""How long a shutdown waits for short messages to be sent; the rest goes out at the next start."""
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
    desk: Desk
    alarms: Alarms
    metrics: Metrics
    file: ownership.OpenedFile | None
    """Where the database lies; None for one in memory."""
    clock: TelegramClock

    async def unready(self) -> Sequence[str]:
        """Why nothing is answered now; empty when messages are taken and can be kept."""
        found = [] if self.intake.fault is None else [self.intake.fault]
        return [*found, *await self._unwritable()]

    async def faults(self) -> Sequence[str]:
        """What is wrong now, for the operator; empty when all is well."""
        found = []
        if self.intake.deaf_seconds > DEAF_SECONDS:
            found.append(f"Nothing heard from Telegram for {self.intake.deaf_seconds:.0f} s.")
        if self.intake.stuck_seconds > STUCK_SECONDS:
            found.append(updates_stuck(self.intake.stuck_seconds))
        if self.file is not None and self.file.fault is not None:
            found.append(file_lost(self.file.fault))
        return [*found, *await self._unwritable()]

    async def alarming(self) -> Sequence[tuple[str, str]]:
        """The same by their kinds. Raises StoreTrouble when the database cannot be used at all."""
        found = []
        if self.intake.deaf_seconds > DEAF_SECONDS:
            cure = "Check the network, TELEGRAM_API_BASE_URL and TELEGRAM_PROXY."
            found.append(("telegram", f"Nothing was heard from Telegram for a while. {cure}"))
        if self.intake.stuck_seconds > STUCK_SECONDS:
            found.append(("updates", updates_stuck(self.intake.stuck_seconds)))
        if self.store.fault is not None:
            found.append(("store", str(self.store.fault)))
        if self.file is not None and self.file.fault is not None:
            found.append(("file", file_lost(self.file.fault)))
        if abs(self.clock.ahead_seconds) >= WARNING_SECONDS:
            found.append(("clock", clock_off(self.clock.ahead_seconds)))
        return found

    async def _unwritable(self) -> Sequence[str]:
        found: list[str] = []
        now = asyncio.get_running_loop().time()
        if self.store.fault is not None and now - self.store.fault_at > TRY_AGAIN_SECONDS:
            with suppress(StoreTrouble):  # it may have passed, and nobody has written since
                async with self.store.writing() as tx:
                    await chats.remember(tx, "health", "")
        if self.store.fault is not None:
            found.append(str(self.store.fault))
        return found


@asynccontextmanager
async def running(settings: Settings, controls: Controls | None = None) -> AsyncIterator[App]:
    """Start everything, and stop it in the opposite order.

    Raises SettingsTrouble, StoreTrouble and TokenRevoked when it cannot start.
    """
    async with AsyncExitStack() as stack:
        store = Store(settings.database_url)
        stack.push_async_callback(store.close)
        stack.enter_context(ownership.alone(store.url))
        await migrate.upgrade(store)
        async with store.writing() as tx:
            await ownership.note_process(tx)
        await _tidy(store, settings.bridge_retention_days)
        metrics = Metrics(__version__)
        coze = await stack.enter_async_context(coze_client(settings, metrics))
        clock = TelegramClock()
        bot = telegram_bot(settings, metrics, clock)
        stack.push_async_callback(bot.shutdown)
        await meet_telegram(bot)
        async with store.writing() as tx:
            await ownership.claim(tx, bot.id, bot.username)
        files = await stack.enter_async_context(downloads(settings, bot))
        has = await _parts(settings, store, coze, bot, files, controls or Controls(), metrics)
        stack.push_async_callback(has.lanes.close, settings.bridge_grace_seconds)
        stack.push_async_callback(has.notices.close, LAST_NOTICES_SECONDS)
        await has.notices.recall()
        await has.lanes.go_on()
        settling, life = _settling(settings, has, clock)
        mailbox = await stack.enter_async_context(telegram_mailbox(settings, metrics, clock))
        intake = Intake(
            mailbox,
            bot.id,
            store,
            settling,
            has.lanes.hurry,
            metrics,
            has.hush.ignores,
            has.hush.unknown,
        )
        has.vitals.deaf_seconds = lambda: intake.deaf_seconds
        stack.push_async_callback(intake.close)
        taking = await stack.enter_async_context(_owned(intake.run, "intake"))
        file = ownership.opened(store.url)
        app = App(bot, store, has.lanes, intake, taking, has.desk, has.alarms, metrics, file, clock)
        works: dict[str, Callable[[], Coroutine[None, None, None]]] = {
            "moves": life.follow_moves,
            "approvals": has.approvals.run,
            "menu": Menus(bot, has.calls.pacer, store, has.rights).keep,
            "housekeeping": lambda: _keep_tidy(store, settings.bridge_retention_days),
            "alarms of runs": has.alarms.follow_runs,
            "alarms": lambda: has.alarms.watch(app.alarming),
            "broadcasts": Broadcasting(has.desk).run,
            "reload": lambda: tell_reloaded(has.desk),
        }
        for name, work in works.items():
            await stack.enter_async_context(_owned(work, name))
        if has.code:
            log.warning("no operator yet: send the bot this code within an hour", code=has.code)
        log.info("ready", bot=bot.username, agent=has.home.agent_id, coze=has.home.api_base)
        yield app


@dataclass(frozen=True)
class _Parts:
    """What the bridge is made of."""

    bot: Bot
    store: Store
    coze: Coze
    home: AgentAccount
    default: Preferences
    features: Features
    calls: BotClient
    notices: NoticeQueue
    lanes: Lanes
    shut: UnwritableChats
    rights: Rights
    door: Approval
    reactions: Reactions
    people: People
    gate: UsageLimits
    hush: IgnoredPeople
    approvals: ApprovalCards
    alarms: Alarms
    vitals: StatusReader
    desk: Desk
    own_data: OwnData
    context: OverheardLines
    code: str
    """Makes whoever sends it an operator; empty when there is one."""


async def _parts(
    settings: Settings,
    store: Store,
    coze: Coze,
    bot: Bot,
    files: Downloads,
    controls: Controls,
    metrics: Metrics,
) -> _Parts:
    home, features = agent_home(settings), _features(settings)
    default = settings.preferences
    default = replace(default, wake_word=default.wake_word or bot.first_name)
    pacer = Pacer(Limits(*settings.bridge_pace_private), Limits(*settings.bridge_pace_group))
    shut = UnwritableChats(store)
    await shut.recall()
    calls = BotClient(bot, pacer, store, shut, metrics)
    await calls.restore_flood_waits()
    notices = NoticeQueue(bot.id, calls, store)
    rights = Rights(bot, pacer, await all_operators(store, settings.bridge_operators))
    code = "" if rights.operators else new_code()
    people = People(store)
    by_approval = settings.bridge_access is AccessMode.APPROVAL
    introduction = Introduction(bot, rights)
    approvals = ApprovalCards(bot.id, calls, notices, store, rights, people)
    hush = IgnoredPeople()
    door = Approval(
        notices, store, rights, introduction, approvals, hush, by_approval=by_approval, code=code
    )
    reactions = Reactions(notices)
    alarms = Alarms(calls, notices, store, rights, people)
    carrying = Attachments(coze, store, files, coze_place(settings))
    enclosing = _enclosing(settings, store, coze, bot)
    lanes = Lanes(
        store,
        Answering(
            coze,
            store,
            home,
            carrying,
            ended=alarms.ended,
            metrics=metrics,
        ),
        ReplyFactory(calls, store, features, default, reactions, enclosing).open,
        quiet_seconds=settings.bridge_quiet_seconds,
        most=settings.bridge_open_chats,
    )
    vitals = StatusReader(store, coze, lanes, pacer)
    desk = Desk(
        bot, calls, notices, store, lanes, coze, home, rights, door, people, vitals, controls,
        by_approval,
    )  # fmt: skip
    flood = settings.bridge_flood
    gate = UsageLimits(
        store, rights, hush, UserRateLimit(*flood), UserRateLimit(*flood, strict=True)
    )
    context = OverheardLines()
    own_data = OwnData(notices, store, lanes, coze, people, context, settings.bridge_retention_days)
    return _Parts(
        bot, store, coze, home, default, features, calls, notices, lanes, shut, rights, door, reactions,
        people, gate, hush, approvals, alarms, vitals, desk, own_data, context, code,
    )  # fmt: skip


def _features(settings: Settings) -> Features:
    return Features(
        judging=settings.bridge_feedback,
        transcripts=settings.bridge_transcripts,
        rich=settings.bridge_rich,
    )


def _enclosing(settings: Settings, store: Store, coze: Coze, bot: Bot) -> FileDelivery:
    """What finds and sends the files that go with answers."""
    fetching = UrlFetcher(settings.bridge_picture_hosts)
    speaking = SpeechMaker(coze, settings.coze_voice_id)
    return FileDelivery(store, fetching, speaking, bot.id, settings.bridge_file_characters)


def _settling(
    settings: Settings, has: _Parts, clock: TelegramClock
) -> tuple[UpdateRouter, Membership]:
    """What becomes of updates, and what follows the moves of groups."""
    notices, store, lanes = has.notices, has.store, has.lanes
    most = settings.bridge_waiting_messages
    listening = Questions(
        notices,
        store,
        lanes,
        has.shut,
        has.context,
        has.reactions,
        has.default,
        has.gate,
        most_waiting=most,
        stale_seconds=settings.bridge_group_stale_seconds,
    )
    commands = Commands(
        notices, store, lanes, has.coze, has.home, has.default, has.rights, has.door.introduction,
        has.reactions, Operators(has.desk), has.own_data, listening,
    )  # fmt: skip
    taps = Callbacks(
        notices, store, lanes, commands, has.coze, has.features, has.default, has.rights, has.door,
        listening,
    )  # fmt: skip
    life = Membership(
        has.bot, has.calls, notices, store, lanes, has.shut, has.rights, has.door, has.context,
        has.door.introduction,
    )  # fmt: skip
    settling = UpdateRouter(
        has.bot, notices, store, has.door, listening, commands, taps, life, has.people, clock,
        has.gate,
    )  # fmt: skip
    return settling, life


async def _tidy(store: Store, days: float) -> None:
    """Forget what nothing can ask for any more."""
    await asyncio.to_thread(tempfiles.sweep)
    try:
        async with store.writing() as tx:
            await inbox.prune(tx)
            await lifecycle.forget_all_words(tx)
            await outbox.prune(tx)
            await suggestions.forget_old_offers(tx)
            await uploads.prune(tx)
            await audit.prune(tx)
            await broadcasts.prune(tx)
            await erasure.retire(tx, days)
        await store.wipe_log()
    except StoreTrouble as trouble:
        log.warning("not tidied", trouble=str(trouble))


async def _keep_tidy(store: Store, days: float) -> None:
    """Forget words within a minute of their time, the rest each hour; for ever."""
    while True:
        for _ in range(round(TIDY_SECONDS / WORDS_SECONDS)):
            await asyncio.sleep(WORDS_SECONDS)
            try:
                async with store.writing() as tx:
                    await lifecycle.forget_all_words(tx, since=time.time() - 86400)
                await store.wipe_log()
            except StoreTrouble as trouble:
                log.warning("words not forgotten", trouble=str(trouble))
        await _tidy(store, days)


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
