"""Let in who comes by an operator's link, or types its code: it may be sent any number of times."""

import re
from dataclasses import replace

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import Message
from bridge.sharing.coordinator import Bell
from bridge.store import chats
from bridge.store.engine import Store
from bridge.store.operators import access, audit, invites
from bridge.store.operators.access import Access
from bridge.store.operators.invites import Invite, Redemption
from bridge.telegram.access.admission import Admission, Verdict
from bridge.telegram.access.approval_cards import ApprovalCards
from bridge.telegram.access.limits import IgnoredPeople
from bridge.telegram.api.notices import NoticeQueue
from bridge.telegram.post import Cause, PostContent, Rendered
from bridge.telegram.updates.events import CommandCall, Event, Question
from bridge.texts import translate

log = structlog.get_logger(__name__)
_CODE = re.compile(r"[A-Za-z0-9_-]{32}")
"""What `secrets.token_urlsafe(24)` makes; Telegram lets a link carry 64 of these signs."""
_START = "start"


class Invitations:
    """Redeems codes."""

    def __init__(
        self,
        notices: NoticeQueue,
        store: Store,
        cards: ApprovalCards,
        ignored: IgnoredPeople,
        *,
        by_approval: bool,
    ) -> None:
        self._notices = notices
        self._store = store
        self._cards = cards
        self._ignored = ignored
        self._by_approval = by_approval

    async def redeemed(self, admission: Admission, update_id: int) -> Admission:
        """Return what may follow from an event once the code in it counts; it is a plain start then.

        An operator's no is not undone by a link. Raises StoreTrouble.
        """
        message, code = _code_in(admission.event)
        if message is None or admission.verdict not in (Verdict.STRANGER, Verdict.ADMITTED):
            return admission
        key = message.chat.whole
        async with self._store.writing() as tx:
            what, invite = await invites.redeem(tx, code, key.chat_id)
            if what is Redemption.NEW and invite is not None:
                await self._let_in(tx, invite, message)
            chosen = await chats.counting(tx, message.chat)
        if what is Redemption.UNKNOWN:
            return admission
        plain = CommandCall(replace(message, text=f"/{_START}"), update_id, _START, "")
        if what is Redemption.OVER:
            text = translate(message.sender.language, "invite.over")
            cause = Cause(f"invite {update_id}", message.id, message.sender.id)
            await self._notices.send(message.chat, PostContent(Rendered(text)), cause)
            return replace(admission, event=plain)
        if what is Redemption.NEW:
            self._ignored.forget(key.chat_id)
            self._cards.changed()
            log.info("let in by an invite", chat=key.chat_id, invite=invite and invite.id)
        return Admission(plain, Verdict.ADMITTED, chosen)

    async def _let_in(self, tx: AsyncConnection, invite: Invite, message: Message) -> None:
        key, terms = message.chat.whole, invite.terms
        name = message.sender.name if key.private else (await chats.about(tx, key)).title
        if self._by_approval and await access.of(tx, key.chat_id) is not Access.ALLOWED:
            await access.decide(tx, key.chat_id, Access.ALLOWED, name, invite.created_by)
        if terms.agent is not None:
            chosen = await chats.preferences(tx, key)
            await chats.prefer(tx, key, replace(chosen, agent=terms.agent))
        if terms.payload:
            await chats.ensure_chat(tx, key)
            await chats.set_start_payload(tx, key, terms.payload)
        detail = " ".join(one for one in (f"#{invite.id}", terms.note) if one)
        await audit.note(tx, invite.created_by, "invited", key.chat_id, detail)
        await self._notices.sharing.ring(tx, Bell.ACCESS, key.chat_id)


def _code_in(event: Event) -> tuple[Message | None, str]:
    """Return the message that carries a code, as a link's payload or typed alone; None for any other."""
    match event:
        case CommandCall(message, name="start"):
            code = event.argument.strip()
        case Question(message):
            code = message.text.strip()
        case _:
            return None, ""
    return (message, code) if _CODE.fullmatch(code) else (None, "")
