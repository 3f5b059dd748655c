"""What the bridge asks of whoever divides the work among its processes."""

from collections.abc import Callable, Collection, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import Protocol

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.sharing.shards import Duty

Work = Callable[[], Coroutine[None, None, None]]


class Bell(StrEnum):
    """What processes tell each other about; what it is about stands in the database."""

    UPDATES = "updates"
    """Updates were stored; of these chats."""
    NOTICE = "notice"
    """A short message waits to be sent into this chat."""
    STOP = "stop"
    """Turns of this chat are to be stopped."""
    CHAT = "chat"
    """Something is open in this chat that its owner has not put there."""
    OPERATORS = "operators"
    """Somebody became an operator, or is one no more."""
    ACCESS = "access"
    """It was decided about this person or group."""
    PLACE = "place"
    """Something can or cannot be written into this chat any more."""
    SILENCE = "silence"
    """Telegram wants silence in this chat."""
    BROADCAST = "broadcast"
    """A broadcast was confirmed or cancelled."""
    ALARM = "alarm"
    """An alarm has begun."""
    LOG_LEVEL = "log level"
    """All log at this level from now on."""
    RELOAD = "reload"
    """All restart with their settings read again."""


class ShardWorker(Protocol):
    """What works for chats, shard by shard."""

    async def take_up(self, shards: Collection[int]) -> None:
        """Go on with what is open in shards, as after a restart. Raises StoreTrouble."""

    def busy(self) -> Collection[int]:
        """Return the shards in which something is being done."""

    async def break_off(self, shards: Collection[int]) -> None:
        """Do nothing more in shards; what is broken off stays open in the store."""

    def note_updates(self) -> None:
        """Note that updates are stored which nobody has settled: some may be this process's."""


class Coordinator(Protocol):
    """Divides chats and duties among the processes that work with one database."""

    shared: bool
    """Whether there may be other processes."""
    name: str
    """Of this process, among those that share the work."""
    processes: int
    """How many share it now."""

    def owns(self, chat_id: int) -> bool:
        """Return whether the chat is this process's."""

    def holds(self, number: int) -> bool:
        """Return whether a shard or a duty is this process's."""

    def working(self, worker: ShardWorker) -> AbstractAsyncContextManager[None]:
        """Have the worker take up and break off shards until the context ends. Raises StoreTrouble."""

    async def leave(self) -> None:
        """Hand over what is idle, and take nothing more: this process is about to end."""

    async def perform(self, duty: Duty, work: Work) -> None:
        """Do the work of a duty while it is this process's; for ever. Raises what the work raises."""

    async def ring(self, tx: AsyncConnection, bell: Bell, about: object = "") -> None:
        """Let the other processes hear of something when the transaction commits."""

    def ringing(
        self, bell: Bell, about: ColumnElement[str | None]
    ) -> Sequence[ColumnElement[object]]:
        """Return what rings as `ring` does for each row of which it is read; not where `about` is null."""

    def on(self, bell: Bell, heard: Callable[[str], None]) -> None:
        """Have a function called when another process rings, with what it is about."""
