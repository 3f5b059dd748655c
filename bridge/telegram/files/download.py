"""Files down to us: from Telegram's server into a temporary file, piece by piece."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path, PurePath

import httpx
import structlog
from telegram import Bot
from telegram.error import BadRequest, NetworkError, RetryAfter, TelegramError

from bridge.errors import FileGone, TelegramUnreachable
from bridge.failpoints import failpoint
from bridge.model import Attachment
from bridge.telegram.api.errors import Result, seconds
from bridge.telegram.files import tempfiles
from bridge.telegram.updates.attachments import MOST_BYTES
from bridge.transport import OwnsHttp, http_client

log = structlog.get_logger(__name__)
_DOING = "Fetching a file from Telegram"
_NO_ROOM = "Check the folder for temporary files (TMPDIR): its rights, and the free disk space."
_UNPACKED = {"Accept-Encoding": "identity"}
"""So that as many bytes are read as the server says."""
TRIES = 4
PAUSE_SECONDS = 2.0
"""Telegram says of a file that is too new or just busy that it is unavailable; once more helps."""
SILENCE_SECONDS = 30.0
WHOLE_SECONDS = 600.0
"""How long one file may take."""
MOST_LOCAL_BYTES = 2000 * 1024 * 1024
"""What a Bot API server of one's own takes."""


class Downloads(OwnsHttp):
    """Opens what people sent. Use it as an async context."""

    def __init__(self, bot: Bot, root: str, proxy: str | None, *, local: bool) -> None:
        """`root` is where files lie, with the token.

        A `local` server is one of our own on this machine: it has no limit of 20 MB, and names
        paths on the disk.
        """
        self._bot = bot
        self._root = root
        self._local = local
        limits = httpx.Limits(max_connections=16, keepalive_expiry=60.0)
        timeout = httpx.Timeout(SILENCE_SECONDS, connect=10.0, pool=600.0)
        self._http = http_client(proxy, limits=limits, timeout=timeout)

    @asynccontextmanager
    async def opened(self, attachment: Attachment) -> AsyncIterator[Path]:
        """Give a copy on the disk, gone with the context. Raises FileGone and TelegramUnreachable."""
        if not self._local and attachment.size > MOST_BYTES:
            raise FileGone(_DOING, "it is larger than 20 MB", sentence="file.too_large")
        address = await _again(lambda: self._address(attachment))
        if self._local and os.path.isabs(address):
            yield Path(address)
            return
        suffix = PurePath(attachment.name).suffix
        with ExitStack() as stack:
            try:
                path = stack.enter_context(tempfiles.folder()) / f"file{suffix}"
                await _again(lambda: self._download(address, path))
            except OSError as error:
                raise FileGone(_DOING, type(error).__name__, cure=_NO_ROOM) from error
            yield path

    async def _address(self, attachment: Attachment) -> str:
        """Return where it lies on the server, which tells once more each time: the link ends in an hour."""
        try:
            found = await self._bot.do_api_request(
                "getfile", api_kwargs={"file_id": attachment.file_id}
            )
        except RetryAfter as error:
            raise _Later(seconds(error)) from error
        except BadRequest as error:
            what = str(error).casefold()
            if "too big" in what:
                raise FileGone(_DOING, what, sentence="file.too_large") from error
            raise _Later(PAUSE_SECONDS, FileGone(_DOING, what)) from error
        except NetworkError as error:
            raise _Later(PAUSE_SECONDS) from error
        except TelegramError as error:
            raise FileGone(_DOING, type(error).__name__) from error
        path = found.get("file_path") if isinstance(found, dict) else None
        if not isinstance(path, str) or not path:
            raise FileGone(_DOING, "the server does not say where it lies")
        return path

    async def _download(self, address: str, path: Path) -> None:
        try:
            with failpoint("file"):
                async with self._http.stream(
                    "GET", f"{self._root}/{address}", headers=_UNPACKED
                ) as response:
                    if response.status_code == 404:
                        raise _Later(PAUSE_SECONDS, FileGone(_DOING, "HTTP 404"))
                    if not response.is_success:
                        raise _Later(PAUSE_SECONDS)
                    most = MOST_LOCAL_BYTES if self._local else MOST_BYTES
                    async with asyncio.timeout(WHOLE_SECONDS):
                        await _save(response, path, most)
        except (httpx.HTTPError, TimeoutError) as error:  # its words may hold the token
            raise _Later(PAUSE_SECONDS) from error
        except httpx.InvalidURL as error:
            raise FileGone(_DOING, "the server names no place") from error


class _Later(Exception):
    """It may work after a pause; when it never does, `trouble` is why."""

    def __init__(self, pause: float, trouble: FileGone | None = None) -> None:
        super().__init__(pause)
        self.pause = pause
        self.trouble = trouble


async def _again(attempt: Callable[[], Awaitable[Result]]) -> Result:
    """Try a few times. Raises what the last try ended in."""
    for left in range(TRIES - 1, -1, -1):
        try:
            return await attempt()
        except _Later as later:
            if not left:
                what = type(later.__cause__).__name__ if later.__cause__ else "no answer"
                raise later.trouble or TelegramUnreachable(
                    _DOING, what, sentence="file.gone"
                ) from later
            log.info("refetching file", pause=later.pause)
            await asyncio.sleep(later.pause)
    raise AssertionError("there is a last try")


async def _save(response: httpx.Response, path: Path, most_bytes: int) -> None:
    """Write an answer to a file as it arrives; one that ends early is not all of it."""
    size, expected = 0, response.headers.get("content-length", "")
    with path.open("wb") as file:
        async for piece in response.aiter_bytes(65_536):
            size += len(piece)
            if size > most_bytes:
                raise FileGone(_DOING, "it is larger than was said", sentence="file.too_large")
            file.write(piece)
    if expected.isdecimal() and int(expected) != size:
        raise _Later(PAUSE_SECONDS)
