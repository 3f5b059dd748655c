"""`/pause`, `/resume`, `/loglevel` and `/reload`."""

import time

from bridge.store import chats
from bridge.telegram.access.limits import PAUSED
from bridge.telegram.callback_data import Reload
from bridge.telegram.commands.context import (
    BotContext,
    confirm,
    language_of,
    private,
)
from bridge.telegram.post import Cause, PostContent, Rendered
from bridge.telegram.updates.events import CallbackPress, CommandCall
from bridge.texts import translate

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
    context.edit(press, translate(language, "reload.begins"))


async def tell_reloaded(context: BotContext) -> None:
    """Tell the operator who wished it that the bridge has started anew, or why it went back."""
    failure = await context.deployment.controls.outcome()
    async with context.store.writing() as tx:
        who = await chats.fact(tx, RELOADED)
        await chats.remember(tx, RELOADED, "")
    if who and int(who) in context.rights.operators:
        language = await context.people.language_of(int(who))
        text = translate(
            language, "reload.failed" if failure else "reload.done", trouble=failure[:1000]
        )
        cause = Cause(f"reloaded {time.time():.3f}", 0)
        await context.notices.send(private(int(who)), PostContent(Rendered(text)), cause)
