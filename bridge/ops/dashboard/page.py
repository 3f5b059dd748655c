"""The dashboard's pages: the way in, the page, its live changes, and the decisions made there."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs

import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from bridge.app import App
from bridge.errors import StoreTrouble
from bridge.model import ChatKey
from bridge.ops.dashboard.auth import COOKIE, SESSION_SECONDS, Authenticator
from bridge.ops.dashboard.rendering import language_of, page, refusal, sections
from bridge.ops.dashboard.security_headers import guarded
from bridge.ops.dashboard.snapshot import Snapshots
from bridge.store.operators import access, audit, people
from bridge.store.operators.access import Access
from bridge.telegram.access.approval_cards import VERBS

log = structlog.get_logger(__name__)
TICK_SECONDS = 2.0
MOST_WATCHING = 16
MOST_BYTES = 2048
"""Of a form."""
DECIDING_SECONDS = 3.0
"""How long a decision waits until those whom it is about are told; Telegram may be away."""
_FOLDER = Path(__file__).parent
_NUMBER = re.compile(r"-?[1-9][0-9]{0,17}", re.ASCII)


class Dashboard:
    """Shows one running bridge to those whom the gate admits."""

    def __init__(self, app: App, gate: Authenticator) -> None:
        self._app = app
        self._gate = gate
        self._sights = Snapshots(app)
        self._watching: set[asyncio.Event] = set()
        """Each is set when there is something new to show."""
        self._naming: asyncio.Task[object] | None = None
        self._deciding: set[asyncio.Task[str]] = set()
        self.asgi: ASGIApp = guarded(
            Starlette(
                routes=[
                    Route("/", self._page),
                    Route("/live", self._live),
                    Route("/access", self._decide, methods=["POST"]),
                    Route("/dashboard.css", _file("dashboard.css", "text/css")),
                    Route("/favicon.svg", _file("favicon.svg", "image/svg+xml")),
                    Route("/dashboard.js", _file("dashboard.js", "text/javascript")),
                ]
            ),
            gate,
        )

    async def close(self) -> None:
        """End what is still being told; it is written down."""
        tasks = [*self._deciding, *([self._naming] if self._naming else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _page(self, request: Request) -> Response:
        token = request.query_params.get("token")
        if token is not None:
            return self._let_in(token, _language(request))
        session = self._session(request)
        if session is None:
            return refusal(403, "ended", _language(request))
        self._learn_agent()
        sight = await self._sights.look()
        shown = page(sight, self._gate.word(session), _language(request))
        return Response(shown, media_type="text/html")

    def _let_in(self, token: str, language: str) -> Response:
        if not self._gate.admits(token):
            log.warning("dashboard: wrong token")
            return refusal(403, "wrong", language)
        answer = RedirectResponse("/", 303)  # away from the address bar and its history
        answer.set_cookie(
            COOKIE,
            self._gate.session(time.time()),
            max_age=int(SESSION_SECONDS),
            httponly=True,
            samesite="strict",
        )
        return answer

    def _session(self, request: Request) -> str | None:
        found = request.cookies.get(COOKIE, "")
        return found if self._gate.knows(found, time.time()) else None

    async def _live(self, request: Request) -> Response:
        session = self._session(request)
        if session is None:
            return refusal(403, "ended", _language(request))
        if len(self._watching) >= MOST_WATCHING:
            return refusal(503, "crowded", _language(request))
        return StreamingResponse(
            self._changes(session, _language(request)), media_type="text/event-stream"
        )

    async def _changes(self, session: str, language: str) -> AsyncIterator[str]:
        """Yield the sections that changed, as long as somebody listens and may."""
        word = self._gate.word(session)
        shown: Mapping[str, str] = {}
        stirred = asyncio.Event()
        self._watching.add(stirred)
        try:
            while self._gate.knows(session, time.time()):
                stirred.clear()
                now = sections(await self._sights.look(), word, language)
                changed = {name: html for name, html in now.items() if shown.get(name) != html}
                shown = now
                yield f"data: {json.dumps(changed)}\n\n"  # an empty one says that we are there
                with suppress(TimeoutError):
                    async with asyncio.timeout(TICK_SECONDS):
                        await stirred.wait()
        finally:
            self._watching.discard(stirred)

    async def _decide(self, request: Request) -> Response:
        session = self._session(request)
        if session is None:
            return refusal(403, "ended", _language(request))
        host, origin = request.headers.get("host", ""), request.headers.get("origin", "")
        form = await _form(request)
        if not self._gate.own_origin(origin, host) or not self._gate.wrote(
            session, form.get("word", "")
        ):
            return refusal(403, "foreign", _language(request))
        state, number = VERBS.get(form.get("verb", "")), form.get("chat", "")
        if state is None or not _NUMBER.fullmatch(number):
            return refusal(400, "unclear", _language(request))
        try:
            return await self._rule(ChatKey(int(number)), state, _language(request))
        except StoreTrouble as trouble:
            log.error("dashboard decision failed", trouble=str(trouble))
            return refusal(503, "store", _language(request))

    async def _rule(self, key: ChatKey, state: Access, language: str) -> Response:
        """Decide about somebody known. Raises StoreTrouble."""
        if key.chat_id in self._app.context.rights.operators:
            return refusal(400, "operator", language)
        if not await self._known(key.chat_id):
            return refusal(404, "unknown", language)
        ruling = self._app.context.approval.rule(key, state, audit.DASHBOARD, language)
        task = asyncio.create_task(ruling, name=f"access of {key.chat_id}")
        self._deciding.add(task)
        task.add_done_callback(self._decided)
        await asyncio.wait([task], timeout=DECIDING_SECONDS)
        if task.done():
            task.result()
        self._show_now()
        return RedirectResponse("/", 303)

    def _learn_agent(self) -> None:
        """Have the agent's name looked up, once: it stands in the head of the next page."""
        if self._naming is None:
            context = self._app.context
            looking = context.agent_profiles.of(context.declared.default)
            self._naming = asyncio.create_task(looking, name="agent of the dashboard")

    def _decided(self, task: asyncio.Task[str]) -> None:
        self._deciding.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("dashboard update failed", error=type(error).__name__)
        self._show_now()

    def _show_now(self) -> None:
        self._sights.stale()
        for stirred in self._watching:
            stirred.set()

    async def _known(self, chat_id: int) -> bool:
        async with self._app.store.reading() as tx:
            if await access.of(tx, chat_id) is not None or await people.name_of(tx, chat_id):
                return True
            return chat_id < 0 and chat_id in {one.id for one in await people.groups(tx)}


async def _form(request: Request) -> dict[str, str]:
    """Return the fields of a form; none of one that is too long or has too many."""
    content = b""
    with suppress(ClientDisconnect):
        async for piece in request.stream():
            content += piece
            if len(content) > MOST_BYTES:
                return {}
    try:
        fields = parse_qs(content.decode("utf-8", "replace"), max_num_fields=8)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


def _file(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    """Serve a file of the page. Raises OSError when it cannot be read."""
    content = (_FOLDER / name).read_bytes()

    async def answer(_: Request) -> Response:
        return Response(content, media_type=kind)

    return answer


def _language(request: Request) -> str:
    return language_of(request.headers.get("accept-language", ""))
