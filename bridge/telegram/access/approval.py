"""Let people and groups in: by approval, they wait until an operator says yes.

Every question costs the operator something, so nobody asks the agent before that.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol, assert_never

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import ChatKey, Message, Sender
from bridge.sharing.coordinator import Bell
from bridge.store import chats
from bridge.store.engine import Store
from bridge.store.operators import access, audit, invites, people
from bridge.store.operators.access import MOST_PARTS, MOST_WORDS, Access
from bridge.telegram.access.approval_cards import VERBS, ApprovalCards
from bridge.telegram.access.introduction import Introduction
from bridge.telegram.access.limits import IGNORED_SECONDS, IgnoredPeople, Refusal
from bridge.telegram.access.operator_code import OperatorCode
from bridge.telegram.access.rights import Rights
from bridge.telegram.api.notices import NoticeQueue
from bridge.telegram.callback_data import DecideAccess, ShowApprovals
from bridge.telegram.pace.budget import Priority
from bridge.telegram.post import Cause, PostContent, Rendered
from bridge.telegram.updates.events import CallbackPress, MembershipChange
from bridge.texts import translate

log = structlog.get_logger(__name__)
TOLD_SECONDS = 3600.0
"""How often somebody who waits to be let in is told so."""
MOST_TOLD = 10_000


@dataclass(frozen=True)
class Stranger:
    """Who asks to be let in."""

    key: ChatKey
    name: str
    words: str
    language: str
    question: Message | None = None
    """What is asked once they are let in."""


@dataclass(frozen=True)
class FirstAnswers:
    """What becomes of what somebody wrote before they were let in."""

    place: ChatKey | None = None
    """Where it is answered; None when nothing was asked, or nothing may be."""
    refusal: Refusal | None = None
    """Why it may not be asked now."""


class FirstQuestions(Protocol):
    """Asks what people wrote before they were let in."""

    async def ask_first(self, tx: AsyncConnection, key: ChatKey, language: str) -> FirstAnswers:
        """Let it wait for its answer, if they may cause a run now.

        It goes before the decision, in the same transaction.
        """

    def wake(self, key: ChatKey) -> None:
        """Have the turns of a chat answered that wait in the store."""


class Approval:
    """Asks operators about strangers, and tells both what was decided."""

    def __init__(
        self,
        notices: NoticeQueue,
        rights: Rights,
        cards: ApprovalCards,
        ignored: IgnoredPeople,
        questions: FirstQuestions,
        *,
        by_approval: bool,
    ) -> None:
        self.questions = questions
        self._store = notices.calls.store
        self.introduction = Introduction(notices.calls.bot, rights)
        self.by_approval = by_approval
        self.code = OperatorCode(self._store, rights, notices.sharing)
        self._notices = notices
        self._rights = rights
        self._cards = cards
        self._ignored = ignored
        self._told: OrderedDict[int, float] = OrderedDict()
        """When strangers were last told to wait, on the loop's clock."""
        self._greeted: set[int] = set()
        """The operators who have written to this process."""

    async def greet(self, sender: Sender) -> None:
        """Bring to an operator who writes what could not be brought to them before.

        Nobody can be written to who has not opened the bot. Raises StoreTrouble.
        """
        if sender.id not in self._rights.operators:
            return
        self._cards.changed()
        if sender.id in self._greeted:
            return
        self._greeted.add(sender.id)
        self._rights.changed.set()

    async def makes_operator(self, message: Message, cause: Cause) -> bool:
        """Return whether a private message is the one-time code; then its sender is welcomed.

        Raises StoreTrouble.
        """
        if not message.chat.private or not await self.code.accepts(message):
            return False
        welcome = translate(message.sender.language, "operator.welcome")
        await self._notices.send(message.chat, PostContent(Rendered(welcome)), cause)
        self._cards.changed()
        return True

    async def ask_for(self, message: Message, cause: Cause) -> bool:
        """Ask the operators to let in who writes, and tell them to wait. Raises StoreTrouble.

        True when somebody has let them in meanwhile: what they write is then heard as it is.
        """
        key, sender = message.chat.whole, message.sender
        name = sender.name if key.private else str(key.chat_id)
        question = message if key.private and _asks(message) else None
        stranger = Stranger(
            key=key, name=name, words=message.text, language=sender.language, question=question
        )
        return await self._ask(stranger, message.chat, cause)

    async def group_opens(self, standing: MembershipChange) -> bool:
        """Return whether a group to which our bot was added may use it: at once when an operator did."""
        key = standing.chat
        async with self._store.reading() as tx:
            state = await access.of(tx, key.chat_id)
        if not self.by_approval:
            return state not in (Access.BLOCKED, Access.DENIED)
        if standing.by.id in self._rights.operators:
            by, title = standing.by.id, standing.title
            async with self._store.writing() as tx:
                await access.decide(tx, key.chat_id, Access.ALLOWED, title, by)
                await audit.note(tx, by, Access.ALLOWED.value, key.chat_id, title)
            return True
        async with self._store.reading() as tx:
            expected = await invites.is_open(tx, for_groups=True)
        if state is None and not expected:  # else its code may be on its way
            words = translate(standing.by.language, "access.added_by", name=standing.by.name)
            stranger = Stranger(key, standing.title, words, standing.by.language)
            return await self._ask(stranger, key, standing.cause)
        return state is Access.ALLOWED

    async def _ask(self, stranger: Stranger, answer_in: ChatKey, cause: Cause) -> bool:
        """Tell the stranger to wait, and the operators who asks; whether they were let in meanwhile.

        A stranger hears it once an hour at most, a group once, also when this is begun again after
        a crash. About whom something was decided meanwhile is told by who decided.
        """
        key = stranger.key
        async with self._store.writing() as tx:
            words, question = stranger.words[:MOST_WORDS], stranger.question
            fresh = await access.ask(tx, key.chat_id, stranger.name, words, question)
            state = Access.ASKED if fresh else await access.of(tx, key.chat_id, lock=True)
            if state is not Access.ASKED:
                return state is Access.ALLOWED
            kept = await access.add_words(tx, question) if question and not fresh else 0
            reached = [await people.name_of(tx, one) for one in self._rights.operators]
            by_code = await invites.is_open(tx, for_groups=not key.private)
        if fresh or kept:
            self._cards.changed()
        now = asyncio.get_running_loop().time()
        enough = kept >= MOST_PARTS or (question is None and not fresh)
        if key.private and enough and not self.code.code and not by_code:
            self._ignored.note(key.chat_id, "words", IGNORED_SECONDS)
        if now - self._told.get(key.chat_id, float("-inf")) < TOLD_SECONDS:
            return False
        self._told[key.chat_id] = now
        if len(self._told) > MOST_TOLD:
            self._told.popitem(last=False)
        if not key.private:
            cause = Cause(f"access {key.chat_id}", cause.message_id)
        unasked = "access.wait_unasked" if reached else "access.nobody"
        text = translate(stranger.language, "access.wait" if any(reached) else unasked)
        if by_code:
            how = "access.code" if key.private else "access.code_group"
            text += " " + translate(stranger.language, how, bot=self.introduction.bot_name)
        await self._notices.send(answer_in, PostContent(Rendered(text)), cause, Priority.STRANGER)
        return False

    async def decide(self, press: CallbackPress, data: DecideAccess | ShowApprovals) -> str | None:
        """Do what an operator wants who pressed a card's button; the key of what they are told.

        Raises StoreTrouble.
        """
        if press.sender.id not in self._rights.operators:
            return "button.old"
        match data:
            case ShowApprovals(page):
                card = await self._cards.frame(press.sender.id, page)
                self._notices.edit(press.chat, press.post_id, card, press.sender.id)
                return None
            case DecideAccess(decision, chat_id):
                async with self._store.reading() as tx:
                    if await access.of(tx, chat_id) is None:
                        return "button.old"
                state = VERBS[decision]
                key = ChatKey(chat_id)
                name = await self.rule(key, state, press.sender.id, press.sender.language)
                card = await self._cards.decided(press.sender.id, chat_id, state, name)
                self._notices.edit(press.chat, press.post_id, card, press.sender.id)
                return f"access.{state}_short"
            case _:
                assert_never(data)

    async def rule(self, key: ChatKey, state: Access, by: int, language: str) -> str:
        """Let an operator decide about a person or a group; return its name. Raises StoreTrouble.

        `language` is the operator's, for whoever has chosen none.
        """
        async with self._store.writing() as tx:
            before = await access.of(tx, key.chat_id)
            name = await people.name_of(tx, key.chat_id) or await access.name_of(tx, key.chat_id)
            answers = FirstAnswers()
            if state is Access.ALLOWED:
                theirs = await people.language_of(tx, key.chat_id) or language
                answers = await self.questions.ask_first(tx, key, theirs)
            await access.decide(tx, key.chat_id, state, name, by)
            await audit.note(tx, by, state.value, key.chat_id, name)
            await self._notices.sharing.ring(tx, Bell.ACCESS, key.chat_id)
        self._ignored.forget(key.chat_id)
        log.info("access decided", chat=key.chat_id, state=state.value, by=by)
        self._cards.changed()
        if state is not before and state is not Access.BLOCKED:
            await self._tell_them(key, state, language, answers)
        return name

    def let_in(self, key: ChatKey, answers: FirstAnswers) -> None:
        """Note that somebody was let in: they are heard, their card goes, and what waits is asked."""
        self._ignored.forget(key.chat_id)
        self._cards.changed()
        if answers.place is not None:
            self.questions.wake(answers.place)

    async def rewrite(self, message: Message) -> bool:
        """Keep what somebody who waits has made of a message. Raises StoreTrouble.

        True when somebody has let them in meanwhile: the change is then heard as it is.
        """
        async with self._store.writing() as tx:
            state = await access.of(tx, message.chat.chat_id, lock=True)
            asks = message.chat.private and _asks(message)
            kept = await access.add_words(tx, message) if asks else 0
        if kept:
            self._cards.changed()
        return state is Access.ALLOWED

    def forgotten(self) -> None:
        """Note that somebody's words were deleted: the cards must not show them any more."""
        self._cards.changed()

    async def _tell_them(
        self, key: ChatKey, state: Access, language: str, answers: FirstAnswers
    ) -> None:
        """Tell who asked what was decided, and answer what they wrote; a group, how to address us."""
        async with self._store.reading() as tx:
            known = await people.language_of(tx, key.chat_id)
            language = (await chats.preferences(tx, key)).language or known or language
        if state is Access.DENIED:
            text = translate(language, "access.denied_you")
        elif key.private:
            welcome = "access.welcome_answers" if answers.place else "access.welcome"
            text = translate(language, welcome)
            if answers.refusal is not None and answers.refusal.key:
                refusal = translate(language, answers.refusal.key, **answers.refusal.values)
                text = f"{text}\n\n{refusal}"
        else:
            text = await self.introduction.words(key, language)
        cause = Cause(f"access {key.chat_id} {state} {time.time():.3f}", 0)
        place = answers.place or key
        await self._notices.send(
            place, PostContent(Rendered(text)), cause, then=lambda: self.questions.wake(place)
        )


def _asks(message: Message) -> bool:
    """Return whether a message is a question: not one of our commands, such as /start."""
    return bool(message.text or message.attachments) and not message.text.startswith("/")


async def all_operators(store: Store, named: Collection[int], *, warn: bool = True) -> set[int]:
    """Return who is an operator: those whom the settings name and who became one, but not who was removed.

    Raises StoreTrouble.
    """
    async with store.reading() as tx:
        known = await access.known_operators(tx)
    removed = {person for person, is_one in known.items() if not is_one}
    for person in sorted({*named} & removed) if warn else ():
        log.warning(
            "in BRIDGE_OPERATORS, but an operator has removed them: /operators add gives it back",
            person=person,
        )
    return {*named, *known} - removed
