"""Make the parts of the bridge from its settings; `app` runs them."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from telegram import Bot

from bridge.coze.client import Coze
from bridge.housekeeping import clean_up
from bridge.metrics import Metrics
from bridge.preferences import AccessMode
from bridge.relay.agents import Agents
from bridge.relay.lanes import Lanes
from bridge.relay.speech import SpeechMaker
from bridge.relay.turn import Answering
from bridge.settings import Settings
from bridge.shard_work import Look
from bridge.sharing.coordinator import Bell, Coordinator
from bridge.sharing.postgresql import PostgresqlCoordinator
from bridge.sharing.solo import SoloCoordinator
from bridge.store import migrate, ownership
from bridge.store.dialects.database import is_postgresql
from bridge.store.engine import Store
from bridge.telegram.access.admission import AdmissionControl
from bridge.telegram.access.approval import Approval, all_operators
from bridge.telegram.access.approval_cards import ApprovalCards
from bridge.telegram.access.invitations import Invitations
from bridge.telegram.access.limits import IgnoredPeople, UsageLimits
from bridge.telegram.access.people import People
from bridge.telegram.access.rights import Rights
from bridge.telegram.alarms import Alarms
from bridge.telegram.api.client import BotClient
from bridge.telegram.api.notices import NoticeQueue
from bridge.telegram.api.unwritable import UnwritableChats
from bridge.telegram.commands.agent_profiles import AgentProfiles
from bridge.telegram.commands.context import BotContext, DeploymentConfig, ProcessControls
from bridge.telegram.files.answer_files import FileDelivery
from bridge.telegram.files.fetch_url import UrlFetcher
from bridge.telegram.files.public import PublicFiles
from bridge.telegram.pace.chat_limits import GROUP, PRIVATE, Limits
from bridge.telegram.pace.scheduler import Pacer
from bridge.telegram.questions.ask import QuestionOptions, Questions
from bridge.telegram.reply.factory import ReplyFactory
from bridge.telegram.reply.features import Features
from bridge.telegram.reply.old_suggestions import OldSuggestions
from bridge.telegram.reply.reactions import Reactions
from bridge.telegram.reply.topic_names import TopicNames
from bridge.telegram.status import PollingHealth, StatusReader


@dataclass(frozen=True, kw_only=True)
class Connections:
    """The connections to both sides, and what is known of them."""

    agents: Agents
    voice: Coze | None
    """Where answers are spoken, if anywhere."""
    calls: BotClient
    polling: PollingHealth
    public_files: PublicFiles | None = None


@dataclass(frozen=True, kw_only=True)
class Components:
    """What the bridge is made of."""

    context: BotContext
    alarms: Alarms
    cards: ApprovalCards
    ignored: IgnoredPeople
    admission: AdmissionControl
    """What every update passes first."""
    looks: Mapping[Bell, Look]
    """What is read again when another process rings."""


async def opened_store(stack: AsyncExitStack, settings: Settings) -> tuple[Store, Coordinator]:
    """Return the database, of this program's schema and cleaned up, and who shares its work.

    A file is ours alone; a server may be worked with by several processes. Raises StoreTrouble.
    """
    store = Store(settings.database_url)
    stack.push_async_callback(store.close)
    if is_postgresql(store.address):
        await migrate.upgrade(store)
        return store, PostgresqlCoordinator(store)
    stack.enter_context(ownership.alone(store))
    await migrate.upgrade(store)
    async with store.writing() as tx:
        await ownership.note_process(tx)
    await clean_up(store, settings.bridge_retention_days)
    return store, SoloCoordinator()


def _fixed(limits: Limits, given: Mapping[str, float]) -> Limits | None:
    """Return the limits that the operator fixed; None to have them learned."""
    return replace(limits, **given) if given else None


async def bot_client(
    settings: Settings, bot: Bot, store: Store, metrics: Metrics, sharing: Coordinator
) -> BotClient:
    """Return the calls of the Bot API, with what an earlier process knew of where they may go."""
    pacer = Pacer(
        _fixed(PRIVATE, settings.bridge_pace_private), _fixed(GROUP, settings.bridge_pace_group)
    )
    unwritable = UnwritableChats(store, sharing)
    await unwritable.recall()
    calls = BotClient(bot, pacer, store, unwritable, metrics=metrics, sharing=sharing)
    calls.topics.learn(bot.bot)
    await calls.pace_memory.recall()
    if sharing.shared:
        calls.pace_memory.share(bot.id)
    return calls


async def parts(settings: Settings, sides: Connections, controls: ProcessControls) -> Components:
    """Return everything that settles updates and answers turns. Raises StoreTrouble."""
    calls, agents = sides.calls, sides.agents
    operators = await all_operators(calls.store, settings.bridge_operators)
    rights, people = Rights(calls.bot, calls.pacer, operators), People(calls.store)
    notices, ignored = NoticeQueue(calls), IgnoredPeople()
    alarms = Alarms(notices, rights, people, agents.declared)
    reactions, deployment = Reactions(notices), _deployment(settings, calls.bot, controls)
    replies = _replies(settings, sides, deployment, notices, reactions)
    lanes = _lanes(settings, sides, alarms, replies)
    limits = UsageLimits(calls.store, rights, ignored, settings.bridge_flood)
    questions = Questions(
        notices=notices,
        lanes=lanes,
        limits=limits,
        reactions=reactions,
        options=_question_options(settings, deployment),
    )
    cards = ApprovalCards(notices, rights, people)
    approval = Approval(
        notices=notices,
        rights=rights,
        cards=cards,
        ignored=ignored,
        questions=questions,
        by_approval=deployment.by_approval,
    )
    await approval.code.publish()
    context = BotContext(
        notices=notices,
        lanes=lanes,
        agents=agents,
        rights=rights,
        approval=approval,
        invitations=Invitations(notices, rights, approval, agents.declared),
        people=people,
        questions=questions,
        status=StatusReader(calls.store, agents, lanes, calls.pacer, polling=sides.polling),
        agent_profiles=AgentProfiles(agents),
        deployment=deployment,
    )
    return Components(
        context=context,
        alarms=alarms,
        cards=cards,
        ignored=ignored,
        admission=AdmissionControl(rights, limits, by_approval=deployment.by_approval),
        looks=_looks(settings, context, alarms, ignored),
    )


def _question_options(settings: Settings, deployment: DeploymentConfig) -> QuestionOptions:
    return QuestionOptions(
        default=deployment.default,
        most_waiting=settings.bridge_waiting_messages,
        stale_seconds=settings.bridge_group_stale_seconds,
    )


def _looks(
    settings: Settings, context: BotContext, alarms: Alarms, ignored: IgnoredPeople
) -> Mapping[Bell, Look]:
    """Return what is read again when another process rings, and now and then."""
    sharing = context.calls.sharing
    sharing.on(Bell.LOG_LEVEL, context.deployment.controls.set_level)
    sharing.on(Bell.ACCESS, lambda about: ignored.forget(int(about)))

    async def operators() -> None:
        named = settings.bridge_operators
        context.rights.become(await all_operators(context.store, named, warn=False))

    async def broadcast() -> None:
        context.broadcast_due.set()

    async def alarm() -> None:
        alarms.listen()

    return {Bell.OPERATORS: operators, Bell.BROADCAST: broadcast, Bell.ALARM: alarm}


def _deployment(settings: Settings, bot: Bot, controls: ProcessControls) -> DeploymentConfig:
    default = settings.preferences
    return DeploymentConfig(
        default=replace(default, wake_word=default.wake_word or bot.first_name),
        features=Features(
            judging=settings.bridge_feedback,
            transcripts=settings.bridge_transcripts,
            rich=settings.bridge_rich,
        ),
        by_approval=settings.bridge_access is AccessMode.APPROVAL,
        retention_days=settings.bridge_retention_days,
        controls=controls,
    )


def _replies(
    settings: Settings,
    sides: Connections,
    deployment: DeploymentConfig,
    notices: NoticeQueue,
    reactions: Reactions,
) -> ReplyFactory:
    """Return what the replies of turns are made of."""
    calls = sides.calls
    delivery = FileDelivery(
        store=calls.store,
        fetching=UrlFetcher(settings.bridge_picture_hosts),
        speaking=SpeechMaker(sides.voice, settings.coze_voice_id),
        bot_id=calls.bot.id,
        file_characters=settings.bridge_file_characters,
    )
    return ReplyFactory(
        calls=calls,
        features=deployment.features,
        default=deployment.default,
        reactions=reactions,
        delivery=delivery,
        topic_names=TopicNames(notices),
        old_suggestions=OldSuggestions(notices, deployment.features),
    )


def _lanes(
    settings: Settings,
    sides: Connections,
    alarms: Alarms,
    replies: ReplyFactory,
) -> Lanes:
    """Return what answers turns, chat by chat."""
    store = sides.calls.store
    answering = Answering(
        store,
        sides.agents,
        ended=alarms.ended,
        metrics=sides.calls.metrics,
        titles=settings.bridge_titles,
    )
    return Lanes(
        store,
        answering,
        replies.open,
        quiet_seconds=settings.bridge_quiet_seconds,
        most=settings.bridge_open_chats,
        owns=sides.calls.sharing.owns,
    )
