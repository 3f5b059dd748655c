"""What every command and every button works with, and how they answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.preferences import NOTHING_CHOSEN, Preferences
from bridge.relay.agents import Agents
from bridge.relay.lanes import Lanes
from bridge.store.engine import Store
from bridge.store.inbox import Arrived
from bridge.store.operators import audit
from bridge.store.operators.agents import DeclaredAgents
from bridge.telegram.access.approval import Approval
from bridge.telegram.access.invitations import Invitations
from bridge.telegram.access.people import People
from bridge.telegram.access.rights import Rights
from bridge.telegram.api.client import BotClient
from bridge.telegram.api.notices import NoticeQueue
from bridge.telegram.callback_data import CallbackData, CancelAction, ShowUsers, encode
from bridge.telegram.commands.agent_profiles import AgentProfiles
from bridge.telegram.post import Button, Keyboard, PostContent, Rendered, seen, shortened
from bridge.telegram.questions.ask import Questions
from bridge.telegram.reply.features import Features
from bridge.telegram.status import StatusReader
from bridge.telegram.updates.events import CallbackPress, CommandCall
from bridge.texts import translate

MOST_UNITS = 4000


async def _no_failure() -> str:
    return ""


@dataclass(frozen=True)
class ProcessControls:
    """What the process around the bridge can do."""

    set_level: Callable[[str], None] = lambda level: None
    """Log from that level on."""
    reload: Callable[[], Sequence[str]] | None = None
    """Restart with the settings as they are now; the faults for which it does not. None where
    that cannot be done, as in the sandbox."""
    outcome: Callable[[], Awaitable[str]] = _no_failure
    """Once this start stands: why the one with new settings was taken back; empty when it was not."""


@dataclass(frozen=True, kw_only=True)
class DeploymentConfig:
    """How this bridge was set up."""

    default: Preferences
    """What counts in chats that have chosen nothing."""
    features: Features
    by_approval: bool
    retention_days: float
    """How long finished turns are kept."""
    controls: ProcessControls


@dataclass(frozen=True, kw_only=True)
class BotContext:
    """What a handler works with: a function `(context, event)`, for people and operators alike."""

    notices: NoticeQueue
    lanes: Lanes
    agents: Agents
    rights: Rights
    approval: Approval
    invitations: Invitations
    people: People
    questions: Questions
    status: StatusReader
    agent_profiles: AgentProfiles
    deployment: DeploymentConfig
    broadcast_due: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there may be something to send to everybody."""
    arrived: Arrived | None = None
    """The update that is being settled; what must not be done twice settles it itself."""
    chosen: Preferences = NOTHING_CHOSEN
    """What the chat of that update has chosen."""

    @property
    def calls(self) -> BotClient:
        """The calls of the Bot API, which wait for their pace."""
        return self.notices.calls

    @property
    def store(self) -> Store:
        """The database."""
        return self.calls.store

    @property
    def declared(self) -> DeclaredAgents:
        """The agents that the settings name."""
        return self.agents.declared

    @property
    def update(self) -> Arrived:
        """The update that is being settled. Raises LookupError outside of one."""
        if self.arrived is None:
            raise LookupError("No update is being settled.")
        return self.arrived

    async def answer(
        self, call: CommandCall, key: str, keyboard: Keyboard = (), /, **values: object
    ) -> None:
        """Answer a command with a sentence. Raises StoreTrouble."""
        await self.write(call, translate(language_of(call), key, **values), keyboard)

    async def write(self, call: CommandCall, text: str, keyboard: Keyboard = ()) -> None:
        """Answer a command with a text. Raises StoreTrouble."""
        await self.notices.send(call.chat, PostContent(_fitting(text), keyboard), call.cause)

    def edit(self, press: CallbackPress, text: str | Rendered, keyboard: Keyboard = ()) -> None:
        """Change the message whose button was pressed; what is rendered already has to fit."""
        shown = text if isinstance(text, Rendered) else _fitting(text)
        frame = PostContent(shown, keyboard)
        self.notices.edit(press.chat, press.post_id, frame, press.sender.id)

    def edit_buttons(self, press: CallbackPress, keyboard: Keyboard) -> None:
        """Change the buttons of the message of which one was pressed."""
        self.notices.edit_buttons(press.chat, press.post_id, keyboard, press.sender.id)

    async def audit(
        self,
        tx: AsyncConnection,
        event: CommandCall | CallbackPress,
        act: str,
        subject: object = "",
        detail: object = "",
    ) -> None:
        """Write down what an operator does, in the transaction that does it."""
        await audit.note(tx, event.sender.id, act, subject, detail)

    def by_operator(self, event: CommandCall | CallbackPress) -> bool:
        """Return whether an operator gives it where they may: in their private chat."""
        return event.chat.private and event.sender.id in self.rights.operators


def _fitting(text: str) -> Rendered:
    """Return a text that fits into one message, whatever names are in it."""
    return Rendered(shortened(seen(text), MOST_UNITS))


def language_of(event: CommandCall | CallbackPress) -> str:
    """Return the language in which to answer."""
    return event.sender.language


def confirm(language: str, action: CallbackData) -> Keyboard:
    """Return the buttons for something that cannot be undone."""
    yes = Button(translate(language, "button.yes"), encode(action))
    return ((yes, Button(translate(language, "button.no"), encode(CancelAction()))),)


def pages(words: str, page: int, *, more: bool) -> Keyboard:
    """Return the buttons to turn the pages of a search; its words must fit into a button."""
    row = []
    if page > 0:
        row.append(Button("‹", encode(ShowUsers(page - 1, words))))
    if more:
        row.append(Button("›", encode(ShowUsers(page + 1, words))))
    return (tuple(row),) if row else ()
