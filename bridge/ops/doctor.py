"""`bridge doctor`: try every setting live, one line each, with the cure."""

import time
from collections.abc import AsyncIterator, Collection, Coroutine
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx
from rich.console import Console
from telegram import Bot, User
from telegram.error import Conflict, InvalidToken, NetworkError, TelegramError

from bridge.coze.agents import account_id
from bridge.coze.client import Coze
from bridge.coze.conversations import create_conversation
from bridge.coze.kinds.chat import ChatAgent
from bridge.coze.regions import CN, COM
from bridge.coze.runs import cancel_run, list_run, retrieve_run
from bridge.errors import Happened, SettingsTrouble, StoreTrouble
from bridge.errors.coze import (
    CozeTrouble,
    Forbidden,
    RunUnknown,
    SignInRefused,
    Unreachable,
    WrongAddress,
)
from bridge.ops.doctor_agents import check_agents
from bridge.ops.doctor_files import check_files
from bridge.ops.doctor_result import Finding, Severity, bad, good, note, said_by
from bridge.ops.doctor_server import examine_server
from bridge.parts.clients import coze_client, telegram_bot
from bridge.redaction import redacted
from bridge.settings import Settings
from bridge.store import inbox, migrate
from bridge.store.dialects.database import is_postgresql
from bridge.store.engine import Store
from bridge.store.operators import access
from bridge.transport import http_client

SKEW_SECONDS = 60.0
LISTEN_SECONDS = 8
"""How long to listen for another poller; one that was ended comes back after some seconds."""


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Yield all findings, each as soon as it is known."""
    async for finding in _telegram(settings):
        yield finding
    if settings.opens_coze:
        async for finding in _coze(settings):
            yield finding
    if settings.agents:
        async for finding in check_agents(settings):
            yield finding
    async for finding in _database(settings):
        yield finding
    if not settings.bridge_operators and not await _operators(settings):
        yield note(
            "Access",
            "there is no operator yet; until there is, everybody has to wait",
            "Send the bot the code that bridge run prints, or set BRIDGE_OPERATORS.",
        )


def _topics(me: User) -> Finding:
    if me.has_topics_enabled:
        return good("Telegram", "private chats have topics: each is a conversation of its own")
    return note(
        "Telegram",
        "private chats have no topics: /conversations lists what people can go back to",
        "To give each conversation a topic, switch on Threaded Mode in the @BotFather Mini App "
        "(the bot, Bot Settings, Threads Settings).",
    )


async def _operators(settings: Settings) -> Collection[int]:
    """Return who became an operator by the code; nobody where the database cannot say."""
    try:
        store = Store(settings.database_url)
    except StoreTrouble:
        return ()
    try:
        async with store.reading() as tx:
            return await access.known_operators(tx)
    except StoreTrouble:
        return ()
    finally:
        await store.close()


async def _telegram(settings: Settings) -> AsyncIterator[Finding]:
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
            f"{_host(settings.telegram_api_base_url)} cannot be reached "
            f"({type(error.__cause__ or error).__name__})",
            "Check the network, TELEGRAM_API_BASE_URL and TELEGRAM_PROXY.",
        )
    except TelegramError as error:
        yield bad(subject, str(error), "Check TELEGRAM_API_BASE_URL.")
    finally:
        await bot.shutdown()


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
            "Stop it; if it is your own bridge, all is well: doctor disturbed it for a second.",
        )
    except TelegramError as error:
        return note("Telegram", f"updates could not be fetched ({error})", "Try again.")
    return good("Telegram", "no other program takes the updates")


async def _coze(settings: Settings) -> AsyncIterator[Finding]:
    try:
        client = coze_client(settings)
    except SettingsTrouble as trouble:
        yield bad("Coze", "; ".join(trouble.faults), "Correct the private key.")
        return
    way = "JWT" if settings.coze_jwt_oauth_client_id else "token"
    async with client as coze:
        try:
            account = await account_id(coze)
        except CozeTrouble as trouble:
            yield await _sign_in(settings, trouble)
            if isinstance(trouble, Unreachable):
                return
        else:
            if account:
                yield good("Coze", f"the {way} is accepted (account {account})")
            else:
                yield note("Coze", f"this Coze does not say whose {way} it is", "")
        yield await _clock(settings)
        if settings.coze_bot_id:
            yield await _agent(coze, settings)
            yield await _permissions(coze, settings)
        async for finding in check_files(coze, settings):
            yield finding


async def _sign_in(settings: Settings, trouble: CozeTrouble) -> Finding:
    """Return why the way in is closed; a key of the other cloud is the commonest cause."""
    base = settings.coze_api_base
    cure = trouble.cure
    if isinstance(trouble, SignInRefused) and base in (COM, CN):
        cure += f" The app may live on {CN if base == COM else COM}."
    return bad("Coze", said_by(trouble), cure)


async def _clock(settings: Settings) -> Finding:
    """Compare the clocks: a JWT is refused by a wrong one, and every HTTP answer says what time it is."""
    try:
        async with http_client(
            settings.coze_proxy, limits=httpx.Limits(), timeout=httpx.Timeout(10.0)
        ) as client:
            response = await client.get(settings.coze_api_base)
        there = parsedate_to_datetime(response.headers["date"]).timestamp()
    except (httpx.HTTPError, KeyError, ValueError, TypeError):
        return note(
            "Clock", "Coze did not say what time it is", "Keep this machine's clock by NTP."
        )
    off = time.time() - there
    if abs(off) > SKEW_SECONDS:
        return bad("Clock", f"this machine is off by {off:.0f} s", "Set the clock, best by NTP.")
    return good("Clock", f"agrees with Coze's within {max(1.0, abs(off)):.0f} s")


async def _agent(coze: Coze, settings: Settings) -> Finding:
    try:
        name = await ChatAgent(coze, settings.coze_bot_id).check()
    except WrongAddress as trouble:
        return bad("Agent", trouble.what, "Check COZE_API_BASE.")
    except CozeTrouble as trouble:
        return bad("Agent", said_by(trouble), trouble.cure)
    return good("Agent", f"“{name}” is published to the API")


async def _permissions(coze: Coze, settings: Settings) -> Finding:
    """Try what a turn needs, without asking the agent anything (that would cost).

    A run that does not exist is a good one to ask about: only the permission can be in the way.
    """
    missing = []
    try:
        made = await create_conversation(coze, settings.coze_bot_id)
        calls = {
            "getChat": retrieve_run(coze, made.id, "1"),
            "listMessage": list_run(coze, made.id, "1"),
            "cancelChat": cancel_run(coze, made.id, "1"),
        }
        for name, call in calls.items():
            if not await _permitted(call):
                missing.append(name)
    except CozeTrouble as trouble:
        what = f"no conversation could be opened: {said_by(trouble)}"
        return bad("Permissions", what, trouble.cure)
    if missing:
        cure = "Add them to the token in Coze; a change there takes some seconds to count."
        return bad("Permissions", f"the token lacks {', '.join(missing)}", cure)
    return good(
        "Permissions", "createConversation, getChat, listMessage and cancelChat are granted"
    )


async def _permitted(call: Coroutine[None, None, object]) -> bool:
    """Return whether a call about a run that does not exist fails for that reason only."""
    try:
        await call
    except Forbidden:
        return False
    except CozeTrouble as trouble:
        if trouble.happened is Happened.UNKNOWN and not isinstance(trouble, RunUnknown):
            raise
    return True


async def _database(settings: Settings) -> AsyncIterator[Finding]:
    try:
        store = Store(settings.database_url)
    except StoreTrouble as trouble:
        yield bad("Database", trouble.what, trouble.cure)
        return
    try:
        if is_postgresql(store.address):
            async for finding in examine_server(store):
                yield finding
        else:
            yield await _file(store)
    except StoreTrouble as trouble:
        yield bad("Database", trouble.what, trouble.cure)
    finally:
        await store.close()


async def _file(store: Store) -> Finding:
    try:
        await migrate.upgrade(store)
        async with store.reading() as tx:
            aside = await inbox.count(tx, "aside")
    except StoreTrouble as trouble:
        return bad("Database", trouble.what, trouble.cure)
    if aside:
        return note(
            "Database",
            f"writable and migrated; {aside} updates were set aside",
            "They could not be read; look for “update set aside” in the log.",
        )
    return good("Database", "writable and migrated")


_COLOURS = {Severity.GOOD: "green", Severity.WARNING: "yellow", Severity.BAD: "red"}


async def report(settings: Settings) -> bool:
    """Print all findings as they come; whether the bridge can work."""
    console = Console(highlight=False, soft_wrap=True)
    well = True
    async for finding in examine(settings):
        console.print(f"{finding.health.value:>4}", style=_COLOURS[finding.health], end="")
        console.print(f"  {finding.subject}: {redacted(finding.what)}", markup=False)
        if finding.cure:
            console.print(f"      {finding.cure}", markup=False)
        well = well and finding.health is not Severity.BAD
    console.print(
        "All is well." if well else "Fix what is marked bad, then run bridge doctor again."
    )
    return well
