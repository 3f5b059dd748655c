"""Whether Telegram takes the token, and who else takes the updates."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from telegram import Bot, User
from telegram.error import Conflict, InvalidToken, NetworkError, TelegramError

from bridge.ops.doctor.findings import Finding, bad, good, note
from bridge.ops.doctor.own_bridge import own_bridge
from bridge.parts.clients import telegram_bot
from bridge.settings import Settings
from bridge.transport import why_not_reached

LISTEN_SECONDS = 8
"""How long to listen for another poller; one that was ended comes back after some seconds."""


async def check_telegram(settings: Settings) -> AsyncIterator[Finding]:
    """Yield what Telegram says of the bot."""
    subject = "Telegram"
    bot = telegram_bot(settings)
    try:
        await bot.initialize()
        me = bot.bot
        yield good(subject, f"the token belongs to @{me.username}")
        webhook = await bot.get_webhook_info()
        if webhook.url:
            host = urlsplit(webhook.url).hostname
            yield bad(
                subject,
                f"a webhook at {host} takes the updates",
                "Stop the program behind it and delete the webhook (Bot API: deleteWebhook).",
            )
        elif own := await own_bridge(settings):
            yield good(subject, f"your own bridge is polling ({own})")
        else:
            yield note(subject, f"listening {LISTEN_SECONDS} s for another program that polls", "")
            yield await _second_poller(bot)
        if me.can_read_all_group_messages:
            yield good(subject, "privacy mode is off: groups show the bot every message")
        else:
            yield note(
                subject,
                "privacy mode is on: in groups the bot sees only what is meant for it",
                "For a wake word or to answer everything, switch it off at @BotFather (/setprivacy) "
                "and add the bot to its groups again, or make it an administrator there.",
            )
        yield _topics(me)
    except InvalidToken as error:
        # The library says the same for a 404, which an address that is no Bot API gives.
        if "not found" in str(error.__cause__).casefold():
            cure = "Check TELEGRAM_API_BASE_URL."
            yield bad(subject, "this address does not answer as the Bot API does", cure)
        else:
            cure = "Set TELEGRAM_BOT_TOKEN to the token that @BotFather shows for the bot."
            yield bad(subject, "Telegram does not know the token", cure)
    except NetworkError as error:
        yield bad(
            subject,
            f"{_host(settings.telegram_api_base_url)} cannot be reached ({why_not_reached(error)})",
            "Check the network, TELEGRAM_API_BASE_URL and TELEGRAM_PROXY.",
        )
    except TelegramError as error:
        yield bad(subject, str(error), "Check TELEGRAM_API_BASE_URL.")
    finally:
        await bot.shutdown()


def _topics(me: User) -> Finding:
    if me.has_topics_enabled:
        return good("Telegram", "private chats have topics: each is a conversation of its own")
    return note(
        "Telegram",
        "private chats have no topics: /conversations lists what people can go back to",
        "To give each conversation a topic, switch on Threaded Mode in the @BotFather Mini App "
        "(the bot, Bot Settings, Threads Settings).",
    )


def _host(address: str) -> str:
    """Return where an address leads, without a password in it."""
    return urlsplit(address).netloc.rpartition("@")[2]


async def _second_poller(bot: Bot) -> Finding:
    """Poll for a while and confirm nothing: somebody else who polls, too, ends our poll.

    The newer poll wins, so ours must last until the other one comes back.
    """
    try:
        await bot.get_updates(timeout=LISTEN_SECONDS, limit=1)
    except Conflict:
        return bad(
            "Telegram",
            "another program is polling for this bot",
            "Stop it. If it is your own bridge with another database, all is well.",
        )
    except TelegramError as error:
        return note("Telegram", f"updates could not be fetched ({error})", "Try again.")
    return good("Telegram", "no other program takes the updates")
