"""What there is to see in the emulator, for tests."""

from bridge.sandbox.coze.accounts import Exchange
from bridge.sandbox.coze.resources.conversations import Conversation
from bridge.sandbox.coze.resources.downloads import Fetch
from bridge.sandbox.coze.resources.records import Asked, Request
from bridge.sandbox.coze.resources.runs import Run
from bridge.sandbox.coze.resources.transcripts import Heard, Spoken
from bridge.sandbox.coze.resources.uploads import Upload
from bridge.sandbox.coze.state import State
from bridge.sandbox.coze.workflows.executions import Execution
from bridge.sandbox.journal import Journal


class Inspection:
    """Everything that the emulated Coze was asked and has kept."""

    state: State

    @property
    def journal(self) -> Journal:
        """Where every request and event is written down."""
        return self.state.journal

    @property
    def exchanges(self) -> list[Exchange]:
        """Every token exchange, oldest first."""
        return self.state.accounts.exchanges

    @property
    def requests(self) -> list[Request]:
        """Every request, oldest first."""
        return self.state.requests

    @property
    def asked(self) -> list[Asked]:
        """The chat requests that started a run, oldest first."""
        return self.state.asked

    @property
    def uploads(self) -> list[Upload]:
        """Every uploaded file, oldest first."""
        return list(self.state.uploads.values())

    @property
    def heard(self) -> list[Heard]:
        """Every recording that was written down, oldest first."""
        return self.state.hearing.heard

    @property
    def spoken(self) -> list[Spoken]:
        """Every text that was read aloud, oldest first."""
        return self.state.hearing.spoken

    @property
    def fetched(self) -> list[Fetch]:
        """Every request for a signed link, oldest first."""
        return self.state.downloads.fetched

    @property
    def runs(self) -> dict[str, Run]:
        """Every run by its chat id."""
        return self.state.runs

    @property
    def executions(self) -> dict[str, Execution]:
        """Every execution of a workflow without a conversation by its id."""
        return self.state.library.executions

    @property
    def conversations(self) -> dict[str, Conversation]:
        """Every conversation by its id."""
        return self.state.conversations

    @property
    def feedback(self) -> dict[str, str]:
        """`like` or `unlike` by message id."""
        return self.state.feedback

    # --- how it behaves ---
