"""Order inside a chat, freedom between chats: a lane answers the turns of one chat, one by one."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

import structlog

from bridge.errors import LeaseLost, StoreTrouble, Trouble
from bridge.model import ChatKey, Outcome, State, Turn
from bridge.relay.progress import Progress
from bridge.relay.protocols import Reply, ReplyLater, StopReason
from bridge.relay.taken_turns import TakenTurns
from bridge.relay.turn import Answering
from bridge.store.engine import Store
from bridge.store.turns import lifecycle

log = structlog.get_logger(__name__)
QUIET_SECONDS = 0.25
"""How long a chat must be quiet before its messages are answered together."""
LONGEST_QUIET_SECONDS = 2.0
LONGEST_QUIETS = 6
"""So many longer pauses a chat may need in all, such as a paste that was cut into many pieces."""
MOST_LANES = 500
"""How many chats are answered at once; others wait in the store."""
AFTER_TROUBLE_SECONDS = 5.0
"""How long a chat whose turn could not be written down is left alone."""
AFTER_DEFECT_SECONDS = 60.0
LAST_WORDS_SECONDS = 3.5
"""How long a shutdown waits for the closing edits of interrupted replies."""

OpenReply = Callable[[Turn], AbstractAsyncContextManager[Reply]]


@dataclass
class _Lane:
    """A chat with something to answer."""

    wakeup: asyncio.Event = field(default_factory=asyncio.Event)
    more: bool = True
    """Whether something may wait in the store since it was looked at."""
    quiet_seconds: float = 0.0
    """How long it must be quiet at least before the next turn begins."""
    halt: asyncio.Future[StopReason] | None = None
    """Ends the answer that is running now."""
    turn_id: int | None = None
    """The turn that is running now, or ran last."""
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
        most: int = MOST_LANES,
        owns: Callable[[int], bool] = lambda chat_id: True,
    ) -> None:
        """`owns` says of a chat's id whether it is this process's: no lane works for another's."""
        self._store = store
        self._answering = answering
        self._open_reply = open_reply
        self._quiet_seconds = quiet_seconds
        self._most = most
        self._owns = owns
        self._lanes: dict[ChatKey, _Lane] = {}
        self._later: dict[ChatKey, asyncio.TimerHandle] = {}
        """Chats with something that has to wait."""
        self._making: asyncio.Task[None] | None = None
        self._crowded = False
        """Whether more chats wait in the store than were woken."""
        self._taken = TakenTurns(store, 2 * most)
        self._closing = False

    def __len__(self) -> int:
        """How many chats have something to answer."""
        return len(self._lanes)

    def wake(self, key: ChatKey, quiet_seconds: float = 0.0) -> bool:
        """See what is open in the chat: a turn that an earlier process left, or one that waits.

        `quiet_seconds` is a longer pause than the usual one that its messages need. False when too
        many chats are being answered: it waits in the store until one of them ends.
        """
        if self._closing or not self._owns(key.chat_id):
            return True  # it waits in the store, for the next start or its own process
        lane = self._lanes.get(key)
        if lane is None:
            if len(self._lanes) >= self._most:
                self._crowded = True
                return False
            lane = self._lanes[key] = _Lane()
            lane.task = asyncio.create_task(
                self._work(key, lane), name=f"lane {key.chat_id}/{key.thread_id}"
            )
        lane.quiet_seconds = max(lane.quiet_seconds, quiet_seconds)
        lane.more = True
        lane.wakeup.set()
        return True

    @property
    def retrying(self) -> Collection[int]:
        """Turns whose question did not reach Coze so far, and is tried again."""
        return self._answering.retrying

    def works_for(self, key: ChatKey) -> bool:
        """Return whether something is being answered in the chat at this moment."""
        return key in self._lanes

    def wake_later(self, key: ChatKey, seconds: float) -> None:
        """See again after some time what is open in the chat."""
        if self._closing or key in self._later:
            return

        def now() -> None:
            del self._later[key]
            self.wake(key)

        self._later[key] = asyncio.get_running_loop().call_later(seconds, now)

    def retry_now(self) -> None:
        """See now to the chats that wait to be tried again: what kept them waiting is over."""
        later, self._later = self._later, {}
        for key, timer in later.items():
            timer.cancel()
            self.wake(key)
        if self._crowded:
            self._make_room_soon(0.0)

    async def resume_open(self) -> None:
        """Take up what is open in the store, as far as there is room. Raises StoreTrouble."""
        async with self._store.reading() as tx:
            keys = await lifecycle.open_chats(tx)
        self._crowded = False
        for key in keys:
            waits = key in self._lanes or key in self._later
            if not waits and not self.wake(key):
                break

    def chats(self) -> set[int]:
        """Return the ids of chats in which something is answered, or waits for its time."""
        return {key.chat_id for key in (*self._lanes, *self._later)}

    def stop(
        self, key: ChatKey, turn_id: int | None = None, why: StopReason = StopReason.STOP
    ) -> bool:
        """End the answer that is running in the chat; False when none is, or another turn's."""
        lane = self._lanes.get(key)
        if lane is None or turn_id not in (None, lane.turn_id):
            return False
        if lane.restarts and why is StopReason.STOP:
            lane.stops = True
            return True
        if lane.halt is None or lane.halt.done():
            return False
        lane.restarts = why is StopReason.EDIT
        lane.halt.set_result(why)
        return True

    async def ended(self, key: ChatKey, seconds: float) -> bool:
        """Return whether no answer is running in the chat, now or within some seconds.

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

    async def drop(self, chat_id: int) -> None:
        """Break off all that runs in a group and its topics; it stays open in the store."""
        await self.drop_chats(lambda each: each == chat_id)

    async def drop_chats(self, dropped: Callable[[int], bool]) -> None:
        """Break off all that runs in chats that are `dropped`; it stays open in the store."""
        for key in [key for key in self._later if dropped(key.chat_id)]:
            self._later.pop(key).cancel()
        here = {key: lane for key, lane in self._lanes.items() if dropped(key.chat_id)}
        tasks = [lane.task for lane in here.values() if lane.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=LAST_WORDS_SECONDS)
        for key, lane in here.items():
            if self._lanes.get(key) is lane:  # it had not even begun, and so cleared nothing away
                del self._lanes[key]

    async def close(self, grace_seconds: float) -> None:
        """Begin nothing new, let running answers end for a while, then break them off.

        What is broken off says so in its reply, and goes on at the next start.
        """
        self._closing = True
        for timer in self._later.values():
            timer.cancel()
        if self._making is not None:
            self._making.cancel()
            await asyncio.gather(self._making, return_exceptions=True)
        for lane in self._lanes.values():
            lane.wakeup.set()
        tasks = [lane.task for lane in self._lanes.values() if lane.task]
        if not tasks:
            return
        await asyncio.wait(tasks, timeout=grace_seconds)
        for lane in self._lanes.values():
            if lane.halt is not None and not lane.halt.done():
                lane.halt.set_result(StopReason.SHUTDOWN)
        _, left = await asyncio.wait(tasks, timeout=LAST_WORDS_SECONDS)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=LAST_WORDS_SECONDS)
        await self._taken.put_down()

    async def _work(self, key: ChatKey, lane: _Lane) -> None:
        try:
            while not self._closing:
                lane.wakeup.clear()
                turn = await self._next(key, lane)
                if turn is not None:
                    async with self._taken.begun(turn) as begun:
                        settled = await self._answer(lane, begun)
                    if settled and not lane.more:  # all that comes wakes the lane
                        break
                elif not lane.wakeup.is_set():
                    break
        except ReplyLater as wait:
            log.warning("final reply deferred", chat=key.chat_id, seconds=wait.seconds)
            self.wake_later(key, wait.seconds)
        except LeaseLost as lost:
            log.info("chat left to another process", chat=key.chat_id, why=lost.what)
        except Trouble as trouble:  # the turn stays open in the store
            log.error("chat worker ended", chat=key.chat_id, trouble=str(trouble))
            self.wake_later(key, AFTER_TROUBLE_SECONDS)
        except Exception:  # the edge of the lane, such as a turn that cannot be read
            log.exception("unhandled error in chat worker", chat=key.chat_id)
            self.wake_later(key, AFTER_DEFECT_SECONDS)
        finally:
            if self._lanes.get(key) is lane:
                del self._lanes[key]
            if self._crowded:
                self._make_room_soon(0.0)

    def _make_room_soon(self, seconds: float) -> None:
        """Let chats that waited in the store take the place of one that is done."""
        if self._making is None and not self._closing:
            self._making = asyncio.create_task(self._make_room(seconds), name="room for chats")

    async def _make_room(self, seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
            await self.resume_open()
        except StoreTrouble as trouble:
            log.error("resuming open chats failed", trouble=str(trouble))
            self._crowded = True
            seconds = AFTER_TROUBLE_SECONDS
        finally:
            self._making = None
        if self._crowded and len(self._lanes) < self._most:
            self._make_room_soon(seconds)

    async def _next(self, key: ChatKey, lane: _Lane) -> Turn | None:
        """Return the turn that a trouble or an earlier process left; else the one that waits."""
        await self._quiet(lane)
        if self._closing:
            return None
        lane.more = False
        async with self._store.writing(of=key.chat_id) as tx:
            found = await lifecycle.next_of(tx, key)
            turn = found.turn
            if turn is not None:
                if found.taken is None:
                    self._taken.claimed(turn)
                else:
                    await self._taken.resumed(tx, turn, found.taken)
                turn = await self._answering.claim(tx, turn, found)
        lane.more = lane.more or found.more
        if turn is not None and (turn.asked or turn.final):
            log.info("resuming turn", turn=turn.id, run=turn.run_id)
        return turn

    async def _quiet(self, lane: _Lane) -> None:
        """Wait for a pause in the messages, so that a burst becomes one question."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while not self._closing:
            longest = max(LONGEST_QUIET_SECONDS, LONGEST_QUIETS * lane.quiet_seconds)
            if loop.time() >= begun + longest:
                break
            lane.wakeup.clear()
            try:
                async with asyncio.timeout(max(self._quiet_seconds, lane.quiet_seconds)):
                    await lane.wakeup.wait()
            except TimeoutError:
                break
        lane.quiet_seconds = 0.0

    async def _answer(self, lane: _Lane, turn: Turn) -> bool:
        """Answer a turn; returns whether it is settled."""
        lane.halt = asyncio.get_running_loop().create_future()
        lane.turn_id = turn.id
        lane.ended.clear()
        if self._closing:
            lane.halt.set_result(StopReason.SHUTDOWN)
        elif lane.stops:
            lane.halt.set_result(StopReason.STOP)
        lane.restarts = lane.stops = False
        try:
            async with self._open_reply(turn) as reply:
                try:
                    return await self._answering.answer(turn, reply, lane.halt)
                except (Trouble, ReplyLater):
                    raise
                except Exception:  # the edge of the lane: one turn's defect must not end a chat
                    log.exception("unhandled error in a turn", turn=turn.id)
                    return await self._apologise(turn, reply)
        finally:
            lane.halt = None
            lane.ended.set()

    async def _apologise(self, turn: Turn, reply: Reply) -> bool:
        """End a turn that broke by a defect of ours with a sentence, if anybody can read it."""
        reply_state = Progress().broken_off("trouble.inside")
        end = Outcome(State.FAILED, reply_state, run_may_continue=turn.asked)
        return await self._answering.conclude(turn, end, reply)
