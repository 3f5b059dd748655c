"""Send the files of one answer, each once: before a call is made, it is written down that it is."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog
from sqlalchemy import select

from bridge.errors import Happened, TelegramUnreachable
from bridge.model import Turn
from bridge.relay.protocols import ReplyLater
from bridge.store import outbox
from bridge.store.engine import Store
from bridge.store.outbox import Sent
from bridge.store.turns import queue
from bridge.telegram.api.client import BotClient
from bridge.telegram.api.deliver import deliver, postponed
from bridge.telegram.api.errors import ChatClosed, ChatMoved, ContentRejected, PostGone, Result
from bridge.telegram.api.search import look
from bridge.telegram.api.unconfirmed import UnconfirmedSend
from bridge.telegram.files.send import Batch, is_ours, send
from bridge.telegram.pace.budget import Priority

log = structlog.get_logger(__name__)


class FileSender:
    """The calls for the files of one turn's answer."""

    def __init__(self, calls: BotClient, store: Store, turn: Turn) -> None:
        self._calls = calls
        self._store = store
        self._turn = turn
        self._lead = (
            f"turn {turn.id} {turn.correlation_id} files "  # a turn that begins anew has new files
        )
        self._unconfirmed: UnconfirmedSend | None = None
        """Of files whose sending got no answer."""

    async def act(self, action: str) -> None:
        """Show that something is under way."""
        await self._calls.send_action(self._turn.chat, action)

    async def sent(self, captions: Mapping[str, str]) -> set[str]:
        """Return the keys of the files that were sent already; those in doubt are looked for first.

        `captions` are those of the files by their keys. Raises what `post` raises.
        """
        async with self._store.reading() as tx:
            known = await outbox.beginning(tx, self._lead)
        found = set[str]()
        for one in known:
            keys = one.cause.removeprefix(self._lead).split(",")
            if one.message_id or await self._stood(one, captions.get(keys[0], ""), len(keys)):
                found.update(keys)
        return found

    async def _stood(self, begun: Sent, caption: str, count: int) -> bool:
        """Return whether files stand there that an earlier process began to send."""
        self._unconfirmed = UnconfirmedSend(begun.cause, begun.since, begun.since)
        if await self._until_done(begun.cause, lambda: self._stands(caption, count)):
            return True
        await self._not_sent(begun.cause)
        return False

    async def post(self, batch: Batch) -> Sequence[str] | None:
        """Send files; by what Telegram knows them now, or None when it does not take them.

        Returns when they stand, which may be so already. Raises ReplyImpossible, ReplyLater and
        StoreTrouble.
        """
        cause = self._lead + ",".join(one.key for one in batch)
        async with self._store.writing(of=self._turn.chat.chat_id) as tx:
            await outbox.sending(tx, cause, self._turn.chat)
        return await self._until_done(cause, lambda: self._send(batch, cause))

    async def _until_done(self, cause: str, act: Callable[[], Awaitable[Result]]) -> Result | None:
        """Do it until it is done; None when Telegram does not take it."""
        try:
            return await deliver(self._calls.pacer, self._turn.chat.chat_id, act)
        except (ContentRejected, PostGone):
            await self._not_sent(cause)
            return None
        except (ChatClosed, ChatMoved) as error:
            await self._not_sent(cause)
            raise postponed(error) from error
        except ReplyLater:
            await self._not_sent(cause)
            raise

    async def _send(self, batch: Batch, cause: str) -> Sequence[str]:
        """Send files once; those whose sending got no answer are looked for first."""
        if await self._stands(batch[0].caption, len(batch)):
            return ["" for _ in batch]
        key = self._turn.chat
        async with self._calls.pacer.slot(key.chat_id, Priority.FINAL, new=True, count=len(batch)):
            begun = time.time()
            try:
                near = self._turn.parts[-1].message_id or None
                post, file_ids = await send(self._calls, key, batch, await self._reply_to(), near)
            except TelegramUnreachable as trouble:
                if trouble.happened is not Happened.NO:
                    self._unconfirmed = UnconfirmedSend(cause, begun, time.time())
                raise
        await self._note(cause, post)
        return file_ids

    async def _reply_to(self) -> int | None:
        """Return which message the files answer: their question, where another one came after it."""
        async with self._store.reading() as tx:
            question = await queue.shown(tx, self._turn)
            apart = (await tx.execute(select(queue.asked_after(self._turn)))).scalar_one()
        return (question or None) if apart else None

    async def _stands(self, caption: str, count: int) -> bool:
        """Return whether files whose sending got no answer stand there: then that is written down."""
        if self._unconfirmed is None:
            return False
        await asyncio.sleep(self._unconfirmed.wait(time.time()))
        key = self._turn.chat
        after = self._turn.posts[-1] if self._turn.posts else self._turn.parts[-1].message_id
        found = await look(
            self._calls,
            key,
            lambda post: is_ours(self._calls, key, post, caption),
            after,
            self._unconfirmed,
            Priority.FINAL,
        )
        cause, self._unconfirmed = self._unconfirmed.cause, None
        if found.post is None:
            return False
        log.info("unconfirmed files found", turn=self._turn.id)
        await self._note(cause, found.post + count - 1)
        return True

    async def _note(self, cause: str, post: int) -> None:
        async with self._store.writing(of=self._turn.chat.chat_id) as tx:
            await outbox.sent(tx, cause, post)

    async def _not_sent(self, cause: str) -> None:
        """Write down that files certainly do not stand there, unless they may all the same."""
        if self._unconfirmed is None:
            async with self._store.writing(of=self._turn.chat.chat_id) as tx:
                await outbox.not_sent(tx, cause)
