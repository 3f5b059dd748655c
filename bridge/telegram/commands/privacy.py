"""`/privacy` and `/forget`: what is stored about people, and its deletion at their wish."""

import asyncio
from collections.abc import Sequence

import structlog

from bridge.coze.kinds.agent import Agent
from bridge.errors.coze import CozeTrouble
from bridge.model import Turn
from bridge.relay.agents import OfferedAgent
from bridge.sharing.coordinator import Bell
from bridge.store import erasure
from bridge.store.erasure import ConversationHeld
from bridge.store.turns import lifecycle, queue
from bridge.telegram.callback_data import ForgetPerson, KeepPerson, encode
from bridge.telegram.commands.context import BotContext, language_of
from bridge.telegram.post import Button
from bridge.telegram.updates.events import CallbackPress, CommandCall
from bridge.texts import translate

log = structlog.get_logger(__name__)
STOP_SECONDS = 10.0
"""How long an answer that is being written has to end."""
LOOK_SECONDS = 0.2


async def privacy(context: BotContext, call: CommandCall) -> None:
    """Say what is stored, for how long, and where it goes."""
    bases = dict.fromkeys(one.home.api_base for one in context.agents.all_declared)
    host = ", ".join(one.removeprefix("https://").removeprefix("http://") for one in bases)
    days = f"{context.deployment.retention_days:g}"
    language = language_of(call)
    lines = [translate(language, "privacy.text", days=days, host=host)]
    for one in context.agents.all_declared:
        if told := sorted(one.told_facts):
            facts = ", ".join(translate(language, f"fact.{fact}") for fact in told)
            lines.append(translate(language, "privacy.told", agent=one.key, facts=facts))
    await context.write(call, "\n\n".join(lines))


async def forget(context: BotContext, call: CommandCall) -> None:
    """Ask whether they mean it."""
    language = language_of(call)
    data = encode(ForgetPerson(call.sender.id))
    yes = Button(translate(language, "button.forget"), data)
    no = Button(translate(language, "button.no"), encode(KeepPerson()))
    await context.answer(call, "forget.sure", ((yes, no),))


async def forget_now(context: BotContext, press: CallbackPress, data: ForgetPerson) -> str | None:
    """Delete what is stored about who pressed; the key of what is said in passing.

    Raises StoreTrouble.
    """
    who = press.sender.id
    if data.person_id != who:
        return "forget.not_yours"
    await _stop(context, press)
    async with context.store.writing() as tx:
        receipt = await erasure.forget_person(tx, who)
    context.people.forget(who)
    context.approval.forgotten()
    context.questions.overheard.forget_person(who)
    held = [(one, _keeper(context, one)) for one in receipt.conversations]
    can = [(one, agent) for one, agent in held if agent.client.capabilities.deletion]
    gone = [await _delete(agent.client, one.id) for one, agent in can]
    gone += await _forget_facts(context, receipt.user_ids)
    key = "forget.done" if all(gone) else "forget.done_here"
    log.info("person forgotten", turns=receipt.turns, at_coze=all(gone))
    language = language_of(press)
    text = translate(language, key, turns=receipt.turns, conversations=len(can))
    if kept := sorted({agent.key for _, agent in held if not agent.client.capabilities.deletion}):
        text += "\n\n" + translate(language, "forget.kept", agents=", ".join(kept))
    context.edit(press, text)
    return None


async def _stop(context: BotContext, press: CallbackPress) -> None:
    """What they have asked anywhere and was not answered is not answered any more."""
    theirs: list[Turn] = []
    async with context.store.writing() as tx:
        for key in await lifecycle.open_chats(tx, press.sender.id):
            await queue.drop_waiting(tx, key, press.sender.id)
            running = await lifecycle.running(tx, key)
            if running is not None and running.sender.id == press.sender.id:
                await lifecycle.stopping(tx, key, running.id)
                about = f"{key.chat_id} {key.thread_id} {running.id}"
                await context.calls.sharing.ring(tx, Bell.STOP, about)
                theirs.append(running)
    for turn in theirs:
        context.lanes.stop(turn.chat, turn.id)
    await asyncio.gather(*(context.lanes.ended(turn.chat, STOP_SECONDS) for turn in theirs))
    if context.calls.sharing.shared and theirs:
        await _ended_elsewhere(context, press.sender.id)


async def _ended_elsewhere(context: BotContext, who: int) -> None:
    """Wait until other processes have ended somebody's turns, but not for ever."""
    loop = asyncio.get_running_loop()
    latest = loop.time() + STOP_SECONDS
    while loop.time() < latest:
        async with context.store.reading() as tx:
            if not await lifecycle.open_chats(tx, who):
                return
        await asyncio.sleep(LOOK_SECONDS)


async def _forget_facts(context: BotContext, user_ids: Sequence[str]) -> list[bool]:
    """Take back what agents were told of somebody; whether each of that was done."""
    done = []
    for agent in context.agents.all_declared:
        for user_id in user_ids if agent.told_facts else ():
            try:
                await agent.client.forget_user(user_id)
            except CozeTrouble as trouble:
                log.warning("user variables not forgotten", trouble=str(trouble))
                done.append(False)
    return done


def _keeper(context: BotContext, held: ConversationHeld) -> OfferedAgent:
    """Return the agent to which a conversation belongs."""
    agents = context.agents
    return agents.at(held.home) if held.home else agents.of(held.agent)


async def _delete(agent: Agent, conversation_id: str) -> bool:
    try:
        await agent.delete_conversation(conversation_id)
    except CozeTrouble as trouble:
        log.warning("conversation not deleted", trouble=str(trouble))
        return False
    return True
