"""Follow what happens to chats: our bot is added, removed or muted; a group becomes a supergroup."""

import time

import structlog
from telegram.error import ChatMigrated, TelegramError

from bridge.errors import StoreTrouble
from bridge.model import ChatKey
from bridge.sharing.coordinator import Bell
from bridge.store import chat_state, chats
from bridge.store.turns import lifecycle, queue
from bridge.telegram.api.errors import moved_to
from bridge.telegram.api.unwritable import TRY_AGAIN_SECONDS
from bridge.telegram.commands import topics
from bridge.telegram.commands.context import BotContext
from bridge.telegram.post import PostContent, Rendered
from bridge.telegram.updates.events import ChatMigration, MembershipChange, TopicClosed, TopicNamed

log = structlog.get_logger(__name__)


async def handle(
    context: BotContext, event: MembershipChange | ChatMigration | TopicClosed | TopicNamed
) -> None:
    """Do what follows from an update. Raises StoreTrouble."""
    match event:
        case MembershipChange():
            await change(context, event)
        case ChatMigration(old, new):
            await move(context, old, new)
        case TopicClosed():
            await topic(context, event)
        case TopicNamed():
            await topics.named(context, event)


async def change(context: BotContext, standing: MembershipChange) -> None:
    """Follow that our bot was added, removed, muted, promoted or blocked. Raises StoreTrouble."""
    key = standing.chat
    context.rights.forget(key.chat_id)
    if standing.left and key.upgradable and (new := await _moved_to(context, key.chat_id)):
        await move(context, key.chat_id, new)
        return
    if standing.left or standing.mute:
        why = "muted" if standing.mute else "left"
        lasts = max(0.0, standing.mute_until - time.time()) if standing.mute_until else None
        lasts = TRY_AGAIN_SECONDS if lasts is None else lasts
        await context.calls.unwritable.close(key, why, lasts)
        if standing.left:  # else answers wait until it may write again
            await _end(context, key)
        return
    if standing.title:
        async with context.store.writing(of=key.chat_id) as tx:
            await chats.set_title(tx, key, standing.title)
    await context.calls.unwritable.reopen(key)
    if standing.is_admin:
        await context.calls.unwritable.reopen_topics(key)
    await _go_on(context, key)
    if standing.came and not key.private:
        await _introduce(context, standing)


async def _moved_to(context: BotContext, chat_id: int) -> int | None:
    """Return the supergroup that a group has become; else we have really left it.

    Whether Telegram says that our bot leaves the group that is no more is not established.
    """
    try:
        await context.calls.bot.get_chat(chat_id)
    except ChatMigrated as error:
        return moved_to(ChatKey(chat_id), error)
    except TelegramError:
        return None
    return None


async def _go_on(context: BotContext, key: ChatKey) -> None:
    """Show and answer what waited for this."""
    async with context.store.reading() as tx:
        open_ = await lifecycle.open_chats(tx)
    for one in open_:
        if one.chat_id == key.chat_id:
            context.lanes.wake(one)


async def _end(context: BotContext, key: ChatKey) -> None:
    """Nobody can read an answer any more: what runs is stopped, what waits is dropped."""
    context.questions.overheard.forget(key.chat_id)
    async with context.store.writing(of=key.chat_id) as tx:
        open_ = [one for one in await lifecycle.open_chats(tx) if one.chat_id == key.chat_id]
        for one in open_:
            await queue.drop_waiting(tx, one)
            await lifecycle.stopping(tx, one, None)
    for one in open_:
        context.lanes.stop(one)


async def _introduce(context: BotContext, standing: MembershipChange) -> None:
    """Say once how to address us, and what privacy mode keeps from us."""
    async with context.store.writing(of=standing.chat.chat_id) as tx:
        await chats.ensure_chat(tx, standing.chat)
    if not await context.approval.group_opens(standing):
        return
    text = await context.approval.introduction.words(standing.chat, standing.by.language)
    await context.notices.send(standing.chat, PostContent(Rendered(text)), standing.cause)


async def topic(context: BotContext, change: TopicClosed) -> None:
    """Follow a topic that was closed, so that only administrators write there, or opened again."""
    if not change.closed:
        await context.calls.unwritable.reopen_topic(change.chat)
        await _go_on(context, change.chat)
    elif not await context.rights.is_administrator(change.chat.chat_id, context.calls.bot.id):
        await context.calls.unwritable.close_topic(change.chat, "topic closed")


async def move(context: BotContext, old: int, new: int) -> None:
    """Follow a group that became a supergroup, perhaps while it is answered. Raises StoreTrouble."""
    await context.lanes.drop(old)
    async with context.store.writing() as tx:
        keys = await chat_state.move(tx, old, new)
        await context.calls.sharing.ring(tx, Bell.CHAT, new)
    await context.lanes.drop(old)  # what was begun meanwhile under the old id
    context.rights.forget(old)
    context.questions.overheard.forget(old)
    for key in keys:
        context.lanes.wake(key)


async def follow_migrations(context: BotContext) -> None:
    """Take up, for ever, the moves that calls find out."""
    while True:
        old, new = await context.calls.moved.get()
        try:
            await move(context, old, new)
        except StoreTrouble as trouble:
            log.error("chat migration deferred", chat=old, trouble=str(trouble))
