"""A chatflow of the library or of an app: `/v1/workflows/chat`.

Its conversation goes in the body, its messages are text only, and its runs can be neither looked up
nor cancelled: after a cut, the conversation's own messages are all that there is to look at.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import assert_never

from bridge.coze.agents import AgentProfile, agent_information
from bridge.coze.client import Coze
from bridge.coze.conversations import (
    create_conversation,
    delete_conversation,
    newest_messages,
    rename_conversation,
)
from bridge.coze.events import (
    INTERRUPTED,
    Began,
    Broke,
    Completed,
    Delta,
    Done,
    Ended,
    Event,
    Json,
    MessageKind,
    Recovered,
    Remark,
    Run,
    RunMessage,
    Sound,
    Status,
    Unknown,
    Usage,
    object_of,
    text_of,
)
from bridge.coze.kinds.agent import Capabilities, FilesBy
from bridge.coze.kinds.unwrap import inside, unwrapped
from bridge.coze.kinds.user_variables import UserVariables
from bridge.coze.kinds.workflows import workflow_name
from bridge.coze.runs import RunRequest, position
from bridge.coze.values import values
from bridge.errors import Happened
from bridge.errors.coze import (
    AgentUnavailable,
    CozeTrouble,
    Forbidden,
    Garbled,
    Interrupted,
    NotOffered,
    ResourceUnknown,
    RunLost,
    WrongKind,
)

_ASKING = "Asking the chatflow"
_LOOK_PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Seconds before each look for the answer of a run whose stream was cut."""
_SETTLED_SECONDS = 7.0
"""So long the conversation holds the same before it counts as whole: a flow may still write."""


@dataclass(frozen=True, kw_only=True)
class Flow:
    """Which chatflow, for whom it runs, and what it is given."""

    workflow_id: str
    bot_id: str | None = None
    app_id: str | None = None
    """One of the two: the flow runs for an agent, or for an app."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Inputs of the start node, each with the fact that it gets."""
    file_parameter: str | None = None
    """The input that takes files; None where the flow takes none."""


@dataclass
class _Heard:
    began: Run | None = None
    waits: bool = False
    """Whether a question or input node of the flow waits for the person."""


class ChatflowAgent:
    """Speaks to one chatflow."""

    def __init__(self, coze: Coze, flow: Flow, variables: UserVariables | None = None) -> None:
        self._coze = coze
        self._flow = flow
        self._variables = variables
        files = FilesBy.UPLOAD if flow.file_parameter else FilesBy.NONE
        self.capabilities = Capabilities(
            recovery=True, deletion=True, feedback=False, usage=True, files=files
        )

    @property
    def token_seconds_left(self) -> float | None:
        """Seconds until Coze's token ends; None where that is not known."""
        return self._coze.token_seconds_left

    async def ask(self, question: RunRequest) -> AsyncGenerator[Event, None]:
        """Ask, and give every event; a broken stream is followed by looking at the conversation."""
        if self._variables is not None:
            await self._variables.tell(question.user_id, question.facts)
        heard = _Heard()
        try:
            async with aclosing(self._stream(question, heard)) as arriving:
                async for event in arriving:
                    yield event
        except CozeTrouble as error:
            if error.happened is not Happened.UNKNOWN:
                raise
            async with aclosing(self._recovered(question, heard.began, error)) as rest:
                async for event in rest:
                    yield event

    async def _stream(self, question: RunRequest, heard: _Heard) -> AsyncGenerator[Event, None]:
        async with (
            self._coze.stream(
                _ASKING, "/v1/workflows/chat", query={}, body=self._body(question)
            ) as arriving,
            aclosing(unwrapped(arriving)) as events,
        ):
            async for event in events:
                match event:
                    case Began(run):
                        if heard.began is None:
                            heard.began = run
                            yield event
                    case Delta() | Completed():
                        yield event
                    case Remark(name):
                        heard.waits = heard.waits or name == INTERRUPTED
                        yield event
                    case Ended(run) if run.status is Status.REQUIRES_ACTION:
                        heard.waits = True
                    case Ended(run):
                        yield Ended(run.with_ids_of(heard.began))
                        return
                    case Broke(trouble):
                        begun = heard.began is not None
                        raise trouble.with_(happened=Happened.YES) if begun else trouble
                    case Done():
                        if not heard.waits:
                            break
                        run = Run("", question.conversation_id, Status.REQUIRES_ACTION)
                        yield Ended(run.with_ids_of(heard.began))
                        return
                    case Sound() | Recovered() | Unknown():
                        pass
                    case _:
                        assert_never(event)
        raise Interrupted("Hearing the chatflow", "the stream ended before the run")

    def _body(self, question: RunRequest) -> Json:
        flow = self._flow
        parameters: dict[str, object] = dict(values(flow.parameters, question.facts))
        ids = [json.dumps({"file_id": file_id}) for _, file_id in question.files]
        if ids and flow.file_parameter:
            parameters[flow.file_parameter] = ids[0] if len(ids) == 1 else ids
        ext = {"user_id": question.user_id}  # without it all people share their variables
        if question.location is not None:
            ext.update(position(question.location))
        owner = {"bot_id": flow.bot_id} if flow.bot_id else {"app_id": flow.app_id}
        message = {
            "role": "user",
            "type": "question",
            "content_type": "text",
            "content": question.text,
            "meta_data": {"turn": question.correlation_id},
        }
        return {
            "workflow_id": flow.workflow_id,
            **owner,
            "conversation_id": question.conversation_id,
            "additional_messages": [message],
            "parameters": parameters,
            "ext": ext,
        }

    async def rejoin(self, question: RunRequest, run_id: str | None) -> AsyncGenerator[Event, None]:
        """Give the answer that the conversation holds by now. Raises RunLost when it holds none."""
        lost = RunLost("Reading the answer", "the run cannot be looked up", happened=Happened.YES)
        began = Run(run_id, question.conversation_id, Status.IN_PROGRESS) if run_id else None
        async with aclosing(self._recovered(question, began, lost)) as rest:
            async for event in rest:
                yield event

    async def _recovered(
        self, question: RunRequest, began: Run | None, cause: CozeTrouble
    ) -> AsyncGenerator[Event, None]:
        loop = asyncio.get_running_loop()
        before, since = list[RunMessage](), loop.time()
        for pause in _LOOK_PAUSES:
            await asyncio.sleep(pause)
            try:
                listed = await newest_messages(self._coze, question.conversation_id)
            except CozeTrouble:
                continue  # the first trouble is what counts
            answers = _answers(listed, question, began)
            if answers and answers == before and loop.time() - since >= _SETTLED_SECONDS:
                yield Recovered(tuple(answers))
                run = began or Run(answers[0].run_id, question.conversation_id, Status.COMPLETED)
                yield Ended(replace(run, status=Status.COMPLETED))
                return
            if answers != before:
                before, since = answers, loop.time()
        if isinstance(cause, Interrupted):
            raise RunLost(cause.doing, cause.what, log_id=cause.log_id, happened=Happened.YES)
        raise cause.with_(happened=Happened.YES) from cause

    async def cancel(self, question: RunRequest, run_id: str | None) -> bool:
        """Leave the run alone: it is stopped by closing its stream, as far as it can be."""
        return False

    async def end_run(self, question: RunRequest, run_id: str | None) -> bool:
        """Leave the run alone: whether its conversation is busy, the next question shows."""
        return True

    async def usage(self, question: RunRequest, run_id: str) -> Usage:
        """Return nothing: these runs cannot be looked up."""
        return Usage()

    async def open_conversation(self) -> str:
        """Make a conversation; in a self-hosted app it must be one of the app's own, by a name."""
        flow = self._flow
        if flow.bot_id is not None:
            return await create_conversation(self._coze, flow.bot_id)
        if not self._coze.deployment.cloud:
            try:
                return await self._named_conversation()
            except (NotOffered, ResourceUnknown):
                pass  # a cloud behind an address of its own
        return await create_conversation(self._coze)

    async def _named_conversation(self) -> str:
        doing = "Opening a conversation of the app"
        body = {
            "app_id": self._flow.app_id,
            "conversation_name": f"tg-{secrets.token_hex(8)}",
            "get_or_create": True,
            "draft_mode": False,
            "connector_id": "1024",
        }
        answer = await self._coze.call(doing, "POST", "/v1/workflow/conversation/create", body=body)
        found = text_of(object_of(answer, "data"), "id")
        if not found:
            raise Garbled(doing, "the answer holds no conversation")
        return found

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
        if self._variables is not None:
            await self._variables.forget(user_id)

    async def judge(self, conversation_id: str, answer_id: str, *, like: bool | None) -> None:
        """Raise NotOffered."""
        raise NotOffered("Judging the answer", "chatflows take no judgement")

    async def check(self) -> str:
        """Look the flow up, and make a conversation, which a question needs; its id may be an agent's."""
        flow, doing = self._flow, "Looking up the workflow"
        try:
            name = await workflow_name(self._coze, flow.workflow_id)
        except (Forbidden, NotOffered):
            name = ""  # only a question would tell, and that one costs
        if name is None and await self._is_an_agent():
            what = "this id is an agent, not a workflow"
            cure = f'Declare it as kind = "chat" with bot_id = "{flow.workflow_id}".'
            raise WrongKind(doing, what, cure=cure)
        if name is None:
            what = "Coze does not know this workflow"
            cure = (
                "Check workflow_id, app_id or bot_id, and publish the flow, or its app as an API."
            )
            raise AgentUnavailable(doing, what, cure=cure)
        await self.delete_conversation(await self.open_conversation())
        return name

    async def _is_an_agent(self) -> bool:
        try:
            await agent_information(self._coze, self._flow.workflow_id)
        except CozeTrouble:
            return False
        return True

    async def profile(self) -> AgentProfile:
        """Return how the agent presents itself for which the flow runs; of an app, only the name."""
        if self._flow.bot_id is None:
            return AgentProfile("", "", ())
        return await agent_information(self._coze, self._flow.bot_id)


def _answers(
    listed: Sequence[RunMessage], question: RunRequest, began: Run | None
) -> list[RunMessage]:
    """Return the answers of the question's run, oldest first; `listed` has the newest first."""
    marked = (one.run_id for one in listed if one.correlation_id == question.correlation_id)
    run_id = next(marked, "") or (began.id if began else "")
    if not run_id:
        return []
    return [
        replace(one, text=inside(one.text)) if one.content_type == "text" else one
        for one in reversed(listed)
        if one.run_id == run_id and one.kind is MessageKind.ANSWER
    ]
