"""Each stored update is settled once: it becomes a waiting turn, a command or a pressed button."""

import json
from dataclasses import replace

import structlog
from telegram import Bot

from bridge.model import Message
from bridge.store import chat_state, chats, inbox
from bridge.store.engine import Store
from bridge.store.inbox import Arrived
from bridge.store.turns import lifecycle
from bridge.telegram.access.approval import Approval
from bridge.telegram.access.limits import UsageLimits
from bridge.telegram.access.people import People
from bridge.telegram.api.clock import TelegramClock
from bridge.telegram.api.notices import NoticeQueue
from bridge.telegram.commands.people import COMMANDS, OWN, Commands
from bridge.telegram.inbound.callbacks import Callbacks
from bridge.telegram.inbound.membership import Membership
from bridge.telegram.post import Cause, PostContent, Rendered
from bridge.telegram.questions.ask import Questions
from bridge.telegram.updates.events import (
    CallbackPress,
    ChatMigration,
    CommandCall,
    DraftStopped,
    Event,
    Ignored,
    MembershipChange,
    MessageEdited,
    MessageEvent,
    Overheard,
    Question,
    TopicClosed,
    Unreadable,
    chat_of,
    moved,
)
from bridge.telegram.updates.parse import read
from bridge.texts import translate

log = structlog.get_logger(__name__)


class UpdateRouter:
    """Gives every update its one consequence."""

    def __init__(
        self,
        bot: Bot,
        notices: NoticeQueue,
        store: Store,
        door: Approval,
        listening: Questions,
        commands: Commands,
        taps: Callbacks,
        life: Membership,
        people: People,
        clock: TelegramClock,
        gate: UsageLimits,
    ) -> None:
        self._gate = gate
        self._clock = clock
        self._people = people
        self._bot = bot
        self._notices = notices
        self._store = store
        self._door = door
        self._listening = listening
        self._commands = commands
        self._taps = taps
        self._life = life

    async def settle(self, arrived: Arrived) -> None:
        """Settle one update; a broken one is set aside. Raises StoreTrouble."""
        try:
            item = read(json.loads(arrived.payload), self._bot, self._clock.ahead_seconds)
        except Exception as error:  # noqa: BLE001  # whatever a hostile update provokes
            await self.set_aside(arrived, error)
            return
        item = await self._where_it_lives(item)
        if not await self._hears(item):
            await self._done(arrived)
            return
        match item:
            case Question(message) | CommandCall(message=message) | Unreadable(message=message):
                await self._listening.meet(message.chat)
                await self._people.meet(message.sender)
                if message.chat.private:
                    await self._door.greet(message.sender)
            case CallbackPress():
                await self._listening.meet(item.chat)
                await self._people.meet(replace(item.sender, language=item.own_language))
        if await self._lets_in(arrived, item):
            await self._settle(arrived, item)
        else:
            await self._done(arrived)
        if isinstance(item, CallbackPress) and item.data.startswith("forget:"):
            await self._store.wipe_log()  # the press itself named them

    async def _where_it_lives(self, item: Event) -> Event:
        """What was still heard of a group belongs to the supergroup that it has become."""
        chat = chat_of(item)
        if chat is None or not chat.upgradable:
            return item
        async with self._store.reading() as tx:
            new = await chat_state.moved_to(tx, chat.chat_id)
        return item if new is None else moved(item, new)

    async def _hears(self, item: Event) -> bool:
        """Whether it has any consequence: not for who is blocked, or acts too fast.

        Questions are counted where they begin a run.
        """
        match item:
            case Question(message) | Overheard(message):
                return not await self._door.ignores(message.chat.whole, message.sender)
            case (
                CommandCall(message=message)
                | Unreadable(message=message)
                | MessageEdited(message=message)
            ):
                key, sender = message.chat, message.sender
            case CallbackPress():
                key, sender = item.chat, item.sender
            case _:
                return True
        if not self._for_others(item) and not self._gate.hears(key, sender):
            return False
        return not await self._door.ignores(key.whole, sender)

    async def _lets_in(self, arrived: Arrived, item: Event) -> bool:
        """Whether its sender may use the bridge; who asks for something and may not is told so."""
        match item:
            case Overheard(message) | MessageEdited(message=message):
                return await self._door.allows(message.chat.whole, message.sender)
            case CommandCall() if item.chat.private and item.name in OWN:
                return True  # what is kept of them is theirs to know, and to have deleted
            case CallbackPress() if not item.data.startswith(("access:", "forget:")):
                return await self._door.allows(item.chat.whole, item.sender)
            case Question(message) | CommandCall(message=message) | Unreadable(message=message):
                cause = Cause(f"door {arrived.update_id}", message.id)
                return self._for_others(item) or await self._door.opens(message, cause)
            case _:
                return True

    async def _settle(self, arrived: Arrived, item: Event) -> None:
        match item:
            case Question(message):
                await self._listening.ask(arrived, message)
                return
            case Overheard(message):
                await self._listening.overhear(arrived, message)
                return
            case MessageEdited(message, after) if after <= lifecycle.EDIT_SECONDS:
                await self._listening.ask_edited(arrived, message, heard=item.heard)
                return
            case MessageEdited():
                log.debug("edited too late", update=arrived.update_id)
            case CommandCall() if self._for_others(item):
                log.debug("a command for another bot", update=arrived.update_id)
            case CommandCall():
                await self._obey(await self._in_their_language(item), arrived)
            case Unreadable():
                item = await self._in_their_language(item)
                await self._tell(item.message, "message.unsupported", item.cause)
            case CallbackPress():
                await self._taps.press(arrived, await self._in_their_language(item))
            case DraftStopped(chat):
                await self._commands.stop_running(chat)
            case MembershipChange() | ChatMigration() | TopicClosed():
                await self._life.take(item)
            case Ignored(why):
                log.debug("update ignored", update=arrived.update_id, why=why)
        await self._done(arrived)

    def _for_others(self, item: Event) -> bool:
        """Whether it is a command of another bot's, as far as can be told."""
        return isinstance(item, CommandCall) and not item.surely and item.name not in COMMANDS

    async def _in_their_language(self, item: MessageEvent) -> MessageEvent:
        """The item with the language that its chat has chosen, if it has."""
        async with self._store.reading() as tx:
            chosen = await chats.counting(tx, item.chat)
        return item.speaking(chosen.language) if chosen.language else item

    async def _obey(self, order: CommandCall, arrived: Arrived) -> None:
        """Commands are safe to repeat, so the update is settled after the act."""
        await self._commands.carry_out(order, arrived)

    async def _tell(self, message: Message, key: str, cause: Cause) -> None:
        frame = PostContent(Rendered(translate(message.sender.language, key)))
        await self._notices.send(message.chat, frame, cause)

    async def _done(self, arrived: Arrived) -> None:
        async with self._store.writing() as tx:
            await inbox.settle(tx, arrived)

    async def set_aside(self, arrived: Arrived, error: Exception) -> None:
        """Keep a broken update for a look by the operator; the others go on. Raises StoreTrouble."""
        log.error("update set aside", update=arrived.update_id, error=type(error).__name__)
        async with self._store.writing() as tx:
            await inbox.set_aside(tx, arrived, f"{type(error).__name__}: {error}")
