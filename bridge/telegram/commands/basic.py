"""What `/start`, `/new`, `/ask`, `/stop` and `/retry` do."""

import re

from bridge.model import ChatKey, ReplyState, Sender
from bridge.store import chats
from bridge.store.operators import agents
from bridge.store.turns import lifecycle, queue, suggestions
from bridge.telegram.commands import topics
from bridge.telegram.commands.context import BotContext, language_of
from bridge.telegram.commands.conversations import earlier_button
from bridge.telegram.commands.stop_running import stop_running
from bridge.telegram.post import Cause, PostContent, Rendered
from bridge.telegram.reply.keyboards import question_buttons
from bridge.telegram.reply.layout import Layout
from bridge.telegram.updates.events import CommandCall
from bridge.texts import translate

_PAYLOAD = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What Telegram lets a link carry."""


async def start(context: BotContext, call: CommandCall) -> None:
    """Greet with the agent's own prologue, its suggested questions as buttons.

    A group is told how to address us, too, and what privacy mode keeps from us.
    """
    message = call.message
    async with context.store.writing(of=message.chat.chat_id) as tx:
        await chats.ensure_chat(tx, message.chat)
        chosen = (await chats.counting(tx, message.chat)).agent
        agent_id = await agents.counting(tx, chosen, context.declared)
        if message.chat.private and _PAYLOAD.fullmatch(call.argument):
            await chats.set_start_payload(tx, message.chat, call.argument)
    if not message.chat.private:
        introduction = context.approval.introduction
        words = await introduction.words(message.chat, message.sender.language)
        cause = Cause(f"{call.cause.name} hello", message.id, message.sender.id)
        await context.notices.send(message.chat, PostContent(Rendered(words)), cause)
        return
    await _greet(context, call, agent_id)
    about = await _about_topics(context, call)
    if about:
        post = PostContent(Rendered(translate(language_of(call), about)))
        cause = Cause(f"{call.cause.name} topics", message.id, message.sender.id)
        await context.notices.send(message.chat, post, cause)


async def _about_topics(context: BotContext, call: CommandCall) -> str | None:
    """Return the key of what is said of topics: what they are, or to operators how to have them."""
    topics = context.calls.topics
    if context.by_operator(call):
        await topics.look()
    if topics.on:
        return "topic.on"
    return "topic.off" if context.by_operator(call) else None


async def _greet(context: BotContext, call: CommandCall, agent_id: str) -> None:
    message = call.message
    agent = await context.agent_profiles.of(agent_id)
    if agent is None or not agent.prologue.strip():
        await context.answer(call, "start.welcome")
        return
    async with context.store.writing(of=message.chat.chat_id) as tx:
        token = await suggestions.offer(tx, message.chat, agent.suggestions)
    greeting = agent.prologue.replace("{{user_name}}", message.sender.name)
    keyboard = question_buttons(agent.suggestions, token) if agent.suggestions else ()
    reply_state = ReplyState((greeting,), whole=True, over=True)
    posts = Layout(message.sender.language).frames(reply_state, keyboard)
    for number, post in enumerate(posts):
        cause = Cause(f"{call.cause.name} {number}", message.id, message.sender.id)
        await context.notices.send(message.chat, post, cause)


async def new(context: BotContext, call: CommandCall) -> None:
    """Begin a conversation without memory; a running answer belongs to the old one.

    Where each member of a group has their own, it is only theirs. Where private chats have topics, it
    gets one of its own, and what runs here goes on.
    """
    key, sender = call.message.chat, call.sender
    running, may = await _may_end_running(context, key, sender)
    if key.private and context.calls.topics.on:
        if await topics.is_fresh(context, key):
            await context.answer(call, "topic.fresh")
            return
        if await topics.open_new(context, call):
            return
    if running is not None and may:
        await stop_running(context, key, running)
    async with context.store.writing(of=key.chat_id) as tx:
        chosen = (await chats.counting(tx, key)).over(context.deployment.default)
        own = chosen.conversation_owner(sender.id, private=key.private)
        await chats.ensure_chat(tx, key)
        await chats.clear_conversation(tx, key, own)
    earlier = earlier_button(language_of(call))
    await context.answer(call, "new.done_own" if own else "new.done", earlier)


async def ask(context: BotContext, call: CommandCall) -> None:
    """Answer `/ask` without a question: with one it is a question, not a command."""
    await context.answer(call, "ask.how")


async def stop(context: BotContext, call: CommandCall) -> None:
    """Stop the running answer; else drop what waits. The reply itself says so.

    In a group that is for whoever asked and for those who lead it.
    """
    key, sender = call.message.chat, call.sender
    leads = await context.rights.leads(key, sender)
    running, may = await _may_end_running(context, key, sender)
    if may:
        if await stop_running(context, key, running):
            return
    elif not await _waits(context, key, sender):
        await context.answer(call, "stop.not_yours")
        return
    dropped = await context.questions.drop_waiting(key, None if leads else sender.id)
    await context.answer(call, "stop.waiting" if dropped else "stop.nothing")


async def _waits(context: BotContext, key: ChatKey, sender: Sender) -> bool:
    async with context.store.reading() as tx:
        return await queue.waits(tx, key, sender.id)


async def _may_end_running(
    context: BotContext, key: ChatKey, sender: Sender
) -> tuple[int | None, bool]:
    """Return the turn that runs, and whether somebody may end it; also when none does."""
    async with context.store.reading() as tx:
        running = await lifecycle.running(tx, key)
    if running is None:
        return None, True
    return running.id, await context.rights.may_end(key, sender, running.sender.id)


async def retry(context: BotContext, call: CommandCall) -> None:
    """Ask the last question again, into the same reply."""
    key, sender = call.message.chat, call.sender
    asker = None if key.private else sender.id
    refusal = await context.questions.ask_again(context.update, key, sender, asker=asker)
    if refusal is None:
        await context.answer(call, "retry.above")
    elif refusal.key:  # else they were told just now
        await context.answer(call, refusal.key, **refusal.values)
