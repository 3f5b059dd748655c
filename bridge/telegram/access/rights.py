"""Who may do what in a group: operators, its administrators, and whoever asked.

Telegram is asked who leads a group, and its word is remembered for minutes: every press would
cost a call otherwise.
"""

import asyncio
import time
from collections.abc import Callable, Collection

import structlog
from telegram import Bot, ChatMember
from telegram.error import TelegramError

from bridge.model import ChatKey, Sender
from bridge.telegram.pace.budget import BudgetKind, Priority
from bridge.telegram.pace.scheduler import Pacer

log = structlog.get_logger(__name__)
KNOWN_SECONDS = 300.0
MOST_KNOWN = 10_000
_LEADING = (ChatMember.OWNER, ChatMember.ADMINISTRATOR)


class Rights:
    """Answers who may do what."""

    def __init__(
        self,
        bot: Bot,
        pacer: Pacer,
        operators: Collection[int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bot = bot
        self._pacer = pacer
        self._clock = clock
        self._known: dict[tuple[int, int], tuple[float, bool]] = {}
        self.operators = set(operators)
        self.changed = asyncio.Event()
        """Set when there is another operator."""

    async def leads(self, key: ChatKey, sender: Sender) -> bool:
        """Return whether somebody may decide for the chat: anybody in their private one.

        In a group its administrators and the operators may; nobody when Telegram cannot be asked.
        """
        if key.private or sender.is_admin or sender.id in self.operators:
            return True
        return await self.is_administrator(key.chat_id, sender.id)

    async def may_end(self, key: ChatKey, sender: Sender, asker: int) -> bool:
        """Return whether somebody may stop an answer or have it tried again."""
        return sender.id == asker or await self.leads(key, sender)

    async def is_administrator(self, chat_id: int, person_id: int) -> bool:
        """Return whether Telegram says so; False when it cannot be asked."""
        place, now = (chat_id, person_id), self._clock()
        at, known = self._known.get(place, (float("-inf"), False))
        if now - at < KNOWN_SECONDS:
            return known
        try:
            async with self._pacer.slot(0, Priority.COMMAND, family=BudgetKind.FREE):
                member = await self._bot.get_chat_member(chat_id, person_id)
        except TelegramError as error:
            log.warning("administrator lookup failed", chat=chat_id, error=type(error).__name__)
            return False
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        leading = member.status in _LEADING
        self._known[place] = (now, leading)
        return leading

    def become(self, operators: Collection[int]) -> None:
        """Let these be the operators: another process may have made one."""
        if {*operators} != self.operators:
            self.operators.clear()
            self.operators.update(operators)
            self.changed.set()

    def forget(self, chat_id: int) -> None:
        """Ask again who leads a group: something was changed there."""
        self._known = {place: known for place, known in self._known.items() if place[0] != chat_id}
