"""What is known of a turn while its run goes on; only this file changes it."""

import asyncio
from dataclasses import replace

from bridge.coze.events import Ended, Event
from bridge.errors import Trouble
from bridge.model import AgentAccount, Turn
from bridge.relay.attachments import PreparedAttachments
from bridge.relay.progress import Progress
from bridge.relay.prompt import transcript
from bridge.relay.protocols import Reply

MOST_CHARACTERS = 200_000
"""Of an answer with its reasoning: fifty posts. An agent that never stops is stopped there."""


class RunInProgress:
    """A turn, what its run has said so far, and what was done about it; others only read it."""

    def __init__(self, turn: Turn, reply: Reply, home: AgentAccount) -> None:
        """`home` is the agent that answers it, and where, as far as is known now."""
        self._reply = reply
        self._later: asyncio.TimerHandle | None = None
        self.turn = turn
        self.home = home
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
        self.trouble: Trouble | None = None
        """What ended it."""
        self.renewed = False
        """Whether it got another conversation, since the old one stayed busy."""

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
        """Whoever shows the end shows everything."""
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def say(self, status: str) -> None:
        """Show what goes on while there is nothing to read: the key of a sentence."""
        self.progress = self.progress.with_status(status)
        self.show()

    def heard(self, event: Event) -> None:
        """The run said something. Raises the trouble with which it ended, if it did."""
        self.progress = self.progress.after(event)
        if isinstance(event, Ended):
            self.over = True
            if event.run.failure is not None:
                raise event.run.failure

    def prepared(self, attachments: PreparedAttachments) -> None:
        """Its files were brought to the agent, or it is known why not."""
        self.attachments = attachments
        self.turn = attachments.turn
        self.progress = replace(
            self.progress,
            doing=None,
            transcript=transcript(self.turn),
            notices=tuple(dict.fromkeys((*self.progress.notices, *attachments.notices))),
        )

    def attachments_refused(self) -> None:
        """Coze does not know the files that were uploaded before: they are brought anew."""
        self.attachments = None

    def asked(self, turn: Turn, home: AgentAccount) -> None:
        """It is written down that the question goes out, to that agent."""
        self.turn, self.home = turn, home

    def not_asked(self) -> None:
        """Coze certainly did not take the question."""
        self.turn = replace(self.turn, asked=False)

    def stayed_busy(self) -> None:
        """The conversation is left to the run that does not end there."""
        self.renewed = True

    def conversation_renewed(self) -> None:
        """It is answered in another conversation: people are told so."""
        self.progress = self.progress.with_notice("reply.renewed")

    def run_began(self, run_id: str, conversation_id: str) -> None:
        """Its run is known and written down."""
        self.turn = self.turn.begun(run_id, conversation_id)
        self.began.set()

    def stop(self) -> None:
        """The person wants no answer any more."""
        self.stopping = True

    def cancelled(self) -> None:
        """Its run was cancelled at Coze."""
        self.over = True

    def failed(self, trouble: Trouble) -> None:
        """It ended in a trouble."""
        self.trouble = trouble
