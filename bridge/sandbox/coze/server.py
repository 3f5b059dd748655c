"""The Starlette application of the emulated API."""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from bridge.sandbox.coze.endpoints import (
    agents,
    audio,
    chat,
    chatflows,
    conversations,
    files,
    messages,
    oauth,
    variables,
    workflows,
)
from bridge.sandbox.coze.http_handler import Endpoint, entered, served
from bridge.sandbox.coze.refusals import no_endpoint
from bridge.sandbox.coze.resources.downloads import PATH as DOWNLOAD_PATH
from bridge.sandbox.coze.resources.downloads import download
from bridge.sandbox.coze.state import State
from bridge.sandbox.coze.stream import RAW_SEND

ENDPOINTS: tuple[Endpoint, ...] = (
    *chat.ENDPOINTS,
    *conversations.ENDPOINTS,
    *messages.ENDPOINTS,
    *files.ENDPOINTS,
    *audio.ENDPOINTS,
    *agents.ENDPOINTS,
    *chatflows.ENDPOINTS,
    *variables.ENDPOINTS,
    *workflows.ENDPOINTS,
)


class CozeApp(Starlette):
    """Starlette that lets an endpoint reach the server's own `send`, to reset a connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's scope."""
        scope[RAW_SEND] = send
        await super().__call__(scope, receive, send)


def build_app(state: State) -> CozeApp:
    """Return the application for this state and its profile."""
    studio = state.profile.studio
    there = [one for one in ENDPOINTS if one.studio or not studio]
    if studio:
        there += [*chatflows.STUDIO_ENDPOINTS, *workflows.STUDIO_ENDPOINTS]
    routes = [_route(one.path, served(state, one), one.methods) for one in there]
    if not studio:
        exchange = oauth.token_exchange(state)
        routes += [_route(path, exchange, ("POST",)) for path in oauth.PATHS]
    fetching = download(state.downloads, state.journal, state.bell.ring)
    routes.append(_route(DOWNLOAD_PATH, fetching, ("GET",)))
    unknown = _unknown(state)
    app = CozeApp(routes=routes, exception_handlers={404: unknown, 405: unknown})
    app.router.redirect_slashes = False
    return app


def _route(
    path: str, endpoint: Callable[[HttpRequest], Awaitable[Response]], methods: tuple[str, ...]
) -> Route:
    route = Route(path, endpoint, methods=list(methods))
    if route.methods is not None:
        route.methods.intersection_update(methods)  # Starlette adds HEAD by itself
    return route


def _unknown(state: State) -> Callable[[HttpRequest, Exception], Awaitable[Response]]:
    """Return what a path without an endpoint answers: JSON on the cloud, plain text when self-hosted."""

    async def answer(http: HttpRequest, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for 404 and 405 only
        visit = await entered(state, http)
        if isinstance(visit, Response):
            return visit
        if not state.profile.studio:
            return visit.refused(no_endpoint(http.method, http.url.path))
        visit.wrote(404, "404 page not found")
        headers = {state.profile.log_header: visit.logid}
        return PlainTextResponse("404 page not found", 404, headers)

    return answer
