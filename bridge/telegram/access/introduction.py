"""What our bot says of itself in a group: how to address it, and what privacy mode keeps from it."""

from telegram import Bot
from telegram.error import TelegramError

from bridge.model import ChatKey
from bridge.telegram.access.rights import Rights
from bridge.texts import translate


class Introduction:
    """Words the introduction for a group."""

    def __init__(self, bot: Bot, rights: Rights) -> None:
        self._bot = bot
        self._rights = rights

    @property
    def bot_name(self) -> str:
        """By what people mention our bot."""
        return self._bot.username

    async def words(self, key: ChatKey, language: str) -> str:
        """Return the introduction in somebody's language."""
        hearing = "group.hears_all" if await self.hears_all(key) else "group.private"
        return translate(
            language, "group.hello", bot=self._bot.username, hearing=translate(language, hearing)
        )

    async def hears_all(self, key: ChatKey) -> bool:
        """Return whether we get every message of the group, as far as can be told.

        That is so with privacy mode off, as BotFather's setting was when we were added, or as an
        administrator.
        """
        try:
            me = await self._bot.get_me()
        except TelegramError:
            return False
        if me.can_read_all_group_messages:
            return True
        return await self._rights.is_administrator(key.chat_id, self._bot.id)
