"""`/allow`, `/block`, `/users`, `/chats` and `/leave`: who may use the bot, and where it is."""

import re
import time

import structlog
from telegram.error import TelegramError

from bridge.model import ChatKey
from bridge.sharing.coordinator import Bell
from bridge.store.operators import access, people
from bridge.store.operators.access import Access
from bridge.store.operators.people import Group, Known
from bridge.telegram.callback_data import LeaveGroup, ShowUsers
from bridge.telegram.commands.context import (
    BotContext,
    confirm,
    language_of,
    pages,
)
from bridge.telegram.post import Cause, Keyboard, PostContent, Rendered
from bridge.telegram.updates.events import CallbackPress, CommandCall
from bridge.texts import age, translate

log = structlog.get_logger(__name__)
ON_A_PAGE = 10
MOST_PAGES = 99_999
MOST_WORDS = 24
"""Characters of a search that fit into a button, as bytes at worst."""
_ID = re.compile(r"-?[0-9]{1,18}")


async def allow(context: BotContext, call: CommandCall) -> None:
    """Let somebody in: by id, @username, or in reply to a message of theirs."""
    await _decide(context, call, Access.ALLOWED)


async def block(context: BotContext, call: CommandCall) -> None:
    """Let somebody out, without telling them again."""
    await _decide(context, call, Access.BLOCKED)


async def _decide(context: BotContext, call: CommandCall, state: Access) -> None:
    chat_id = await _who(context, call)
    if chat_id is not None and call.argument.split()[1:] == ["channels"]:
        await _answer_channels(context, call, chat_id, wanted=state is Access.ALLOWED)
        return
    if chat_id is None:
        await context.answer(call, "users.who" if call.argument else f"users.how_{state}")
    elif chat_id in context.rights.operators and state is Access.BLOCKED:
        await context.answer(call, "users.operator")
    else:
        by = call.sender.id
        name = await context.approval.rule(ChatKey(chat_id), state, by, language_of(call))
        await context.answer(call, f"access.{state}", name=name)


async def _answer_channels(
    context: BotContext, call: CommandCall, chat_id: int, *, wanted: bool
) -> None:
    """Have posts under channels' names answered in a group, or not."""
    async with context.store.writing() as tx:
        known = await access.answer_channels(tx, chat_id, wanted=wanted)
        name = await access.name_of(tx, chat_id)
        if known:
            await context.audit(tx, call, f"channels {'on' if wanted else 'off'}", chat_id)
    if not known:
        await context.answer(call, "users.who")
    else:
        await context.answer(call, "channels.on" if wanted else "channels.off", name=name)


async def operators(context: BotContext, call: CommandCall) -> None:
    """Show who the operators are; `add` and `remove` with somebody's id or @username change that."""
    verb, _, rest = call.argument.strip().partition(" ")
    if verb not in ("add", "remove"):
        async with context.store.reading() as tx:
            lines = [
                f"• {await people.name_of(tx, one)} ({one})"
                for one in sorted(context.rights.operators)
            ]
        await context.answer(call, "operators.list", lines="\n".join(lines))
        return
    who = await _named(context, rest.strip()) if rest.strip() else call.about or None
    if who is None or who <= 0:
        await context.answer(call, "users.who")
        return
    await _change_operator(context, call, who, wanted=verb == "add")


async def _change_operator(
    context: BotContext, call: CommandCall, who: int, *, wanted: bool
) -> None:
    """Make somebody an operator, or take that away; all operators hear of it, and who it is about."""
    there = context.rights.operators
    async with context.store.writing() as tx:
        name = await people.name_of(tx, who) or str(who)
        by = await people.name_of(tx, call.sender.id) or str(call.sender.id)
        known = [one for one in sorted(there - {who}) if await people.name_of(tx, one)]
        refused = not wanted and (who not in there or not known)
        unknown = wanted and not await people.name_of(tx, who)
        refused = refused or unknown
        if not refused and wanted:
            await access.make_operator(tx, who, name)
        elif not refused:
            await access.remove_operator(tx, who, name)
        if not refused:
            await context.audit(tx, call, f"operator {'added' if wanted else 'removed'}", who, name)
            await context.calls.sharing.ring(tx, Bell.OPERATORS)
    if unknown:
        await context.answer(call, "users.who")
        return
    if refused:
        await context.answer(
            call, "operators.last" if who in there else "operators.not_one", name=name
        )
        return
    hear = {*there, who}
    if wanted:
        there.add(who)
    else:
        there.discard(who)
    context.rights.changed.set()
    key = "operators.added" if wanted else "operators.removed"
    for one in sorted(hear):
        text = translate(await context.people.language_of(one), key, name=name, by=by)
        cause = Cause(f"{call.cause.name} {key} {one}", 0)
        await context.notices.send(ChatKey(one), PostContent(Rendered(text)), cause)


async def _who(context: BotContext, call: CommandCall) -> int | None:
    """Whom a command is about; None when that cannot be told."""
    word = call.argument.split(" ")[0] if call.argument else ""
    if not word:
        return call.about or None
    return await _named(context, word)


async def _named(context: BotContext, word: str) -> int | None:
    if _ID.fullmatch(word):
        return int(word) or None
    async with context.store.reading() as tx:
        return await people.named(tx, word)


async def users(context: BotContext, call: CommandCall) -> None:
    """Show who has written to the bot, page by page; words narrow it down."""
    text, keyboard = await _page_of_users(context, language_of(call), call.argument, 0)
    await context.write(call, text, keyboard)


async def show_users(context: BotContext, press: CallbackPress, data: ShowUsers) -> None:
    """Show another page."""
    page = min(data.page, MOST_PAGES)
    context.edit(press, *await _page_of_users(context, language_of(press), data.words, page))


async def _page_of_users(
    context: BotContext, language: str, words: str, page: int
) -> tuple[str, Keyboard]:
    words = _fitting(words)
    async with context.store.reading() as tx:
        found, count = await people.search(tx, words, page * ON_A_PAGE, ON_A_PAGE)
    new = "users.is_new" if context.deployment.by_approval else "users.is_open"
    lines = [_person(one, language, new, one.id in context.rights.operators) for one in found]
    text = translate(language, "users.list", count=count, lines="\n".join(lines) or "–")
    return text, pages(words, page, more=count > (page + 1) * ON_A_PAGE)


def _fitting(words: str) -> str:
    """Return the beginning of a search that fits into a button's 64 bytes."""
    return " ".join(words.split()).encode()[: 2 * MOST_WORDS].decode("utf-8", "ignore")


def _person(known: Known, language: str, new: str, operator: bool) -> str:
    """Return somebody in one line; `new` says what holds for whom nothing was decided about."""
    decided = f"users.is_{known.state}" if known.state else new
    state = translate(language, "users.is_operator" if operator else decided)
    at = f" @{known.username}" if known.username else ""
    seen = age(max(1.0, time.time() - known.last_seen), language)
    line = translate(
        language, "users.line", id=known.id, state=state, seen=seen, count=known.messages
    )
    return f"• {known.name}{at}, {line}"


def _state(state: Access | None, language: str) -> str:
    return (
        translate(language, f"users.is_{state}") if state else translate(language, "users.is_new")
    )


async def chats(context: BotContext, call: CommandCall) -> None:
    """Show the groups that the bot is in, or was."""
    async with context.store.reading() as tx:
        found = await people.groups(tx)
    lines = [_group(one, language_of(call)) for one in found[:50]]
    await context.answer(call, "chats.list", count=len(found), lines="\n".join(lines) or "–")


def _group(group: Group, language: str) -> str:
    quiet = time.time() - group.last_turn if group.last_turn else None
    seen = translate(language, "chats.seen", age=age(max(1.0, quiet), language)) if quiet else "–"
    return f"• {group.title} ({group.id}), {_state(group.state, language)}, {seen}"


async def leave(context: BotContext, call: CommandCall) -> None:
    """Have the bot leave a group, once that is confirmed."""
    word = call.argument.strip()
    if not _ID.fullmatch(word) or int(word) >= 0:
        await context.answer(call, "leave.how")
        return
    buttons = confirm(language_of(call), LeaveGroup(int(word)))
    await context.answer(call, "leave.sure", buttons, id=int(word))


async def leave_now(context: BotContext, press: CallbackPress, data: LeaveGroup) -> None:
    """Leave the group."""
    said = "leave.done"
    try:
        await context.calls.bot.leave_chat(data.chat_id)
    except TelegramError as error:
        log.warning("leaving the group failed", chat=data.chat_id, error=str(error))
        said = "leave.failed"
    async with context.store.writing() as tx:
        await context.audit(tx, press, "leave", data.chat_id, said.partition(".")[2])
    context.edit(press, translate(language_of(press), said, id=data.chat_id))
