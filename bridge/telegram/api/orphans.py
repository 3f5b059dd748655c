"""Look for copies of posts whose sending got no answer, and delete them.

Bots hear nothing of their own messages, and nothing names a call so that Telegram would know it
again. But the ids of a chat's messages only grow, and only our own messages can be edited: what
takes an edit near the post that was sent instead, and is no message that we know, is the copy. A
look is an edit of the buttons, which changes no words, at the lowest priority; a few are made.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import groupby

import structlog

from bridge.errors import StoreTrouble, TelegramUnreachable
from bridge.store import orphans, outbox
from bridge.store.orphans import Orphan
from bridge.store.outbox import Sent
from bridge.telegram.api.cancelling import break_off
from bridge.telegram.api.client import BotClient
from bridge.telegram.api.errors import ChatClosed, ChatMoved, FloodWait
from bridge.telegram.api.notices import NoticeQueue
from bridge.telegram.api.unconfirmed import AMBIGUOUS_SECONDS, MOST_LOOKS
from bridge.telegram.pace.budget import Priority
from bridge.telegram.post import Cause, PostContent, Rendered
from bridge.texts import translate

log = structlog.get_logger(__name__)
LATE_LOOKS = 2
"""Ids behind the new post that are looked at: Telegram may have been busy with the old one for longer."""
AGAIN_SECONDS = 5.0
"""How long a search waits for another sending of the chat whose outcome is not known yet."""
NEVER_SECONDS = 600.0
"""After so long without a post in its place, none will come."""


def nearby(orphan: Orphan, known: Sequence[Sent]) -> list[int]:
    """Return the ids that a copy may have, the likeliest first. Pure."""
    ours = {one.message_id for one in known if one.message_id}
    if orphan.before_id is None:
        after = max([orphan.after_id, *ours])
        return [*range(after + 1, after + 1 + MOST_LOOKS)]
    after = orphan.after_id or orphan.before_id - MOST_LOOKS
    above = [one for one in range(after + 1, orphan.before_id) if one not in ours]
    late = range(orphan.before_id + 1, orphan.before_id + 1 + LATE_LOOKS)
    turns = [one for pair in zip(reversed(above), above, strict=True) for one in pair]
    return [*dict.fromkeys(turns), *(one for one in late if one not in ours)]


def _time_of(orphan: Orphan) -> float:
    """Return when a copy is to be looked for, on the loop's clock, which nobody sets back."""
    patience = NEVER_SECONDS if orphan.before_id is None else AMBIGUOUS_SECONDS
    left = max(0.0, orphan.heard_at + patience - time.time())
    return asyncio.get_running_loop().time() + min(patience, left)


def _chat_of(orphan: Orphan) -> int:
    return orphan.chat.chat_id


class OrphanSearch:
    """Looks for orphans while there are any."""

    def __init__(
        self,
        calls: BotClient,
        notices: NoticeQueue,
        owns: Callable[[int], bool] = lambda chat: True,
    ) -> None:
        """It looks for those of chats that this process `owns`."""
        self._calls = calls
        self._notices = notices
        self._owns = owns
        self._times: dict[Orphan, float] = {}
        """When each one is to be looked for, on the loop's clock."""
        self._searching: dict[int, asyncio.Task[None]] = {}
        """The chats in which a search goes on."""

    async def run(self) -> None:
        """Look for them when their time comes, in each chat by itself; for ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                pause: float | None = None
                try:
                    pause = await self._begin_due(group)
                except StoreTrouble as trouble:
                    log.warning("copies not looked for", trouble=str(trouble))
                    pause = AGAIN_SECONDS
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._calls.orphaned.wait()
                self._calls.orphaned.clear()

    async def _begin_due(self, group: asyncio.TaskGroup) -> float | None:
        """Begin to look for those that are due; returns seconds until the next ones are."""
        async with self._calls.store.reading() as tx:
            waiting = await orphans.waiting(tx)
        now = asyncio.get_running_loop().time()
        waiting = [one for one in waiting if self._owns(_chat_of(one))]
        self._times = {one: self._times.get(one) or _time_of(one) for one in waiting}
        due = [one for one, at in self._times.items() if at <= now]
        for chat_id, those in groupby(sorted(due, key=_chat_of), _chat_of):
            if chat_id not in self._searching:
                searching = self._search_chat(chat_id, list(those))
                self._searching[chat_id] = group.create_task(searching, name="copies of posts")
        return min((at - now for at in self._times.values() if at > now), default=None)

    async def _search_chat(self, chat_id: int, due: Sequence[Orphan]) -> None:
        """Look for those of one chat, one after the other."""
        try:
            for one in due:
                try:
                    done = await self._search(one)
                except StoreTrouble as trouble:
                    log.warning("copies not looked for", trouble=str(trouble))
                    done = False
                if not done:
                    self._times[one] = asyncio.get_running_loop().time() + AGAIN_SECONDS
        finally:
            self._searching.pop(chat_id, None)
            self._calls.orphaned.set()

    def chats(self) -> set[int]:
        """Return the ids of chats in which a search goes on."""
        return {*self._searching}

    async def drop_chats(self, dropped: Callable[[int], bool]) -> None:
        """Break off the searches in chats that are `dropped`; they stay in the store."""
        gone = [chat_id for chat_id in self._searching if dropped(chat_id)]
        # A task that has not even begun clears nothing away itself.
        await break_off([self._searching.pop(chat_id) for chat_id in gone])

    async def _search(self, orphan: Orphan) -> bool:
        """Look for the copies of a post; False when that is to be tried again."""
        try:
            left = await self._delete_copies(orphan)
        except (FloodWait, TelegramUnreachable):
            return False
        except (ChatClosed, ChatMoved):
            left = 0
        if left is None:
            return False
        log.info("looked for copies of a post", chat=orphan.chat.chat_id, left=left)
        if left:
            content = Rendered(translate(orphan.language, "reply.copied"))
            cause = Cause(f"copy of {orphan.cause}", 0)
            await self._notices.send(orphan.chat, PostContent(content), cause)
        async with self._calls.store.writing(of=orphan.chat.chat_id) as tx:
            await orphans.forget(tx, orphan.cause)
        return True

    async def _delete_copies(self, orphan: Orphan) -> int | None:
        """Delete the copies; returns how many may be left, None while that cannot be told."""
        calls, key = self._calls, orphan.chat
        looked: set[int] = set()
        found = 0
        while found < orphan.copies:
            if calls.pacer.silence(key.chat_id):
                raise FloodWait
            async with calls.pacer.slot(key.chat_id, Priority.STRANGER) as slot:
                known = await self._known(orphan)
                left = [] if known is None else nearby(orphan, known)
                left = [one for one in left if one not in looked]
                if not left or len(looked) == MOST_LOOKS:
                    slot.skip()
                    if known is None:
                        return None
                    return orphan.copies - found if left else 0
                looked.add(left[0])
                ours = await calls.is_ours(key, left[0])
            if ours:
                async with calls.pacer.slot(key.chat_id, Priority.STRANGER) as slot:
                    known = await self._known(orphan)  # it may have become known meanwhile
                    if known is None or any(one.message_id == left[0] for one in known):
                        slot.skip()
                        return None
                    await calls.delete(key, left[0])
                found += 1
        return 0

    async def _known(self, orphan: Orphan) -> Sequence[Sent] | None:
        """Return what is known of the chat; None while another message of ours is on its way."""
        async with self._calls.store.reading() as tx:
            known = await outbox.known(tx, orphan.chat.chat_id)
        since = time.time() - NEVER_SECONDS
        pending = any(one.message_id is None and one.since > since for one in known)
        return None if pending else known
