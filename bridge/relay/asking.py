"""Ask the turn's question: once, in a conversation where no other run is going."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.coze.client import Coze
from bridge.coze.conversations import create_conversation
from bridge.coze.events import Event, Run
from bridge.coze.follow_run import follow, rejoin
from bridge.coze.runs import RunRequest
from bridge.errors import Happened, Retry
from bridge.errors.coze import (
    BadRequest,
    Busy,
    ConversationLost,
    CozeTrouble,
    NeverAsked,
    NotTaken,
    ServerTrouble,
    Unreachable,
)
from bridge.model import AgentAccount, CozeIdentity, Turn
from bridge.relay.attachments import Attachments
from bridge.relay.lingering_runs import end_lingering_run
from bridge.relay.prompt import prompt_of
from bridge.relay.run_in_progress import RunInProgress
from bridge.store import chats
from bridge.store.engine import Store
from bridge.store.operators import agents
from bridge.store.turns import lifecycle

log = structlog.get_logger(__name__)


class Asking:
    """Asks turns: one Coze deployment, one store."""

    def __init__(
        self,
        coze: Coze,
        store: Store,
        home: AgentAccount,
        carrying: Attachments | None = None,
        *,
        stream: bool = True,
    ) -> None:
        self._carrying = carrying
        self._coze = coze
        self._store = store
        self.home = home
        """Of chats that have chosen no other agent."""
        self._stream = stream
        self._ready: dict[int, tuple[Turn, AgentAccount, str]] = {}
        """Turns that are written down as asked, their agent, and who asks at Coze."""

    async def events(self, run: RunInProgress) -> AsyncGenerator[Event, None]:
        """Yield the events of the turn's run: asked once, or rejoined if it was asked before.

        A question that certainly did not reach Coze is asked again, after growing pauses. Raises
        the CozeTrouble that no pause cures.
        """
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
                log.info("retrying", turn=run.turn.id, trouble=str(trouble), pause=pause)
                await asyncio.sleep(pause)
                if run.stopping:
                    return

    async def _attempt(self, run: RunInProgress) -> AsyncGenerator[Event, None]:
        if run.turn.asked:
            return rejoin(self._coze, self._of(run), run.turn.run_id)
        question = await self._question(run)
        self._store.check_lease()
        return follow(self._coze, question, stream=self._stream)

    def _of(self, run: RunInProgress, turn: Turn | None = None, user_id: str = "") -> RunRequest:
        """Return the question of the turn, or of an earlier one in its place."""
        turn, carried = turn or run.turn, run.attachments
        place = turn.conversation_id or ""
        text = prompt_of(turn, carried.texts if carried else None)
        files = carried.files if carried else ()
        return RunRequest(run.home.agent_id, user_id, place, text, turn.correlation_id, files)

    async def claimed(self, tx: AsyncConnection, turn: Turn, lingering: Sequence[Turn]) -> None:
        """Write down with the claim of a turn that its question goes out, if nothing is missing for it."""
        self._ready.pop(turn.id, None)
        if turn.asked or turn.final or turn.edited or turn.stopping or turn.attachments:
            return
        home = await self._home(tx, turn)
        chat = await chats.chat(tx, turn.chat, turn.member_id)
        if not chat.conversation_id or chat.home != home:
            return
        if not any(one.conversation_id == chat.conversation_id for one in lingering):
            asked = await lifecycle.asking(tx, turn, chat.conversation_id)
            self._ready[turn.id] = (asked, home, chat.user_id)

    async def _question(self, run: RunInProgress) -> RunRequest:
        """Return the question for Coze, written down as asked."""
        ready = self._ready.pop(run.turn.id, None)
        if ready is not None:
            run.asked(ready[0], ready[1])
            return self._of(run, user_id=ready[2])
        await self._carry(run)
        while True:
            left: Sequence[Turn] = ()
            async with self._store.writing(of=run.turn.chat.chat_id) as tx:
                home = await self._home(tx, run.turn)
                chat = await chats.chat(tx, run.turn.chat, run.turn.member_id)
                if chat.conversation_id and chat.home == home:
                    left = await lifecycle.lingering(tx, chat.key, chat.conversation_id)
                    if not left:
                        turn = await lifecycle.asking(tx, run.turn, chat.conversation_id)
                        break
            if left:
                await self._end_lingering_runs(run, left)
            else:
                await self._take_conversation(chat, home)
        run.asked(turn, home)
        return self._of(run, user_id=chat.user_id)

    async def _home(self, tx: AsyncConnection, turn: Turn) -> AgentAccount:
        """Return the agent that the chat has chosen, while it is offered."""
        chosen = turn.preferences.agent
        agent_id = await agents.counting(tx, chosen, self.home.agent_id)
        return replace(self.home, agent_id=agent_id)

    async def _carry(self, run: RunInProgress) -> None:
        """Bring the turn's files to the agent."""
        if run.turn.attachments and run.attachments is None and self._carrying is not None:
            run.prepared(await self._carrying.carry(run.turn, lambda: run.say("status.files")))

    async def _forget_uploads(self, run: RunInProgress) -> bool:
        """Return whether uploads of before were used: then they may be what Coze refuses, and go anew."""
        if self._carrying is None or run.attachments is None or not run.attachments.known:
            return False
        await self._carrying.forget(run.attachments)
        run.attachments_refused()
        return True

    async def _end_lingering_runs(self, run: RunInProgress, left: Sequence[Turn]) -> None:
        """Have runs of earlier turns ended, or leave them alone in their conversation."""
        ended = [
            await end_lingering_run(self._coze, self._of(run, turn), turn.run_id) for turn in left
        ]
        async with self._store.writing(of=run.turn.chat.chat_id) as tx:
            for turn in left:
                await lifecycle.mark_run_over(tx, turn.id)
            if not all(ended):
                await chats.clear_conversation(tx, run.turn.chat, run.turn.member_id)
                run.conversation_renewed()

    async def _take_conversation(self, chat: CozeIdentity, home: AgentAccount) -> None:
        """A new conversation for a chat that has none, or has it somewhere else."""
        try:
            made = await create_conversation(self._coze, home.agent_id)
        except CozeTrouble as trouble:
            # nothing happened to the question; an empty conversation harms nobody
            raise trouble.with_(happened=Happened.NO) from trouble.__cause__
        async with self._store.writing(of=chat.key.chat_id) as tx:
            await chats.set_conversation(tx, chat, made.id, home)

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
                    home = await self._home(tx, turn)
                    await chats.set_conversation(tx, chat, conversation_id, home)
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
    Unreachable: (1.0, 2.0, 4.0, 8.0, 15.0, 30.0),
}
