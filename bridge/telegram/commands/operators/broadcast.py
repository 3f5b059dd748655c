"""`/broadcast`: a message to everybody, seen and confirmed first, paced, and resumed after a crash."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.errors import Happened, StoreTrouble, TelegramUnreachable
from bridge.model import ChatKey
from bridge.sharing.coordinator import Bell
from bridge.store import outbox
from bridge.store.operators import broadcasts, people
from bridge.store.operators.broadcasts import Broadcast, Delivery
from bridge.telegram.api.deliver import Patience, deliver, pauses
from bridge.telegram.api.errors import ChatClosed, ChatMoved, ContentRejected, FloodWait, PostGone
from bridge.telegram.callback_data import ControlBroadcast, encode
from bridge.telegram.commands.context import BotContext, language_of
from bridge.telegram.markdown.streaming import render
from bridge.telegram.pace.budget import Priority
from bridge.telegram.post import Button, Cause, Keyboard, PostContent, Rendered, units
from bridge.telegram.updates.events import CallbackPress, CommandCall
from bridge.texts import translate

log = structlog.get_logger(__name__)
MOST_UNITS = 3500
AT_ONCE = 8
TOLD_SECONDS = 3.0
"""How often the operator sees how far it is."""
AFTER_TROUBLE_SECONDS = 10.0
LAST_SECONDS = 5.0
"""How long a message on its way may take when the bridge ends."""
TRIES = 5
"""How often one message is tried when Telegram cannot be reached."""


async def compose(context: BotContext, call: CommandCall) -> None:
    """Show what everybody would get, and to how many it would go."""
    text = call.argument.strip()
    if not text or units(render(text).text) > MOST_UNITS:
        await context.answer(call, "broadcast.how")
        return
    async with context.store.writing() as tx:
        number = await broadcasts.preview(tx, call.sender.id, text)
        count = len(await _audience(context, tx))
    await context.notices.send(call.chat, PostContent(render(text)), call.cause)
    language = language_of(call)
    sure = translate(language, "broadcast.sure", count=count)
    buttons = _buttons(language, ("send", number), ("cancel", number))
    cause = Cause(f"{call.cause.name} sure", call.message.id, call.sender.id)
    await context.notices.send(call.chat, PostContent(Rendered(sure), buttons), cause)


def _buttons(language: str, *verbs: tuple[str, int]) -> Keyboard:
    return (
        tuple(
            Button(translate(language, f"button.{verb}"), encode(ControlBroadcast(verb, number)))
            for verb, number in verbs
        ),
    )


async def _audience(context: BotContext, tx: AsyncConnection) -> Sequence[int]:
    """Return whom a broadcast goes to. Raises StoreTrouble."""
    by_approval, operators = context.deployment.by_approval, context.rights.operators
    return await people.everybody(tx, operators, approved_only=by_approval)


async def control(context: BotContext, press: CallbackPress, data: ControlBroadcast) -> None:
    """Send it, or not; or not to any more people."""
    verb, number = data.verb, data.number
    who, language = press.sender.id, language_of(press)
    async with context.store.writing() as tx:
        if verb == "cancel":
            done = await broadcasts.cancel(tx, number, who)
        else:
            to = await _audience(context, tx)
            done = await broadcasts.begin(tx, number, who, to, press.post_id)
        if done:
            await context.audit(tx, press, f"broadcast {verb}", f"#{number}")
            await context.calls.sharing.ring(tx, Bell.BROADCAST)
        report = await broadcasts.report(tx, number)
    context.broadcast_due.set()
    if not done:
        context.edit(press, translate(language, "broadcast.over"))
    elif verb == "cancel":
        context.edit(press, _report(report, language, "broadcast.cancelled"))


class Broadcasting:
    """Sends what is confirmed, also what an earlier process has begun."""

    def __init__(self, context: BotContext) -> None:
        self._context = context
        self._doubted: set[int] = set()
        self._claimed: set[int] = set()
        """Chats that get it next; each takes itself out when it begins."""

    async def run(self) -> None:
        """Look, for ever, for something to send, and send it."""
        due = self._context.broadcast_due
        while True:
            due.clear()
            try:
                async with self._context.store.reading() as tx:
                    found = await broadcasts.current(tx)
                if found is not None:
                    await self._send(found)
                    due.set()  # another one may be confirmed already
            except StoreTrouble as trouble:
                log.error("broadcast deferred", trouble=str(trouble))
                self._doubted.clear()  # a claim may have been written down all the same
                await asyncio.sleep(AFTER_TROUBLE_SECONDS)
                due.set()
            await due.wait()

    async def _send(self, broadcast: Broadcast) -> None:
        context, number = self._context, broadcast.id
        if number not in self._doubted:  # what was on its way when an earlier process died
            self._doubted.add(number)
            async with context.store.writing() as tx:
                await broadcasts.doubt(tx, number)
        telling = asyncio.create_task(self._tell(broadcast), name="progress of a broadcast")
        try:
            await self._send_all(broadcast)
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
        async with context.store.writing() as tx:
            state = await broadcasts.state_of(tx, number)
            if state == "sending":
                await broadcasts.finish(tx, number)
        await self._show(
            broadcast, "broadcast.done" if state == "sending" else "broadcast.cancelled"
        )

    async def _send_all(self, broadcast: Broadcast) -> None:
        """Send it to some at once, and to the next ones as those end, until it is over."""
        number, frame = broadcast.id, PostContent(render(broadcast.text))
        going: set[asyncio.Task[None]] = set()
        claiming: set[asyncio.Task[bool]] = set()
        try:
            while True:
                claiming = {asyncio.create_task(self._claim(number, AT_ONCE - len(going)))}
                await asyncio.wait(claiming)  # it is ended, also when the bridge ends
                if not claiming.pop().result():
                    return
                going |= {
                    asyncio.create_task(self._deliver(number, chat_id, frame))
                    for chat_id in sorted(self._claimed)
                }
                if not going:
                    return
                _, going = await asyncio.wait(
                    going, timeout=TOLD_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
        finally:
            for task in going:
                task.cancel()
            await asyncio.gather(*going, *claiming, return_exceptions=True)
            await self._give_back(number)

    async def _claim(self, number: int, most: int) -> bool:
        """Claim some who get it next; False when it is cancelled."""
        async with self._context.store.writing() as tx:
            if await broadcasts.state_of(tx, number) != "sending":
                return False
            found = await broadcasts.claim(tx, number, most)
        self._claimed |= {*found}
        return True

    async def _give_back(self, number: int) -> None:
        """What was claimed, and never begun to be sent, is due as before."""
        with suppress(StoreTrouble):  # then it is in doubt
            for chat_id in self._claimed:
                await self._write(number, chat_id, Delivery.DUE)
        self._claimed.clear()

    async def _deliver(self, number: int, chat_id: int, frame: PostContent) -> None:
        """Send it to one chat that was claimed, and write down what came of it.

        When the bridge ends, or the broadcast is cancelled, what is on its way is waited for.
        """
        self._claimed.discard(chat_id)
        calls = self._context.calls
        sending: asyncio.Task[int] | None = None

        async def attempt() -> Delivery:
            nonlocal sending
            async with calls.pacer.slot(chat_id, Priority.BULK, new=True):
                sending = asyncio.create_task(calls.send(ChatKey(chat_id), frame))
                await asyncio.wait([sending])
            if _came_of(sending) is Delivery.DUE:
                sending.result()  # raises what deliver knows what to do about
            return _came_of(sending)

        try:
            try:
                state = await deliver(calls.pacer, chat_id, attempt, Patience(tries=TRIES))
            except TelegramUnreachable:
                state = Delivery.FAILED
            post = sending.result() if sending and state is Delivery.DELIVERED else 0
            await self._mark(number, chat_id, state, post)
        except asyncio.CancelledError:
            if sending is not None:
                await asyncio.wait([sending], timeout=LAST_SECONDS)
            state = Delivery.DUE if sending is None else _came_of(sending)
            with suppress(StoreTrouble):  # then it is in doubt
                await self._write(number, chat_id, state)
            raise

    async def _mark(self, number: int, chat_id: int, state: Delivery, post: int) -> None:
        """Write down what came of a message, as soon as that can be."""
        for pause in pauses():
            try:
                await self._write(number, chat_id, state, post)
            except StoreTrouble as trouble:
                log.error("delivery not recorded yet", trouble=str(trouble))
                await asyncio.sleep(pause)
            else:
                return

    async def _write(self, number: int, chat_id: int, state: Delivery, post: int = 0) -> None:
        async with self._context.store.writing() as tx:
            await broadcasts.mark(tx, number, chat_id, state)
            if post:  # it is no copy of an answer
                await outbox.note(tx, f"broadcast {number} to {chat_id}", chat_id, post)

    async def _tell(self, broadcast: Broadcast) -> None:
        while True:
            await self._show(broadcast, "broadcast.goes_on")
            await asyncio.sleep(TOLD_SECONDS)

    async def _show(self, broadcast: Broadcast, key: str) -> None:
        """Show the operator how far it is."""
        if broadcast.post_id is None:
            return
        context = self._context
        language = await context.people.language_of(broadcast.operator_id)
        async with context.store.reading() as tx:
            report = await broadcasts.report(tx, broadcast.id)
        buttons: Keyboard = ()
        if key == "broadcast.goes_on":
            buttons = _buttons(language, ("cancel", broadcast.id))
        text = _report(report, language, key)
        frame = PostContent(Rendered(text), buttons)
        with suppress(ChatClosed):
            await context.calls.edit_quietly(
                ChatKey(broadcast.operator_id), broadcast.post_id, frame
            )


def _came_of(sending: asyncio.Task[int]) -> Delivery:
    """Return what came of a message; due when it certainly was not sent, and may be sent again."""
    if not sending.done():
        sending.cancel()
        return Delivery.UNKNOWN
    match sending.exception():
        case None:
            return Delivery.DELIVERED
        case ChatClosed():
            return Delivery.BLOCKED
        case ContentRejected() | PostGone() | ChatMoved():
            return Delivery.FAILED
        case FloodWait():
            return Delivery.DUE
        case TelegramUnreachable() as trouble if trouble.happened is Happened.NO:
            return Delivery.DUE
        case error:
            log.warning("delivery unconfirmed", error=type(error).__name__)
            return Delivery.UNKNOWN


def _report(report: Mapping[Delivery, int], language: str, key: str) -> str:
    order: Sequence[Delivery] = (
        Delivery.DELIVERED,
        Delivery.BLOCKED,
        Delivery.FAILED,
        Delivery.UNKNOWN,
    )
    waiting = report.get(Delivery.DUE, 0) + report.get(Delivery.SENDING, 0)
    lines = [
        translate(language, f"broadcast.{state}", count=report.get(state, 0))
        for state in order
        if report.get(state, 0) or state is Delivery.DELIVERED
    ]
    lines += [translate(language, "broadcast.waiting", count=waiting)] if waiting else []
    return "\n".join([translate(language, key), *lines])
