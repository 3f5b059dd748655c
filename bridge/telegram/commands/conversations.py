"""`/conversations`: go back to an earlier one, give it a name, delete it."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import assert_never

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.coze.contents import read_content
from bridge.coze.conversations import last_exchange
from bridge.coze.events import RunMessage
from bridge.errors.coze import CozeTrouble
from bridge.model import ChatKey
from bridge.relay.agents import OfferedAgent
from bridge.relay.prompt import MOST_TITLE
from bridge.store import chats
from bridge.store.coze import conversations
from bridge.store.coze.conversations import Conversation
from bridge.store.operators import agents
from bridge.telegram.callback_data import (
    DeleteConversation,
    ListConversations,
    OpenConversation,
    encode,
)
from bridge.telegram.commands import topics
from bridge.telegram.commands.agent_names import learn_names
from bridge.telegram.commands.context import BotContext, language_of
from bridge.telegram.commands.stop_running import end_runs_in
from bridge.telegram.markdown.pages import posts
from bridge.telegram.markdown.streaming import IncrementalRenderer, joined, sanitize
from bridge.telegram.post import (
    Button,
    Entity,
    Keyboard,
    PostContent,
    Rendered,
    seen,
    shortened,
    units,
)
from bridge.telegram.updates.events import CallbackPress, CommandCall
from bridge.texts import day, translate

log = structlog.get_logger(__name__)
ON_A_PAGE = 6
HISTORY_SECONDS = 5.0
MOST_SHOWN = 700
"""UTF-16 units of each of the two messages that say where one is."""
MOST_WORDS_BYTES = 40
"""Of a search: its words travel in the buttons that turn the pages."""


async def show(context: BotContext, call: CommandCall) -> None:
    """List the chat's conversations, or those with some words; `name …` renames the current one."""
    verb, _, rest = call.argument.partition(" ")
    owner = await _owner(context, call)
    if owner is None:
        await context.answer(call, "conversations.not_yours")
    elif verb == "name" and rest.strip():
        await _rename(context, call, owner, _shortened(" ".join(rest.split())))
    elif verb == "name":
        await context.answer(call, "conversations.name_how")
    else:
        await learn_names(context)
        words = _bytes_cut(" ".join(call.argument.split()))
        text, keyboard = await _page(context, call, owner, 0, words)
        await context.notices.send(call.chat, PostContent(Rendered(text), keyboard), call.cause)


async def pressed(
    context: BotContext,
    press: CallbackPress,
    data: ListConversations | OpenConversation | DeleteConversation,
) -> str | None:
    """Do what a button of the list says; the key of what is said in passing. Raises StoreTrouble."""
    match data:
        case ListConversations():
            return await _turn_page(context, press, data)
        case OpenConversation():
            return await _open(context, press, data)
        case DeleteConversation():
            return await _delete(context, press, data)
        case _:
            assert_never(data)


async def _turn_page(
    context: BotContext, press: CallbackPress, data: ListConversations
) -> str | None:
    """Show another page of the list, in the place of what was shown."""
    owner = await _owner(context, press)
    if owner is None:
        return "conversations.not_yours"
    text, keyboard = await _page(context, press, owner, data.page, data.words)
    context.edit(press, text, keyboard)
    return None


async def _open(context: BotContext, press: CallbackPress, data: OpenConversation) -> str | None:
    """Go on with an earlier conversation, and show what was said there last."""
    owner = await _owner(context, press)
    if owner is None:
        return "conversations.not_yours"
    key = press.chat
    async with context.store.writing(of=key.chat_id) as tx:
        found = await conversations.one_of(tx, key, owner, data.id)
        if found is None:
            return "button.old"
        agent = _agent_of(context, found)
        offered = [one.id for one in await agents.offered(tx, context.declared)]
        if agent.key not in offered or agent.home != found.home:
            return "conversations.gone"
    language = language_of(press)
    title = _title(found, language)
    back = translate(language, "conversations.back", title=title)
    shown = joined([Rendered(seen(back)), *await _last_said(agent, found, language)])
    topics_of = context.calls.topics
    if key.private and not key.thread_id and topics_of.on and topics_of.people_open:
        # What is written here next would open a topic of its own.
        post = PostContent(shown, _of_one(found, language))
        going_on = partial(_go_on, found=found, owner=owner, agent=agent.key)
        if await topics.open_topic(context, press, title, post, going_on):
            context.edit(press, translate(language, "conversations.back_topic", title=title))
            return None
    async with context.store.writing(of=key.chat_id) as tx:
        await _go_on(tx, key, found=found, owner=owner, agent=agent.key)
    context.edit(press, shown, _of_one(found, language))
    return None


async def _go_on(
    tx: AsyncConnection, key: ChatKey, *, found: Conversation, owner: int, agent: str
) -> None:
    """Let a conversation be the current one of a chat, or of a topic that was opened for it."""
    await chats.ensure_chat(tx, key)
    await conversations.switch(tx, key, owner, found)
    chosen = await chats.preferences(tx, key)
    await chats.prefer(tx, key, replace(chosen, agent=agent))


async def _delete(
    context: BotContext, press: CallbackPress, data: DeleteConversation
) -> str | None:
    """Delete a conversation, here and where its agent keeps it; asks first whether that is meant."""
    owner = await _owner(context, press)
    if owner is None:
        return "conversations.not_yours"
    key, language = press.chat, language_of(press)
    async with context.store.writing(of=key.chat_id) as tx:
        found = await conversations.one_of(tx, key, owner, data.id)
        if found is None:
            return "button.old"
        if data.sure:
            await conversations.remove(tx, key, owner, found)
    title = _title(found, language)
    if not data.sure:
        yes = Button(translate(language, "button.yes"), encode(replace(data, sure=True)))
        no = Button(translate(language, "button.no"), encode(ListConversations(0, "")))
        context.edit(press, translate(language, "conversations.sure", title=title), ((yes, no),))
        return None
    await end_runs_in(context, key.chat_id, found.conversation_id)
    gone = await _deleted_there(_agent_of(context, found), found)
    key_of_text = "conversations.deleted" if gone else "conversations.deleted_here"
    context.edit(press, translate(language, key_of_text, title=title), ((_all(language),),))
    return None


def earlier_button(language: str) -> Keyboard:
    """Return the button that leads to the list."""
    return ((_all(language),),)


async def _owner(context: BotContext, event: CommandCall | CallbackPress) -> int | None:
    """Return whose conversations are meant: a member's own, or 0; None where they lead nothing here."""
    key, sender = event.chat, event.sender
    async with context.store.reading() as tx:
        chosen = (await chats.counting(tx, key)).over(context.deployment.default)
    own = chosen.conversation_owner(sender.id, private=key.private)
    if own or key.private or await context.rights.leads(key, sender):
        return own
    return None


async def _page(
    context: BotContext, event: CommandCall | CallbackPress, owner: int, page: int, words: str
) -> tuple[str, Keyboard]:
    language = language_of(event)
    async with context.store.reading() as tx:
        found = await conversations.listed(tx, event.chat, owner, words)
        offered = await agents.offered(tx, context.declared)
    if not found:
        return translate(
            language, "conversations.none" if not words else "conversations.unfound"
        ), ()
    page = min(page, (len(found) - 1) // ON_A_PAGE)
    names = {one.id: one.name for one in offered} if offered[1:] else {}
    shown = found[page * ON_A_PAGE : (page + 1) * ON_A_PAGE]
    rows = [
        (Button(_label(one, language, names), encode(OpenConversation(one.id))),) for one in shown
    ]
    turns = [Button("‹", encode(ListConversations(page - 1, words)))] if page else []
    if len(found) > (page + 1) * ON_A_PAGE:
        turns.append(Button("›", encode(ListConversations(page + 1, words))))
    if words:
        return translate(language, "conversations.found", words=words), (
            *rows,
            *([tuple(turns)] if turns else []),
            (_all(language),),
        )
    title = translate(language, "conversations.title")
    if event.chat.private and event.chat.thread_id:
        title = translate(language, "conversations.topic") + "\n\n" + title
    return title, (*rows, *([tuple(turns)] if turns else []))


def _label(one: Conversation, language: str, names: dict[str, str]) -> str:
    """Return what a button says: which one it is, when it was used, who answers there."""
    parts = [_title(one, language)]
    parts += [_day(one.used_at, language)] if one.title else []
    parts += [names[one.agent]] if one.agent in names else []
    return ("● " if one.current else "") + " · ".join(parts)


def _title(one: Conversation, language: str) -> str:
    return one.title or _day(one.used_at, language)


def _day(at: float, language: str) -> str:
    used = datetime.fromtimestamp(at, UTC).date()
    now = datetime.fromtimestamp(time.time(), UTC)
    return day(used, language, with_year=used.year != now.year)


def _of_one(one: Conversation, language: str) -> Keyboard:
    gone = Button(translate(language, "button.delete"), encode(DeleteConversation(one.id)))
    return ((gone, _all(language)),)


def _all(language: str) -> Button:
    return Button(translate(language, "button.conversations"), encode(ListConversations(0, "")))


def _agent_of(context: BotContext, one: Conversation) -> OfferedAgent:
    return context.agents.keeping(one.agent, one.home)


async def _last_said(agent: OfferedAgent, one: Conversation, language: str) -> Sequence[Rendered]:
    """Return the last question and answer, read where they are kept: we keep none."""
    try:
        async with asyncio.timeout(HISTORY_SECONDS):
            messages = await agent.client.history(one.conversation_id)
    except (CozeTrouble, TimeoutError) as trouble:
        log.info("history not available", error=type(trouble).__name__)
        return [Rendered(translate(language, "conversations.unshown"))]
    found = last_exchange(messages)
    return [
        *(_quoted(found.question) if found.question else ()),
        *(_beginning(found.answer) if found.answer else ()),
    ]


def _quoted(question: RunMessage) -> Sequence[Rendered]:
    """Return a question as it was written, as a quotation."""
    flat = seen(" ".join(sanitize(read_content(question).text).split()))
    text = flat if units(flat) <= MOST_SHOWN else shortened(flat, MOST_SHOWN - 1) + "…"
    return [Rendered(text, (Entity("blockquote", 0, units(text)),))] if text else []


def _beginning(answer: RunMessage) -> Sequence[Rendered]:
    """Return the first page of an answer, formatted as it was when it came."""
    pages = posts(IncrementalRenderer().blocks(read_content(answer).text), MOST_SHOWN)
    return [*pages[:1], *([Rendered("…")] if pages[1:] else [])]


async def _rename(context: BotContext, call: CommandCall, owner: int, title: str) -> None:
    async with context.store.writing(of=call.chat.chat_id) as tx:
        found = await conversations.current_one(tx, call.chat, owner)
        if found is not None:
            await conversations.rename(tx, found.id, title, call.sender.id)
    if found is None:
        await context.answer(call, "conversations.none")
        return
    try:
        await _agent_of(context, found).client.rename(found.conversation_id, title)
    except CozeTrouble as trouble:
        log.info("conversation not renamed at Coze", trouble=str(trouble))
    if call.chat.private and call.chat.thread_id:
        context.notices.later(
            call.chat, partial(_rename_topic, context, call.chat, title), "naming"
        )
    await context.answer(call, "conversations.renamed", title=title)


async def _rename_topic(context: BotContext, key: ChatKey, title: str) -> None:
    """Call the topic like its conversation. Raises StoreTrouble."""
    await context.notices.change(key, partial(context.calls.rename_topic, key, title))
    async with context.store.writing(of=key.chat_id) as tx:
        await chats.name_topic(tx, key, nameless=False, title=title)


async def _deleted_there(agent: OfferedAgent, one: Conversation) -> bool:
    if not agent.client.capabilities.deletion or agent.home != one.home:
        return False
    try:
        await agent.client.delete_conversation(one.conversation_id)
    except CozeTrouble as trouble:
        log.warning("conversation not deleted", trouble=str(trouble))
        return False
    return True


def _shortened(title: str) -> str:
    return title if len(title) <= MOST_TITLE else title[: MOST_TITLE - 1].rstrip() + "…"


def _bytes_cut(words: str) -> str:
    return words.encode()[:MOST_WORDS_BYTES].decode("utf-8", "ignore").strip()
