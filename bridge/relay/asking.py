"""Ask the turn's question: once, in a conversation where no other run is going."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.coze.events import Event, Run
from bridge.coze.runs import RunRequest
from bridge.errors import Happened, Retry
from bridge.errors.coze import (
    BadRequest,
    Busy,
    ConversationLost,
    CozeTrouble,
    NeverAsked,
    NotTaken,
    Paused,
    ServerTrouble,
    Unreachable,
)
from bridge.model import ChatKey, CozeIdentity, Turn
from bridge.relay.agents import Agents, OfferedAgent, gone
from bridge.relay.facts import Whom, facts_of
from bridge.relay.prompt import prompt_of, title_of
from bridge.relay.run_in_progress import RunInProgress
from bridge.store import chats
from bridge.store.coze import conversations
from bridge.store.engine import Store
from bridge.store.operators import agents
from bridge.store.turns import lifecycle
from bridge.store.turns.lifecycle import NextTurn

log = structlog.get_logger(__name__)
MOST_TOLD = 10_000


class Asking:
    """Asks turns, each the agent of its chat."""

    def __init__(self, store: Store, agents: Agents, *, titles: bool) -> None:
        self._store = store
        self._titles = titles
        """Whether a conversation is called by its first question."""
        self._agents = agents
        self._ready: dict[int, tuple[Turn, OfferedAgent, Whom]] = {}
        """Turns that are written down as asked, their agent, and who asks at Coze."""
        self.retrying: set[int] = set()
        """Turns whose question did not reach Coze so far, and is tried again."""
        self._told_gone: OrderedDict[ChatKey, str | None] = OrderedDict()
        """Chats that were told that the agent which they had chosen is not offered."""

    async def events(self, run: RunInProgress) -> AsyncGenerator[Event, None]:
        """Yield the events of the turn's run: asked once, or rejoined if it was asked before.

        A question that certainly did not reach Coze is asked again, after growing pauses. Raises
        the CozeTrouble that no pause cures.
        """
        try:
            async with aclosing(self._attempts(run)) as events:
                async for event in events:
                    self.retrying.discard(run.turn.id)
                    yield event
        finally:
            self.retrying.discard(run.turn.id)

    async def _attempts(self, run: RunInProgress) -> AsyncGenerator[Event, None]:
        patience = RetryPolicy()
        while True:
            try:
                async with aclosing(await self._attempt(run)) as events:
                    async for event in events:
                        yield event
                return
            except CozeTrouble as raised:
                trouble = raised.without(prompt_of(run.turn))
                pause = patience.pause(trouble)
                if trouble.happened is not Happened.NO or run.turn.run_id is not None:
                    raise trouble from raised.__cause__
                if isinstance(trouble, BadRequest) and await self._forget_uploads(run):
                    pause = 0.0
                if isinstance(trouble, Busy) and pause is None and not run.renewed:
                    run.stayed_busy()
                    pause = 0.0
                if pause is None:
                    raise trouble from raised.__cause__
                await self._forget_asking(run, trouble)
                if isinstance(trouble, Unreachable):
                    run.say("status.unreachable")
                self.retrying.add(run.turn.id)
                log.info("retrying", turn=run.turn.id, trouble=str(trouble), pause=pause)
                await asyncio.sleep(pause)
                if run.stopping:
                    return

    async def _attempt(self, run: RunInProgress) -> AsyncGenerator[Event, None]:
        if run.turn.asked:
            if await self._moved(run.turn, run.agent):
                run.put_to(gone(run.agent.key))
            return run.agent.client.rejoin(run.question(), run.turn.run_id)
        question = await self._question(run)
        self._store.check_lease()
        return run.agent.client.ask(question)

    async def _moved(self, turn: Turn, agent: OfferedAgent) -> bool:
        """Return whether the agent is another one than the turn was put to, under the same name."""
        async with self._store.reading() as tx:
            chat = await chats.known(tx, turn.chat, turn.member_id)
        if chat is None or chat.conversation_id != turn.conversation_id:
            return False  # the chat went on meanwhile, and nothing tells
        return chat.home is not None and chat.home != agent.home

    async def claim(self, tx: AsyncConnection, turn: Turn, found: NextTurn) -> Turn:
        """Claim a turn, and write down with that that its question goes out, if nothing is missing for it."""
        self._ready.pop(turn.id, None)
        if turn.asked or turn.final or turn.edited or turn.stopping or turn.attachments:
            return await lifecycle.claimed(tx, turn)
        agent, chat = await self._agent(tx, turn), found.chat
        if chat is None or turn.member_id:
            chat = await chats.chat(tx, turn.chat, turn.member_id)
        where = chat.conversation_id
        busy = any(one.conversation_id == where for one in found.lingering)
        if not where or chat.home != agent.home or busy:
            return await lifecycle.claimed(tx, turn)
        asked = await lifecycle.asking(tx, turn, where, agent.key)
        self._ready[turn.id] = (asked, agent, await self._whom(tx, chat, turn, agent))
        return replace(turn, state=asked.state)

    async def _question(self, run: RunInProgress) -> RunRequest:
        """Return the question for Coze, written down as asked."""
        known = self._ready.pop(run.turn.id, None)
        if known is not None:
            self._asked(run, known[0], known[1])
            return run.question(known[2])
        while True:
            left: Sequence[Turn] = ()
            async with self._store.writing(of=run.turn.chat.chat_id) as tx:
                agent = await self._agent(tx, run.turn)
                chat = await chats.chat(tx, run.turn.chat, run.turn.member_id)
                ready = run.ready_for(agent)
                if ready and chat.conversation_id and chat.home == agent.home:
                    left = await lifecycle.lingering(tx, chat.key, chat.conversation_id)
                    if not left:
                        where = chat.conversation_id
                        turn = await lifecycle.asking(tx, run.turn, where, agent.key)
                        whom = await self._whom(tx, chat, turn, agent)
                        break
            run.put_to(agent)
            if not ready and agent.attachments is not None:
                say = partial(run.say, "status.files")
                run.prepared(await agent.attachments.carry(run.turn, say), agent)
            elif left:
                await self._end_lingering_runs(run, left)
            else:
                await self._take_conversation(chat, agent, run.turn)
        self._asked(run, turn, agent)
        return run.question(whom)

    async def _whom(
        self, tx: AsyncConnection, chat: CozeIdentity, turn: Turn, agent: OfferedAgent
    ) -> Whom:
        """Return who asks, with what the agent may be told of them."""
        if not agent.told_facts:
            return Whom(chat.user_id)
        about = await chats.about(tx, turn.chat)
        found = facts_of(turn, about)
        return Whom(chat.user_id, {name: found[name] for name in agent.told_facts})

    async def _agent(self, tx: AsyncConnection, turn: Turn) -> OfferedAgent:
        """Return the agent that the chat has chosen, while it is offered."""
        key = await agents.counting(tx, turn.preferences.agent, self._agents.declared)
        return self._agents.of(key)

    def _asked(self, run: RunInProgress, turn: Turn, agent: OfferedAgent) -> None:
        """It is written down that the question goes out; once, that it is not to the chosen agent.

        The choice stays: another process, or a file that is put right, may offer that agent again.
        """
        run.asked(turn, agent)
        if turn.preferences.agent in (None, agent.key):
            self._told_gone.pop(turn.chat, None)
        elif self._told_gone.get(turn.chat) != turn.preferences.agent:
            run.note("reply.agent_gone")
            self._told_gone[turn.chat] = turn.preferences.agent
            if len(self._told_gone) > MOST_TOLD:
                self._told_gone.popitem(last=False)

    async def _forget_uploads(self, run: RunInProgress) -> bool:
        """Return whether uploads of before were used: then they may be what Coze refuses, and go anew."""
        carrying = run.agent.attachments
        if carrying is None or run.attachments is None or not run.attachments.known:
            return False
        await carrying.forget(run.attachments)
        run.attachments_refused()
        return True

    async def _end_lingering_runs(self, run: RunInProgress, left: Sequence[Turn]) -> None:
        """Have runs of earlier turns ended, or leave them alone in their conversation."""
        ended = [await self._ended(turn) for turn in left]
        async with self._store.writing(of=run.turn.chat.chat_id) as tx:
            for turn in left:
                await lifecycle.mark_run_over(tx, turn.id)
            if not all(ended):
                await chats.clear_conversation(tx, run.turn.chat, run.turn.member_id)
                run.conversation_renewed()

    async def _ended(self, turn: Turn) -> bool:
        """Return whether the run of a settled turn is over, for all that matters."""
        agent = self._agents.of(turn.agent)
        place, text = turn.conversation_id or "", prompt_of(turn)
        question = RunRequest(
            agent_id=agent.home.agent_id,
            user_id="",
            conversation_id=place,
            text=text,
            correlation_id=turn.correlation_id,
        )
        return await agent.client.end_run(question, turn.run_id)

    async def _take_conversation(self, chat: CozeIdentity, agent: OfferedAgent, turn: Turn) -> None:
        """A new conversation for a chat that has none, or has it somewhere else."""
        try:
            made = await agent.client.open_conversation()
        except CozeTrouble as trouble:
            # nothing happened to the question; an empty conversation harms nobody
            raise trouble.with_(happened=Happened.NO) from trouble.__cause__
        async with self._store.writing(of=chat.key.chat_id) as tx:
            await self._begin(tx, chat, made, agent, turn)

    async def _begin(
        self, tx: AsyncConnection, chat: CozeIdentity, made: str, agent: OfferedAgent, turn: Turn
    ) -> None:
        title = await chats.topic_title(tx, chat.key)
        title = title or (title_of(turn) if self._titles else "")
        await conversations.begin(
            tx, chat, made, agent.home, agent=agent.key, title=title, titled_by=turn.sender.id
        )

    async def _forget_asking(self, run: RunInProgress, trouble: CozeTrouble) -> None:
        """Coze certainly did not take the question: it may be asked again."""
        leaves = isinstance(trouble, Busy) and run.renewed
        moves = leaves or isinstance(trouble, ConversationLost)
        async with self._store.writing(of=run.turn.chat.chat_id) as tx:
            await lifecycle.not_asked(tx, run.turn.id)
            if moves:
                await chats.clear_conversation(tx, run.turn.chat, run.turn.member_id)
        run.not_asked()
        if moves:
            run.conversation_renewed()

    async def note_run(self, run: RunInProgress, began: Run) -> None:
        """Write the run down, and the conversation if Coze silently chose another."""
        turn = run.turn
        conversation_id = began.conversation_id or turn.conversation_id or ""
        if (
            conversation_id == turn.conversation_id
        ):  # should it be lost, the run is found by its mark
            self._store.soon(
                lambda tx: lifecycle.began(tx, turn.id, began.id, conversation_id),
                of=turn.chat.chat_id,
            )
        else:
            async with self._store.writing(of=turn.chat.chat_id) as tx:
                await lifecycle.began(tx, turn.id, began.id, conversation_id)
                chat = await chats.chat(tx, turn.chat, turn.member_id)
                if chat.conversation_id == turn.conversation_id:  # else /new came meanwhile
                    await self._begin(tx, chat, conversation_id, run.agent, turn)
            run.conversation_renewed()
        run.run_began(began.id, conversation_id)


class RetryPolicy:
    """How often and how long to wait before asking again, by what went wrong."""

    def __init__(self) -> None:
        self._tries: dict[type[CozeTrouble], int] = {}

    def pause(self, trouble: CozeTrouble) -> float | None:
        """Return seconds to wait before the next try; None when it is no use."""
        kind = type(trouble)
        tries = self._tries[kind] = self._tries.get(kind, 0) + 1
        if trouble.retry is Retry.ONCE:
            return 0.0 if tries == 1 else None
        if trouble.retry is not Retry.WAIT:
            return None
        pauses = _PAUSES.get(kind, _USUAL)
        return pauses[tries - 1] if tries <= len(pauses) else None


_USUAL = (1.0, 2.0, 4.0, 8.0)
_PAUSES: dict[type[CozeTrouble], tuple[float, ...]] = {
    Busy: (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0),  # an answer may take a minute
    NeverAsked: (0.0, 1.0, 2.0),
    NotTaken: (1.0,),
    ServerTrouble: (1.0, 2.0),
    Paused: (2.0, 5.0),
    Unreachable: (1.0, 2.0, 4.0, 8.0, 15.0, 30.0),
}
