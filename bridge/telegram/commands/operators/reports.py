"""`/status`, `/stats`, `/errors` and `/audit`: what operators want to know."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from bridge.coze.codes import meaning
from bridge.errors import TelegramUnreachable
from bridge.model import State
from bridge.sharing.processes import Process
from bridge.store import chats
from bridge.store.operators import agents, alarms, audit, stats
from bridge.store.operators.audit import Act
from bridge.store.operators.stats import Failure, Stats
from bridge.telegram.access.limits import PAUSED
from bridge.telegram.api.errors import ChatClosed, ContentRejected, FloodWait, PostGone
from bridge.telegram.commands.context import BotContext, language_of
from bridge.telegram.commands.operators.chart import drawn
from bridge.telegram.files import tempfiles
from bridge.telegram.files.send import OutgoingFile, Shape, send
from bridge.telegram.pace.budget import Priority
from bridge.telegram.status import BridgeStatus
from bridge.telegram.updates.events import CommandCall
from bridge.texts import age, translate

MOST_ERRORS = 5
MOST_ACTS = 20
SPANS: dict[str, tuple[float, int]] = {
    "day": (86400.0, 24),
    "week": (7 * 86400.0, 28),
    "month": (30 * 86400.0, 30),
}
"""Of each span its seconds, and in how many parts it is drawn."""


async def status(context: BotContext, call: CommandCall) -> None:
    """Show how the bridge is now."""
    language = language_of(call)
    now = await context.status.read()
    async with context.store.reading() as tx:
        live = await stats.live(tx)
        wrong = await alarms.current(tx)
        failures = await stats.failures(tx, 3)
        paused = await chats.fact(tx, PAUSED)
        offered = await agents.offered(tx, context.declared)
    running = sum(one.state is State.RUNNING for one in live)
    left = now.token_left
    lines = [
        translate(language, "status.version", version=now.version, age=age(now.uptime, language)),
        translate(language, "status.heard", seconds=f"{now.heard:.0f}"),
        *_load(language, now, waiting=len(live) - running, running=running),
    ]
    lines.append(_pace(language, now))
    lines += _processes(language, now.processes)
    if left is not None:
        lines.append(translate(language, "status.token", age=age(max(1.0, left), language)))
    if offered[1:] or not offered[0].id.isdecimal():
        known = context.agent_profiles.name_of
        names = [known(one.id) if one.name == one.id else one.name for one in offered]
        lines.append(translate(language, "status.agents", names=", ".join(names)))
    if paused:
        lines.append(translate(language, "status.paused"))
    lines += [f"🔴 {alarm.what}" for alarm in wrong]
    lines += [f"⚠️ {_failure(one, language)}" for one in failures]
    await context.write(call, "\n".join(lines))


def _load(language: str, now: BridgeStatus, *, waiting: int, running: int) -> list[str]:
    """Return what waits and goes on, and only that."""
    updates = max(0, now.updates_waiting - 1)  # without this command
    counts = {
        "status.updates": updates,
        "status.waiting": waiting,
        "status.running": running,
        "status.calls": now.calls_in_flight,
        "status.silent": len(now.silences),
    }
    lines = [translate(language, key, count=count) for key, count in counts.items() if count]
    return lines or [translate(language, "status.idle")]


def _processes(language: str, processes: Sequence[Process]) -> list[str]:
    """Return who shares the work, if it is more than one process."""
    if len(processes) < 2:
        return []
    lines = []
    for one in processes:
        lost, load = one.lost, one.load
        lines.append(
            translate(
                language,
                "status.process_lost" if lost else "status.process",
                host=one.host,
                pid=one.pid,
                version=one.version,
                age=age(max(1.0, one.seen if lost else one.uptime), language),
                shards=load.shards,
                chats=load.chats,
            )
        )
        lines += [f"⚠️ {fault}" for fault in load.faults]
    return lines


def _pace(language: str, now: BridgeStatus) -> str:
    """Return what Telegram allows, as far as it was found out."""
    a_minute = {name: f"{now.allowed[name].rate * 60:.0f}" for name in ("private", "group")}
    overall = f"{now.allowed['all calls'].rate:.0f}"
    return translate(language, "status.pace", **a_minute, all=overall)


async def errors(context: BotContext, call: CommandCall) -> None:
    """Show the turns that failed last, with what to do."""
    async with context.store.reading() as tx:
        found = await stats.failures(tx, MOST_ERRORS)
    language = language_of(call)
    lines = [f"• {_failure(one, language)}" for one in found]
    await context.write(call, "\n\n".join(lines) or translate(language, "errors.none"))


def _failure(failure: Failure, language: str) -> str:
    ago = age(max(1.0, time.time() - failure.at), language)
    return translate(
        language, "errors.line", age=ago, chat=failure.chat_id, trouble=failure.trouble[:600]
    )


async def statistics(context: BotContext, call: CommandCall) -> None:
    """Show the numbers of a day, a week or a month: as a picture, and as text below it."""
    word = call.argument.strip() or "day"
    if word not in SPANS:
        await context.answer(call, "stats.how")
        return
    seconds, count = SPANS[word]
    now = time.time()
    async with context.store.reading(long=True) as tx:
        found = await stats.between(tx, now - seconds, now, count)
    text = _numbers(found, language_of(call), word)
    picture = await asyncio.to_thread(drawn, found, translate("en", f"stats.{word}"))
    if picture is not None:
        await _send(context, call, picture)
    await context.write(call, text)


async def _send(context: BotContext, call: CommandCall, picture: bytes) -> None:
    """Send the picture of the numbers, if that goes: the numbers say the same."""
    with tempfiles.folder() as folder:
        path = folder / "numbers.png"
        await asyncio.to_thread(path.write_bytes, picture)
        file = OutgoingFile(
            key="stats", shape=Shape.PHOTO, name="numbers.png", caption="", path=path
        )
        with suppress(ChatClosed, FloodWait, ContentRejected, PostGone, TelegramUnreachable):
            async with context.calls.pacer.slot(call.chat.chat_id, Priority.COMMAND, new=True):
                await send(context.calls, call.chat, (file,))


def _numbers(found: Stats, language: str, word: str) -> str:
    errors = ", ".join(
        f"{_meaning(code)} × {count}" for code, count in sorted(found.errors.items())
    )
    return translate(
        language,
        "stats.text",
        span=translate(language, f"stats.{word}"),
        messages=found.messages,
        people=found.people,
        chats=found.chats,
        tokens=f"{'≈ ' if found.estimated else ''}{found.tokens:,}",
        first=f"{found.first_text[0]:.1f}",
        first_late=f"{found.first_text[1]:.1f}",
        end=f"{found.end[0]:.1f}",
        end_late=f"{found.end[1]:.1f}",
        errors=errors or "–",
    )


def _meaning(code: str) -> str:
    """Return a code of Coze with what it means, where that is known."""
    words = meaning(code)
    return f"{code} ({words})" if words else code


async def acts(context: BotContext, call: CommandCall) -> None:
    """Show what operators did last."""
    async with context.store.reading() as tx:
        found = await audit.newest(tx, MOST_ACTS)
    lines = [_act(one) for one in found]
    await context.write(call, "\n".join(lines) or translate(language_of(call), "audit.none"))


def _act(act: Act) -> str:
    at = datetime.fromtimestamp(act.at, UTC).strftime("%Y-%m-%d %H:%M")
    who = act.operator_id or "dashboard"
    return " ".join(f"• {at} UTC, {who}: {act.act} {act.subject} {act.detail}".split())
