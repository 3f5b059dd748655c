"""Who may use the bridge: by approval, a stranger or a group waits until an operator says yes.

Every question costs the operator something, so nobody asks the agent before that.
"""

import asyncio
import hmac
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from bridge.model import ChatKey, Message, Sender
from bridge.store import access, audit, chats, people
from bridge.store.access import Access
from bridge.store.engine import Store
from bridge.telegram.calls import Calls, Cause
from bridge.telegram.canvas import Rendered
from bridge.telegram.frame import Button, Frame
from bridge.telegram.introduction import Introduction
from bridge.telegram.items import Press, Standing
from bridge.telegram.people import People
from bridge.telegram.rights import Rights
from bridge.texts import say

log = structlog.get_logger(__name__)
CODE_SECONDS = 3600.0
_CODE = re.compile(r"[0-9a-f]{6}-[0-9a-f]{6}")
_VERBS = {"allow": Access.ALLOWED, "deny": Access.DENIED, "block": Access.BLOCKED}
_NUMBER = re.compile(r"-?[0-9]{1,18}")
MOST_SHOWN = 200
"""Characters of a stranger's first words on the card that operators get."""


@dataclass(frozen=True)
class Stranger:
    """Who asks to be let in."""

    key: ChatKey
    name: str
    words: str
    language: str


class Door:
    """Opens to those whom an operator has let in."""

    def __init__(
        self,
        calls: Calls,
        store: Store,
        rights: Rights,
        introduction: Introduction,
        people: People,
        *,
        by_approval: bool,
        code: str = "",
    ) -> None:
        self.introduction = introduction
        self._people = people
        self._calls = calls
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
        if sender.id in self._greeted or sender.id not in self._rights.operators:
            return
        self._greeted.add(sender.id)
        self._rights.changed.set()
        await self._show_waiting(sender.id)

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
            blocked = await access.of(tx, sender.id) is Access.BLOCKED
        if state not in (Access.DENIED, Access.BLOCKED) and not blocked:
            name = sender.name if key.private else str(key.chat_id)
            await self._ask(Stranger(key, name, message.text, sender.language), message.chat, cause)
        return False

    async def allows(self, key: ChatKey, sender: Sender) -> bool:
        """Whether a chat may use the bridge; nobody is told anything. Raises StoreTrouble."""
        if sender.id in self._rights.operators and key.private:
            return True
        async with self._store.reading() as tx:
            state = await access.of(tx, key.chat_id)
            theirs = state if key.private else await access.of(tx, sender.id)
        if theirs is Access.BLOCKED or state in (Access.BLOCKED, Access.DENIED):
            return False
        return not self._by_approval or state is Access.ALLOWED

    async def group_opens(self, standing: Standing) -> bool:
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
            words = say(standing.by.language, "access.added_by", name=standing.by.name)
            stranger = Stranger(key, standing.title, words, standing.by.language)
            await self._ask(stranger, key, standing.cause)
        return state is Access.ALLOWED

    async def _ask(self, stranger: Stranger, answer_in: ChatKey, cause: Cause) -> None:
        """Tell the stranger to wait, and every operator who asks.

        Cards, and the sentence in a group, go out once, as the outbox knows, also when this is
        begun again after a crash.
        """
        async with self._store.writing() as tx:
            await access.ask(tx, stranger.key.chat_id, stranger.name)
        if not stranger.key.private:
            cause = Cause(f"access {stranger.key.chat_id}", cause.message_id)
        text = say(stranger.language, "access.wait" if self._rights.operators else "access.nobody")
        await self._calls.tell(answer_in, Frame(Rendered(text)), cause)
        for operator in sorted(self._rights.operators):
            await self._show_card(operator, stranger)

    async def _show_card(self, operator: int, stranger: Stranger) -> None:
        language = await self._people.language_of(operator)
        cut = stranger.words[:MOST_SHOWN] + ("…" if len(stranger.words) > MOST_SHOWN else "")
        words = f"\n\n{cut}" if cut else ""
        what = "access.card" if stranger.key.private else "access.group_card"
        text = say(language, what, name=stranger.name, id=stranger.key.chat_id, words=words)
        row = _buttons(language, stranger.key.chat_id, _VERBS)
        cause = Cause(f"card {stranger.key.chat_id} for {operator}", 0)
        await self._calls.tell(ChatKey(operator), Frame(Rendered(text), (row,)), cause)

    async def decide(self, press: Press, rest: str) -> str:
        """An operator has pressed a card's button; the key of what they are told."""
        verb, _, number = rest.partition(":")
        if press.sender.id not in self._rights.operators or verb not in _VERBS:
            return "button.old"
        key = ChatKey(int(number) if _NUMBER.fullmatch(number) else 0)
        async with self._store.reading() as tx:
            if await access.of(tx, key.chat_id) is None:
                return "button.old"
        state = _VERBS[verb]
        name = await self.rule(key, state, press.sender.id, press.sender.language)
        done = say(press.sender.language, f"access.{state}", name=name)
        others = [each for each in _VERBS if each != verb]  # nothing here is for ever
        buttons = (_buttons(press.sender.language, key.chat_id, others),)
        await self._calls.show(press.chat, press.post_id, Frame(Rendered(done), buttons))
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
        log.info("access decided", chat=key.chat_id, state=state.value, by=by)
        if state is not before and state is not Access.BLOCKED:
            await self._tell_them(key, state, language)
        return name

    async def _tell_them(self, key: ChatKey, state: Access, language: str) -> None:
        """Tell who asked what was decided; a group that is let in, how to address us."""
        async with self._store.reading() as tx:
            known = await people.language_of(tx, key.chat_id)
            language = (await chats.preferences(tx, key)).language or known or language
        if state is Access.DENIED:
            text = say(language, "access.denied_you")
        elif key.private:
            text = say(language, "access.welcome")
        else:
            text = await self.introduction.words(key, language)
        cause = Cause(f"access {key.chat_id} decided {time.time():.0f}", 0)
        await self._calls.tell(key, Frame(Rendered(text)), cause)

    async def _makes_operator(self, message: Message, cause: Cause) -> bool:
        """Whether it is the one-time code; then its sender is an operator from now on."""
        sent = message.text.strip().lower().encode()  # phones like capitals
        again = message.sender.id in self._rights.operators and _CODE.fullmatch(sent.decode())
        fresh = self._code and asyncio.get_running_loop().time() < self._code_until
        if not again and (not fresh or not hmac.compare_digest(sent, self._code.encode())):
            return False  # who is operator already sent it before a crash, or is curious
        if not again:
            await self._use_up_code(message.sender)
        welcome = say(message.sender.language, "operator.welcome")
        await self._calls.tell(message.chat, Frame(Rendered(welcome)), cause)
        await self._show_waiting(message.sender.id)
        return True

    async def _show_waiting(self, operator: int) -> None:
        """The cards of all who ask; those that were shown are not shown again."""
        async with self._store.reading() as tx:
            waiting = await access.who_ask(tx)
        for chat_id, name in waiting.items():
            if chat_id != operator:
                await self._show_card(operator, Stranger(ChatKey(chat_id), name, "", ""))

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


def _buttons(language: str, chat_id: int, verbs: Iterable[str]) -> tuple[Button, ...]:
    """What an operator can decide about a chat."""
    return tuple(
        Button(say(language, f"button.{verb}"), f"access:{verb}:{chat_id}") for verb in verbs
    )


def new_code() -> str:
    """A code that nobody guesses within its hour."""
    return f"{secrets.token_hex(3)}-{secrets.token_hex(3)}"


async def known_operators(store: Store) -> set[int]:
    """Who became an operator by the code, in this process or an earlier one. Raises StoreTrouble."""
    async with store.reading() as tx:
        return set(await access.known_operators(tx))
