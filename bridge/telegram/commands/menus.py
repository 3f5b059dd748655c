"""The menus of commands: everybody's in each language, and the operators' in their own chats."""

import asyncio
import hashlib
import json
from collections.abc import Mapping

import structlog
from telegram import Bot, BotCommand, BotCommandScopeChat
from telegram.error import BadRequest, TelegramError

from bridge.errors import StoreTrouble
from bridge.store import chats
from bridge.store.engine import Store
from bridge.telegram.access.people import People
from bridge.telegram.access.rights import Rights
from bridge.telegram.commands.table import COMMANDS, OPERATOR_COMMANDS, description
from bridge.telegram.pace.budget import BudgetKind, Priority
from bridge.telegram.pace.scheduler import Pacer
from bridge.texts import DEFAULT, languages

log = structlog.get_logger(__name__)
_FACT = "telegram menus"
_EARLIER = "telegram menu"
"""Under which name releases before this one wrote down the same."""
Menu = Mapping[str, str]


def everybodys(language: str) -> Menu:
    """Return what everybody can do."""
    return {name: description(name, language) for name in COMMANDS}


def operators(language: str) -> Menu:
    """Return what operators can do."""
    own = {name: description(name, language) for name in OPERATOR_COMMANDS}
    return {**everybodys(language), **own}


def _everybodys_in_all_languages() -> Mapping[str, Menu]:
    """Return the menu in each language that Telegram tells apart: by two letters (setMyCommands)."""
    return {one: everybodys(one) for one in languages() if len(one) == 2}


class Menus:
    """Keeps the menus as they should be."""

    def __init__(
        self, bot: Bot, pacer: Pacer, store: Store, rights: Rights, people: People
    ) -> None:
        self._bot = bot
        self._pacer = pacer
        self._store = store
        self._rights = rights
        self._people = people

    async def keep(self) -> None:
        """Set them, and again whenever there is another operator, for ever."""
        while True:
            self._rights.changed.clear()
            try:
                await self._set_all()
            except (TelegramError, StoreTrouble) as error:
                log.warning("menus not set", error=str(error))
            await self._rights.changed.wait()

    async def _set_all(self) -> None:
        """Set the menus when they are not those that were set last: Telegram counts these calls.

        An operator has one menu, in their language; everybody else reads theirs.
        """
        wanted = await asyncio.to_thread(_everybodys_in_all_languages)  # some 40 ms for each
        people = {
            one: await self._people.language_of(one) for one in sorted(self._rights.operators)
        }
        theirs = {one: operators(language) for one, language in people.items()}
        content = json.dumps([wanted, theirs])
        mark = hashlib.sha256(content.encode()).hexdigest()
        async with self._store.reading() as tx:
            before, _, known = (await chats.fact(tx, _FACT) or "").partition(" ")
            earlier = (await chats.fact(tx, _EARLIER) or "").split()[1:]
        if before == mark:
            return
        for language, menu in wanted.items():
            await self._set(menu, language)
        for one in {*earlier}:  # a release that set two for each operator
            await self._set(None, "zh", int(one))
        reached = [await self._set(menu, DEFAULT, person) for person, menu in theirs.items()]
        for person in {int(one) for one in (*known.split(), *earlier)} - {*people}:
            await self._set(None, DEFAULT, person)
        async with self._store.writing() as tx:
            kept = mark if all(reached) else "unfinished"  # until they open the bot
            await chats.remember(tx, _FACT, " ".join([kept, *map(str, people)]))
            await chats.remember(tx, _EARLIER, "")

    async def _set(self, menu: Menu | None, language: str, person: int | None = None) -> bool:
        """Set one menu, or take it away; False for somebody who has not opened the bot."""
        tag = None if language == DEFAULT else language
        scope = BotCommandScopeChat(person) if person is not None else None
        commands = [BotCommand(name, words) for name, words in (menu or {}).items()]
        try:
            async with self._pacer.slot(0, Priority.INTERIM, family=BudgetKind.FREE):
                if menu is None:
                    await self._bot.delete_my_commands(scope, tag)
                else:
                    await self._bot.set_my_commands(commands, scope, tag)
        except BadRequest as error:
            if person is None:
                raise
            log.info("menu not set for an operator", why=str(error))
            return False
        return True
