"""`/allow`, `/block`, `/users`, `/chats` and `/leave`: who may use the bot, and where it is."""

import re
import time

import structlog
from telegram.error import TelegramError

from bridge.model import ChatKey
from bridge.store import people
from bridge.store.access import Access
from bridge.store.people import Group, Known
from bridge.telegram.frame import Keyboard
from bridge.telegram.items import Order, Press
from bridge.telegram.operators.desk import Desk, confirm, language_of, operator_of, pages
from bridge.texts import age, say

log = structlog.get_logger(__name__)
ON_A_PAGE = 10
MOST_WORDS = 24
"""Characters of a search that fit into a button, as bytes at worst."""
_ID = re.compile(r"-?[0-9]{1,18}")


async def allow(desk: Desk, order: Order) -> None:
    """Let somebody in: by id, @username, or in reply to a message of theirs."""
    await _decide(desk, order, Access.ALLOWED)


async def block(desk: Desk, order: Order) -> None:
    """Let somebody out, without telling them again."""
    await _decide(desk, order, Access.BLOCKED)


async def _decide(desk: Desk, order: Order, state: Access) -> None:
    chat_id = await _who(desk, order)
    if chat_id is None:
        await desk.say(order, "users.who" if order.argument else f"users.how_{state}")
    elif chat_id in desk.rights.operators and state is Access.BLOCKED:
        await desk.say(order, "users.operator")
    else:
        by = operator_of(order)
        name = await desk.door.rule(ChatKey(chat_id), state, by, language_of(order))
        await desk.say(order, f"access.{state}", name=name)


async def _who(desk: Desk, order: Order) -> int | None:
    """Whom a command is about; None when that cannot be told."""
    word = order.argument.split(" ")[0] if order.argument else ""
    if not word:
        return order.about or None
    if _ID.fullmatch(word):
        return int(word) or None
    async with desk.store.reading() as tx:
        return await people.named(tx, word)


async def users(desk: Desk, order: Order) -> None:
    """Who has written to the bot, page by page; words narrow it down."""
    text, keyboard = await _page_of_users(desk, language_of(order), order.argument, 0)
    await desk.write(order, text, keyboard)


async def turn_users(desk: Desk, press: Press, rest: str) -> None:
    """Show another page."""
    page, _, words = rest.partition(":")
    number = int(page) if page.isascii() and page.isdecimal() and len(page) < 6 else 0
    await desk.show(press, *await _page_of_users(desk, language_of(press), words, number))


async def _page_of_users(desk: Desk, language: str, words: str, page: int) -> tuple[str, Keyboard]:
    words = _fitting(words)
    async with desk.store.reading() as tx:
        found, count = await people.search(tx, words, page * ON_A_PAGE, ON_A_PAGE)
    lines = [_person(one, language, one.id in desk.rights.operators) for one in found]
    text = say(language, "users.list", count=count, lines="\n".join(lines) or "–")
    return text, pages("users", words, page, count > (page + 1) * ON_A_PAGE)


def _fitting(words: str) -> str:
    """The beginning of a search that fits into a button's 64 bytes."""
    return " ".join(words.split()).encode()[: 2 * MOST_WORDS].decode("utf-8", "ignore")


def _person(known: Known, language: str, operator: bool) -> str:
    state = say(language, "users.is_operator") if operator else _state(known.state, language)
    at = f" @{known.username}" if known.username else ""
    seen = age(max(1.0, time.time() - known.last_seen), language)
    line = say(language, "users.line", id=known.id, state=state, seen=seen, count=known.messages)
    return f"• {known.name}{at}, {line}"


def _state(state: Access | None, language: str) -> str:
    return say(language, f"users.is_{state}") if state else say(language, "users.is_new")


async def chats(desk: Desk, order: Order) -> None:
    """The groups that the bot is in, or was."""
    async with desk.store.reading() as tx:
        found = await people.groups(tx)
    lines = [_group(one, language_of(order)) for one in found[:50]]
    await desk.say(order, "chats.list", count=len(found), lines="\n".join(lines) or "–")


def _group(group: Group, language: str) -> str:
    quiet = time.time() - group.last_turn if group.last_turn else None
    seen = say(language, "chats.seen", age=age(max(1.0, quiet), language)) if quiet else "–"
    return f"• {group.title} ({group.id}), {_state(group.state, language)}, {seen}"


async def leave(desk: Desk, order: Order) -> None:
    """Have the bot leave a group, once that is confirmed."""
    word = order.argument.strip()
    if not _ID.fullmatch(word) or int(word) >= 0:
        await desk.say(order, "leave.how")
        return
    buttons = confirm(language_of(order), "leave", str(int(word)))
    await desk.say(order, "leave.sure", buttons, id=int(word))


async def leave_now(desk: Desk, press: Press, rest: str) -> None:
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
    await desk.show(press, say(language_of(press), said, id=rest))
