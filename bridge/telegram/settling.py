"""Each stored update is settled once: it becomes a waiting turn, a command or a pressed button."""

import json
import time

import structlog
from telegram import Bot

from bridge.model import Message
from bridge.relay.lanes import Lanes
from bridge.relay.reply import Halt
from bridge.store import chats, inbox, turns
from bridge.store.engine import Store
from bridge.store.inbox import Arrived
from bridge.telegram.calls import Calls, Cause
from bridge.telegram.canvas import Rendered
from bridge.telegram.commands import Commands
from bridge.telegram.frame import Frame
from bridge.telegram.outcomes import ChatClosed
from bridge.telegram.reading import (
    Ask,
    Edit,
    Nothing,
    Order,
    Press,
    Spoken,
    Stopped,
    Unreadable,
    read,
)
from bridge.telegram.taps import Taps
from bridge.texts import say

log = structlog.get_logger(__name__)


class Settling:
    """Gives every update its one consequence."""

    def __init__(
        self,
        bot: Bot,
        calls: Calls,
        store: Store,
        lanes: Lanes,
        commands: Commands,
        taps: Taps,
        *,
        most_waiting: int,
        stale_seconds: float,
    ) -> None:
        self._bot = bot
        self._calls = calls
        self._store = store
        self._lanes = lanes
        self._commands = commands
        self._taps = taps
        self._most_waiting = most_waiting
        self._stale_seconds = stale_seconds

    async def settle(self, arrived: Arrived) -> None:
        """Settle one update; a broken one is set aside. Raises StoreTrouble."""
        try:
            item = read(json.loads(arrived.payload), self._bot)
        except Exception as error:  # noqa: BLE001  # whatever a hostile update provokes
            await self.set_aside(arrived, error)
            return
        match item:
            case Ask(message):
                await self._ask(arrived, message)
            case Order():
                await self._obey(arrived, await self._in_their_language(item))
            case Unreadable():
                item = await self._in_their_language(item)
                await self._tell(item.message, "message.unsupported", item.cause)
                await self._done(arrived)
            case Press():
                await self._taps.press(arrived, await self._in_their_language(item))
                await self._done(arrived)
            case Edit():
                await self._take_edit(arrived, item)
            case Stopped(chat):
                self._lanes.stop(chat)
                await self._done(arrived)
            case Nothing(why):
                log.debug("update ignored", update=arrived.update_id, why=why)
                await self._done(arrived)

    async def _in_their_language(self, item: Spoken) -> Spoken:
        """The item with the language that its chat has chosen, if it has."""
        async with self._store.reading() as tx:
            chosen = await chats.preferences(tx, item.chat)
        return item.speaking(chosen.language) if chosen.language else item

    async def _ask(self, arrived: Arrived, message: Message) -> None:
        """The update is settled and the turn waits: both or neither."""
        if self._stale(message):
            async with self._store.writing() as tx:
                await inbox.skip(tx, arrived)
            log.info("old message skipped", chat=message.chat.chat_id, update=arrived.update_id)
            return
        async with self._store.writing() as tx:
            if not await inbox.is_new(tx, arrived):
                return
            waits = await turns.wait(tx, message, self._most_waiting)
            if waits.taken:
                await inbox.settle(tx, arrived)
        room = self._lanes.wake(message.chat)
        if not waits.taken:
            await self._tell(message, "message.full", Cause(f"full {waits.turn_id}", message.id))
            await self._done(arrived)
        elif not room:
            cause = Cause(f"crowded {waits.turn_id}", message.id)
            await self._tell(message, "message.crowded", cause)

    def _stale(self, message: Message) -> bool:
        """Whether a group has long gone on since; in private chats every message is answered."""
        written_at = message.written_at
        if message.chat.private or written_at is None:
            return False
        return time.time() - written_at > self._stale_seconds

    async def _obey(self, arrived: Arrived, order: Order) -> None:
        """Commands are safe to repeat, so the update is settled after the act."""
        try:
            await self._commands.carry_out(order, arrived)
        except ChatClosed as error:
            log.info("chat closed", chat=order.message.chat.chat_id, why=str(error))
        await self._done(arrived)

    async def _take_edit(self, arrived: Arrived, edit: Edit) -> None:
        """An edited question is asked anew, and its reply rewritten."""
        message = edit.message
        what, running = turns.Edited.NOTHING, None
        async with self._store.writing() as tx:
            settled = await inbox.settle(tx, arrived)
            if settled and edit.after_seconds <= turns.EDIT_SECONDS:
                what, running = await turns.edit(tx, message)
        if what is turns.Edited.RUNS:
            self._lanes.stop(message.chat, running, Halt.EDIT)
        if what is not turns.Edited.NOTHING:
            self._lanes.wake(message.chat)

    async def _tell(self, message: Message, key: str, cause: Cause) -> None:
        frame = Frame(Rendered(say(message.sender.language, key)))
        try:
            await self._calls.say(message.chat, frame, cause)
        except ChatClosed as error:
            log.info("chat closed", chat=message.chat.chat_id, why=str(error))

    async def _done(self, arrived: Arrived) -> None:
        async with self._store.writing() as tx:
            await inbox.settle(tx, arrived)

    async def set_aside(self, arrived: Arrived, error: Exception) -> None:
        """Keep a broken update for a look by the operator; the others go on. Raises StoreTrouble."""
        log.error("update set aside", update=arrived.update_id, error=type(error).__name__)
        async with self._store.writing() as tx:
            await inbox.set_aside(tx, arrived, f"{type(error).__name__}: {error}")
