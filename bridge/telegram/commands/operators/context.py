"""What the operators' commands have in common."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection
from telegram import Bot

from bridge.coze.client import Coze
from bridge.model import AgentAccount, ChatKey
from bridge.relay.lanes import Lanes
from bridge.store.engine import Store
from bridge.store.operators import audit
from bridge.telegram.access.approval import Approval
from bridge.telegram.access.people import People
from bridge.telegram.access.rights import Rights
from bridge.telegram.api.client import BotClient
from bridge.telegram.api.notices import NoticeQueue
from bridge.telegram.post import Button, Keyboard, PostContent, Rendered, seen, shortened
from bridge.telegram.status import StatusReader
from bridge.telegram.updates.events import CallbackPress, CommandCall
from bridge.texts import translate

MOST_UNITS = 4000


async def _no_failure() -> str:
    return ""


@dataclass(frozen=True)
class Controls:
    """What the process around the bridge can do."""

    set_level: Callable[[str], None] = lambda level: None
    """Log from that level on."""
    reload: Callable[[], Sequence[str]] | None = None
    """Start anew with the settings as they are now; the faults for which it does not. None where
    that cannot be done, as in the sandbox."""
    outcome: Callable[[], Awaitable[str]] = _no_failure
    """Once this start stands: why the one with new settings was taken back; empty when it was not."""


@dataclass(frozen=True)
class Desk:
    """Where operators work."""

    bot: Bot
    calls: BotClient
    notices: NoticeQueue
    store: Store
    lanes: Lanes
    coze: Coze
    home: AgentAccount
    rights: Rights
    door: Approval
    people: People
    vitals: StatusReader
    controls: Controls
    by_approval: bool
    broadcast_due: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there may be something to send to everybody."""

    async def answer(
        self, order: CommandCall, key: str, keyboard: Keyboard = (), **values: object
    ) -> None:
        """Answer a command. Raises StoreTrouble."""
        await self.write(order, translate(language_of(order), key, **values), keyboard)

    async def write(self, order: CommandCall, text: str, keyboard: Keyboard = ()) -> None:
        """Answer a command with a text. Raises StoreTrouble."""
        await self.notices.send(order.chat, PostContent(_whole(text), keyboard), order.cause)

    def show(self, press: CallbackPress, text: str, keyboard: Keyboard = ()) -> None:
        """Change the message whose button was pressed."""
        frame = PostContent(_whole(text), keyboard)
        self.notices.edit(press.chat, press.post_id, frame, operator_of(press))

    async def note(
        self,
        tx: AsyncConnection,
        order: CommandCall | CallbackPress,
        act: str,
        subject: object = "",
        detail: object = "",
    ) -> None:
        """Write down what an operator does, in the transaction that does it."""
        await audit.note(tx, operator_of(order), act, subject, detail)


def _whole(text: str) -> Rendered:
    """A text that fits into one message, whatever names are in it."""
    return Rendered(shortened(seen(text), MOST_UNITS))


def language_of(order: CommandCall | CallbackPress) -> str:
    """In which language to answer."""
    return (
        order.message.sender.language if isinstance(order, CommandCall) else order.sender.language
    )


def operator_of(order: CommandCall | CallbackPress) -> int:
    """Who acts."""
    return order.message.sender.id if isinstance(order, CommandCall) else order.sender.id


def confirm(language: str, verb: str, rest: str) -> Keyboard:
    """Buttons for something that cannot be undone."""
    yes = Button(translate(language, "button.yes"), f"op:{verb}:{rest}")
    return ((yes, Button(translate(language, "button.no"), "op:no:")),)


def pages(verb: str, words: str, page: int, more: bool) -> Keyboard:
    """Buttons to turn the pages of a list; what was searched for must fit into a button."""
    row = []
    if page > 0:
        row.append(Button("‹", f"op:{verb}:{page - 1}:{words}"))
    if more:
        row.append(Button("›", f"op:{verb}:{page + 1}:{words}"))
    return (tuple(row),) if row else ()


def private(person_id: int) -> ChatKey:
    """Somebody's private chat."""
    return ChatKey(person_id)
