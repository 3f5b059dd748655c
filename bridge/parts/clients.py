"""Our two neighbours, as the settings name them: clients of Coze and of Telegram."""

import asyncio
import hashlib

import httpx
import structlog
from telegram import Bot
from telegram.error import InvalidToken, NetworkError, RetryAfter, TelegramError

from bridge.coze.auth import Auth, JWTApp, StaticToken, private_key
from bridge.coze.client import Coze
from bridge.coze.regions import Deployment, deployment
from bridge.errors import SettingsTrouble, TelegramTrouble, TokenRevoked
from bridge.metrics import Metrics
from bridge.model import AgentAccount
from bridge.redaction import in_use
from bridge.settings import Settings
from bridge.telegram.api.clock import TelegramClock
from bridge.telegram.api.deliver import pauses
from bridge.telegram.api.errors import seconds, unreachable
from bridge.telegram.api.request import CONNECT_SECONDS, READ_SECONDS, Request
from bridge.telegram.files.download import Downloads
from bridge.telegram.files.public import PublicFiles, signing_key
from bridge.telegram.inbound.get_updates import GetUpdates

log = structlog.get_logger(__name__)
REFUSALS = 3
"""So many times a token must be refused at the start before it is taken for a wrong one."""


def coze_deployment(settings: Settings) -> Deployment:
    """Return the Coze that the settings name."""
    return deployment(settings.coze_api_base, settings.coze_jwt_oauth_audience)


def coze_client(settings: Settings, metrics: Metrics | None = None) -> Coze:
    """Return a client of the Coze in the settings. Raises SettingsTrouble when its key is unusable."""
    where, way_in = coze_deployment(settings), _way_in(settings)
    return Coze(where, way_in, proxy=settings.coze_proxy, metrics=metrics)


def _way_in(settings: Settings) -> Auth:
    if settings.coze_api_token is not None:
        return StaticToken(settings.coze_api_token.get_secret_value())
    path = settings.coze_jwt_oauth_private_key_file_path
    pem = settings.coze_jwt_oauth_private_key
    try:
        key = private_key(pem.get_secret_value() if pem else None, path)
    except ValueError as error:
        name = "COZE_JWT_OAUTH_PRIVATE_KEY" + ("_FILE_PATH" if path else "")
        raise SettingsTrouble((f"{name} {error}",)) from None
    return JWTApp(
        coze_deployment(settings),
        settings.coze_jwt_oauth_client_id or "",
        settings.coze_jwt_oauth_public_key_id or "",
        key,
    )


def agent_home(settings: Settings) -> AgentAccount:
    """Return what the chats' conversations belong to."""
    return AgentAccount(
        settings.coze_bot_id,
        coze_deployment(settings).base,
        settings.coze_jwt_oauth_client_id or "",  # a personal token does not name its account
    )


def coze_place(settings: Settings) -> str:
    """Name the Coze account: what is uploaded there is known there only."""
    key = settings.coze_api_token
    owner = key.get_secret_value() if key else settings.coze_jwt_oauth_client_id or ""
    digest = hashlib.sha256(owner.encode()).hexdigest()[:16]
    return f"{coze_deployment(settings).base} {digest}"


def downloads(settings: Settings, bot: Bot) -> Downloads:
    """Return where the files lie that people send."""
    root, token = settings.telegram_api_base_url, settings.telegram_bot_token.get_secret_value()
    local = settings.bridge_local_files
    return Downloads(bot, f"{root}/file/bot{token}", settings.telegram_proxy, local=local)


def public_files(settings: Settings, files: Downloads) -> PublicFiles | None:
    """Return what lets the world fetch people's files, where the settings name an address for it."""
    if settings.bridge_public_url is None:
        return None
    key = signing_key(settings.telegram_bot_token.get_secret_value())
    return PublicFiles(settings.bridge_public_url, key, files)


def telegram_bot(
    settings: Settings, metrics: Metrics | None = None, clock: TelegramClock | None = None
) -> Bot:
    """Return the library's bot, with time-outs above the server's own flood wait of eight seconds."""
    root = settings.telegram_api_base_url
    in_use(settings.telegram_bot_token.get_secret_value())
    return Bot(
        settings.telegram_bot_token.get_secret_value(),
        base_url=f"{root}/bot",
        base_file_url=f"{root}/file/bot",
        request=_request(settings.telegram_proxy, 256, metrics, clock),
        get_updates_request=_request(settings.telegram_proxy, 1, metrics),  # it is never used
    )


def _request(
    proxy: str | None,
    connections: int,
    metrics: Metrics | None,
    clock: TelegramClock | None = None,
) -> Request:
    return Request(
        proxy=proxy,
        limits=httpx.Limits(max_connections=connections, keepalive_expiry=60.0),
        metrics=metrics,
        clock=clock,
        connection_pool_size=connections,
        read_timeout=READ_SECONDS,
        write_timeout=READ_SECONDS,
        connect_timeout=CONNECT_SECONDS,
        pool_timeout=CONNECT_SECONDS,
        media_write_timeout=120.0,
    )


def telegram_updates(
    settings: Settings, metrics: Metrics | None = None, clock: TelegramClock | None = None
) -> GetUpdates:
    """Return what fetches the updates."""
    return GetUpdates(
        root=settings.telegram_api_base_url,
        token=settings.telegram_bot_token.get_secret_value(),
        proxy=settings.telegram_proxy,
        metrics=metrics,
        clock=clock,
    )


async def meet_telegram(bot: Bot) -> None:
    """Learn who we are; without a network this waits for one. Raises TokenRevoked.

    One refusal proves nothing: servers and gateways say 401 and 404 for moments, too.
    """
    doing, refused = "Signing in to Telegram", 0
    for pause in pauses():
        try:
            await bot.initialize()
            return
        except InvalidToken as error:
            refused += 1
            if refused == REFUSALS:
                raise TokenRevoked(doing, "Telegram does not know the token") from error
            log.debug("token refused, retrying", next_try_seconds=pause)
            await asyncio.sleep(pause)
        except RetryAfter as error:
            await asyncio.sleep(seconds(error))
        except NetworkError as error:
            trouble = unreachable(doing, error)
            log.warning("cannot reach Telegram", trouble=str(trouble), next_try_seconds=pause)
            await asyncio.sleep(pause)
        except TelegramError as error:
            raise TelegramTrouble(doing, str(error)) from error
