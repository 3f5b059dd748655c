"""Decide what an update may cause, before anything handles it: all is read in one transaction."""

from dataclasses import dataclass
from enum import Enum

from bridge.model import ChatKey, Sender
from bridge.preferences import NOTHING_CHOSEN, Preferences
from bridge.store import chat_state
from bridge.store.operators.access import Access
from bridge.store.operators.admission import Known, read_known
from bridge.telegram.access.limits import IGNORED_SECONDS, UsageLimits
from bridge.telegram.access.rights import Rights
from bridge.telegram.updates.events import (
    CallbackPress,
    CommandCall,
    Event,
    MessageEdited,
    Unreadable,
    chat_of,
    moved,
    sender_of,
)


class Verdict(Enum):
    """What somebody may cause."""

    IGNORED = "ignored"
    """Nothing at all: they are blocked, too fast, or write in a channel's name."""
    REFUSED = "refused"
    """Nothing: they were not let in, and have heard so."""
    STRANGER = "stranger"
    """Nothing yet: an operator decides."""
    ADMITTED = "admitted"


@dataclass(frozen=True)
class Admission:
    """An update's event, where it belongs now, and what may follow from it."""

    event: Event
    verdict: Verdict
    chosen: Preferences = NOTHING_CHOSEN


def judge(
    known: Known, key: ChatKey, sender: Sender, *, operator: bool, by_approval: bool
) -> Verdict:
    """Return what somebody may cause in a chat. Pure.

    Whoever is blocked is ignored; and so is who writes in a channel's name, unless an operator
    allows that in the group: everybody can have as many channels as they like.
    """
    if not operator and Access.BLOCKED in (known.chat, known.sender):
        return Verdict.IGNORED
    if not operator and sender.channel and not known.channels:
        return Verdict.IGNORED
    if operator and key.private:
        return Verdict.ADMITTED
    if known.sender is Access.BLOCKED or known.chat in (Access.BLOCKED, Access.DENIED):
        return Verdict.REFUSED
    if by_approval and known.chat is not Access.ALLOWED:
        return Verdict.STRANGER
    return Verdict.ADMITTED


class AdmissionControl:
    """Admits updates."""

    def __init__(
        self,
        rights: Rights,
        limits: UsageLimits,
        *,
        by_approval: bool,
    ) -> None:
        self._store = limits.store
        self._rights = rights
        self._limits = limits
        self._ignored = limits.ignored
        self._by_approval = by_approval

    async def admit(self, event: Event, *, counts: bool) -> Admission:
        """Decide about an event; with `counts`, an act of its sender's is counted.

        What was still heard of a group belongs to the supergroup that it has become. Questions are
        counted where they begin a run. Raises StoreTrouble.
        """
        key, sender = chat_of(event), sender_of(event)
        if key is None or (sender is None and not key.upgradable):
            return Admission(event, Verdict.ADMITTED)
        acts = isinstance(event, CommandCall | Unreadable | MessageEdited | CallbackPress)
        if sender is not None and acts and counts and not self._limits.hears(key, sender):
            return Admission(event, Verdict.IGNORED)
        async with self._store.reading() as tx:
            new = await chat_state.moved_to(tx, key.chat_id) if key.upgradable else None
            if new is not None:
                event = moved(event, new)
                key = chat_of(event) or key
            if sender is None:
                return Admission(event, Verdict.ADMITTED)
            known = await read_known(tx, key, sender.id)
        operator = sender.id in self._rights.operators
        verdict = judge(known, key, sender, operator=operator, by_approval=self._by_approval)
        if known.sender is Access.BLOCKED and not operator:
            self._ignored.note(sender.id, "all", IGNORED_SECONDS)
        if verdict is Verdict.ADMITTED:
            self._ignored.welcome(key.chat_id)
        return Admission(event, verdict, known.chosen)
