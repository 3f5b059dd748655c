"""What is known of a turn while its run goes on; only this file changes it."""

import asyncio
from dataclasses import replace

from bridge.coze.events import Ended, Event
from bridge.coze.runs import RunRequest
from bridge.errors import Trouble
from bridge.model import Turn
from bridge.relay.agents import OfferedAgent
from bridge.relay.attachments import PreparedAttachments
from bridge.relay.facts import Whom
from bridge.relay.progress import Progress
from bridge.relay.prompt import prompt_of, transcript
from bridge.relay.protocols import Reply

MOST_CHARACTERS = 200_000
"""Of an answer with its reasoning: fifty posts. An agent that never stops is stopped there."""


class RunInProgress:
    """A turn, what its run has said so far, and what was done about it; others only read it."""

    def __init__(self, turn: Turn, reply: Reply, agent: OfferedAgent) -> None:
        """`agent` is the one that answers it, as far as is known now."""
        self._reply = reply
        self._later: asyncio.TimerHandle | None = None
        self.turn = turn
        self.agent = agent
        self.rejoined = turn.asked
        """Whether it was asked before this process took it up."""
        self.progress = Progress(transcript=transcript(turn))
        self.began = asyncio.Event()
        """Set when the run's id is known and written down."""
        self.stopping = False
        """Whether the person has stopped it: then nothing is asked any more."""
        self.over = False
        """Whether its run is known to be over."""
        self.attachments: PreparedAttachments | None = None
        """What became of its files, once they were brought to the agent."""
        self._brought_to: OfferedAgent | None = None
        self.trouble: Trouble | None = None
        """What ended it."""
        self.renewed = False
        """Whether it got another conversation, since the old one stayed busy."""

    def question(self, whom: Whom | None = None) -> RunRequest:
        """Return the question of the turn, as it is asked or was asked."""
        turn, carried = self.turn, self.attachments
        text = prompt_of(turn, carried.texts if carried else None)
        files = carried.files if carried else ()
        place = turn.conversation_id or ""
        whom = whom or Whom()
        return RunRequest(
            agent_id=self.agent.home.agent_id,
            user_id=whom.user_id,
            conversation_id=place,
            text=text,
            correlation_id=turn.correlation_id,
            files=files,
            facts=whom.facts,
            location=turn.location,
        )

    @property
    def too_long(self) -> bool:
        """Whether its answer has grown beyond all use."""
        return self.progress.characters > MOST_CHARACTERS

    def show(self) -> None:
        """Show what there is now."""
        self._reply.show(self.progress.reply_state, complete=self.progress.complete)

    def show_soon(self, seconds: float) -> None:
        """Show what there is after some seconds, unless that is planned already."""

        def now() -> None:
            self._later = None
            if not self.over:
                self.show()

        if self._later is None:
            self._later = asyncio.get_running_loop().call_later(seconds, now)

    def show_no_more(self) -> None:
        """Drop what was to be shown soon: whoever shows the end shows everything."""
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def say(self, status: str) -> None:
        """Show what goes on while there is nothing to read: the key of a sentence."""
        self.progress = self.progress.with_status(status)
        self.show()

    def heard(self, event: Event) -> None:
        """Take in what the run said. Raises the trouble with which it ended, if it did."""
        self.progress = self.progress.after(event)
        if isinstance(event, Ended):
            self.over = True
            if event.run.failure is not None:
                raise event.run.failure

    def ready_for(self, agent: OfferedAgent) -> bool:
        """Return whether its files, if it has any, were brought to that agent."""
        needed = self.turn.attachments and agent.attachments is not None
        return not needed or (self.attachments is not None and self._brought_to is agent)

    def prepared(self, attachments: PreparedAttachments, agent: OfferedAgent) -> None:
        """Note that its files were brought to an agent, or why not."""
        self.attachments, self._brought_to = attachments, agent
        self.turn = attachments.turn
        self.progress = replace(
            self.progress,
            doing=None,
            transcript=transcript(self.turn),
            notices=tuple(dict.fromkeys((*self.progress.notices, *attachments.notices))),
        )

    def attachments_refused(self) -> None:
        """Note that Coze does not know the files uploaded before: they are brought anew."""
        self.attachments = None

    def put_to(self, agent: OfferedAgent) -> None:
        """Note which agent is to answer it: what goes wrong from now on is about that one."""
        self.agent = agent

    def asked(self, turn: Turn, agent: OfferedAgent) -> None:
        """Note that it is written down that the question goes out, to that agent."""
        self.turn, self.agent = turn, agent

    def not_asked(self) -> None:
        """Note that Coze certainly did not take the question."""
        self.turn = replace(self.turn, asked=False)

    def stayed_busy(self) -> None:
        """Note that the conversation is left to the run that does not end there."""
        self.renewed = True

    def conversation_renewed(self) -> None:
        """Tell people that it is answered in another conversation."""
        self.progress = self.progress.with_notice("reply.renewed")

    def note(self, sentence: str) -> None:
        """Say something above the answer, once: the key of a sentence."""
        if sentence not in self.progress.notices:
            self.progress = self.progress.with_notice(sentence)

    def run_began(self, run_id: str, conversation_id: str) -> None:
        """Note that its run is known and written down."""
        self.turn = self.turn.begun(run_id, conversation_id)
        self.began.set()

    def stop(self) -> None:
        """Note that the person wants no answer any more."""
        self.stopping = True

    def cancelled(self) -> None:
        """Note that its run was cancelled at Coze."""
        self.over = True

    def failed(self, trouble: Trouble) -> None:
        """Note in which trouble it ended."""
        self.trouble = trouble
