"""What came of a call: the library's errors turned into what they mean for us."""

import math
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import structlog
from telegram.error import (
    BadRequest,
    ChatMigrated,
    EndPointNotFound,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)

from bridge.errors import Happened, TelegramUnreachable
from bridge.model import ChatKey
from bridge.redaction import redacted
from bridge.telegram.post import Rendered
from bridge.transport import FILES_CURE, NOT_SENT, out_of_files, why_not_reached

log = structlog.get_logger(__name__)
Result = TypeVar("Result")
USUAL_SILENCE_SECONDS = 5.0
MOST_SILENCE_SECONDS = 86400.0
_GONE = re.compile(
    "message to edit not found|message can't be edited|message_id_invalid|"
    "message identifier is not specified|there is no text in the message|there is no caption in the message|"
    "message to delete not found|message can't be deleted"
)
_CLOSED = re.compile(
    "chat not found|chat_id is empty|peer_id_invalid|not enough rights|"
    "chat_write_forbidden|chat_restricted|have no write access"
)
_KIND_CLOSED = re.compile("not enough rights to send (?!text)")
"""A group may take words, and no files."""
_PASSES = re.compile(
    "muted|not enough rights|chat_write_forbidden|chat_restricted|have no write access|"
    "topic closed|topic_closed"
)
_BAD_FORMAT = re.compile("entit|parse|utf-16")
_TOPIC_CLOSED = re.compile(
    "message thread not found|topic_closed|topic_deleted|message to be replied not found"
)
"""The last, where a message may stand in no other topic than that of what it answers."""


class PostGone(Exception):
    """The post was deleted, or can no longer be edited."""


class ChatClosed(Exception):
    """Nothing can be written into the chat: blocked, kicked, muted, or it does not exist."""

    def __init__(
        self, why: str, *, topic_only: bool = False, again_seconds: float | None = None
    ) -> None:
        super().__init__(why)
        self.topic_only = topic_only
        """Whether the rest of the forum is open."""
        self.passes = bool(_PASSES.search(why))
        """Whether it may be written to again, so that an answer can wait for that."""
        self.again_seconds = again_seconds
        """After how many seconds it is worth trying once more, where that is known."""


class ChatMoved(Exception):
    """The group is a supergroup now, which is another chat."""

    def __init__(self, new: int) -> None:
        super().__init__(f"moved to {new}")
        self.new = new


class FloodWait(Exception):
    """Telegram wants silence: the call certainly did nothing, and may be made again later."""


class ContentRejected(Exception):
    """Telegram does not take this content; the same content is never taken."""


class DraftsImpossible(Exception):
    """Telegram shows no drafts in this chat, or (`everywhere`) this server has none at all."""

    def __init__(self, why: str, *, everywhere: bool) -> None:
        super().__init__(why)
        self.everywhere = everywhere


class RichImpossible(Exception):
    """This server has no rich messages."""


NoteFloodWait = Callable[[int, float], Awaitable[None]]
"""Told of a chat in which Telegram wants silence, and for how many seconds."""


async def with_error_mapping(
    silence: NoteFloodWait, key: ChatKey, doing: str, call: Callable[[], Awaitable[Result]]
) -> Result:
    """Make a call and turn what the library raises into what it means for us."""
    try:
        return await call()
    except RetryAfter as error:
        await silence(key.chat_id, seconds(error))
        log.warning("flood limit", chat=key.chat_id, retry_after=seconds(error))
        raise FloodWait from error
    except Forbidden as error:
        raise ChatClosed(str(error)) from error
    except BadRequest as error:
        raise _refusal(error) from error
    except NetworkError as error:
        if "(413)" in str(error):  # a proxy's word for a text that is too long for it
            raise ContentRejected(doing) from error
        raise unreachable(doing, error) from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # JSON of another shape
        raise TelegramUnreachable(doing, "the answer is not Telegram's") from error
    except ChatMigrated as error:
        new = moved_to(key, error)
        if new is None:
            raise TelegramUnreachable(doing, "the answer is not Telegram's") from error
        raise ChatMoved(new) from error
    except (InvalidToken, EndPointNotFound) as error:
        # A 404 is either of them. A token that is really revoked ends the intake,
        # which asks all the time; until then nothing is lost by trying again.
        what = type(error).__name__
        raise TelegramUnreachable(doing, what, happened=Happened.NO) from error
    except TelegramError as error:  # such as the page of a proxy in front of Telegram
        raise TelegramUnreachable(doing, type(error).__name__) from error


def seconds(error: RetryAfter) -> float:
    """Return how long Telegram wants silence; the library gives seconds or a timedelta.

    A server may say anything: what is no time is a few seconds, and none is longer than a day.
    """
    found: object = error.retry_after
    if isinstance(found, timedelta):
        found = found.total_seconds()
    if not isinstance(found, (int, float)) or not math.isfinite(found):
        return USUAL_SILENCE_SECONDS
    return min(max(float(found), 0.0), MOST_SILENCE_SECONDS)


def moved_to(key: ChatKey, error: ChatMigrated) -> int | None:
    """Return the supergroup that a simple group has become; None for what cannot be one."""
    new: object = error.new_chat_id
    if not key.upgradable or isinstance(new, bool) or not isinstance(new, int):
        return None
    return new if -(1 << 52) < new <= -1_000_000_000_000 else None


def unreachable(doing: str, error: NetworkError) -> TelegramUnreachable:
    """Return a broken connection as a trouble; only before the request was sent is it harmless."""
    cause = error.__cause__
    if out_of_files(error):
        what = "this process may open no more files"
        return TelegramUnreachable(doing, what, cure=FILES_CURE, happened=Happened.NO)
    happened = Happened.NO if isinstance(cause, NOT_SENT) else Happened.UNKNOWN
    return TelegramUnreachable(doing, why_not_reached(cause or error), happened=happened)


def _refusal(error: BadRequest) -> Exception:
    """Return what a 400 means: the post, the chat or this content is beyond hope."""
    what = str(error).casefold()  # the library changes the case of the server's words
    if _GONE.search(what):
        return PostGone(what)
    if _KIND_CLOSED.search(what):
        return ContentRejected(what)
    if _CLOSED.search(what):
        return ChatClosed(what)
    if _TOPIC_CLOSED.search(what):
        return ChatClosed(what, topic_only=True)
    log.error("Telegram refused a message", error=redacted(str(error)))
    return ContentRejected(what)


def formatted(
    call: Callable[[Rendered], Awaitable[Result]], content: Rendered
) -> Callable[[], Awaitable[Result]]:
    """Return the call with its entities; without them if the server does not take those."""

    async def attempt() -> Result:
        try:
            return await call(content)
        except BadRequest as error:
            if not content.entities or not _BAD_FORMAT.search(str(error).casefold()):
                raise
            log.error(
                "entities refused", error=redacted(str(error)), entities=len(content.entities)
            )
            return await call(Rendered(content.text))

    return attempt
