"""Who waits to be let in: one message for each operator, which lists them and is kept up to date.

However many strangers come, it is one card, and it goes behind all that people wait for.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import structlog

from bridge.errors import StoreTrouble, TelegramUnreachable
from bridge.model import ChatKey
from bridge.store import chats, outbox
from bridge.store.operators import access
from bridge.store.operators.access import Access, Applicant
from bridge.telegram.access.people import People
from bridge.telegram.access.rights import Rights
from bridge.telegram.api.errors import ChatClosed, ChatMoved, ContentRejected, FloodWait, PostGone
from bridge.telegram.api.notices import NoticeQueue
from bridge.telegram.callback_data import DecideAccess, ShowApprovals, encode
from bridge.telegram.pace.budget import Priority
from bridge.telegram.post import Button, Cause, PostContent, Rendered
from bridge.texts import translate

log = structlog.get_logger(__name__)
MOST_SHOWN = 200
"""Characters of a stranger's first words on the card."""
MOST_SHOWN_EACH = 60
"""The same where several wait."""
ON_A_PAGE = 5
CARDS_AN_HOUR = 6
"""How many new messages an operator gets about strangers; edits make no sound and are not counted."""
HOUR_SECONDS = 3600.0
AFTER_TROUBLE_SECONDS = 5.0
VERBS = {"allow": Access.ALLOWED, "deny": Access.DENIED, "block": Access.BLOCKED}


@dataclass(frozen=True)
class _Decision:
    """What an operator decided last."""

    chat_id: int
    state: Access
    name: str


class ApprovalCards:
    """Keeps the operators' cards."""

    def __init__(self, notices: NoticeQueue, rights: Rights, people: People) -> None:
        calls = notices.calls
        self._bot_id = calls.bot.id
        self._calls = calls
        self._notices = notices
        self._store = calls.store
        self._rights = rights
        self._people = people
        self._shown: dict[int, PostContent] = {}
        self._sent: dict[int, deque[float]] = {}
        """When each operator's last cards were sent, on the loop's clock."""
        self._decided: _Decision | None = None
        self._due = asyncio.Event()

    def changed(self) -> None:
        """Note that somebody asks to be let in, that it was decided, or that there is another operator."""
        self._due.set()

    async def decided(self, operator: int, chat_id: int, state: Access, name: str) -> PostContent:
        """Note that an operator has decided; return what their card shows now. Raises StoreTrouble."""
        self._decided = _Decision(chat_id, state, name)
        self._due.set()
        return await self.frame(operator)

    async def run(self) -> None:
        """Keep the cards up to date, for ever."""
        self._due.set()
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                async with self._store.reading() as tx:
                    waiting = await access.who_ask(tx)
                later = [await self._keep(one, waiting) for one in sorted(self._rights.operators)]
            except StoreTrouble as trouble:
                log.error("approval cards not updated", trouble=str(trouble))
                later = [AFTER_TROUBLE_SECONDS]
            if any(later):
                soonest = min(seconds for seconds in later if seconds)
                asyncio.get_running_loop().call_later(soonest, self._due.set)

    async def frame(self, operator: int, page: int = 0) -> PostContent:
        """Return what an operator's card shows now. Raises StoreTrouble."""
        async with self._store.reading() as tx:
            waiting = await access.who_ask(tx)
        return await self._frame(operator, waiting, page)

    async def _frame(
        self, operator: int, waiting: Mapping[int, Applicant], page: int = 0
    ) -> PostContent:
        waiting = {chat_id: one for chat_id, one in waiting.items() if chat_id != operator}
        language = await self._people.language_of(operator)
        if waiting:
            return _card(language, waiting, page)
        if self._decided is None:
            return PostContent(Rendered(translate(language, "access.none")))
        done = self._decided
        others = [verb for verb, state in VERBS.items() if state is not done.state]
        text = translate(language, f"access.{done.state}", name=done.name)
        return PostContent(Rendered(text), (_buttons(language, done.chat_id, others),))

    async def _keep(self, operator: int, waiting: Mapping[int, Applicant]) -> float:
        """Show an operator who waits; the seconds after which that is to be tried again, or 0."""
        async with self._store.reading() as tx:
            name = await chats.fact(tx, _fact(operator))
            card = await outbox.of(tx, f"bot {self._bot_id} {name}") if name else None
        others = [chat_id for chat_id in waiting if chat_id != operator]
        if not others and not name:
            return 0.0
        frame = await self._frame(operator, waiting)
        if self._shown.get(operator) == frame:
            return 0.0
        if name and card is not None:
            if card.message_id is None:  # it is on its way
                return AFTER_TROUBLE_SECONDS
            try:
                edited = await self._edited(operator, card.message_id, frame)
            except (FloodWait, TelegramUnreachable):
                return AFTER_TROUBLE_SECONDS
            if edited:
                if not others:
                    await self._open(operator, "")
                self._shown[operator] = frame
                return 0.0
        if not others:
            await self._open(operator, "")
            return 0.0
        return await self._send(operator, frame)

    async def _send(self, operator: int, frame: PostContent) -> float:
        now = asyncio.get_running_loop().time()
        sent = self._sent.setdefault(operator, deque(maxlen=CARDS_AN_HOUR))
        if len(sent) == CARDS_AN_HOUR and now - sent[0] < HOUR_SECONDS:
            return sent[0] + HOUR_SECONDS - now
        sent.append(now)
        name = f"card {time.time():.3f} for {operator}"
        await self._open(operator, name)
        self._shown.pop(operator, None)  # until it stands: nobody may be there to read it
        await self._notices.send(ChatKey(operator), frame, Cause(name, 0), Priority.STRANGER)
        return 0.0

    async def _open(self, operator: int, name: str) -> None:
        """Write down which card is up to date from now on; empty for none. Raises StoreTrouble."""
        async with self._store.writing() as tx:
            await chats.remember(tx, _fact(operator), name)

    async def _edited(self, operator: int, post: int, frame: PostContent) -> bool:
        """Whether the card stands as it should; else it is gone. Raises FloodWait, TelegramUnreachable."""
        try:
            async with self._calls.pacer.slot(operator, Priority.STRANGER):
                await self._calls.edit(ChatKey(operator), post, frame)
        except (PostGone, ContentRejected, ChatClosed, ChatMoved):
            return False
        return True


def _fact(operator: int) -> str:
    return f"card of {operator}"


def _card(language: str, waiting: Mapping[int, Applicant], page: int) -> PostContent:
    """Return who waits: one with their first words, or a page of several."""
    if len(waiting) == 1:
        ((chat_id, one),) = waiting.items()
        what = "access.card" if chat_id > 0 else "access.group_card"
        cut = _cut(one.words, MOST_SHOWN)
        words = f"\n\n{cut}" if cut else ""
        text = translate(language, what, name=one.name, id=chat_id, words=words)
        return PostContent(Rendered(text), (_buttons(language, chat_id, VERBS),))
    last = (len(waiting) - 1) // ON_A_PAGE
    page = min(max(0, page), last)
    here = list(waiting.items())[page * ON_A_PAGE : (page + 1) * ON_A_PAGE]
    lines, rows = [], []
    for number, (chat_id, one) in enumerate(here, page * ON_A_PAGE + 1):
        cut = _cut(" ".join(one.words.split()), MOST_SHOWN_EACH)
        lines.append(f"{number}. {one.name} ({chat_id})" + (f": {cut}" if cut else ""))
        rows.append(_buttons(language, chat_id, VERBS, f"{number} "))
    turns = [("‹", page - 1)] * (page > 0) + [("›", page + 1)] * (page < last)
    if turns:
        rows.append(tuple(Button(sign, encode(ShowApprovals(to))) for sign, to in turns))
    text = translate(language, "access.list", count=len(waiting), lines="\n".join(lines))
    return PostContent(Rendered(text), tuple(rows))


def _cut(words: str, most: int) -> str:
    return words[:most] + ("…" if len(words) > most else "")


def _buttons(
    language: str, chat_id: int, verbs: Iterable[str], lead: str = ""
) -> tuple[Button, ...]:
    """Return what an operator can decide about a chat."""
    return tuple(
        Button(lead + translate(language, f"button.{verb}"), encode(DecideAccess(verb, chat_id)))
        for verb in verbs
    )
