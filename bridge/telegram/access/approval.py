"""Who may use the bridge: by approval, a stranger or a group waits until an operator says yes.

Every question costs the operator something, so nobody asks the agent before that.
"""

import asyncio
import hmac
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass

import structlog

from bridge.model import ChatKey, Message, Sender
from bridge.store import chats
from bridge.store.engine import Store
from bridge.store.operators import access, audit, people
from bridge.store.operators.access import Access
from bridge.telegram.access.approval_cards import VERBS, ApprovalCards
from bridge.telegram.access.introduction import Introduction
from bridge.telegram.access.limits import IgnoredPeople
from bridge.telegram.access.rights import Rights
from bridge.telegram.api.budget import Priority
from bridge.telegram.api.notices import NoticeQueue
from bridge.telegram.post import Cause, PostContent, Rendered
from bridge.telegram.updates.events import CallbackPress, MembershipChange
from bridge.texts import translate

log = structlog.get_logger(__name__)
CODE_SECONDS = 3600.0
_CODE = re.compile(r"[0-9a-f]{6}-[0-9a-f]{6}")
TOLD_SECONDS = 3600.0
"""How often somebody who waits to be let in is told so."""
MOST_TOLD = 10_000
HUSH_SECONDS = 10.0
"""How long what is known of somebody who is not let in is not looked up again."""
_NUMBER = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True)
class Stranger:
    """Who asks to be let in."""

    key: ChatKey
    name: str
    words: str
    language: str


class Approval:
    """Opens to those whom an operator has let in."""

    def __init__(
        self,
        notices: NoticeQueue,
        store: Store,
        rights: Rights,
        introduction: Introduction,
        approvals: ApprovalCards,
        hush: IgnoredPeople,
        *,
        by_approval: bool,
        code: str = "",
    ) -> None:
        self.introduction = introduction
        self._approvals = approvals
        self._hush = hush
        self._told: OrderedDict[int, float] = OrderedDict()
        """When strangers were last told to wait, on the loop's clock."""
        self._notices = notices
        self._store = store
        self._rights = rights
        self._by_approval = by_approval
        self._code = code
        """Makes the person who sends it an operator; empty when it was used or there is none."""
        self._code_until = asyncio.get_running_loop().time() + CODE_SECONDS
        self._greeted: set[int] = set()
        """The operators who have written to this process."""

    async def greet(self, sender: Sender) -> None:
        """An operator writes: what could not be brought to them before is brought now.

        Nobody can be written to who has not opened the bot. Raises StoreTrouble.
        """
        if sender.id not in self._rights.operators:
            return
        self._approvals.changed()
        if sender.id in self._greeted:
            return
        self._greeted.add(sender.id)
        self._rights.changed.set()

    async def opens(self, message: Message, cause: Cause) -> bool:
        """Whether a message's chat may use the bridge; who may not is told so.

        Raises StoreTrouble.
        """
        key, sender = message.chat.whole, message.sender
        if key.private and await self._makes_operator(message, cause):
            return False
        if await self.allows(key, sender):
            return True
        async with self._store.reading() as tx:
            state = await access.of(tx, key.chat_id)
        if state not in (Access.DENIED, Access.BLOCKED):
            name = sender.name if key.private else str(key.chat_id)
            await self._ask(Stranger(key, name, message.text, sender.language), message.chat, cause)
        return False

    async def ignores(self, key: ChatKey, sender: Sender) -> bool:
        """Whether they have no consequence at all, whatever they do there. Raises StoreTrouble.

        That is who is blocked; and who writes in a channel's name, unless an operator allows that
        in the group: everybody can have as many channels as they like.
        """
        if sender.id in self._rights.operators:
            return False
        async with self._store.reading() as tx:
            state = await access.of(tx, key.chat_id)
            theirs = state if key.private else await access.of(tx, sender.id)
            if theirs is Access.BLOCKED:
                self._hush.note(sender.id, "all", HUSH_SECONDS)
            if Access.BLOCKED in (state, theirs):
                return True
            if sender.channel and not await access.answers_channels(tx, key.chat_id):
                return True
        return False

    async def allows(self, key: ChatKey, sender: Sender) -> bool:
        """Whether a chat may use the bridge; nobody is told anything. Raises StoreTrouble."""
        allowed = await self._allows(key, sender)
        if allowed:
            self._hush.welcome(key.chat_id)
        return allowed

    async def _allows(self, key: ChatKey, sender: Sender) -> bool:
        if sender.id in self._rights.operators and key.private:
            return True
        async with self._store.reading() as tx:
            state = await access.of(tx, key.chat_id)
            theirs = state if key.private else await access.of(tx, sender.id)
        if theirs is Access.BLOCKED or state in (Access.BLOCKED, Access.DENIED):
            return False
        return not self._by_approval or state is Access.ALLOWED

    async def group_opens(self, standing: MembershipChange) -> bool:
        """Whether a group to which our bot was added may use it: at once when an operator did."""
        key = standing.chat
        async with self._store.reading() as tx:
            state = await access.of(tx, key.chat_id)
        if not self._by_approval:
            return state not in (Access.BLOCKED, Access.DENIED)
        if standing.by.id in self._rights.operators:
            by, title = standing.by.id, standing.title
            async with self._store.writing() as tx:
                await access.decide(tx, key.chat_id, Access.ALLOWED, title, by)
                await audit.note(tx, by, Access.ALLOWED.value, key.chat_id, title)
            return True
        if state is None:
            words = translate(standing.by.language, "access.added_by", name=standing.by.name)
            stranger = Stranger(key, standing.title, words, standing.by.language)
            await self._ask(stranger, key, standing.cause)
        return state is Access.ALLOWED

    async def _ask(self, stranger: Stranger, answer_in: ChatKey, cause: Cause) -> None:
        """Tell the stranger to wait, and the operators who asks.

        A stranger hears it once an hour at most, a group once, also when this is begun again after
        a crash.
        """
        key = stranger.key
        async with self._store.writing() as tx:
            fresh = await access.ask(tx, key.chat_id, stranger.name)
        if fresh:
            self._approvals.changed(key.chat_id, stranger.words)
        now = asyncio.get_running_loop().time()
        if key.private and not self._code:
            self._hush.note(key.chat_id, "words", HUSH_SECONDS)
        if now - self._told.get(key.chat_id, float("-inf")) < TOLD_SECONDS:
            return
        self._told[key.chat_id] = now
        if len(self._told) > MOST_TOLD:
            self._told.popitem(last=False)
        if not key.private:
            cause = Cause(f"access {key.chat_id}", cause.message_id)
        text = translate(
            stranger.language, "access.wait" if self._rights.operators else "access.nobody"
        )
        await self._notices.send(answer_in, PostContent(Rendered(text)), cause, Priority.STRANGER)

    async def decide(self, press: CallbackPress, rest: str) -> str | None:
        """An operator has pressed a card's button; the key of what they are told."""
        verb, _, number = rest.partition(":")
        if press.sender.id not in self._rights.operators:
            return "button.old"
        if verb == "page" and _NUMBER.fullmatch(number):
            frame = await self._approvals.frame(press.sender.id, int(number))
            self._notices.edit(press.chat, press.post_id, frame, press.sender.id)
            return None
        if verb not in VERBS:
            return "button.old"
        key = ChatKey(int(number) if _NUMBER.fullmatch(number) else 0)
        async with self._store.reading() as tx:
            if await access.of(tx, key.chat_id) is None:
                return "button.old"
        state = VERBS[verb]
        name = await self.rule(key, state, press.sender.id, press.sender.language)
        frame = await self._approvals.decided(press.sender.id, key.chat_id, state, name)
        self._notices.edit(press.chat, press.post_id, frame, press.sender.id)
        return f"access.{state}_short"

    async def rule(self, key: ChatKey, state: Access, by: int, language: str) -> str:
        """An operator decides about a person or a group; what it is called. Raises StoreTrouble.

        `language` is the operator's, for whoever has chosen none.
        """
        async with self._store.writing() as tx:
            before = await access.of(tx, key.chat_id)
            name = await people.name_of(tx, key.chat_id) or await access.name_of(tx, key.chat_id)
            await access.decide(tx, key.chat_id, state, name, by)
            await audit.note(tx, by, state.value, key.chat_id, name)
        self._hush.forget(key.chat_id)
        log.info("access decided", chat=key.chat_id, state=state.value, by=by)
        self._approvals.changed()
        if state is not before and state is not Access.BLOCKED:
            await self._tell_them(key, state, language)
        return name

    async def _tell_them(self, key: ChatKey, state: Access, language: str) -> None:
        """Tell who asked what was decided; a group that is let in, how to address us."""
        async with self._store.reading() as tx:
            known = await people.language_of(tx, key.chat_id)
            language = (await chats.preferences(tx, key)).language or known or language
        if state is Access.DENIED:
            text = translate(language, "access.denied_you")
        elif key.private:
            text = translate(language, "access.welcome")
        else:
            text = await self.introduction.words(key, language)
        cause = Cause(f"access {key.chat_id} decided {time.time():.0f}", 0)
        await self._notices.send(key, PostContent(Rendered(text)), cause)

    async def _makes_operator(self, message: Message, cause: Cause) -> bool:
        """Whether it is the one-time code; then its sender is an operator from now on."""
        sent = message.text.strip().lower().encode()  # phones like capitals
        again = message.sender.id in self._rights.operators and _CODE.fullmatch(sent.decode())
        fresh = self._code and asyncio.get_running_loop().time() < self._code_until
        if not again and (not fresh or not hmac.compare_digest(sent, self._code.encode())):
            return False  # who is operator already sent it before a crash, or is curious
        if not again:
            await self._use_up_code(message.sender)
        welcome = translate(message.sender.language, "operator.welcome")
        await self._notices.send(message.chat, PostContent(Rendered(welcome)), cause)
        self._approvals.changed()
        return True

    async def _use_up_code(self, sender: Sender) -> None:
        """Whoever sent it is an operator, and nobody else by it. Raises StoreTrouble."""
        code, self._code = self._code, ""  # others may send it while this is written down
        try:
            async with self._store.writing() as tx:
                await access.make_operator(tx, sender.id, sender.name)
                await audit.note(tx, sender.id, "operator", sender.id, sender.name)
        except BaseException:
            self._code = code
            raise
        self._rights.operators.add(sender.id)
        self._rights.changed.set()
        log.warning("new operator", person=sender.id)


def new_code() -> str:
    """A code that nobody guesses within its hour."""
    return f"{secrets.token_hex(3)}-{secrets.token_hex(3)}"


async def all_operators(store: Store, named: Collection[int]) -> set[int]:
    """Who is an operator: those whom the settings name and who became one, but not who was removed.

    Raises StoreTrouble.
    """
    async with store.reading() as tx:
        known = await access.known_operators(tx)
        removed = await access.removed_operators(tx)
    for person in sorted({*named} & {*removed}):
        log.warning(
            "in BRIDGE_OPERATORS, but an operator has removed them: /operators add gives it back",
            person=person,
        )
    return {*named, *known} - {*removed}
