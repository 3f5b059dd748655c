"""The menus of commands: everybody's in each language, and the operators' in their own chats."""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress

import structlog
from telegram import Bot, BotCommand, BotCommandScopeChat
from telegram.error import BadRequest, RetryAfter, TelegramError

from bridge.errors import StoreTrouble
from bridge.store import chats
from bridge.store.engine import Store
from bridge.telegram.access.people import People
from bridge.telegram.access.rights import Rights
from bridge.telegram.api import errors
from bridge.telegram.commands.table import COMMANDS, OPERATOR_COMMANDS, description
from bridge.telegram.pace.budget import BudgetKind, Priority
from bridge.telegram.pace.scheduler import Pacer
from bridge.texts import DEFAULT, languages

log = structlog.get_logger(__name__)
AGAIN_SECONDS = 60.0
"""After so long it is tried again when something was in the way."""
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


def _mark(menu: object) -> str:
    return hashlib.sha256(json.dumps(menu).encode()).hexdigest()[:16]


def _read(stored: str | None) -> dict[str, str]:
    """Return by `all` and the operators' ids which menus stand, as they were written down."""
    try:
        known = json.loads(stored or "{}")
    except ValueError:
        return {}
    return {str(key): str(mark) for key, mark in known.items()} if isinstance(known, dict) else {}


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
            pause = None
            try:
                await self._set_all()
            except RetryAfter as error:
                pause = errors.seconds(error)
                log.warning("menus wait", seconds=pause)
            except (TelegramError, StoreTrouble) as error:
                pause = AGAIN_SECONDS
                log.warning("menus not set", error=str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
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
        async with self._store.reading() as tx:
            known = _read(await chats.fact(tx, _FACT))
            earlier = (await chats.fact(tx, _EARLIER) or "").split()[1:]
        if known.get("all") != _mark(wanted):
            for language, menu in wanted.items():
                await self._set(menu, language)
            known["all"] = _mark(wanted)
            await self._remember(known)
        for one in {*earlier}:  # a release that set two for each operator
            await self._set(None, "zh", int(one))
            known.setdefault(one, "")
        for person, menu in theirs.items():
            if known.get(str(person)) != _mark(menu) and await self._set(menu, DEFAULT, person):
                known[str(person)] = _mark(menu)
                await self._remember(known)
        for gone in known.keys() - {"all", *map(str, people)}:
            await self._set(None, DEFAULT, int(gone))
            del known[gone]
        await self._remember(known)
        if earlier:
            async with self._store.writing() as tx:
                await chats.remember(tx, _EARLIER, "")

    async def _remember(self, known: Mapping[str, str]) -> None:
        """Write down what stands, so that no restart sets it again. Raises StoreTrouble."""
        async with self._store.writing() as tx:
            if await chats.fact(tx, _FACT) != (fresh := json.dumps(known)):
                await chats.remember(tx, _FACT, fresh)

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
