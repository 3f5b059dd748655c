"""Which messages become questions, and what those who must wait are told.

Every run begins here, behind the one gate: a question, an edit of one, one more try, a suggestion,
what was written before somebody was let in.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import ChatKey, Message, Sender
from bridge.preferences import Answers, Preferences
from bridge.relay.lanes import Lanes
from bridge.relay.protocols import StopReason
from bridge.sharing.coordinator import Bell
from bridge.store import inbox
from bridge.store.inbox import Arrived
from bridge.store.operators import access
from bridge.store.turns import kept, queue, suggestions
from bridge.telegram.access.approval import FirstAnswers
from bridge.telegram.access.limits import Refusal, UsageLimits
from bridge.telegram.api.notices import NoticeQueue
from bridge.telegram.callback_data import AskSuggestion
from bridge.telegram.post import Cause, Entity, PostContent, Rendered, units
from bridge.telegram.questions.albums import Albums, pause_for_more
from bridge.telegram.questions.overheard import OverheardLines
from bridge.telegram.reply.reactions import Reactions
from bridge.telegram.updates.addressing import wakes, without_word
from bridge.telegram.updates.events import CallbackPress
from bridge.texts import translate

log = structlog.get_logger(__name__)
MOMENT_SECONDS = 1.0
"""How long a wish to try again waits for an answer that is just ending."""


@dataclass(frozen=True, kw_only=True)
class QuestionOptions:
    """How a deployment takes questions."""

    default: Preferences
    """What counts in chats that have chosen nothing."""
    most_waiting: int
    """How many messages may wait in a chat."""
    stale_seconds: float
    """After so long a group's message is not answered any more."""


class _SettledBefore(Exception):
    """The update was settled before: its turn waits already, and nothing is written."""


class Questions:
    """Takes messages in: each waits for its answer, is kept as context, or is let go."""

    def __init__(
        self,
        notices: NoticeQueue,
        lanes: Lanes,
        limits: UsageLimits,
        reactions: Reactions,
        options: QuestionOptions,
    ) -> None:
        self._notices = notices
        self._store = notices.calls.store
        self._lanes = lanes
        self._limits = limits
        self._reactions = reactions
        self._default = options.default
        self._most_waiting = options.most_waiting
        self._stale_seconds = options.stale_seconds
        self._albums = Albums()
        self.overheard = OverheardLines()

    async def meet(self, chat: ChatKey) -> None:
        """Note that somebody writes or presses a button there: in private, they have not blocked us then."""
        if not chat.private:
            return
        unwritable = self._notices.calls.unwritable
        if chat.thread_id:
            self._notices.calls.topics.seen()
        await unwritable.reopen(chat)
        gone = [one for one in unwritable.topics(chat.chat_id) if not self._lanes.works_for(one)]
        if gone:
            await self._take_over(gone, chat)

    async def _take_over(self, gone: Sequence[ChatKey], chat: ChatKey) -> None:
        """Show here what could not be shown in topics that are gone. Raises StoreTrouble."""
        async with self._store.reading() as tx:
            if await kept.oldest(tx, gone) is None:
                return
        async with self._store.writing(of=chat.chat_id) as tx:
            moved = await kept.move(tx, gone, chat)
        if moved:
            self._lanes.wake(chat)

    async def ask(self, arrived: Arrived, message: Message, chosen: Preferences) -> None:
        """Let the turn wait and settle the update: both or neither. Raises StoreTrouble."""
        if self._stale(message) or self._notices.calls.unwritable.why(message.chat) is not None:
            async with self._store.writing(of=message.chat.chat_id) as tx:
                await inbox.skip(tx, arrived)
            log.info("message skipped", chat=message.chat.chat_id, update=arrived.update_id)
            return
        refusal = self._limits.too_fast(message.chat, message.sender)
        waits = refusal or await self._wait(arrived, self._albums.completed(message), chosen)
        if isinstance(waits, Refusal):
            await self._refuse(arrived, message, waits)
            return
        if waits is None:
            return
        room = self._lanes.wake(message.chat, pause_for_more(message))
        if not waits.taken:
            await self._tell(message, "message.full", _cause(f"full {waits.turn_id}", message))
            await self._done(arrived)
        elif not room:
            cause = _cause(f"crowded {waits.turn_id}", message)
            await self._tell(message, "message.crowded", cause)
        elif waits.behind and not message.chat.private:
            self._reactions.see(message.chat, message.id)

    async def ask_edited(
        self, arrived: Arrived, message: Message, chosen: Preferences, *, heard: bool
    ) -> None:
        """Ask an edited question anew, into its old reply. Raises StoreTrouble.

        A refused edit leaves the answer that is being written alone. What was only `heard` before
        does not speak to us by itself.
        """
        chosen = chosen.over(self._default)
        if heard and _wakes(message, chosen):  # as it would be asked
            message = _woken(message, chosen)
        async with self._store.reading() as tx:
            anew = await queue.anew(tx, message)
            never_asked = not heard and not await queue.knows(tx, message)
        if never_asked:  # it speaks to us only now, as with a mention that was forgotten
            await self.ask(arrived, message, chosen)
            return
        refusal = self._limits.too_fast(message.chat, message.sender) if anew else None
        what, running = queue.Edited.NOTHING, None
        async with self._store.writing(of=message.chat.chat_id) as tx:
            if refusal is None and await queue.anew(tx, message):
                refusal = await self._limits.refuses(tx, message.chat, message.sender)
            if refusal is None and await inbox.settle(tx, arrived):
                what, running = await queue.edit(tx, message, self._most_waiting)
        if refusal is not None:
            await self._refuse(arrived, message, refusal)
            return
        if what is queue.Edited.RUNS:
            self._lanes.stop(message.chat, running, StopReason.EDIT)
        if what is not queue.Edited.NOTHING:
            self._lanes.wake(message.chat)

    async def ask_again(
        self,
        arrived: Arrived,
        key: ChatKey,
        sender: Sender,
        turn_id: int | None = None,
        asker: int | None = None,
    ) -> Refusal | None:
        """Let the last turn of the chat, or of one asker, wait once more.

        Returns why that cannot be. The update is settled together with it: a restart must not ask
        again by itself. Raises StoreTrouble.
        """
        refusal = self._limits.too_fast(key, sender)
        if refusal is not None:
            return refusal
        if not await self._lanes.ended(key, MOMENT_SECONDS) and key.private:
            return Refusal("retry.busy")
        async with self._store.writing(of=key.chat_id) as tx:
            charged = await queue.asker(tx, key, turn_id, asker)
            for one in {sender, charged or sender}:  # whoever tries again, it is the asker's turn
                refusal = await self._limits.refuses(tx, key, one)
                if refusal is not None:
                    return refusal
            waits = await queue.wait_again(tx, key, turn_id, asker)
            if waits:
                await inbox.settle(tx, arrived)
        if not waits:
            return Refusal("retry.nothing")
        self._lanes.wake(key)
        return None

    async def ask_chosen(
        self, arrived: Arrived, press: CallbackPress, data: AskSuggestion, chosen: Preferences
    ) -> str:
        """Ask a question that was offered as a button; the key of what is said in passing.

        That is empty when it is asked: then it is shown, since nothing of the person's own stands
        above the answer. Raises StoreTrouble.
        """
        key = press.chat
        if self._limits.too_fast(key, press.sender) is not None:
            return "button.not_now"
        chosen = chosen.over(self._default)
        async with self._store.writing(of=key.chat_id) as tx:
            question = await suggestions.chosen(tx, key, data.token, data.number)
            if question is not None and await inbox.is_new(tx, arrived):
                if await self._limits.refuses(tx, key, press.sender) is not None:
                    return "button.not_now"
                shown_by = self._notices.name_of(press.cause)
                message = Message(key, press.post_id, press.sender, question, shown_by=shown_by)
                member_id = chosen.conversation_owner(press.sender.id, private=key.private)
                waits = await queue.wait(tx, message, self._most_waiting, member_id=member_id)
                if not waits.taken:
                    return "button.full"
                await inbox.settle(tx, arrived)
                await suggestions.use_up(tx, key, data.token)
        if question is None:
            return "button.old"
        frame = PostContent(Rendered(question, (Entity("blockquote", 0, units(question)),)))
        await self._notices.send(key, frame, press.cause, then=lambda: self._lanes.wake(key))
        return ""

    async def ask_first(self, tx: AsyncConnection, key: ChatKey, language: str) -> FirstAnswers:
        """Let what a person wrote before they are let in wait for its answer, if they may cause a run now.

        It goes before the decision, in the same transaction. Raises StoreTrouble.
        """
        questions = await access.questions_of(tx, key.chat_id, language)
        if not questions:
            return FirstAnswers()
        place = questions[0].chat
        refusal = await self._limits.refuses(tx, place, questions[0].sender)
        if refusal is not None:
            return FirstAnswers(refusal=refusal)
        for one in questions:
            await queue.wait(tx, one)
        await self._notices.sharing.ring(tx, Bell.CHAT, place.chat_id)
        return FirstAnswers(place)

    def wake(self, key: ChatKey) -> None:
        """Have the turns of a chat answered that wait in the store."""
        self._lanes.wake(key)

    async def drop_waiting(self, key: ChatKey, asker: int | None) -> bool:
        """Let nothing of somebody's wait in a chat any more, of anybody's for None; whether it did.

        Raises StoreTrouble.
        """
        async with self._store.writing(of=key.chat_id) as tx:
            dropped = await queue.drop_waiting(tx, key, asker)
        self._reactions.clear(key, dropped)
        return bool(dropped)

    async def _refuse(self, arrived: Arrived, message: Message, refusal: Refusal) -> None:
        """Tell its sender that they may not ask now, and settle it. Raises StoreTrouble."""
        if refusal.key:
            cause = _cause(f"refused {arrived.update_id}", message)
            await self._tell(message, refusal.key, cause, **refusal.values)
        await self._done(arrived)

    async def _wait(
        self, arrived: Arrived, message: Message, chosen: Preferences
    ) -> queue.Waiting | Refusal | None:
        """Let it wait in the store, or say why it may not; None when that was done before."""
        chosen = chosen.over(self._default)
        heard = self.overheard.newest(message.chat, chosen.context or 0)
        try:
            async with self._store.writing(of=message.chat.chat_id) as tx:
                refusal = await self._limits.refuses(tx, message.chat, message.sender)
                if refusal is not None:
                    return refusal
                waits = await queue.wait(
                    tx,
                    message,
                    self._most_waiting,
                    heard=heard,
                    member_id=chosen.conversation_owner(
                        message.sender.id, private=message.chat.private
                    ),
                )
                if waits.taken and not await inbox.settle(tx, arrived):
                    raise _SettledBefore
        except _SettledBefore:
            return None
        if waits.taken:
            self.overheard.told(message.chat)
        return waits

    async def overhear(self, arrived: Arrived, message: Message, chosen: Preferences) -> None:
        """Take a group's message that does not speak to us by itself. Raises StoreTrouble.

        It may belong to what its sender has just asked, or the group wants all of them answered,
        or those that begin with a word; else it is context, if the group wants that.
        """
        if await self.joins(arrived, message):
            return
        chosen = chosen.over(self._default)
        if chosen.answers is Answers.EVERYTHING:
            await self.ask(arrived, message, chosen)
        elif _wakes(message, chosen):
            await self.ask(arrived, _woken(message, chosen), chosen)
        else:
            self._albums.note(message)
            words = message.text or ", ".join(f"({one.name})" for one in message.attachments)
            if chosen.context and words and not self._stale(message):
                self.overheard.note(message.chat, message.sender.name, words, message.sender.id)
            await self._done(arrived)

    async def joins(self, arrived: Arrived, message: Message) -> bool:
        """Return whether it belongs to what its sender has just asked; then it is settled with that.

        Raises StoreTrouble.
        """
        async with self._store.writing(of=message.chat.chat_id) as tx:
            fresh = await inbox.is_new(tx, arrived)
            joined = fresh and await queue.join(tx, message, self._most_waiting)
            if joined:
                await inbox.settle(tx, arrived)
        if joined:
            self._lanes.wake(message.chat, pause_for_more(message))
        return joined

    def _stale(self, message: Message) -> bool:
        """Return whether a group has long gone on since; in private chats every message is answered."""
        written_at = message.written_at
        if message.chat.private or written_at is None:
            return False
        return time.time() - written_at > self._stale_seconds

    async def _tell(self, message: Message, key: str, cause: Cause, **values: str) -> None:
        frame = PostContent(Rendered(translate(message.sender.language, key, **values)))
        await self._notices.send(message.chat, frame, cause)

    async def _done(self, arrived: Arrived) -> None:
        async with self._store.writing(single=True) as tx:
            await inbox.settle(tx, arrived)


def _cause(name: str, message: Message) -> Cause:
    return Cause(name, message.id, message.sender.id)


def _wakes(message: Message, chosen: Preferences) -> bool:
    """Return whether it begins with the word that wakes, where a group has chosen one."""
    return chosen.answers is Answers.WAKE and wakes(message.text, chosen.wake_word or "")


def _woken(message: Message, chosen: Preferences) -> Message:
    return replace(message, text=without_word(message.text, chosen.wake_word or ""))
