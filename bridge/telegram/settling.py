"""Each stored update is settled once: it becomes a waiting turn, a command or a pressed button."""

import json

import structlog
from telegram import Bot

from bridge.model import Message
from bridge.relay.lanes import Lanes
from bridge.store import inbox, turns
from bridge.store.engine import Store
from bridge.store.inbox import Arrived
from bridge.telegram.calls import Calls, ChatClosed
from bridge.telegram.canvas import Entity, Rendered, units
from bridge.telegram.commands import Commands
from bridge.telegram.frame import Frame
from bridge.telegram.reading import Ask, Nothing, Order, Press, Unreadable, read
from bridge.texts import say

log = structlog.get_logger(__name__)


class Settling:
    """Gives every update its one consequence."""

    def __init__(
        self, bot: Bot, calls: Calls, store: Store, lanes: Lanes, commands: Commands
    ) -> None:
        self._bot = bot
        self._calls = calls
        self._store = store
        self._lanes = lanes
        self._commands = commands

    async def settle(self, arrived: Arrived) -> None:
        """Settle one update; a broken one is set aside. Raises StoreTrouble."""
        try:
            item = read(json.loads(arrived.payload), self._bot)
        except Exception as error:  # noqa: BLE001  # whatever a hostile update provokes
            await self._set_aside(arrived, error)
            return
        match item:
            case Ask(message):
                await self._ask(arrived, message)
            case Order():
                await self._obey(arrived, item)
            case Unreadable(message):
                await self._tell(message, "message.unsupported")
                await self._done(arrived)
            case Press():
                await self._press(arrived, item)
            case Nothing(why):
                log.debug("update ignored", update=arrived.update_id, why=why)
                await self._done(arrived)

    async def _ask(self, arrived: Arrived, message: Message) -> None:
        """The update is settled and the turn waits: both or neither."""
        async with self._store.writing() as tx:
            if await inbox.settle(tx, arrived):
                await turns.wait(tx, message)
        self._lanes.wake(message.chat)

    async def _obey(self, arrived: Arrived, order: Order) -> None:
        """Commands are safe to repeat, so the update is settled after the act."""
        try:
            await self._commands.carry_out(order, arrived)
        except ChatClosed as error:
            log.info("chat closed", chat=order.message.chat.chat_id, why=str(error))
        await self._done(arrived)

    async def _press(self, arrived: Arrived, press: Press) -> None:
        """A button's data is only a name of something that is looked up here: it may be forged."""
        what, _, rest = press.data.partition(":")
        language = press.sender.language
        toast: str | None = None
        if what == "stop":
            stopped = self._lanes.stop(press.chat, _number(rest))
            toast = "stop.done" if stopped else "stop.nothing"
        elif what == "retry":
            refusal = await self._commands.try_again(press.chat, arrived, _number(rest))
            toast = "button.old" if refusal == "retry.nothing" else refusal
        elif what == "ask":
            toast = await self._ask_chosen(arrived, press, rest)
        else:
            toast = "button.old"
        await self._calls.toast(press.query_id, say(language, toast) if toast else None)
        await self._done(arrived)

    async def _ask_chosen(self, arrived: Arrived, press: Press, rest: str) -> str | None:
        """Ask the question behind a button, and take the buttons away."""
        token, _, number = rest.rpartition(":")
        async with self._store.writing() as tx:
            question = await turns.chosen(tx, press.chat, token, _number(number))
            if question is not None and await inbox.settle(tx, arrived):
                await turns.wait(tx, Message(press.chat, press.post_id, press.sender, question))
        if question is None:
            return "button.old"
        await self._calls.bare(press.chat, press.post_id)
        await self._repeat(press, question)
        self._lanes.wake(press.chat)
        return None

    async def _repeat(self, press: Press, question: str) -> None:
        """Show what was asked: nothing of the person's own stands above the answer."""
        quoted = Rendered(question, (Entity("blockquote", 0, units(question)),))
        try:
            await self._calls.say(press.chat, Frame(quoted))
        except ChatClosed as error:
            log.info("chat closed", chat=press.chat.chat_id, why=str(error))

    async def _tell(self, message: Message, key: str) -> None:
        try:
            await self._calls.say(message.chat, Frame(Rendered(say(message.sender.language, key))))
        except ChatClosed as error:
            log.info("chat closed", chat=message.chat.chat_id, why=str(error))

    async def _done(self, arrived: Arrived) -> None:
        async with self._store.writing() as tx:
            await inbox.settle(tx, arrived)

    async def _set_aside(self, arrived: Arrived, error: Exception) -> None:
        """Keep a broken update for a look by the operator; the others go on."""
        log.error("update set aside", update=arrived.update_id, error=type(error).__name__)
        async with self._store.writing() as tx:
            await inbox.set_aside(tx, arrived, f"{type(error).__name__}: {error}")


def _number(text: str) -> int:
    """A number in a button's data; -1, which nothing has, for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else -1
