"""Topics of private chats: `/new` opens one, and one that a person names gives its conversation that name."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.errors import Happened, TelegramUnreachable
from bridge.errors.coze import CozeTrouble
from bridge.model import ChatKey
from bridge.relay.prompt import MOST_TITLE
from bridge.relay.protocols import ReplyLater
from bridge.store import chats, outbox
from bridge.store.coze import conversations
from bridge.telegram.api.deliver import Patience, deliver
from bridge.telegram.api.errors import ChatClosed, ChatMoved, ContentRejected, PostGone
from bridge.telegram.commands.context import BotContext, language_of
from bridge.telegram.pace.budget import Priority
from bridge.telegram.post import Cause, PostContent, Rendered
from bridge.telegram.updates.events import CallbackPress, CommandCall, TopicNamed
from bridge.texts import translate

log = structlog.get_logger(__name__)
PATIENCE = Patience(seconds=20.0, tries=4)
"""For how long a topic is tried to be opened; then the new conversation begins where one is."""


class _Unconfirmed(Exception):
    """The call got no answer: it must not be made again."""


@dataclass(frozen=True)
class _Wish:
    """A topic that somebody wants, by the names under which it is written down."""

    mark: str
    """Of the call that opens it."""
    seed: Cause
    """Of its first message: clients do not show a topic without one."""


async def open_new(context: BotContext, call: CommandCall) -> bool:
    """Open a topic for a new conversation; False where that cannot be. Raises StoreTrouble."""
    language = language_of(call)
    name = translate(language, "topic.new")
    seed = PostContent(Rendered(translate(language, "topic.begins")))

    async def begin(tx: AsyncConnection, topic: ChatKey) -> None:
        await chats.name_topic(tx, topic, nameless=True)

    if not await open_topic(context, call, name, seed, begin):
        return False
    await context.answer(call, "topic.opened", name=name)
    return True


async def open_topic(
    context: BotContext,
    event: CommandCall | CallbackPress,
    name: str,
    seed: PostContent,
    begin: Callable[[AsyncConnection, ChatKey], Awaitable[None]],
) -> bool:
    """Open a topic with a first message; `begin` writes down what it is. False where that cannot be.

    Raises StoreTrouble.
    """
    key, lead = event.chat, f"bot {context.calls.bot.id} "
    cause = Cause(f"{event.cause.name} seed", 0, event.sender.id)
    wish = _Wish(f"{lead}{event.cause.name} topic", cause)
    async with context.store.writing(of=key.chat_id) as tx:
        if await outbox.of(tx, lead + cause.name):
            return True  # an earlier process has done it
        if await outbox.sending(tx, wish.mark, key):
            return False  # an earlier process may have: nobody would know which one
    thread_id = await _opened(context, key.whole, name, wish)
    if thread_id is None:
        return False
    topic = ChatKey(key.chat_id, thread_id)
    await context.notices.send(topic, seed, wish.seed)
    async with context.store.writing(of=key.chat_id) as tx:
        await outbox.not_sent(tx, wish.mark)
        await begin(tx, topic)
    return True


async def _opened(context: BotContext, key: ChatKey, name: str, wish: _Wish) -> int | None:
    """Return the topic that was opened; None when there is none, or nobody knows which one."""
    calls = context.calls

    async def attempt() -> int | None:
        async with calls.pacer.slot(key.chat_id, Priority.COMMAND, new=True):
            try:
                return await calls.open_topic(key, name)
            except TelegramUnreachable as trouble:
                if trouble.happened is Happened.NO:
                    raise
                raise _Unconfirmed(str(trouble)) from trouble

    try:
        found = await deliver(calls.pacer, key.chat_id, attempt, PATIENCE)
    except _Unconfirmed as trouble:
        log.warning("topic may be open", chat=key.chat_id, trouble=str(trouble))
        return None
    except (
        ChatClosed,
        ChatMoved,
        ContentRejected,
        PostGone,
        ReplyLater,
        TelegramUnreachable,
    ) as error:
        log.warning("topic not opened", chat=key.chat_id, why=str(error))
        found = None
    if found is None:
        async with context.store.writing(of=key.chat_id) as tx:
            await outbox.not_sent(tx, wish.mark)
    return found


async def is_fresh(context: BotContext, key: ChatKey) -> bool:
    """Return whether nothing was asked yet in a topic, such as one that `/new` has opened by itself."""
    if not key.thread_id:
        return False
    async with context.store.reading() as tx:
        return await conversations.current_one(tx, key) is None


async def named(context: BotContext, event: TopicNamed) -> None:
    """Follow a person who opens or renames a topic of their private chat. Raises StoreTrouble."""
    title = " ".join(event.name.split())[:MOST_TITLE]
    key = event.chat
    async with context.store.writing(of=key.chat_id) as tx:
        await chats.name_topic(
            tx, key, nameless=not event.given, title=title if event.given else ""
        )
        found = await conversations.current_one(tx, key) if event.given else None
        if found is not None and title:
            await conversations.rename(tx, found.id, title, event.sender.id)
    if found is None or not title:
        return
    agent = context.agents.keeping(found.agent, found.home)
    try:
        await agent.client.rename(found.conversation_id, title)
    except CozeTrouble as trouble:
        log.info("conversation not renamed at Coze", trouble=str(trouble))
