"""An agent that is not offered any more: what was begun with it is ended honestly."""

from collections.abc import AsyncGenerator, Sequence
from typing import NoReturn

from bridge.coze.agents import AgentProfile
from bridge.coze.events import Event, RunMessage, Usage
from bridge.coze.kinds.agent import Capabilities, FilesBy
from bridge.coze.runs import RunRequest
from bridge.errors import Happened
from bridge.errors.coze import AgentGone

_CAPABILITIES = Capabilities(
    recovery=False, deletion=False, feedback=False, usage=False, files=FilesBy.NONE
)


class GoneAgent:
    """Stands in for an agent of which only the name is known: nobody can be asked or told anything."""

    def __init__(self, key: str) -> None:
        self._key = key
        self.capabilities = _CAPABILITIES

    @property
    def token_seconds_left(self) -> float | None:
        """It has no token."""
        return None

    def ask(self, question: RunRequest) -> AsyncGenerator[Event, None]:
        """Raise AgentGone."""
        self._refuse("Asking the agent", Happened.NO)

    def rejoin(self, question: RunRequest, run_id: str | None) -> AsyncGenerator[Event, None]:
        """Raise AgentGone: its run may have ended well, and nobody can read it."""
        self._refuse("Reading the answer", Happened.YES)

    async def cancel(self, question: RunRequest, run_id: str | None) -> bool:
        """Leave the run alone."""
        return False

    async def end_run(self, question: RunRequest, run_id: str | None) -> bool:
        """Leave the run alone: nobody asks anything in its conversation."""
        return True

    async def usage(self, question: RunRequest, run_id: str) -> Usage:
        """Return nothing."""
        return Usage()

    async def open_conversation(self) -> str:
        """Raise AgentGone."""
        self._refuse("Opening a conversation", Happened.NO)

    async def history(self, conversation_id: str) -> Sequence[RunMessage]:
        """Raise AgentGone."""
        self._refuse("Reading the conversation", Happened.NO)

    async def rename(self, conversation_id: str, title: str) -> None:
        """Do nothing."""

    async def delete_conversation(self, conversation_id: str) -> None:
        """Raise AgentGone."""
        self._refuse("Deleting a conversation", Happened.NO)

    async def forget_user(self, user_id: str) -> None:
        """Do nothing: nothing of them was told."""

    async def judge(self, conversation_id: str, answer_id: str, *, like: bool | None) -> None:
        """Raise AgentGone."""
        self._refuse("Judging the answer", Happened.NO)

    async def check(self) -> str:
        """Raise AgentGone."""
        self._refuse("Looking up the agent", Happened.NO)

    async def profile(self) -> AgentProfile:
        """Raise AgentGone."""
        self._refuse("Looking up the agent", Happened.NO)

    def _refuse(self, doing: str, happened: Happened) -> NoReturn:
        raise AgentGone(doing, f"the agent {self._key} is not offered any more", happened=happened)
