"""The door: the platform in front of a project, which sees every request first."""

import asyncio
import json
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from bridge.sandbox.coze.stream import Lost
from bridge.sandbox.coze_projects import strict
from bridge.sandbox.coze_projects.faults import LIMITED, STATES
from bridge.sandbox.coze_projects.playing.agent_events import AgentWriter
from bridge.sandbox.coze_projects.playing.writers import compact
from bridge.sandbox.coze_projects.runs import Frame, Run
from bridge.sandbox.coze_projects.state import Kind, Request, State
from bridge.sandbox.coze_projects.stream import RunStream

STREAM_TYPE = "text/event-stream; charset=utf-8"
NO_TOKEN = "Missing authorization header, please provide a valid token"
BAD_TOKEN = "Invalid token"
TURNS = 10
"""So many turns of the loop a request waits, in which a client that has left is noticed."""


class NotJson(Exception):
    """A body that is no JSON."""


@dataclass(frozen=True)
class Call:
    """A request that the platform let through."""

    state: State
    http: HttpRequest
    raw: bytes
    log_id: str

    def data(self) -> object:
        """Return the parsed body; raises NotJson with the words of the answer."""
        try:
            return json.loads(self.raw)
        except ValueError:
            raise NotJson(f"Invalid JSON format: {traceback.format_exc()}") from None

    @property
    def path(self) -> str:
        """The path of the request."""
        return self.http.url.path

    @property
    def base(self) -> str:
        """The address at which the project was asked, without a trailing slash."""
        return f"{self.http.url.scheme}://{self.http.headers.get('host', '')}"

    def json(self, content: Mapping[str, object], status: int = 200) -> Response:
        """Return a JSON response."""
        return json_response(content, status)

    def stream(self, run: Run) -> Response:
        """Return the stream of a run."""
        state = self.state

        def note(frame: Frame) -> None:
            shown = frame.shown[:200]
            state.journal.note("coze", frame.name, detail=shown, run_id=run.run_id)

        headers = {"Content-Type": STREAM_TYPE}
        return RunStream(
            run=run,
            fault=state.faults.stream(),
            streams=state.streams,
            quirks=state.quirks,
            note=note,
            headers=headers,
        )


Answering = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True)
class Endpoint:
    """One path of a project."""

    method: str
    path: str
    answer: Answering
    kinds: tuple[Kind, ...] = ("agent", "workflow")


def json_response(content: Mapping[str, object], status: int = 200) -> Response:
    """Return JSON as the framework of a project writes it."""
    data = compact(content).encode("utf-8", "replace")
    return Response(data, status, media_type="application/json")


def page(status: int, reason: str) -> Response:
    """Return a page of the platform."""
    title = f"{status} {reason}"
    body = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n</body>\r\n</html>"
    )
    return Response(body, status, media_type="text/html")


@dataclass(eq=False)
class Visit:
    """One request on its way through the door."""

    state: State
    http: HttpRequest
    log_id: str
    raw: bytes = b""
    began: float = field(default_factory=time.perf_counter)

    def refused(self) -> Response | None:
        """Return what the platform itself answers, None when it lets the request through."""
        state, http = self.state, self.http
        faults, quirks = state.faults, state.quirks
        failure = faults.failure(http.method, http.url.path)
        if failure is not None:
            return Response(failure.body, failure.status, media_type=failure.content_type)
        if faults.platform != "running":
            return self._said(*STATES[faults.platform])
        agent = http.headers.get("user-agent", "")
        if not agent or agent.startswith(quirks.blocked_user_agents):
            return page(404, "Not Found")
        header = http.headers.get("authorization", "")
        if not header:
            return json_response({"msg": NO_TOKEN}, 401)
        scheme, _, token = header.partition(" ")
        if scheme != "Bearer" or token not in state.tokens:
            return self._bad_token()
        if faults.limited():
            refusal = self._said(*LIMITED)
            if faults.retry_after:
                refusal.headers["retry-after"] = faults.retry_after
            return refusal
        return None

    def _said(self, status: int, reason: str) -> Response:
        if self.state.faults.form == "html":
            return page(status, reason)
        return json_response({"msg": reason}, status)

    def _bad_token(self) -> Response:
        match self.state.quirks.bad_token:
            case "403":
                return json_response({"msg": BAD_TOKEN}, 403)
            case "401 html":
                return page(401, "Unauthorized")
            case "event":
                run = Run(
                    run_id="",
                    session_id="",
                    query_msg_id="",
                    path=self.http.url.path,
                    text="",
                    log_id=self.log_id,
                )
                (frame,) = AgentWriter(run, self.state.quirks).error("301005", BAD_TOKEN)
                return Response(frame.data, 200, {"Content-Type": STREAM_TYPE})
            case _:
                return json_response({"msg": BAD_TOKEN}, 401)

    def finished(self, response: Response) -> Response:
        """Write the request down, and say by which id it is found."""
        state, http = self.state, self.http
        if state.quirks.log_header:
            response.headers["x-tt-logid"] = self.log_id
        try:
            body = json.loads(self.raw)
        except ValueError:
            body = None
        now = asyncio.get_running_loop().time()
        status, path = response.status_code, http.url.path
        headers = {name: value for name, value in http.headers.items() if name != "authorization"}
        state.requests.append(
            Request(
                at_loop_time=now,
                method=http.method,
                path=path,
                status=status,
                headers=headers,
                body=body,
                log_id=self.log_id,
            )
        )
        if http.method == "POST":
            state.posts[path] += 1
        state.journal.note(
            "coze",
            f"{http.method} {path}",
            "ok" if status < 400 else f"HTTP {status}",
            log_id=self.log_id,
            ms=round((time.perf_counter() - self.began) * 1000),
        )
        state.bell.ring()
        return Lost() if state.faults.lost(http.method, path) else response


def served(state: State, answer: Answering) -> Callable[[HttpRequest], Awaitable[Response]]:
    """Return the Starlette endpoint around an endpoint of a project."""

    async def serve(http: HttpRequest) -> Response:
        log_id = http.headers.get("x-tt-logid") or state.ids.log()
        visit = Visit(state, http, log_id)
        seconds = state.faults.pause(http.method, http.url.path)
        if seconds:
            await asyncio.sleep(seconds)
        try:
            visit.raw = await http.body()
        except ClientDisconnect:
            return Response(status_code=499)
        for _ in range(TURNS):
            await asyncio.sleep(0)
        state.complain(http.url.path, strict.of_text(visit.raw.decode("utf-8", "replace")))
        response = visit.refused()
        if response is None:
            call = Call(state, http, visit.raw, log_id if state.quirks.log_ids else "")
            try:
                response = await answer(call)
            except NotJson as error:
                state.complain(call.path, [("not JSON", str(error).splitlines()[-1])])
                response = json_response({"detail": str(error)}, 400)
        return visit.finished(response)

    return serve
