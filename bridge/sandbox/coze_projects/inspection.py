"""What there is to see in an emulated project, for tests."""

from collections import Counter

from bridge.sandbox.coze.resources.downloads import Fetch
from bridge.sandbox.coze.resources.runs import Pace
from bridge.sandbox.coze_projects.memory import Remembered
from bridge.sandbox.coze_projects.quirks import Quirks
from bridge.sandbox.coze_projects.runs import Run
from bridge.sandbox.coze_projects.state import Request, State
from bridge.sandbox.coze_projects.strict import Complaint
from bridge.sandbox.coze_projects.tasks import Task
from bridge.sandbox.journal import Journal


class Inspection:
    """Everything that the emulated project was asked and has kept."""

    state: State

    @property
    def project_id(self) -> str:
        """The project's number, larger than 2^53."""
        return self.state.project_id

    @property
    def journal(self) -> Journal:
        """Where every request and event is written down."""
        return self.state.journal

    @property
    def requests(self) -> list[Request]:
        """Every request, oldest first."""
        return self.state.requests

    @property
    def posts(self) -> Counter[str]:
        """How many POSTs came for each path, refused or not."""
        return self.state.posts

    @property
    def runs(self) -> list[Run]:
        """Every run, oldest first."""
        return self.state.runs

    @property
    def tasks(self) -> dict[str, Task]:
        """Every asynchronous task by its id."""
        return self.state.tasks

    @property
    def memory(self) -> dict[str, list[Remembered]]:
        """The messages of every session."""
        return self.state.memory.sessions

    @property
    def complaints(self) -> list[Complaint]:
        """What clients did wrong although it passed, oldest first."""
        return self.state.complaints

    @property
    def fetched(self) -> list[Fetch]:
        """Every request for a signed link, oldest first."""
        return self.state.downloads.fetched

    @property
    def quirks(self) -> Quirks:
        """What is done in one of several ways that real projects have."""
        return self.state.quirks

    @property
    def pace(self) -> Pace:
        """How fast answers are written."""
        return self.state.pace

    @pace.setter
    def pace(self, pace: Pace) -> None:
        self.state.pace = pace

    @property
    def link_seconds(self) -> float:
        """How long the signed links of new answers are valid, by the emulator's clock."""
        return self.state.downloads.seconds

    @link_seconds.setter
    def link_seconds(self, seconds: float) -> None:
        self.state.downloads.seconds = seconds
