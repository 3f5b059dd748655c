"""`/pause`, `/resume`, `/loglevel` and `/reload`."""

import time

from bridge.store import chats
from bridge.telegram.access.limits import PAUSED
from bridge.telegram.commands.operators.context import (
    Desk,
    confirm,
    language_of,
    operator_of,
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


async def pause(desk: Desk, order: CommandCall) -> None:
    """Answer nobody but operators, and say so politely."""
    async with desk.store.writing() as tx:
        await chats.remember(tx, PAUSED, "yes")
        await desk.note(tx, order, "pause")
    await desk.answer(order, "pause.done")


async def resume(desk: Desk, order: CommandCall) -> None:
    """Answer everybody again."""
    async with desk.store.writing() as tx:
        was = await chats.fact(tx, PAUSED)
        await chats.remember(tx, PAUSED, "")
        await desk.note(tx, order, "resume")
    await desk.answer(order, "pause.over" if was else "pause.none")


async def loglevel(desk: Desk, order: CommandCall) -> None:
    """Log more or less from now on, until the next start."""
    level = order.argument.strip().upper()
    if level not in LEVELS:
        await desk.answer(order, "loglevel.how")
        return
    async with desk.store.writing() as tx:
        await desk.note(tx, order, "loglevel", level)
    desk.controls.set_level(level)
    await desk.answer(order, "loglevel.done", level=level)


async def reload(desk: Desk, order: CommandCall) -> None:
    """Start anew with the settings as they are now, once that is confirmed."""
    if desk.controls.reload is None:
        await desk.answer(order, "reload.cannot")
        return
    await desk.answer(order, "reload.sure", confirm(language_of(order), "reload", ""))


async def reload_now(desk: Desk, press: CallbackPress, _rest: str) -> None:
    """Start anew; with faults in the settings, go on as before and say them."""
    async with desk.store.reading() as tx:
        if await chats.fact(tx, _PRESSED) == press.query_id:
            return
    faults = desk.controls.reload() if desk.controls.reload else ()
    language = language_of(press)
    if faults:
        lines = "\n".join(f"• {fault}" for fault in faults)
        desk.show(press, translate(language, "reload.faults", faults=lines))
        return
    async with desk.store.writing() as tx:
        await desk.note(tx, press, "reload")
        await chats.remember(tx, RELOADED, str(operator_of(press)))
        await chats.remember(tx, _PRESSED, press.query_id)
    desk.show(press, translate(language, "reload.begins"))


async def tell_reloaded(desk: Desk) -> None:
    """Tell the operator who wished it that the bridge has started anew, or why it went back."""
    failure = await desk.controls.outcome()
    async with desk.store.writing() as tx:
        who = await chats.fact(tx, RELOADED)
        await chats.remember(tx, RELOADED, "")
    if who and int(who) in desk.rights.operators:
        language = await desk.people.language_of(int(who))
        text = translate(
            language, "reload.failed" if failure else "reload.done", trouble=failure[:1000]
        )
        cause = Cause(f"reloaded {time.time():.3f}", 0)
        await desk.notices.send(private(int(who)), PostContent(Rendered(text)), cause)
