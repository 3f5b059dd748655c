"""`/invite`: links that let people and groups in without waiting."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.operators import agents, invites
from bridge.store.operators.invites import Invite, Terms
from bridge.telegram.callback_data import MakeInvite, WithdrawInvite, encode
from bridge.telegram.commands.context import BotContext, language_of
from bridge.telegram.post import Button, Entity, Keyboard, PostContent, Rendered, seen, units
from bridge.telegram.updates.events import CallbackPress, CommandCall
from bridge.texts import day, translate

MOST_USES = 10_000
MOST_DAYS = 365
MOST_NOTE = 100
MOST_SHOWN = 20
"""Invites in the list, each with a button of its own."""
TAKEN = "_tgr_"
"""How payloads begin that Telegram keeps for referral programmes."""
_PAYLOAD = re.compile(r"[A-Za-z0-9_-]{1,64}")


class _Wrong(ValueError):
    """What cannot be read; the word that is wrong."""


async def invite(context: BotContext, call: CommandCall) -> None:
    """List the invites, make one as the words of the command say, or withdraw one by its number."""
    verb, _, number = call.argument.strip().partition(" ")
    if verb == "withdraw":
        await _withdraw(context, call, number.strip().removeprefix("#"))
        return
    if not call.argument.strip():
        text, keyboard = await _list(context, language_of(call))
        await context.write(call, text, keyboard)
        return
    try:
        terms = _terms(call.argument)
        async with context.store.reading() as tx:
            offered = [one.id for one in await agents.offered(tx, context.declared)]
        if terms.agent is not None and terms.agent not in offered:
            raise _Wrong(f"agent={terms.agent}")
    except _Wrong as wrong:
        await context.answer(call, "invite.how", word=str(wrong))
        return
    await _make(context, call, terms)


async def make_now(context: BotContext, press: CallbackPress, data: MakeInvite) -> None:
    """Make an invite for one person, or one group."""
    await _make(context, press, Terms(for_groups=data.for_groups))


async def withdraw_now(
    context: BotContext, press: CallbackPress, data: WithdrawInvite
) -> str | None:
    """Let an invite count no more, and show those that are left."""
    await _withdrawn(context, press, data.id)
    text, keyboard = await _list(context, language_of(press))
    context.edit(press, text, keyboard)
    return "invite.withdrawn"


async def _withdraw(context: BotContext, call: CommandCall, number: str) -> None:
    known = number.isascii() and number.isdecimal() and len(number) < 19
    if known and await _withdrawn(context, call, int(number)):
        await context.answer(call, "invite.withdrawn")
    else:
        await context.answer(call, "invite.how", word=number or "withdraw")


async def _withdrawn(context: BotContext, event: CommandCall | CallbackPress, id_: int) -> bool:
    async with context.store.writing() as tx:
        done = await invites.withdraw(tx, id_)
        if done:
            await context.audit(tx, event, "invite withdrawn", f"#{id_}")
    return done


async def _make(context: BotContext, event: CommandCall | CallbackPress, terms: Terms) -> None:
    """Make an invite and show it: its code is written down nowhere but in that message."""
    code = secrets.token_urlsafe(24)
    while code.startswith(TAKEN):
        code = secrets.token_urlsafe(24)
    bot = context.approval.introduction.bot_name
    parameter = "startgroup" if terms.for_groups else "start"
    link = f"https://t.me/{bot}?{parameter}={code}"
    language = language_of(event)
    kind = "invite.made_group" if terms.for_groups else "invite.made"
    until = datetime.now(UTC).timestamp() + terms.seconds
    typed = f"/start@{bot} {code}" if terms.for_groups else code
    lead = (
        translate(language, kind, uses=terms.uses, until=_day(until, language)) + f"\n\n{link}\n\n"
    )
    lead += translate(language, "invite.typed") + "\n"
    shown = Rendered(lead + typed, (Entity("code", units(lead), units(typed)),))

    async def along(tx: AsyncConnection) -> None:
        number = await invites.make(tx, code, terms, event.sender.id)
        await context.audit(tx, event, "invite", f"#{number}", terms.note)

    await context.notices.send(event.chat, PostContent(shown), event.cause, along=along)


async def _list(context: BotContext, language: str) -> tuple[str, Keyboard]:
    async with context.store.reading() as tx:
        found = await invites.open_ones(tx)
    lines = [_line(one, language) for one in found[:MOST_SHOWN]]
    if left := len(found) - MOST_SHOWN:
        lines += [translate(language, "invite.more", count=left)] if left > 0 else []
    makes = (
        Button(translate(language, "button.invite"), encode(MakeInvite(for_groups=False))),
        Button(translate(language, "button.invite_group"), encode(MakeInvite(for_groups=True))),
    )
    shown = found[:MOST_SHOWN]
    rows = [_drops(shown[at : at + 4]) for at in range(0, len(shown), 4)]
    text = translate(language, "invite.list" if found else "invite.none", lines="\n".join(lines))
    return text, (makes, *rows)


def _drops(found: Sequence[Invite]) -> tuple[Button, ...]:
    return tuple(Button(f"✕ #{one.id}", encode(WithdrawInvite(one.id))) for one in found)


def _line(one: Invite, language: str) -> str:
    """Return an invite in one line: for whom, how often, until when, and what comes with it."""
    terms = one.terms
    kind = "invite.for_group" if terms.for_groups else "invite.for_person"
    parts = [
        translate(language, kind, used=one.used, uses=terms.uses),
        translate(language, "invite.until", until=_day(one.until, language)),
        f"agent={terms.agent}" if terms.agent else "",
        f"start={terms.payload}" if terms.payload else "",
        seen(terms.note),
    ]
    return f"#{one.id} " + " · ".join(part for part in parts if part)


def _day(at: float, language: str) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    return f"{day(moment, language)} {moment:%H:%M} UTC"


@dataclass(frozen=True)
class _Number:
    """A number that a word gives."""

    least: int
    most: int

    def read(self, word: str) -> int:
        """Read a number. Raises _Wrong for anything else, or out of range."""
        name, _, value = word.partition("=")
        if not (value.isascii() and value.isdecimal() and len(value) < 9):
            raise _Wrong(word)
        if not self.least <= int(value) <= self.most:
            raise _Wrong(f"{name}={value}")
        return int(value)


def _terms(argument: str) -> Terms:
    """Return what the words of the command ask for. Raises _Wrong with the word that is wrong."""
    terms = Terms()
    words = argument.split()
    for number, word in enumerate(words):
        name, _, value = word.partition("=")
        match name:
            case "group" if word == "group":
                terms = replace(terms, for_groups=True)
            case "uses":
                terms = replace(terms, uses=_Number(1, MOST_USES).read(word))
            case "days":
                terms = replace(terms, seconds=_Number(1, MOST_DAYS).read(word) * 86400.0)
            case "hours":
                terms = replace(terms, seconds=_Number(1, MOST_DAYS * 24).read(word) * 3600.0)
            case "agent" if value:
                terms = replace(terms, agent=value)
            case "start" if _PAYLOAD.fullmatch(value):
                terms = replace(terms, payload=value)
            case "note":
                note = " ".join([value, *words[number + 1 :]])
                return replace(terms, note=note.strip()[:MOST_NOTE])
            case _:
                raise _Wrong(word)
    return terms
