"""Order inside a chat, freedom between chats: a lane answers the turns of one chat, one by one."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field

import structlog

from bridge.errors import Trouble
from bridge.model import ChatKey, State, Turn
from bridge.relay.progress import Progress
from bridge.relay.reply import Halt, Reply, ReplyImpossible
from bridge.relay.turn import Answering
from bridge.store import turns
from bridge.store.engine import Store

log = structlog.get_logger(__name__)
QUIET_SECONDS = 0.25
"""How long a chat must be quiet before its messages are answered together."""
LONGEST_QUIET_SECONDS = 2.0
LAST_WORDS_SECONDS = 4.0
"""How long a shutdown waits for the closing edits of interrupted replies."""

OpenReply = Callable[[Turn], AbstractAsyncContextManager[Reply]]


@dataclass
class _Lane:
    """A chat with something to answer."""

    stirred: asyncio.Event = field(default_factory=asyncio.Event)
    halt: asyncio.Future[Halt] | None = None
    """Ends the answer that is running now."""
    turn_id: int | None = None
    """The turn that is running now."""
    restarts: bool = False
    """Whether the turn that was running begins anew, since its question was edited."""
    stops: bool = False
    """Whether that turn is to be stopped as soon as it begins."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while no answer is running."""
    task: asyncio.Task[None] | None = None


class Lanes:
    """All chats with something to answer; an idle chat costs nothing."""

    def __init__(
        self,
        store: Store,
        answering: Answering,
        open_reply: OpenReply,
        *,
        quiet_seconds: float = QUIET_SECONDS,
    ) -> None:
        self._store = store
        self._answering = answering
        self._open_reply = open_reply
        self._quiet_seconds = quiet_seconds
        self._lanes: dict[ChatKey, _Lane] = {}
        self._closing = False

    def __len__(self) -> int:
        """How many chats have something to answer."""
        return len(self._lanes)

    def wake(self, key: ChatKey, interrupted: Turn | None = None) -> None:
        """See what waits in the chat; `interrupted` is a turn to finish before that."""
        if self._closing:
            return  # it waits in the store for the next start
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane()
            lane.task = asyncio.create_task(
                self._work(key, lane, interrupted), name=f"lane {key.chat_id}/{key.thread_id}"
            )
        lane.stirred.set()

    def stop(self, key: ChatKey, turn_id: int | None = None, why: Halt = Halt.STOP) -> bool:
        """End the answer that is running in the chat; False when none is, or another turn's."""
        lane = self._lanes.get(key)
        if lane is not None and lane.restarts and why is Halt.STOP:
            lane.stops = True
            return True
        if lane is None or lane.halt is None or lane.halt.done():
            return False
        if turn_id is not None and turn_id != lane.turn_id:
            return False
        lane.restarts = why is Halt.EDIT
        lane.halt.set_result(why)
        return True

    async def ended(self, key: ChatKey, seconds: float) -> bool:
        """Whether no answer is running in the chat, now or within some seconds.

        A final text stands before its turn is written down as settled.
        """
        lane = self._lanes.get(key)
        if lane is None or lane.halt is None:
            return True
        try:
            async with asyncio.timeout(seconds):
                await lane.ended.wait()
        except TimeoutError:
            return False
        return True

    async def close(self, grace_seconds: float) -> None:
        """Begin nothing new, let running answers end for a while, then break them off.

        What is broken off says so in its reply, and goes on at the next start.
        """
        self._closing = True
        for lane in self._lanes.values():
            lane.stirred.set()
        tasks = [lane.task for lane in self._lanes.values() if lane.task]
        if not tasks:
            return
        await asyncio.wait(tasks, timeout=grace_seconds)
        for lane in self._lanes.values():
            if lane.halt is not None and not lane.halt.done():
                lane.halt.set_result(Halt.SHUTDOWN)
        _, left = await asyncio.wait(tasks, timeout=LAST_WORDS_SECONDS)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _work(self, key: ChatKey, lane: _Lane, interrupted: Turn | None) -> None:
        try:
            turn = interrupted
            while True:
                if turn is not None:
                    await self._answer(lane, turn)
                if self._closing:
                    break
                lane.stirred.clear()
                turn = await self._next(key, lane)
                if turn is None and not lane.stirred.is_set():
                    break
        except Trouble as trouble:  # the turn stays open in the store, for the next start
            log.error("lane ended", chat=key.chat_id, trouble=str(trouble))
        finally:
            del self._lanes[key]

    async def _next(self, key: ChatKey, lane: _Lane) -> Turn | None:
        """The chat's waiting turn, once the chat is quiet."""
        await self._quiet(lane)
        if self._closing:
            return None
        async with self._store.writing() as tx:
            # A turn that runs without a lane was left by a trouble: it is finished first.
            return await turns.running_or_claimed(tx, key)

    async def _quiet(self, lane: _Lane) -> None:
        """Wait for a pause in the messages, so that a burst becomes one question."""
        loop = asyncio.get_running_loop()
        latest = loop.time() + LONGEST_QUIET_SECONDS
        while not self._closing and loop.time() < latest:
            lane.stirred.clear()
            try:
                async with asyncio.timeout(self._quiet_seconds):
                    await lane.stirred.wait()
            except TimeoutError:
                return

    async def _answer(self, lane: _Lane, turn: Turn) -> None:
        lane.halt = asyncio.get_running_loop().create_future()
        lane.turn_id = turn.id
        lane.ended.clear()
        if self._closing:
            lane.halt.set_result(Halt.SHUTDOWN)
        elif lane.stops:
            lane.halt.set_result(Halt.STOP)
        lane.restarts = lane.stops = False
        try:
            async with self._open_reply(turn) as reply:
                try:
                    await self._answering.answer(turn, reply, lane.halt)
                except Trouble:
                    raise
                except Exception:  # the edge of the lane: one turn's defect must not end a chat
                    log.exception("turn broke", turn=turn.id)
                    await self._apologise(turn, reply)
        finally:
            lane.halt = lane.turn_id = None
            lane.ended.set()

    async def _apologise(self, turn: Turn, reply: Reply) -> None:
        """End a turn that broke by a defect of ours with a sentence, if anybody can read it."""
        with suppress(ReplyImpossible):
            await reply.finish(Progress().broken_off("trouble.inside"))
        async with self._store.writing() as tx:
            await turns.settle(tx, turn.id, State.FAILED)
