"""The HTTP surface: tokens, methods, errors on the wire, downloads, and calls written down."""

from __future__ import annotations

import json
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from bridge.sandbox.journal import Journal
from bridge.sandbox.telegram.calls import Described, MethodCall, Rates
from bridge.sandbox.telegram.connection_faults import LostAnswer
from bridge.sandbox.telegram.faults import Failure, Faults
from bridge.sandbox.telegram.methods.downloads import Download
from bridge.sandbox.telegram.methods.table import METHODS, proper_name
from bridge.sandbox.telegram.params import Params, read_params
from bridge.sandbox.telegram.refusals import Refused, not_found, unauthorized
from bridge.sandbox.telegram.updates import UpdateQueue
from bridge.sandbox.telegram.world import Json, World, loop_time

LONGEST_TOKEN = 80
SHOWN_CHARACTERS = 300


@dataclass(frozen=True)
class Call:
    """One Bot API call that has been answered; calls stand in the order of their answers."""

    at_loop_time: float
    """When it came."""
    method: str
    params: Json
    status: int
    """The HTTP status; 0 when the call took effect and its answer was lost."""
    description: str
    """Why it was refused; empty when it was not."""
    chat_id: int | None
    seconds: float
    """From its coming to its answer."""


class BotServer:
    """Answers Bot API calls and keeps the list of them."""

    def __init__(
        self,
        world: World,
        updates: UpdateQueue,
        rates: Rates,
        journal: Journal,
        latency: float,
    ) -> None:
        self.world = world
        self.updates = updates
        self.rates = rates
        self.faults = Faults()
        self.journal = journal
        self.latency = latency
        self.calls: list[Call] = []
        self.calls_to_closed_chats = 0

    async def answer(self, request: Request) -> Response:
        """Answer one call: `/bot<token>/<method>`."""
        started = loop_time()
        token, _, method = request.path_params["rest"].partition("/")
        params = Params({})
        result: object = None
        try:
            self._check_token(token, method)
            params = await read_params(request)
            method = method or params.text("method")
            name = proper_name(method)
            if name is None or name in self.faults.missing:
                raise not_found("method not found")
            method = name
            failure = self.faults.take_failure(name)
            result = await self._perform(name, params, request, failure)
        except Refused as refused:
            response = _refusal(refused)
            status, description = refused.status, refused.description
        else:
            response = _success(result)
            status, description = 200, ""
            if isinstance(result, Failure):
                status, description = (
                    (0, "answer lost")
                    if result.after_executing
                    else (
                        result.status,
                        f"failed as told with {result.status}",
                    )
                )
        self._write_down(started, method, params, status, description, result)
        return response

    async def _perform(
        self, name: str, params: Params, request: Request, failure: Failure | None
    ) -> object:
        """Return the method's result, or the failure that takes its place."""
        pause = self.world.closing.pause
        await pause(self.faults.take_delay(name))
        if name != "getUpdates":
            await pause(self.latency)
        if failure is not None and not failure.after_executing:
            return failure
        params = params.without(self.faults.ignored)
        call = MethodCall(
            world=self.world,
            updates=self.updates,
            rates=self.rates,
            faults=self.faults,
            params=params,
            hung_up=lambda: _hung_up(request),
        )
        try:
            result = await METHODS[name](call)
        except Refused:
            if failure is None:
                raise
        return result if failure is None else failure

    async def download(self, request: Request) -> Response:
        """Send one file: `/file/bot<token>/<path>`, once getFile has told the path."""
        token, _, path = request.path_params["rest"].partition("/")
        try:
            self._check_token(token, "")
            stored = self.world.linked.get(path)
            if stored is None:
                raise not_found()
        except Refused as refused:
            self.journal.note("telegram", "download", refused.description, path=path)
            return _refusal(refused)
        self.journal.note("telegram", "download", "ok", path=path, bytes=len(stored.content))
        return Download(stored.content, self.faults.take_download(), self.world.closing.pause)

    def _check_token(self, token: str, method: str) -> None:
        if ":" not in token or len(token) > LONGEST_TOKEN:
            raise unauthorized("invalid token specified")
        elsewhere = method.partition("/")[0] == "test"  # the test servers know other tokens
        if token not in self.world.bots or token in self.world.revoked or elsewhere:
            raise unauthorized()

    def _write_down(
        self,
        started: float,
        method: str,
        params: Params,
        status: int,
        description: str,
        result: object,
    ) -> None:
        seconds = loop_time() - started
        shown = params.shown()
        chat_id = shown.get("chat_id")
        chat = chat_id if isinstance(chat_id, int) else None
        self.calls.append(
            Call(
                at_loop_time=started,
                method=method,
                params=shown,
                status=status,
                description=description,
                chat_id=chat,
                seconds=seconds,
            )
        )
        self.calls_to_closed_chats += status == 403
        if method != "getUpdates" or description or result:
            detail: Json = {"params": {name: _cut(value) for name, value in shown.items()}}
            detail["milliseconds"] = round(seconds * 1000, 1)
            if method == "getUpdates" and isinstance(result, list):
                detail["delivered"] = len(result)
            self.journal.note("telegram", method, description or "ok", **detail)
        self.world.feed.wake()


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _cut(value: object) -> object:
    """Return a value short enough to be shown."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[:SHOWN_CHARACTERS] + "…" if len(text) > SHOWN_CHARACTERS else value


def _success(result: object) -> Response:
    if isinstance(result, Failure):
        if result.after_executing:
            return LostAnswer()
        return Response(result.body, result.status, media_type=result.content_type)
    answer: Json = {"ok": True, "result": result}
    if isinstance(result, Described):
        answer = {"ok": True, "result": result.result, "description": result.description}
    return json_response(answer)


def _refusal(refused: Refused) -> Response:
    answer: Json = {
        "ok": False,
        "error_code": refused.status,
        "description": refused.description,
    }
    headers: dict[str, str] = {}
    if refused.retry_after is not None:
        answer["parameters"] = {"retry_after": refused.retry_after}
        headers["Retry-After"] = str(refused.retry_after)
    if refused.moved_to:
        answer["parameters"] = {"migrate_to_chat_id": refused.moved_to}
    return json_response(answer, refused.status, headers)


def json_response(
    answer: Json, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Return JSON in pure ASCII: a description may repeat text that is not UTF-8."""
    body = json.dumps(answer, separators=(",", ":"))
    return Response(body, status, headers, media_type="application/json")
