"""Settle each stored update once: admit it, then give it to the one handler that it concerns."""

import json
from dataclasses import replace
from typing import assert_never

import structlog

from bridge.preferences import Preferences
from bridge.store import inbox
from bridge.store.inbox import Arrived
from bridge.store.turns.lifecycle import EDIT_SECONDS
from bridge.telegram.access.admission import Admission, AdmissionControl, Verdict
from bridge.telegram.api.clock import TelegramClock
from bridge.telegram.callback_data import (
    DecideAccess,
    ForgetPerson,
    KeepPerson,
    ShowApprovals,
    parse,
)
from bridge.telegram.commands.context import BotContext
from bridge.telegram.commands.stop_running import stop_running
from bridge.telegram.commands.table import COMMANDS, WITHOUT_ACCESS, carry_out
from bridge.telegram.inbound import callbacks, membership
from bridge.telegram.post import Cause, PostContent, Rendered
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
    TopicNamed,
    Unreadable,
)
from bridge.telegram.updates.parse import read
from bridge.texts import translate

log = structlog.get_logger(__name__)


class UpdateRouter:
    """Gives every update its one consequence."""

    def __init__(
        self, context: BotContext, admission: AdmissionControl, clock: TelegramClock
    ) -> None:
        self._context = context
        self._admission = admission
        self._clock = clock

    async def settle(self, arrived: Arrived) -> None:
        """Settle one update; a broken one is set aside. Raises StoreTrouble."""
        bot = self._context.calls.bot
        try:
            event = read(json.loads(arrived.payload), bot, self._clock.ahead_seconds)
        except Exception as error:  # noqa: BLE001  # whatever a hostile update provokes
            await self.set_aside(arrived, error)
            return
        admission = await self._admission.admit(event, counts=not _for_another_bot(event))
        if admission.verdict is Verdict.IGNORED:
            await self._done(arrived)
            return
        admission = await self._context.invitations.redeemed(admission, arrived.update_id)
        event = admission.event
        await self._meet(event)
        context = replace(self._context, arrived=arrived, chosen=admission.chosen)
        if not (await self._lets_in(arrived, admission) and await _handle(context, event)):
            await self._done(arrived)
        if _names_who_is_forgotten(event):
            await self._context.store.wipe_log()

    async def _meet(self, event: Event) -> None:
        """Note who writes or presses a button: in private, they have not blocked us then."""
        context = self._context
        match event:
            case Question(message) | CommandCall(message=message) | Unreadable(message=message):
                await context.questions.meet(message.chat)
                await context.people.meet(message.sender)
                if message.chat.private:
                    await context.approval.greet(message.sender)
            case CallbackPress():
                await context.questions.meet(event.chat)
                await context.people.meet(replace(event.sender, language=event.own_language))

    async def _lets_in(self, arrived: Arrived, admission: Admission) -> bool:
        """Return whether anything follows; who asks for something and may not is told so."""
        event, approval = admission.event, self._context.approval
        admitted = admission.verdict is Verdict.ADMITTED
        match event:
            case CommandCall() if event.chat.private and event.name in WITHOUT_ACCESS:
                return True  # what is stored about them is theirs to know, and to have deleted
            case CallbackPress():
                return admitted or isinstance(
                    parse(event.data), DecideAccess | ShowApprovals | ForgetPerson | KeepPerson
                )
            case CommandCall() if _for_another_bot(event):
                return True  # nothing follows from it
            case Question(message) | CommandCall(message=message) | Unreadable(message=message):
                cause = Cause(f"door {arrived.update_id}", message.id)
                if await approval.makes_operator(message, cause):
                    return False
                if admission.verdict is Verdict.STRANGER:
                    return await approval.ask_for(message, cause)
                return admitted
            case MessageEdited(message) if admission.verdict is Verdict.STRANGER:
                return await approval.rewrite(message)
            case _:
                return admitted

    async def _done(self, arrived: Arrived) -> None:
        async with self._context.store.writing(single=True) as tx:
            await inbox.settle(tx, arrived)

    async def set_aside(self, arrived: Arrived, error: Exception) -> None:
        """Keep a broken update for a look by the operator; the others go on. Raises StoreTrouble."""
        log.error("update set aside", update=arrived.update_id, error=type(error).__name__)
        async with self._context.store.writing(single=True) as tx:
            await inbox.set_aside(tx, arrived, f"{type(error).__name__}: {error}")


async def _handle(context: BotContext, event: Event) -> bool:
    """Give an event to its handler; whether that has settled the update.

    Commands and buttons are safe to repeat, so their update is settled after the act.
    """
    questions, arrived, chosen = context.questions, context.update, context.chosen
    match event:
        case Question(message):
            await questions.ask(arrived, message, chosen)
            return True
        case Overheard(message):
            await questions.overhear(arrived, message, chosen)
            return True
        case MessageEdited(message, after) if after <= EDIT_SECONDS:
            await questions.ask_edited(arrived, message, chosen, heard=event.heard)
            return True
        case MessageEdited():
            log.debug("edit came too late", update=arrived.update_id)
        case CommandCall() if _for_another_bot(event):
            log.debug("command for another bot", update=arrived.update_id)
        case CommandCall():
            await carry_out(context, _in_their_language(event, chosen))
        case Unreadable():
            event = _in_their_language(event, chosen)
            text = translate(event.sender.language, "message.unsupported")
            await context.notices.send(event.chat, PostContent(Rendered(text)), event.cause)
        case CallbackPress():
            await callbacks.handle(context, _in_their_language(event, chosen))
        case DraftStopped(chat):
            await stop_running(context, chat)
        case MembershipChange() | ChatMigration() | TopicClosed() | TopicNamed():
            await membership.handle(context, event)
        case Ignored(why):
            log.debug("update ignored", update=arrived.update_id, why=why)
        case _:
            assert_never(event)
    return False


def _for_another_bot(event: Event) -> bool:
    """Return whether it is a command of another bot's, as far as can be told."""
    return isinstance(event, CommandCall) and not event.surely and event.name not in COMMANDS


def _in_their_language(event: MessageEvent, chosen: Preferences) -> MessageEvent:
    """Return the event with the language that its chat has chosen, if it has."""
    return event.speaking(chosen.language) if chosen.language else event


def _names_who_is_forgotten(event: Event) -> bool:
    """Return whether the log of the database still holds a press by somebody who is forgotten now."""
    data = parse(event.data) if isinstance(event, CallbackPress) else None
    return isinstance(data, ForgetPerson | KeepPerson)
