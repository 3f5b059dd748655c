"""Make one durable call until it is done: what each outcome means for it is decided here, once.

| outcome | what follows |
|---|---|
| `FloodWait` | once more when Telegram's silence is over |
| `TelegramUnreachable` | once more, after longer and longer pauses |
| both, beyond the patience | `ReplyLater`: it waits in the store |
| `ChatMoved` | `ReplyLater`: the group is found again in a moment |
| `ChatClosed` | `ReplyLater` where that passes or in a topic that is gone, else `ReplyImpossible` |
| `ContentRejected`, `PostGone` | the caller's: other content may be taken |
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from math import inf

import structlog

from bridge.errors import StoreTrouble, TelegramUnreachable, Trouble
from bridge.relay.protocols import ReplyImpossible, ReplyLater
from bridge.telegram.api.errors import ChatClosed, ChatMoved, FloodWait, Result
from bridge.telegram.pace.scheduler import Pacer

log = structlog.get_logger(__name__)
PATIENT_SECONDS = 60.0
"""How long the end of a reply waits for Telegram here; after that it waits in the store."""
LATER_SECONDS = 30.0
CLOSED_SECONDS = 600.0
"""How long an answer waits where nothing can be written now, if nothing tells that this is over."""
TOPIC_GONE_SECONDS = 86_400.0
"""How long an answer waits whose topic is gone, unless its person writes before."""
MOVING_SECONDS = 5.0
"""How long an answer waits for its group to be found again as a supergroup."""


@dataclass(frozen=True)
class Patience:
    """For how long a call is tried."""

    seconds: float = inf
    """Of Telegram out of reach, or of a silence that it wants."""
    tries: float = inf
    """How often Telegram may be out of reach."""


PATIENT = Patience(PATIENT_SECONDS)


def pauses() -> Iterator[float]:
    """Yield seconds between tries of a durable call: growing to half a minute, without an end."""
    yield from (0.2, 0.5)
    pause = 1.0
    while True:
        yield pause
        pause = min(30.0, pause * 2)


async def deliver(
    pacer: Pacer,
    chat_id: int,
    attempt: Callable[[], Awaitable[Result]],
    patience: Patience = PATIENT,
    *,
    outlives: tuple[type[StoreTrouble], ...] = (),
) -> Result:
    """Make a call until it is done; `attempt` takes its slot, and writes down around it.

    It may also outlive troubles of the store, where nobody else would try again.

    Raises ReplyLater, ContentRejected, PostGone, ChatClosed, ChatMoved, and TelegramUnreachable when it
    was tried often enough.
    """
    loop = asyncio.get_running_loop()
    since, tried, tries = loop.time(), 0, pauses()
    retried: tuple[type[Trouble], ...] = (TelegramUnreachable, *outlives)
    while True:
        silence = pacer.silence(chat_id)
        if silence > patience.seconds:
            raise ReplyLater(silence)
        try:
            return await attempt()
        except FloodWait:
            await asyncio.sleep(min(1.0, pacer.silence(chat_id)))
        except retried as trouble:
            tried += 1
            log.warning("durable call failed, retrying", chat=chat_id, trouble=str(trouble))
            if tried >= patience.tries:
                raise
            if loop.time() - since > patience.seconds:
                raise ReplyLater(LATER_SECONDS) from trouble
            await asyncio.sleep(next(tries))


def postponed(
    error: ChatClosed | ChatMoved, *, kept: bool = False, nothing_stands: bool = False
) -> ReplyLater | ReplyImpossible:
    """Return what it means for an answer that nothing can be written into its chat.

    `kept` says that one whose topic is gone is still wanted: it waits for what its person writes next.
    """
    if isinstance(error, ChatMoved):
        return ReplyLater(MOVING_SECONDS)
    if error.passes or error.again_seconds:
        return ReplyLater(error.again_seconds or CLOSED_SECONDS)
    if error.topic_only and kept:
        return ReplyLater(TOPIC_GONE_SECONDS)
    return ReplyImpossible(str(error), nothing_stands=nothing_stands)
