"""`/quota`: how much may be used, and how much was."""

import re

from bridge.store.operators import quotas
from bridge.store.operators.quotas import Period, Quota, Scope, Unit
from bridge.telegram.commands.context import BotContext, language_of
from bridge.telegram.updates.events import CommandCall
from bridge.texts import translate

_ID = re.compile(r"-?[0-9]{1,18}")
MOST = 10**15


async def manage(context: BotContext, call: CommandCall) -> None:
    """Show the quotas with what is used of them, or change one."""
    words = call.argument.split()
    if not words:
        await _show(context, call)
        return
    quota, lifts = parsed(words)
    if quota is None:
        await context.answer(call, "quota.how")
        return
    async with context.store.writing() as tx:
        if lifts:
            await quotas.lift(tx, quota)
        else:
            await quotas.allow(tx, quota)
        await context.audit(tx, call, "quota", _name(quota), "off" if lifts else quota.amount)
    await _show(context, call)


def parsed(words: list[str]) -> tuple[Quota | None, bool]:
    """Read `person|chat|all [id|operator] messages|tokens day|month AMOUNT|off`; whether it is lifted.

    None for anything else. Pure.
    """
    scope, *rest = words
    subject = rest.pop(0) if len(rest) == 4 else ""
    if len(rest) != 3 or scope not in set(Scope):
        return None, False
    unit, period, amount = rest
    about_one = bool(_ID.fullmatch(subject)) and scope != Scope.ALL
    role = subject == "operator" and scope == Scope.PERSON
    if (subject and not about_one and not role) or unit not in set(Unit):
        return None, False
    lifts = amount == "off"
    number = amount.replace("_", "").replace(",", "")
    if period not in set(Period) or not (lifts or (number.isascii() and number.isdecimal())):
        return None, False
    count = 0 if lifts else int(number[:18])
    if count > MOST:
        return None, False
    return Quota(
        scope=Scope(scope), subject=subject, unit=Unit(unit), period=Period(period), amount=count
    ), lifts


async def _show(context: BotContext, call: CommandCall) -> None:
    language = language_of(call)
    async with context.store.reading() as tx:
        there = await quotas.listed(tx)
        day = await quotas.used(tx, Scope.ALL, 0, Period.DAY)
        month = await quotas.used(tx, Scope.ALL, 0, Period.MONTH)
        lines = []
        for quota in there:
            spent = ""
            if quota.scope is Scope.ALL or _ID.fullmatch(quota.subject):
                subject = int(quota.subject or 0)
                count = await quotas.used(tx, quota.scope, subject, quota.period)
                spent = f" ({count.of(quota.unit):,})"
            lines.append(f"• {_name(quota)}: {quota.amount:,}{spent}")
    silent = [one for one in context.agents.all_declared if not one.client.capabilities.usage]
    if silent and any(quota.unit is Unit.TOKENS for quota in there):
        names = ", ".join(one.key for one in silent)
        lines.append(translate(language, "quota.uncounted", agents=names))
    await context.write(
        call,
        translate(
            language,
            "quota.list",
            lines="\n".join(lines) or translate(language, "quota.none"),
            day_messages=day.messages,
            day_tokens=day.tokens,
            month_messages=month.messages,
            month_tokens=month.tokens,
        ),
    )


def _name(quota: Quota) -> str:
    who = f"{quota.scope} {quota.subject}".strip()
    return f"{who} {quota.unit} {quota.period}"
