"""Try what was answered, live: the bot's token at Telegram, the agent and its credential at Coze."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

from telegram.error import InvalidToken, NetworkError, TelegramError

from bridge.errors import Trouble
from bridge.errors.coze import CozeTrouble
from bridge.parts.agents import Surroundings, opened_agents
from bridge.parts.clients import telegram_bot
from bridge.settings.environment import settings_from
from bridge.transport import why_not_reached

_UNUSED = {"COZE_BOT_ID": "1000000000", "COZE_API_TOKEN": "pat_unused", "BRIDGE_CONFIG": ""}
"""Stand for what is not asked yet while the bot's token is tried."""


async def name_of_bot(variables: Mapping[str, str]) -> str:
    """Return the @name of the bot whose token is among the variables. Raises SettingsTrouble, Trouble."""
    doing = "Signing in to Telegram"
    settings = settings_from({**variables, **_UNUSED})
    bot = telegram_bot(settings)
    try:
        await bot.initialize()
        return bot.username
    except InvalidToken:
        cure = "Copy it whole from @BotFather: a number, a colon, and 35 signs."
        raise Trouble(doing, "Telegram does not know this token", cure=cure) from None
    except NetworkError as error:
        host = urlsplit(settings.telegram_api_base_url).hostname
        what = f"{host} cannot be reached ({why_not_reached(error)})"
        cure = "Check the network; a proxy is set by TELEGRAM_PROXY in the environment."
        raise Trouble(doing, what, cure=cure) from None
    except TelegramError as error:
        raise Trouble(doing, str(error)) from None
    finally:
        await bot.shutdown()


async def name_of_agent(variables: Mapping[str, str]) -> str:
    """Return what the agent is called that the variables declare; empty where its kind does not say.

    Raises SettingsTrouble, and the Trouble that keeps it from being asked.
    """
    settings = settings_from({"TELEGRAM_BOT_TOKEN": "1:unused", **variables})
    async with AsyncExitStack() as stack:
        opened = await opened_agents(stack, settings, Surroundings())
        agent = opened.agents.default
        try:
            return await agent.client.check()
        except CozeTrouble as trouble:
            raise trouble.with_names(agent.names) from None
