"""The door: reads a request, checks the token, calls the endpoint, and writes everything down."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from starlette.datastructures import FormData
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from bridge.sandbox.coze.accounts import Token, allow
from bridge.sandbox.coze.assertions import OAuthRefusal
from bridge.sandbox.coze.endpoints.fields import Fields, parse_object
from bridge.sandbox.coze.endpoints.forms import TooLarge, limited, read_form
from bridge.sandbox.coze.faults import Failure, StreamFault
from bridge.sandbox.coze.framing import Frame, error_data, event_bytes
from bridge.sandbox.coze.refusals import Refusal
from bridge.sandbox.coze.resources.records import Request
from bridge.sandbox.coze.resources.runs import Run
from bridge.sandbox.coze.state import State
from bridge.sandbox.coze.stream import EventStream, Lost


@dataclass(frozen=True)
class Call:
    """A request whose token was accepted and whose body was read."""

    token: Token
    query: Mapping[str, str]
    path: Mapping[str, str]
    body: Fields
    http: HttpRequest
    form: FormData
    """The parts of a multipart body, empty for an endpoint that takes none."""
    failure: Failure | None


@dataclass(frozen=True)
class Envelope:
    """The answer in the usual envelope."""

    data: object = None
    """None leaves `data` out."""
    extra: Mapping[str, object] = field(default_factory=dict)
    """Members beside `data`."""
    with_code: bool = True
    code: int = 0
    """Other than 0 for a failure that still has members beside it."""
    msg: str = ""


@dataclass(frozen=True)
class Binary:
    """The answer as bytes without any envelope."""

    content: bytes
    content_type: str
    status: int = 200


@dataclass(frozen=True)
class Streamed:
    """The answer as the stream of a run, from the frame number `start`."""

    run: Run
    start: int
    fault: StreamFault | None


@dataclass(frozen=True)
class ErrorStream:
    """A stream of one event that says what is wrong."""

    code: int | str
    data: str
    name: str = "error"
    content: bytes = b""
    """The event as it is written, empty for the usual framing."""


Answer = Envelope | Binary | Streamed | ErrorStream
Answering = Callable[[State, Call], Awaitable[Answer]]


@dataclass(frozen=True)
class Endpoint:
    """One path of the API."""

    methods: tuple[str, ...]
    path: str
    answer: Answering
    permissions: tuple[str, ...] = ()
    studio: bool = False
    """Whether the self-hosted server has it."""
    form: bool = False
    """Whether its body is a multipart form in place of JSON."""


def gateway_page(status: int, reason: str) -> Response:
    """Return the HTML page of the gateway in front of the API."""
    title = f"{status} {reason}"
    page = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n<hr><center>Tengine</center>\r\n</body>\r\n</html>"
    )
    return Response(page, status, media_type="text/html")


@dataclass(eq=False)
class Visit:
    """One request on its way through the door."""

    state: State
    http: HttpRequest
    logid: str
    began: float = field(default_factory=time.perf_counter)
    body: Fields = field(default_factory=dict)
    form: FormData = field(default_factory=FormData)
    broken: Refusal | None = None
    """The body is not what the endpoint takes."""

    async def read(self, form: bool) -> None:
        """Read the body; a broken one is refused after the token was looked at."""
        flows = self.http.url.path.startswith("/v1/workflow")
        most = self.state.largest_flow_body if flows else self.state.largest_body
        chunks = limited(self.http.stream(), most)
        try:
            if form:
                self.form = await read_form(self.http.headers, chunks)
            elif self.http.headers.get("content-type", "").startswith("multipart/"):
                await _skip(chunks)
            else:
                self.body = parse_object(b"".join([chunk async for chunk in chunks]))
        except Refusal as refusal:
            self.broken = refusal
            await _skip(chunks)

    def wrote(self, code: int | str, msg: str = "") -> None:
        """Write the request down, with how it was answered."""
        query, path = dict(self.http.query_params), self.http.url.path
        places: tuple[Mapping[str, object], ...] = (query, self.http.path_params)
        if path != "/v3/chat":  # which looks at the query only
            places = (*places, self.body)
        if path == "/v1/workflows/chat":  # which looks at the body only
            places = (self.body,)
        conversation = next(
            (place["conversation_id"] for place in places if place.get("conversation_id")), ""
        )
        bot_id = self.body.get("bot_id") or query.get("bot_id")
        seen = Request(
            at_loop_time=asyncio.get_running_loop().time(),
            method=self.http.method,
            path=path,
            query=query,
            body=self.body,
            bot_id=str(bot_id or ""),
            conversation_id=str(conversation),
            code=code,
            logid=self.logid,
        )
        self.state.requests.append(seen)
        self.state.journal.note(
            "coze",
            f"{seen.method} {path}",
            "ok" if code == 0 else f"{code} {msg}",
            bot_id=seen.bot_id,
            conversation_id=seen.conversation_id,
            question=_question(self.body)[:300],
            logid=self.logid,
            ms=round((time.perf_counter() - self.began) * 1000),
        )
        self.state.bell.ring()

    def response(self, content: Mapping[str, object], status: int = 200) -> Response:
        """Return a JSON response with the log id in its header."""
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        headers = {self.state.profile.log_header: self.logid}
        data = text.encode("utf-8", "replace")  # a lone surrogate may have come in
        return Response(data, status, headers, self.state.quirks.json_type)

    def refused(self, refusal: Refusal) -> Response:
        """Return the JSON form of a refusal."""
        said = refusal.as_studio() if self.state.profile.studio else refusal
        self.wrote(said.code, said.msg)
        content: dict[str, object] = {"code": said.code, self.state.quirks.message_key: said.msg}
        if not self.state.profile.studio:
            content["detail"] = {"logid": self.logid}
        return self.response(content, said.http)

    def refused_token(self, refusal: OAuthRefusal) -> Response:
        """Return the OAuth form of a refusal, which has neither code nor msg."""
        self.wrote(refusal.code, refusal.msg)
        content = {
            "error_code": refusal.code,
            "error_message": refusal.msg,
            "error": refusal.code,
        }
        return self.response(content, refusal.http)

    def answered(self, answer: Answer) -> Response:
        """Return the response for what the endpoint answered."""
        if isinstance(answer, Streamed):
            self.wrote(0)
            return self._stream(answer)
        headers = {self.state.profile.log_header: self.logid}
        if isinstance(answer, ErrorStream):
            self.wrote(answer.code, "as an event")
            raw = answer.content or event_bytes(answer.name, answer.data)
            content = self.state.quirks.ended(raw)
            self.state.journal.note("coze", answer.name, detail=answer.data[:200], chat_id="")
            return Response(content, 200, headers, self.state.quirks.stream_type or None)
        if isinstance(answer, Binary):
            self.wrote(0 if answer.status == 200 else answer.status)
            return Response(answer.content, answer.status, headers, answer.content_type)
        self.wrote(answer.code, answer.msg)
        body: dict[str, object] = {} if not answer.with_code else {"code": answer.code}
        body["msg"] = answer.msg
        if answer.data is not None:
            body["data"] = answer.data
        body.update(answer.extra)
        if not self.state.profile.studio:
            body["detail"] = {"logid": self.logid}
        return self.response(body)

    def _stream(self, answer: Streamed) -> EventStream:
        run, journal = answer.run, self.state.journal

        def note(frame: Frame) -> None:
            journal.note("coze", frame.name, detail=frame.shown[:200], chat_id=run.chat_id)

        headers = {self.state.profile.log_header: self.logid, "Cache-Control": "no-cache"}
        if self.state.quirks.stream_type:
            headers["Content-Type"] = self.state.quirks.stream_type
        if self.state.profile.studio:
            headers["X-Accel-Buffering"] = "no"
        return EventStream(
            run=run,
            start=answer.start,
            fault=answer.fault,
            streams=self.state.streams,
            note=note,
            headers=headers,
        )


async def _skip(chunks: AsyncIterator[bytes]) -> None:
    async for _ in chunks:
        pass


def _question(body: Fields) -> str:
    """Return the text of the last message of a chat request, for the journal."""
    messages = body.get("additional_messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    content = last.get("content") if isinstance(last, dict) else None
    return content if isinstance(content, str) else ""


def failure_response(visit: Visit, failure: Failure) -> Response:
    """Return a failure that was ordered, in the form of the path it was ordered for."""
    if failure.html:
        visit.wrote(failure.http, failure.msg)
        return gateway_page(failure.http, failure.msg)
    if visit.http.url.path.startswith("/api/permission/"):
        return visit.refused_token(OAuthRefusal(str(failure.code), failure.msg, failure.http))
    visit.wrote(failure.code, failure.msg)
    content = {
        "code": failure.code,
        visit.state.quirks.message_key: failure.msg,
        "detail": {"logid": visit.logid},
    }
    return visit.response(content, failure.http)


async def entered(state: State, http: HttpRequest, form: bool = False) -> Visit | Response:
    """Return the request with its body read, or the gateway's answer to a body that is too large.

    The caller closes a `form`.
    """
    visit = Visit(state, http, state.ids.log())
    delay = state.faults.delay(http.method, http.url.path)
    if delay:
        await asyncio.sleep(delay)
    try:
        await visit.read(form)
    except TooLarge:
        visit.wrote(413, "Request Entity Too Large")
        return gateway_page(413, "Request Entity Too Large")
    except ClientDisconnect:
        return Response(status_code=499)
    return visit


def served(state: State, endpoint: Endpoint) -> Callable[[HttpRequest], Awaitable[Response]]:
    """Return the Starlette endpoint around an endpoint of the API."""

    async def serve(http: HttpRequest) -> Response:
        visit = await entered(state, http, endpoint.form)
        if isinstance(visit, Response):
            return visit
        try:
            response = await _answered(visit, endpoint)
        finally:
            await visit.form.close()
        return Lost() if state.faults.lost(http.method, http.url.path) else response

    return serve


async def _answered(visit: Visit, endpoint: Endpoint) -> Response:
    state, http = visit.state, visit.http
    failure = state.faults.failure(http.method, http.url.path)
    if failure is not None and failure.as_event is None:
        return failure_response(visit, failure)
    try:
        token = state.accounts.check(http.headers.get("authorization"), state.profile.studio)
        allow(token, endpoint.permissions)
        if visit.broken is not None:
            raise visit.broken
        query = dict(http.query_params)
        path = {name: str(value) for name, value in http.path_params.items()}
        call = Call(
            token=token,
            query=query,
            path=path,
            body=visit.body,
            http=http,
            form=visit.form,
            failure=failure,
        )
        return visit.answered(await endpoint.answer(state, call))
    except Refusal as refusal:
        return visit.refused(refusal)


def error_event(code: int | str, msg: str) -> ErrorStream:
    """Return a stream of one `error` event with this error."""
    return ErrorStream(code, error_data(code, msg))
