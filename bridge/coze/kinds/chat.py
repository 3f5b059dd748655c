"""An agent of the platform, in the cloud or in coze-studio: `/v3/chat`."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from bridge.coze.agents import AgentProfile, agent_information
from bridge.coze.client import Coze
from bridge.coze.conversations import (
    create_conversation,
    delete_conversation,
    newest_messages,
    rename_conversation,
)
from bridge.coze.events import Event, RunMessage, Usage
from bridge.coze.feedback import give_feedback, withdraw_feedback
from bridge.coze.kinds.agent import Capabilities, FilesBy
from bridge.coze.kinds.chat_run import follow, rejoin
from bridge.coze.kinds.lingering_runs import end_lingering_run
from bridge.coze.kinds.user_variables import UserVariables
from bridge.coze.kinds.workflows import workflow_name
from bridge.coze.runs import RunRequest, cancel_run, retrieve_run
from bridge.coze.values import texts, values
from bridge.errors.coze import AgentUnavailable, Forbidden, NotOffered, WrongAddress, WrongKind

_CAPABILITIES = Capabilities(
    recovery=True, deletion=True, feedback=True, usage=True, files=FilesBy.UPLOAD
)


@dataclass(frozen=True, kw_only=True)
class Told:
    """What an agent is told of whom it serves: its own names, each with the fact that it gets."""

    variables: Mapping[str, str] = field(default_factory=dict)
    """In its prompt."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Inputs of a chatflow behind it."""
    user_variables: UserVariables | None = None


class ChatAgent:
    """Speaks to one agent; Coze keeps its conversations, and finishes a run that nobody hears."""

    def __init__(
        self, coze: Coze, agent_id: str, told: Told | None = None, *, stream: bool = True
    ) -> None:
        self._coze = coze
        self._agent_id = agent_id
        self._told = told or Told()
        self._stream = stream
        self.capabilities = _CAPABILITIES

    @property
    def token_seconds_left(self) -> float | None:
        """Seconds until Coze's token ends; None where that is not known."""
        return self._coze.token_seconds_left

    async def ask(self, question: RunRequest) -> AsyncGenerator[Event, None]:
        """Ask, and give every event; a broken stream is followed by looking the run up."""
        told, facts = self._told, question.facts
        if told.user_variables is not None:
            await told.user_variables.tell(question.user_id, facts)
        question = replace(
            question,
            custom_variables=texts(told.variables, facts),
            parameters=values(told.parameters, facts),
        )
        async with aclosing(follow(self._coze, question, stream=self._stream)) as events:
            async for event in events:
                yield event

    def rejoin(self, question: RunRequest, run_id: str | None) -> AsyncGenerator[Event, None]:
        """Finish a run by its id, or found by the question's mark."""
        return rejoin(self._coze, question, run_id)

    async def cancel(self, question: RunRequest, run_id: str | None) -> bool:
        """Cancel the run at Coze, which needs its id."""
        if run_id is None:
            return False
        await cancel_run(self._coze, question.conversation_id, run_id)
        return True

    async def end_run(self, question: RunRequest, run_id: str | None) -> bool:
        """End a run that still goes: a conversation takes one at a time."""
        return await end_lingering_run(self._coze, question, run_id)

    async def usage(self, question: RunRequest, run_id: str) -> Usage:
        """Return what Coze says that the run cost."""
        return (await retrieve_run(self._coze, question.conversation_id, run_id)).usage

    async def open_conversation(self) -> str:
        """Make a conversation at Coze."""
        return await create_conversation(self._coze, self._agent_id)

    async def history(self, conversation_id: str) -> Sequence[RunMessage]:
        """Read it at Coze."""
        return await newest_messages(self._coze, conversation_id)

    async def rename(self, conversation_id: str, title: str) -> None:
        """Rename it at Coze."""
        await rename_conversation(self._coze, conversation_id, title)

    async def delete_conversation(self, conversation_id: str) -> None:
        """Delete it at Coze."""
        await delete_conversation(self._coze, conversation_id)

    async def forget_user(self, user_id: str) -> None:
        """Overwrite what Coze was told of them."""
        if self._told.user_variables is not None:
            await self._told.user_variables.forget(user_id)

    async def judge(self, conversation_id: str, answer_id: str, *, like: bool | None) -> None:
        """Tell Coze, for the agent's maker."""
        if like is None:
            await withdraw_feedback(self._coze, conversation_id, answer_id)
        else:
            await give_feedback(self._coze, conversation_id, answer_id, like=like)

    async def check(self) -> str:
        """Look the agent up; an id that it is not may be a workflow's."""
        try:
            return (await self.profile()).name
        except NotOffered as missing:
            what = "this address does not answer as Coze does"
            raise missing.turned_into(WrongAddress, what=what, cure=WrongAddress.cure) from missing
        except AgentUnavailable as unknown:
            try:
                workflow = await workflow_name(self._coze, self._agent_id)
            except (Forbidden, NotOffered):
                workflow = None
            if workflow is None:
                raise
            what = "this id is a workflow, not an agent"
            cure = 'Declare it as kind = "chatflow" with this workflow_id, or correct COZE_BOT_ID.'
            raise WrongKind(unknown.doing, what, cure=cure) from unknown

    async def profile(self) -> AgentProfile:
        """Return its name, its greeting and the questions that it suggests."""
        return await agent_information(self._coze, self._agent_id)
