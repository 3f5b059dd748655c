"""Let in who comes by an operator's link, or types its code: it may be sent any number of times."""

import re
from dataclasses import replace

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import Message
from bridge.sharing.coordinator import Bell
from bridge.store import chats
from bridge.store.operators import access, agents, audit, invites
from bridge.store.operators.access import Access
from bridge.store.operators.agents import DeclaredAgents
from bridge.store.operators.invites import Redeemed, Redemption
from bridge.telegram.access.admission import Admission, Verdict
from bridge.telegram.access.approval import Approval, FirstAnswers
from bridge.telegram.access.rights import Rights
from bridge.telegram.api.notices import NoticeQueue
from bridge.telegram.post import Cause, PostContent, Rendered
from bridge.telegram.updates.events import CommandCall, Event, Ignored, MessageEdited, Question
from bridge.texts import translate

log = structlog.get_logger(__name__)
_CODE = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{32}(?![A-Za-z0-9_-])")
"""What `secrets.token_urlsafe(24)` makes; Telegram lets a link carry 64 of these signs."""
MOST_CODES = 5
"""Of a message that are looked up."""
_START = "start"


class Invitations:
    """Redeems codes."""

    def __init__(
        self, notices: NoticeQueue, rights: Rights, approval: Approval, agents: DeclaredAgents
    ) -> None:
        self._notices = notices
        self._store = notices.calls.store
        self._rights = rights
        self._approval = approval
        self._agents = agents

    async def redeemed(self, admission: Admission, update_id: int) -> Admission:
        """Return what may follow from an event once the code in it counts; it is a plain start then.

        A code may be a link's payload, be typed or pasted with its link, or be forwarded: it is never
        a question. An operator's no is not undone by it. Raises StoreTrouble.
        """
        message = _message_of(admission.event)
        if message is None or admission.verdict not in (Verdict.STRANGER, Verdict.ADMITTED):
            return admission
        codes = _CODE.findall(message.text)[:MOST_CODES]
        if not codes:
            return admission
        async with self._store.reading() as tx:
            invite_id = await invites.known(tx, codes)
            theirs = await access.of(tx, message.sender.id)
        if invite_id is None:
            return admission
        plain = CommandCall(replace(message, text=f"/{_START}"), update_id, _START, "")
        if message.sender.id in self._rights.operators and message.chat.private:
            await self._say("invite.own", plain)
            return replace(admission, event=Ignored("an operator's own invite"))
        if theirs in (Access.DENIED, Access.BLOCKED):
            return replace(admission, event=plain)
        if admission.verdict is Verdict.ADMITTED and not await self._rights.leads(
            message.chat, message.sender
        ):
            return replace(admission, event=plain)  # it would change what others have chosen
        return await self._used(invite_id, plain, admission)

    async def _used(self, invite_id: int, plain: CommandCall, admission: Admission) -> Admission:
        key, answers = plain.chat.whole, None
        async with self._store.writing() as tx:
            found = await invites.redeem(tx, invite_id, key.chat_id)
            if found.what is not Redemption.OVER:
                answers = await self._let_in(tx, found, plain.message)
            chosen = await chats.counting(tx, plain.chat)
        if found.what is Redemption.OVER:
            if admission.verdict is Verdict.STRANGER:
                await self._say("invite.over", plain)
            return replace(admission, event=plain)
        if answers is not None:
            self._approval.let_in(key, answers)
            log.info("let in by an invite", chat=key.chat_id, invite=invite_id)
        return Admission(plain, Verdict.ADMITTED, chosen)

    async def _let_in(
        self, tx: AsyncConnection, found: Redeemed, message: Message
    ) -> FirstAnswers | None:
        """Let the chat in; with the first use comes what the invite brings along.

        Returns what becomes of what was asked before; None when the chat was in already.
        """
        key, invite = message.chat.whole, found.invite
        terms = invite.terms
        name = message.sender.name if key.private else (await chats.about(tx, key)).title
        answers = None
        outside = await access.of(tx, key.chat_id) is not Access.ALLOWED
        if self._approval.by_approval and outside:
            answers = await self._approval.questions.ask_first(tx, key, message.sender.language)
            await access.decide(tx, key.chat_id, Access.ALLOWED, name, invite.created_by)
            await self._notices.sharing.ring(tx, Bell.ACCESS, key.chat_id)
        if found.what is Redemption.AGAIN:
            return answers
        offered = [one.id for one in await agents.offered(tx, self._agents)]
        if terms.agent in offered:
            chosen = await chats.preferences(tx, key)
            await chats.prefer(tx, key, replace(chosen, agent=terms.agent))
        if terms.payload:
            await chats.ensure_chat(tx, key)
            await chats.set_start_payload(tx, key, terms.payload)
        detail = " ".join(one for one in (f"#{invite.id}", terms.note) if one)
        await audit.note(tx, invite.created_by, "invited", key.chat_id, detail)
        return answers

    async def _say(self, key: str, call: CommandCall) -> None:
        text = translate(call.sender.language, key)
        cause = Cause(f"invite {call.update_id}", call.message.id, call.sender.id)
        await self._notices.send(call.chat, PostContent(Rendered(text)), cause)


def _message_of(event: Event) -> Message | None:
    """Return the message that may carry a code: a start, or what is meant as a question."""
    match event:
        case (
            CommandCall(message, name="start") | Question(message) | MessageEdited(message=message)
        ):
            return message
        case _:
            return None
