"""What the relay asks of its surroundings: a reply to show, and files to open."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from enum import Enum
from pathlib import Path
from typing import Protocol

from bridge.model import Attachment, ReplyState


class Reply(Protocol):
    """The growing answer in front of a person: a Telegram chat or a terminal."""

    def show(self, draw: Callable[[], ReplyState], *, complete: bool = False) -> None:
        """Show a state as soon as it may be shown; a newer one replaces one that waits.

        It is drawn only when its time comes: ten deltas make one frame. `complete` says that its text
        may be.

        Raises ReplyImpossible when nobody can be reached there any more.
        """
        ...

    async def finish(self, reply_state: ReplyState) -> None:
        """Show this for good; returns when it stands. Raises ReplyImpossible and ReplyLater."""
        ...


class ReplyImpossible(Exception):
    """The person cannot be reached: they blocked the bot, or the chat is gone."""

    def __init__(self, why: str = "", *, nothing_stands: bool = False) -> None:
        super().__init__(why)
        self.why = why
        """In Telegram's own words."""
        self.nothing_stands = nothing_stands
        """Whether nothing at all of the reply was shown."""


class ReplyLater(Exception):
    """The end cannot be shown for a while: it waits in the store."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"in {seconds:.0f} s")
        self.seconds = seconds


class StopReason(Enum):
    """Why an answer ends before its run does."""

    STOP = "stop"
    """The person asked for it: the run is cancelled."""
    EDIT = "edit"
    """The person changed the question: the run is cancelled, and the turn begins anew."""
    SHUTDOWN = "shutdown"
    """The process ends: the run goes on and is rejoined at the next start."""


class Files(Protocol):
    """Where a question's files come from."""

    def opened(self, attachment: Attachment) -> AbstractAsyncContextManager[Path]:
        """Return a copy on the disk, gone with the context.

        Raises FileGone and TelegramUnreachable.
        """
        ...
