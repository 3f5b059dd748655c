"""`/pause`, `/resume`, `/loglevel` and `/reload`."""

import asyncio
import time

import structlog

from bridge.errors import StoreTrouble
from bridge.model import ChatKey
from bridge.sharing import processes
from bridge.sharing.coordinator import Bell
from bridge.store import chats
from bridge.telegram.access.limits import PAUSED
from bridge.telegram.api.deliver import pauses
from bridge.telegram.callback_data import Reload
from bridge.telegram.commands.context import (
    BotContext,
    confirm,
    language_of,
)
from bridge.telegram.post import Cause, PostContent, Rendered
from bridge.telegram.updates.events import CallbackPress, CommandCall
from bridge.texts import translate

log = structlog.get_logger(__name__)
RELOAD_SECONDS = 60.0
"""How long one process may take for its restart until the next one begins its own."""
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
RELOADED = "reloaded by"
"""The fact that says who is told, after a reload, that it is done."""
_PRESSED = "reload pressed"
"""The fact that names the last press that was obeyed: it may be settled again by the next start."""


async def pause(context: BotContext, call: CommandCall) -> None:
    """Answer nobody but operators, and say so politely."""
    async with context.store.writing() as tx:
        await chats.remember(tx, PAUSED, "yes")
        await context.audit(tx, call, "pause")
    await context.answer(call, "pause.done")


async def resume(context: BotContext, call: CommandCall) -> None:
    """Answer everybody again."""
    async with context.store.writing() as tx:
        was = await chats.fact(tx, PAUSED)
        await chats.remember(tx, PAUSED, "")
        await context.audit(tx, call, "resume")
    await context.answer(call, "pause.over" if was else "pause.none")


async def loglevel(context: BotContext, call: CommandCall) -> None:
    """Log more or less from now on, until the next start."""
    level = call.argument.strip().upper()
    if level not in LEVELS:
        await context.answer(call, "loglevel.how")
        return
    async with context.store.writing() as tx:
        await context.audit(tx, call, "loglevel", level)
        await context.calls.sharing.ring(tx, Bell.LOG_LEVEL, level)
    context.deployment.controls.set_level(level)
    await context.answer(call, "loglevel.done", level=level)


async def reload(context: BotContext, call: CommandCall) -> None:
    """Restart with the settings as they are now, once that is confirmed."""
    if context.deployment.controls.reload is None:
        await context.answer(call, "reload.cannot")
        return
    await context.answer(call, "reload.sure", confirm(language_of(call), Reload()))


async def reload_now(context: BotContext, press: CallbackPress) -> None:
    """Restart; with faults in the settings, go on as before and say them."""
    async with context.store.reading() as tx:
        if await chats.fact(tx, _PRESSED) == press.query_id:
            return
    faults = context.deployment.controls.reload() if context.deployment.controls.reload else ()
    language = language_of(press)
    if faults:
        lines = "\n".join(f"• {fault}" for fault in faults)
        context.edit(press, translate(language, "reload.faults", faults=lines))
        return
    async with context.store.writing() as tx:
        await context.audit(tx, press, "reload")
        await chats.remember(tx, RELOADED, str(press.sender.id))
        await chats.remember(tx, _PRESSED, press.query_id)
        await context.calls.sharing.ring(tx, Bell.RELOAD, context.calls.sharing.name)
    context.edit(press, translate(language, "reload.begins"))


async def follow_reloads(context: BotContext) -> None:
    """Restart, when an operator wants that of another process: one process after the other; for ever.

    A process whose settings have faults says so in its log, and goes on as before.
    """
    wanted, controls = asyncio.Queue[str](), context.deployment.controls
    context.calls.sharing.on(Bell.RELOAD, wanted.put_nowait)
    while True:
        first = await wanted.get()
        if controls.reload is None:
            continue
        await _our_turn(context, first)
        faults = controls.reload()
        if faults:
            log.error("settings not reloaded", faults=list(faults))


async def _our_turn(context: BotContext, first: str) -> None:
    """Wait until the first one and those before this one have restarted; not for ever."""
    name = context.calls.sharing.name
    loop = asyncio.get_running_loop()
    there = await _living(context)
    before = {one for one in there if one < name or one == first}
    latest = loop.time() + RELOAD_SECONDS * (1 + len(before))
    while loop.time() < latest:
        await asyncio.sleep(1.0)
        now = await _living(context)
        if not before & now and len(now) >= len(there):
            return


async def _living(context: BotContext) -> set[str]:
    """Return the names of the processes that share the work."""
    try:
        async with context.store.reading() as tx:
            return {one.id for one in await processes.all_of(tx) if not one.lost}
    except StoreTrouble:
        return set()


async def tell_reloaded(context: BotContext) -> None:
    """Tell the operator who wished it that the bridge has started anew, or why it went back."""
    failure = await context.deployment.controls.outcome()
    for pause in pauses():
        try:
            async with context.store.writing() as tx:
                who = await chats.fact(tx, RELOADED)
                await chats.remember(tx, RELOADED, "")
            break
        except StoreTrouble as trouble:
            log.warning("reload not told yet", trouble=str(trouble))
            await asyncio.sleep(pause)
    if who and int(who) in context.rights.operators:
        language = await context.people.language_of(int(who))
        text = translate(
            language, "reload.failed" if failure else "reload.done", trouble=failure[:1000]
        )
        cause = Cause(f"reloaded {time.time():.3f}", 0)
        await context.notices.send(ChatKey(int(who)), PostContent(Rendered(text)), cause)
