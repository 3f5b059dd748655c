"""Send the files of one answer, each once: before a call is made, it is written down that it is."""

import asyncio
import time
from collections.abc import Sequence

import structlog

from bridge.errors import Happened, TelegramUnreachable
from bridge.model import Turn
from bridge.relay.reply import ReplyImpossible, ReplyLater
from bridge.store import outbox
from bridge.store.engine import Store
from bridge.telegram.budget import Priority
from bridge.telegram.calls import Calls
from bridge.telegram.doubt import Doubt
from bridge.telegram.outcomes import ChatClosed, ChatMoved, Dropped, PostGone, Refused, pauses
from bridge.telegram.outgoing import Batch, is_ours, send
from bridge.telegram.posts import LATER_SECONDS, MOVING_SECONDS, PATIENT_SECONDS, SHUT_SECONDS

log = structlog.get_logger(__name__)


class Posting:
    """The calls for the files of one turn's answer."""

    def __init__(self, calls: Calls, store: Store, turn: Turn) -> None:
        self._calls = calls
        self._store = store
        self._turn = turn
        self._lead = f"turn {turn.id} files "

    async def act(self, action: str) -> None:
        """Show that something is under way."""
        await self._calls.act(self._turn.chat, action)

    async def sent(self) -> set[str]:
        """The keys of the files that were sent already. Raises StoreTrouble."""
        async with self._store.reading() as tx:
            known = await outbox.beginning(tx, self._lead)
        return {
            key
            for one in known
            if one.message_id
            for key in one.cause.removeprefix(self._lead).split(",")
        }

    async def post(self, batch: Batch) -> Sequence[str] | None:
        """Send files; by what Telegram knows them now, or None when it does not take them.

        Returns when they stand, which may be so already. Raises ReplyImpossible, ReplyLater and
        StoreTrouble.
        """
        cause = self._lead + ",".join(one.key for one in batch)
        async with self._store.writing() as tx:
            earlier = await outbox.of(tx, cause)
            if earlier is None:
                await outbox.sending(tx, cause, self._turn.chat.chat_id)
        doubt = Doubt(cause, earlier.since, earlier.since) if earlier else None
        try:
            return await self._insist(batch, cause, doubt)
        except (Refused, PostGone):
            await self._not_sent(cause)
            return None
        except ChatClosed as error:
            await self._not_sent(cause)
            raise (ReplyLater(SHUT_SECONDS) if error.passes else ReplyImpossible()) from error
        except ChatMoved as error:
            await self._not_sent(cause)
            raise ReplyLater(MOVING_SECONDS) from error

    async def _insist(self, batch: Batch, cause: str, doubt: Doubt | None) -> Sequence[str]:
        key, loop = self._turn.chat, asyncio.get_running_loop()
        since = loop.time()
        for pause in pauses():
            begun = time.time()
            try:
                if doubt is not None and await self._stands(batch, doubt):
                    return ["" for _ in batch]
                doubt = None
                async with self._calls.pacer.slot(
                    key.chat_id, Priority.FINAL, new=True, count=len(batch)
                ):
                    begun = time.time()
                    post, file_ids = await send(self._calls, key, batch)
                await self._note(cause, post)
                return file_ids
            except Dropped:
                silence = self._calls.pacer.silence(key.chat_id)
                if silence > PATIENT_SECONDS:
                    await self._not_sent(cause)
                    raise ReplyLater(silence) from None
                await asyncio.sleep(min(1.0, silence))
            except TelegramUnreachable as trouble:
                log.warning("a file waits", turn=self._turn.id, trouble=str(trouble))
                if trouble.happened is not Happened.NO:
                    doubt = doubt or Doubt(cause, begun, time.time())
                if loop.time() - since > PATIENT_SECONDS:
                    raise ReplyLater(LATER_SECONDS) from trouble
                await asyncio.sleep(pause)
        raise AssertionError("the pauses have no end")

    async def _stands(self, batch: Batch, doubt: Doubt) -> bool:
        """Whether files whose sending got no answer stand there: then that is written down."""
        await asyncio.sleep(doubt.wait(time.time()))
        key = self._turn.chat
        after = self._turn.posts[-1] if self._turn.posts else self._turn.parts[-1].message_id
        found = await self._calls.look(
            key,
            lambda post: is_ours(self._calls, key, post, batch),
            after,
            doubt,
            Priority.FINAL,
        )
        if found is None or found.post is None:
            return False
        log.info("files were there", turn=self._turn.id)
        await self._note(doubt.cause, found.post + len(batch) - 1)
        return True

    async def _note(self, cause: str, post: int) -> None:
        async with self._store.writing() as tx:
            await outbox.sent(tx, cause, post)

    async def _not_sent(self, cause: str) -> None:
        async with self._store.writing() as tx:
            await outbox.not_sent(tx, cause)
