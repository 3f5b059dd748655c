"""Ask the turn's question: once, in a conversation where no other run is going."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.coze.client import Coze
from bridge.coze.conversations import create_conversation
from bridge.coze.events import Event, Run
from bridge.coze.follow import follow, rejoin
from bridge.coze.runs import Question
from bridge.errors import (
    BadRequest,
    Busy,
    ConversationLost,
    CozeTrouble,
    Happened,
    NeverAsked,
    NotTaken,
    Retry,
    ServerTrouble,
    Trouble,
    Unreachable,
)
from bridge.model import AgentAccount, CozeIdentity, ReplyState, Turn
from bridge.relay.attachments import Attachments, PreparedAttachments
from bridge.relay.lingering_runs import end_lingering_run
from bridge.relay.progress import Progress
from bridge.relay.prompt import prompt_of, transcript
from bridge.store import chats
from bridge.store.engine import Store
from bridge.store.operators import agents
from bridge.store.turns import lifecycle

log = structlog.get_logger(__name__)


@dataclass
class RunInProgress:
    """What is known of a turn while it runs."""

    turn: Turn
    show: Callable[[ReplyState], None]
    home: AgentAccount
    """The agent that answers it, and where."""
    progress: Progress = field(default_factory=Progress)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: bool = False
    """Whether the person has stopped it: then nothing is asked any more."""
    over: bool = False
    """Whether its run is known to be over."""
    rejoined: bool = False
    """Whether it was asked before this process took it up."""
    carried: PreparedAttachments | None = None
    """What became of its files, once they were brought to the agent."""
    trouble: Trouble | None = None
    """What ended it."""
    too_long: bool = False
    """Whether its answer has grown beyond all use."""
    _later: asyncio.TimerHandle | None = None

    def show_soon(self, seconds: float) -> None:
        """Show what there is after some seconds, unless that is planned already."""

        def now() -> None:
            self._later = None
            if not self.over:
                self.show(self.progress.reply_state())

        if self._later is None:
            self._later = asyncio.get_running_loop().call_later(seconds, now)

    def show_no_more(self) -> None:
        """Whoever shows the end shows everything."""
        if self._later is not None:
            self._later.cancel()
            self._later = None

    renewed: bool = False
    """Whether it got another conversation, since the old one stayed busy."""


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

    async def events(self, told: RunInProgress) -> AsyncGenerator[Event, None]:
        """The events of the turn's run: asked once, or rejoined if it was asked before.

        A question that certainly did not reach Coze is asked again, after growing pauses. Raises
        the CozeTrouble that no pause cures.
        """
        patience = Patience()
        while True:
            try:
                async with aclosing(await self._attempt(told)) as events:
                    async for event in events:
                        yield event
                return
            except CozeTrouble as trouble:
                trouble.forget_words(prompt_of(told.turn))
                pause = patience.pause(trouble)
                if trouble.happened is not Happened.NO or told.turn.run_id is not None:
                    raise
                if isinstance(trouble, BadRequest) and await self._forget_uploads(told):
                    pause = 0.0
                if isinstance(trouble, Busy) and pause is None and not told.renewed:
                    told.renewed, pause = True, 0.0
                if pause is None:
                    raise
                await self._forget_asking(told, trouble)
                if isinstance(trouble, Unreachable):
                    told.progress = told.progress.with_status("status.unreachable")
                    told.show(told.progress.reply_state())
                log.info("asking again", turn=told.turn.id, trouble=str(trouble), pause=pause)
                await asyncio.sleep(pause)
                if told.stopping:
                    return

    async def _attempt(self, told: RunInProgress) -> AsyncGenerator[Event, None]:
        if told.turn.asked:
            return rejoin(self._coze, self._of(told), told.turn.run_id)
        question = await self._question(told)
        return follow(self._coze, question, stream=self._stream)

    def _of(self, told: RunInProgress, turn: Turn | None = None, user_id: str = "") -> Question:
        """The question of the turn, or of an earlier one in its place."""
        turn, carried = turn or told.turn, told.carried
        place = turn.conversation_id or ""
        text = prompt_of(turn, carried.texts if carried else None)
        files = carried.files if carried else ()
        return Question(told.home.agent_id, user_id, place, text, turn.correlation_id, files)

    async def _question(self, told: RunInProgress) -> Question:
        """The question for Coze, written down as asked."""
        await self._carry(told)
        while True:
            left: Sequence[Turn] = ()
            async with self._store.writing() as tx:
                told.home = await self._home(tx, told.turn)
                chat = await chats.chat(tx, told.turn.chat, told.turn.member_id)
                if chat.conversation_id and chat.home == told.home:
                    left = await lifecycle.lingering(tx, chat.key, chat.conversation_id)
                    if not left:
                        turn = await lifecycle.asking(tx, told.turn, chat.conversation_id)
                        break
            if left:
                await self._let_go(told, left)
            else:
                await self._take_conversation(chat, told.home)
        told.turn = turn
        return self._of(told, user_id=chat.user_id)

    async def _home(self, tx: AsyncConnection, turn: Turn) -> AgentAccount:
        """The agent that the chat has chosen, while it is offered."""
        chosen = turn.preferences.agent
        agent_id = await agents.counting(tx, chosen, self.home.agent_id)
        return replace(self.home, agent_id=agent_id)

    async def _carry(self, told: RunInProgress) -> None:
        """Bring the turn's files to the agent."""
        if not told.turn.attachments or told.carried is not None or self._carrying is None:
            return

        def begin() -> None:
            told.progress = told.progress.with_status("status.files")
            told.show(told.progress.reply_state())

        told.carried = await self._carrying.carry(told.turn, begin)
        told.turn = told.carried.turn
        told.progress = replace(
            told.progress,
            doing=None,
            transcript=transcript(told.turn),
            notices=tuple(dict.fromkeys((*told.progress.notices, *told.carried.notices))),
        )

    async def _forget_uploads(self, told: RunInProgress) -> bool:
        """Whether uploads of before were used: then they may be what Coze refuses, and go anew."""
        if self._carrying is None or told.carried is None or not told.carried.known:
            return False
        await self._carrying.forget(told.carried)
        told.carried = None
        return True

    async def _let_go(self, told: RunInProgress, left: Sequence[Turn]) -> None:
        """Have runs of earlier turns ended, or leave them alone in their conversation."""
        ended = [
            await end_lingering_run(self._coze, self._of(told, turn), turn.run_id) for turn in left
        ]
        async with self._store.writing() as tx:
            for turn in left:
                await lifecycle.let_go(tx, turn.id)
            if not all(ended):
                await chats.clear_conversation(tx, told.turn.chat, told.turn.member_id)
                told.progress = told.progress.with_notice("reply.renewed")

    async def _take_conversation(self, chat: CozeIdentity, home: AgentAccount) -> None:
        """A new conversation for a chat that has none, or has it somewhere else."""
        try:
            made = await create_conversation(self._coze, home.agent_id)
        except CozeTrouble as trouble:
            trouble.happened = Happened.NO  # of the question; an empty conversation harms nobody
            raise
        async with self._store.writing() as tx:
            await chats.set_conversation(tx, chat, made.id, home)

    async def _forget_asking(self, told: RunInProgress, trouble: CozeTrouble) -> None:
        """Coze certainly did not take the question: it may be asked again."""
        leaves = isinstance(trouble, Busy) and told.renewed
        moves = leaves or isinstance(trouble, ConversationLost)
        async with self._store.writing() as tx:
            await lifecycle.not_asked(tx, told.turn.id)
            if moves:
                await chats.clear_conversation(tx, told.turn.chat, told.turn.member_id)
        told.turn = replace(told.turn, asked=False)
        if moves:
            told.progress = told.progress.with_notice("reply.renewed")

    async def note_run(self, told: RunInProgress, run: Run) -> None:
        """Write the run down, and the conversation if Coze silently chose another."""
        turn = told.turn
        conversation_id = run.conversation_id or turn.conversation_id or ""
        async with self._store.writing() as tx:
            await lifecycle.began(tx, turn.id, run.id, conversation_id)
            if conversation_id != turn.conversation_id:
                chat = await chats.chat(tx, turn.chat, turn.member_id)
                if chat.conversation_id == turn.conversation_id:  # else /new came meanwhile
                    home = await self._home(tx, turn)
                    await chats.set_conversation(tx, chat, conversation_id, home)
                told.progress = told.progress.with_notice("reply.renewed")
        told.turn = turn.begun(run.id, conversation_id)
        told.began.set()


class Patience:
    """How often and how long to wait before asking again, by what went wrong."""

    def __init__(self) -> None:
        self._tries: dict[type[CozeTrouble], int] = {}

    def pause(self, trouble: CozeTrouble) -> float | None:
        """Seconds to wait before the next try; None when it is no use."""
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
