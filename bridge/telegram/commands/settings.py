"""`/settings` and `/agent`: what a chat can choose, and who may choose it."""

from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import ChatKey
from bridge.preferences import Answers, Preferences
from bridge.store import chats
from bridge.store.operators import agents
from bridge.telegram.callback_data import ChangeSetting
from bridge.telegram.commands import settings_menu
from bridge.telegram.commands.agent_names import learn_names
from bridge.telegram.commands.context import BotContext, language_of
from bridge.telegram.post import PostContent, Rendered
from bridge.telegram.updates.events import CallbackPress, CommandCall
from bridge.texts import translate


async def settings(context: BotContext, call: CommandCall) -> None:
    """Show what the chat can choose; in a group, to those who lead it.

    `/settings wake WORD` changes the word to which a group's bot listens.
    """
    key, language = call.chat, language_of(call)
    if not await context.rights.leads(key, call.sender):
        await context.answer(call, "settings.not_yours")
        return
    what, _space, word = call.argument.partition(" ")
    async with context.store.writing(of=key.chat_id) as tx:
        chosen = await chats.preferences(tx, key)
        if what == "wake" and word.strip() and not key.private:
            word = " ".join(word.split())[: settings_menu.MOST_WORD]
            chosen = replace(chosen, answers=Answers.WAKE, wake_word=word)
            await chats.prefer(tx, key, chosen)
        menu = await choices(context, tx, key, chosen, language, within=key)
    await context.notices.send(key, menu, call.cause)


async def agent(context: BotContext, call: CommandCall) -> None:
    """Choose the agent of the chat; in a group, that is for those who lead it."""
    key, language = call.chat, language_of(call)
    if not await context.rights.leads(key, call.sender):
        await context.answer(call, "settings.not_yours")
        return
    await learn_names(context)
    async with context.store.reading() as tx:
        chosen = (await chats.counting(tx, key)).agent
        offered = await agents.offered(tx, context.declared)
        counts = await agents.counting(tx, chosen, context.declared)
    menu = PostContent(
        Rendered(translate(language, "agent.title" if offered[1:] else "agent.only")),
        settings_menu.agents_keyboard(offered, counts) if offered[1:] else (),
    )
    await context.notices.send(key, menu, call.cause)


async def change(context: BotContext, press: CallbackPress, data: ChangeSetting) -> str | None:
    """Change a setting of the chat, and show it; the key of what is said in passing.

    Raises StoreTrouble.
    """
    if not await context.rights.leads(press.chat, press.sender):
        return "settings.not_yours"
    key, name, value = _meant(press.chat, data), data.name, data.value
    name = name.removeprefix(f"{settings_menu.ALL}.")
    async with context.store.writing(of=press.chat.chat_id) as tx:
        before = await chats.preferences(tx, key)
        offered = await agents.offered(tx, context.declared)
        lists = (name, value) == ("language", settings_menu.SHOW)
        shows = lists or (name in (settings_menu.ALL, settings_menu.TOPIC) and press.chat.private)
        chosen = before if shows else settings_menu.changed(before, name, value, key, offered)
        if chosen is None:
            return "button.old"
        if chosen != before:
            await chats.prefer(tx, key, chosen)
        counts = await chats.counting(tx, press.chat)
        language = counts.language or press.own_language
        show = _languages if lists else choices
        menu = await show(context, tx, key, chosen, language, within=press.chat)
    context.notices.edit(press.chat, press.post_id, menu, press.sender.id)
    if chosen.language != before.language and press.sender.id in context.rights.operators:
        context.rights.changed.set()  # their menu is in their language
    if name == "agent" and chosen != before:
        return "agent.chosen"
    wide = name in ("answers", "context") and value not in (Answers.MENTION, "0")
    introduction = context.approval.introduction
    return "settings.hidden" if wide and not await introduction.hears_all(press.chat) else None


def _meant(key: ChatKey, data: ChangeSetting) -> ChatKey:
    """Return whose choices a button changes: those of its chat, or in a private topic, of all topics."""
    whole = data.name.partition(".")[0] == settings_menu.ALL
    return key.whole if key.private and whole else key


async def choices(
    context: BotContext,
    tx: AsyncConnection,
    key: ChatKey,
    chosen: Preferences,
    language: str,
    *,
    within: ChatKey,
) -> PostContent:
    """Return what a chat can choose, and what counts there; `within` is where it is shown."""
    default = await _default(context, tx, key)
    offered = await agents.offered(tx, context.declared)
    buttons = settings_menu.keyboard(chosen, default, key, language, offered)
    title = settings_menu.title(key, language)
    if within.private and within.thread_id:
        if key == within:
            buttons = settings_menu.of_topic(buttons, language)
        else:
            buttons = settings_menu.for_all_topics(buttons, language)
            title = translate(language, "settings.title_all")
    return PostContent(Rendered(title), buttons)


async def _languages(
    context: BotContext,
    tx: AsyncConnection,
    key: ChatKey,
    chosen: Preferences,
    language: str,
    *,
    within: ChatKey,
) -> PostContent:
    """Return the languages to choose from, in place of the other choices."""
    default = await _default(context, tx, key)
    buttons = settings_menu.languages_keyboard(chosen, default, key, language)
    if within.thread_id and within.private and key != within:
        buttons = settings_menu.for_all(buttons)
    return PostContent(Rendered(translate(language, "settings.which_language")), buttons)


async def _default(context: BotContext, tx: AsyncConnection, key: ChatKey) -> Preferences:
    """Return what counts where nothing was chosen: a topic goes by its forum, or its chat."""
    default = context.deployment.default
    return (await chats.preferences(tx, key.whole)).over(default) if key.thread_id else default
