"""`/allow`, `/block`, `/users`, `/chats` and `/leave`: who may use the bot, and where it is."""

import re
import time

import structlog
from telegram.error import TelegramError

from bridge.model import ChatKey
from bridge.store.operators import access, people
from bridge.store.operators.access import Access
from bridge.store.operators.people import Group, Known
from bridge.telegram.commands.operators.context import (
    Desk,
    confirm,
    language_of,
    operator_of,
    pages,
)
from bridge.telegram.post import Cause, Keyboard, PostContent, Rendered
from bridge.telegram.updates.events import CallbackPress, CommandCall
from bridge.texts import age, translate

log = structlog.get_logger(__name__)
ON_A_PAGE = 10
MOST_WORDS = 24
"""Characters of a search that fit into a button, as bytes at worst."""
_ID = re.compile(r"-?[0-9]{1,18}")


async def allow(desk: Desk, order: CommandCall) -> None:
    """Let somebody in: by id, @username, or in reply to a message of theirs."""
    await _decide(desk, order, Access.ALLOWED)


async def block(desk: Desk, order: CommandCall) -> None:
    """Let somebody out, without telling them again."""
    await _decide(desk, order, Access.BLOCKED)


async def _decide(desk: Desk, order: CommandCall, state: Access) -> None:
    chat_id = await _who(desk, order)
    if chat_id is not None and order.argument.split()[1:] == ["channels"]:
        await _answer_channels(desk, order, chat_id, wanted=state is Access.ALLOWED)
        return
    if chat_id is None:
        await desk.answer(order, "users.who" if order.argument else f"users.how_{state}")
    elif chat_id in desk.rights.operators and state is Access.BLOCKED:
        await desk.answer(order, "users.operator")
    else:
        by = operator_of(order)
        name = await desk.door.rule(ChatKey(chat_id), state, by, language_of(order))
        await desk.answer(order, f"access.{state}", name=name)


async def _answer_channels(desk: Desk, order: CommandCall, chat_id: int, *, wanted: bool) -> None:
    """Have posts under channels' names answered in a group, or not."""
    async with desk.store.writing() as tx:
        known = await access.answer_channels(tx, chat_id, wanted=wanted)
        name = await access.name_of(tx, chat_id)
        if known:
            await desk.note(tx, order, f"channels {'on' if wanted else 'off'}", chat_id)
    if not known:
        await desk.answer(order, "users.who")
    else:
        await desk.answer(order, "channels.on" if wanted else "channels.off", name=name)


async def operators(desk: Desk, order: CommandCall) -> None:
    """Who the operators are; `add` and `remove` with somebody's id or @username change that."""
    verb, _, rest = order.argument.strip().partition(" ")
    if verb not in ("add", "remove"):
        async with desk.store.reading() as tx:
            lines = [
                f"• {await people.name_of(tx, one)} ({one})"
                for one in sorted(desk.rights.operators)
            ]
        await desk.answer(order, "operators.list", lines="\n".join(lines))
        return
    who = await _named(desk, rest.strip()) if rest.strip() else order.about or None
    if who is None or who <= 0:
        await desk.answer(order, "users.who")
        return
    await _change_operator(desk, order, who, wanted=verb == "add")


async def _change_operator(desk: Desk, order: CommandCall, who: int, *, wanted: bool) -> None:
    """Make somebody an operator, or take that away; all operators hear of it, and who it is about."""
    there = desk.rights.operators
    async with desk.store.writing() as tx:
        name = await people.name_of(tx, who) or str(who)
        by = await people.name_of(tx, operator_of(order)) or str(operator_of(order))
        known = [one for one in sorted(there - {who}) if await people.name_of(tx, one)]
        refused = not wanted and (who not in there or not known)
        unknown = wanted and not await people.name_of(tx, who)
        refused = refused or unknown
        if not refused and wanted:
            await access.make_operator(tx, who, name)
        elif not refused:
            await access.remove_operator(tx, who, name)
        if not refused:
            await desk.note(tx, order, f"operator {'added' if wanted else 'removed'}", who, name)
    if unknown:
        await desk.answer(order, "users.who")
        return
    if refused:
        await desk.answer(
            order, "operators.last" if who in there else "operators.not_one", name=name
        )
        return
    hear = {*there, who}
    if wanted:
        there.add(who)
    else:
        there.discard(who)
    desk.rights.changed.set()
    key = "operators.added" if wanted else "operators.removed"
    for one in sorted(hear):
        text = translate(await desk.people.language_of(one), key, name=name, by=by)
        cause = Cause(f"{order.cause.name} {key} {one}", 0)
        await desk.notices.send(ChatKey(one), PostContent(Rendered(text)), cause)


async def _who(desk: Desk, order: CommandCall) -> int | None:
    """Whom a command is about; None when that cannot be told."""
    word = order.argument.split(" ")[0] if order.argument else ""
    if not word:
        return order.about or None
    return await _named(desk, word)


async def _named(desk: Desk, word: str) -> int | None:
    if _ID.fullmatch(word):
        return int(word) or None
    async with desk.store.reading() as tx:
        return await people.named(tx, word)


async def users(desk: Desk, order: CommandCall) -> None:
    """Who has written to the bot, page by page; words narrow it down."""
    text, keyboard = await _page_of_users(desk, language_of(order), order.argument, 0)
    await desk.write(order, text, keyboard)


async def turn_users(desk: Desk, press: CallbackPress, rest: str) -> None:
    """Show another page."""
    page, _, words = rest.partition(":")
    number = int(page) if page.isascii() and page.isdecimal() and len(page) < 6 else 0
    desk.show(press, *await _page_of_users(desk, language_of(press), words, number))


async def _page_of_users(desk: Desk, language: str, words: str, page: int) -> tuple[str, Keyboard]:
    words = _fitting(words)
    async with desk.store.reading() as tx:
        found, count = await people.search(tx, words, page * ON_A_PAGE, ON_A_PAGE)
    lines = [_person(one, language, one.id in desk.rights.operators) for one in found]
    text = translate(language, "users.list", count=count, lines="\n".join(lines) or "–")
    return text, pages("users", words, page, count > (page + 1) * ON_A_PAGE)


def _fitting(words: str) -> str:
    """The beginning of a search that fits into a button's 64 bytes."""
    return " ".join(words.split()).encode()[: 2 * MOST_WORDS].decode("utf-8", "ignore")


def _person(known: Known, language: str, operator: bool) -> str:
    state = translate(language, "users.is_operator") if operator else _state(known.state, language)
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


async def chats(desk: Desk, order: CommandCall) -> None:
    """The groups that the bot is in, or was."""
    async with desk.store.reading() as tx:
        found = await people.groups(tx)
    lines = [_group(one, language_of(order)) for one in found[:50]]
    await desk.answer(order, "chats.list", count=len(found), lines="\n".join(lines) or "–")


def _group(group: Group, language: str) -> str:
    quiet = time.time() - group.last_turn if group.last_turn else None
    seen = translate(language, "chats.seen", age=age(max(1.0, quiet), language)) if quiet else "–"
    return f"• {group.title} ({group.id}), {_state(group.state, language)}, {seen}"


async def leave(desk: Desk, order: CommandCall) -> None:
    """Have the bot leave a group, once that is confirmed."""
    word = order.argument.strip()
    if not _ID.fullmatch(word) or int(word) >= 0:
        await desk.answer(order, "leave.how")
        return
    buttons = confirm(language_of(order), "leave", str(int(word)))
    await desk.answer(order, "leave.sure", buttons, id=int(word))


async def leave_now(desk: Desk, press: CallbackPress, rest: str) -> None:
    """Leave the group."""
    if not _ID.fullmatch(rest):
        return
    said = "leave.done"
    try:
        await desk.bot.leave_chat(int(rest))
    except TelegramError as error:
        log.warning("could not leave", chat=int(rest), error=str(error))
        said = "leave.failed"
    async with desk.store.writing() as tx:
        await desk.note(tx, press, "leave", rest, said.partition(".")[2])
    desk.show(press, translate(language_of(press), said, id=rest))
