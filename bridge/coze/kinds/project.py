"""A project that was deployed to an address of its own: one POST, one stream, no second look.

A session is a name that we choose, and whoever knows it continues it: ours are random. There is no
retrieving: a stream that breaks is lost, and the question may be in the project's memory all the
same, so it is never asked again.
"""

import asyncio
import json
import secrets
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import structlog

from bridge.coze.agents import AgentProfile
from bridge.coze.auth import Auth
from bridge.coze.client import log_id_of
from bridge.coze.events import (
    Began,
    Broke,
    Ended,
    Event,
    Run,
    RunMessage,
    Status,
    Usage,
    object_of,
    read_object,
    text_of,
)
from bridge.coze.kinds.agent import Capabilities, FilesBy
from bridge.coze.kinds.project_codes import refused
from bridge.coze.kinds.project_events import AgentEvents, WorkflowEvents
from bridge.coze.runs import RunRequest
from bridge.coze.sse import EventTooLarge, ServerSentEvent, events
from bridge.coze.values import plain_id
from bridge.errors import Happened
from bridge.errors.coze import (
    CozeTrouble,
    Garbled,
    NotOffered,
    RunLost,
    Unreachable,
    WrongAddress,
    WrongKind,
)
from bridge.failpoints import failpoint
from bridge.metrics import Metrics
from bridge.transport import (
    FILES_CURE,
    NOT_SENT,
    OwnsHttp,
    http_client,
    out_of_files,
    read_bounded,
    why_not_reached,
)

log = structlog.get_logger(__name__)
IDLE_SECONDS = 300.0
"""After so long without a byte the platform cuts the connection itself."""
CANCEL_SECONDS = 3.0
HEALTH_SECONDS = 30.0
"""A project that slept for an hour has to start first."""
MOST_STREAM_BYTES = 64 * 1024 * 1024
MOST_ANSWER_BYTES = 1024 * 1024
_ASKING = "Asking the project"
_RUN_IDS = uuid.UUID("6f1c9f0e-6a53-4d0e-9d8c-6f2f6d1f9b53")
"""A run's id follows from the question's mark, so that a later process can stop it, too."""


@dataclass(frozen=True, kw_only=True)
class ProjectShape:
    """How a project wants to be asked."""

    project_id: str | None = None
    """Nineteen digits, too many for a number of JavaScript."""
    project_id_as: str = "number"
    """`number`, `string` or `omit`."""
    input: str | None = None
    """Of a workflow project, the input that takes the question; None for an agent project."""
    output: str | None = None
    extra: Mapping[str, str | int | bool] | None = None
    """Further members of each request."""


class ProjectAgent(OwnsHttp):
    """Speaks to one project. Use it as an async context."""

    token_seconds_left = None

    def __init__(
        self,
        address: str,
        auth: Auth,
        shape: ProjectShape,
        *,
        files: FilesBy = FilesBy.NONE,
        proxy: str | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._address = address
        self._shape = shape
        self._metrics = metrics or Metrics()
        self.capabilities = Capabilities(
            recovery=False, deletion=False, feedback=False, usage=False, files=files
        )
        self._http = http_client(
            proxy,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
            timeout=httpx.Timeout(IDLE_SECONDS, connect=10.0),
            base_url=address,
            auth=auth,
            headers={"User-Agent": "coze-telegram-bridge", "Accept-Encoding": "identity"},
        )

    async def ask(self, question: RunRequest) -> AsyncGenerator[Event, None]:
        """Ask once, and give every event. Raises RunLost when the stream ends without its end."""
        run = Run(_run_id(question), question.conversation_id, Status.IN_PROGRESS)
        async with self._stream(question, run) as arriving:
            began = {run.id}
            yield Began(run)
            async for event in arriving:
                if isinstance(event, Broke):
                    raise self._counted(event.trouble)
                if isinstance(event, Ended):
                    if event.run.failure is not None:
                        self._counted(event.run.failure)
                    yield event
                    return
                if isinstance(event, Began):
                    if event.run.id in began or len(began) > 1:
                        continue  # its own id counts once, however often it says another
                    began.add(event.run.id)
                yield event
        raise self._counted(_lost("the stream ended before the run"))

    async def rejoin(self, question: RunRequest, run_id: str | None) -> AsyncGenerator[Event, None]:
        """Raise RunLost: what was asked cannot be heard any more."""
        raise self._counted(_lost("the run was asked before, and cannot be heard again"))
        yield  # what makes it a generator

    async def cancel(self, question: RunRequest, run_id: str | None) -> bool:
        """Ask the project to stop; whether it says that the run is over."""
        which = plain_id(run_id or "") or _run_id(question)
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                answer = await self._answered("POST", f"/cancel/{which}")
        except (httpx.HTTPError, TimeoutError) as error:
            log.info("cancelling the run failed", run=which, error=type(error).__name__)
            return False
        said = text_of(read_object(answer.content) or {}, "status")
        log.debug("run cancelled", run=which, status=answer.status_code, said=plain_id(said))
        return said in ("success", "already_completed")

    async def end_run(self, question: RunRequest, run_id: str | None) -> bool:
        """Stop a run that may still be going: two of them in one session spoil its history."""
        await self.cancel(question, run_id)
        return True

    async def usage(self, question: RunRequest, run_id: str) -> Usage:
        """Return nothing: projects do not count tokens."""
        return Usage()

    async def open_conversation(self) -> str:
        """Return a name for a session that nobody guesses; the project hears of it with a question."""
        return f"tg-{secrets.token_hex(16)}"

    async def history(self, conversation_id: str) -> Sequence[RunMessage]:
        """Raise NotOffered: what a session holds cannot be read."""
        raise NotOffered("Reading the conversation", "a project's sessions cannot be read")

    async def rename(self, conversation_id: str, title: str) -> None:
        """Do nothing: sessions have no names."""

    async def delete_conversation(self, conversation_id: str) -> None:
        """Raise NotOffered: sessions cannot be deleted, only left."""
        raise NotOffered("Deleting a conversation", "a project's sessions cannot be deleted")

    async def forget_user(self, user_id: str) -> None:
        """Do nothing: nothing of them was told."""

    async def judge(self, conversation_id: str, answer_id: str, *, like: bool | None) -> None:
        """Raise NotOffered."""
        raise NotOffered("Judging the answer", "projects take no judgement")

    async def profile(self) -> AgentProfile:
        """Return nothing: projects do not present themselves."""
        return AgentProfile("", "", ())

    async def check(self) -> str:
        """Look whether the project is there and takes the token; it starts when it slept."""
        doing = "Looking up the project"
        health = await self._looked_up(doing, "/health")
        if not health.is_success and not _own_404(health):
            raise self._counted(refused(doing, health.status_code, log_id_of(health)))
        if "html" in health.headers.get("content-type", ""):
            raise self._counted(_no_project(doing, log_id_of(health)))
        inputs = await self._looked_up(doing, "/graph_parameter")
        schema = object_of(read_object(inputs.content) or {}, "input_schema")
        workflow, declared = bool(object_of(schema, "properties")), self._shape.input is not None
        if workflow and not declared:
            names = ", ".join(list(object_of(schema, "properties"))[:5])
            what, cure = "this is a workflow project", f"Name the input that asks: one of {names}."
            raise WrongKind(doing, what, cure=f'{cure} In the table that is input = "…".')
        if declared and inputs.status_code == 200 and not workflow:
            what, cure = "this is an agent project", "Take input and output out of its table."
            raise WrongKind(doing, what, cure=cure)
        return ""

    async def _looked_up(self, doing: str, path: str) -> httpx.Response:
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                return await self._answered("GET", path)
        except httpx.HTTPError as error:
            raise self._counted(_broken(doing, error)) from error
        except TimeoutError as error:
            raise self._counted(_broken(doing, httpx.ReadTimeout("no answer"))) from error

    async def _answered(self, method: str, path: str) -> httpx.Response:
        """Return a small answer, read whole. Raises httpx.HTTPError."""
        response = await self._http.send(self._http.build_request(method, path), stream=True)
        try:
            await read_bounded(response, MOST_ANSWER_BYTES)
        finally:
            await response.aclose()
        return response

    @asynccontextmanager
    async def _stream(self, question: RunRequest, run: Run) -> AsyncIterator[AsyncIterator[Event]]:
        headers = {"Accept": "text/event-stream", "x-run-id": run.id}
        if self._shape.input is not None:
            headers["x-workflow-stream-mode"] = "debug"  # else some say nothing but an empty output
        body = json.dumps(self._body(question), ensure_ascii=False).encode()
        headers["Content-Type"] = "application/json"
        request = self._http.build_request("POST", "/stream_run", content=body, headers=headers)
        try:
            with failpoint("/stream_run"):
                response = await self._http.send(request, stream=True)
        except httpx.HTTPError as error:
            raise self._counted(_broken(_ASKING, error)) from error
        try:
            if response.status_code != 200:
                raise self._counted(refused(_ASKING, response.status_code, log_id_of(response)))
            if "html" in response.headers.get("content-type", ""):
                raise self._counted(_no_project(_ASKING, log_id_of(response)))
            async with aclosing(self._events(response, run)) as arriving:
                yield arriving
        finally:
            await response.aclose()

    async def _events(self, response: httpx.Response, run: Run) -> AsyncGenerator[Event, None]:
        agent, workflow = AgentEvents(run), WorkflowEvents(run, self._shape.output)
        try:
            async with aclosing(events(_bounded(response))) as arriving:
                async for sent in arriving:
                    for event in self._read(sent, agent, workflow):
                        yield event
        except httpx.HTTPError as error:
            raise self._counted(_lost(why_not_reached(error), log_id_of(response))) from error
        except EventTooLarge as error:
            raise self._counted(Garbled(_ASKING, str(error), log_id=log_id_of(response))) from error

    def _read(
        self, sent: ServerSentEvent, agent: AgentEvents, workflow: WorkflowEvents
    ) -> tuple[Event, ...]:
        return (agent.read(sent),) if self._shape.input is None else workflow.read(sent)

    def _body(self, question: RunRequest) -> Mapping[str, object]:
        shape, extra = self._shape, dict(self._shape.extra or {})
        if shape.input is not None:
            return {**extra, shape.input: question.text}
        text = {"type": "text", "content": {"text": question.text}}
        prompt: list[object] = [text, *(_file(address) for _, address in question.files)]
        body: dict[str, object] = {
            "type": "query",
            "session_id": question.conversation_id,
            "local_msg_id": question.correlation_id,
            "content": {"query": {"prompt": prompt}},
        }
        if shape.project_id is not None and shape.project_id_as != "omit":
            number = shape.project_id_as == "number"
            body["project_id"] = int(shape.project_id) if number else shape.project_id
        return {**extra, **body}

    def _counted(self, trouble: CozeTrouble) -> CozeTrouble:
        self._metrics.coze_failed(trouble.code)
        return trouble


def _run_id(question: RunRequest) -> str:
    return str(uuid.uuid5(_RUN_IDS, question.correlation_id))


def _file(address: str) -> Mapping[str, object]:
    name = urlsplit(address).path.rpartition("/")[2]
    file = {"url": address, "file_name": name, "file_path": ""}
    return {"type": "upload_file", "content": {"upload_file": file}}


async def _bounded(response: httpx.Response) -> AsyncIterator[bytes]:
    size = 0
    async for piece in response.aiter_bytes():
        size += len(piece)
        if size > MOST_STREAM_BYTES:
            raise httpx.ReadError(f"over {MOST_STREAM_BYTES} bytes", request=response.request)
        yield piece


def _broken(doing: str, error: httpx.HTTPError) -> CozeTrouble:
    """Return a broken connection as a trouble; only before the request was sent is it harmless."""
    if out_of_files(error):
        return Unreachable(doing, "this process may open no more files", cure=FILES_CURE)
    if isinstance(error, NOT_SENT):
        return Unreachable(doing, f"the project cannot be reached ({why_not_reached(error)})")
    return RunLost(doing, why_not_reached(error), happened=Happened.UNKNOWN)


def _lost(what: str, log_id: str | None = None) -> CozeTrouble:
    return RunLost("Hearing the project", what, log_id=log_id, happened=Happened.YES)


def _no_project(doing: str, log_id: str | None) -> CozeTrouble:
    """Return that a web page answers: a sign-in, or a server that is none of ours."""
    what, cure = "a web page answers at this address", "Check the address of the project."
    return WrongAddress(doing, what, log_id=log_id, cure=cure, happened=Happened.NO)


def _own_404(response: httpx.Response) -> bool:
    """Return whether the project itself says that it has no such path: then it is there."""
    if response.status_code != 404:
        return False
    return isinstance((read_object(response.content) or {}).get("detail"), str)
