"""The Starlette application of an emulated project."""

from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from bridge.sandbox.coze.resources.downloads import PATH as DOWNLOAD_PATH
from bridge.sandbox.coze.resources.downloads import download
from bridge.sandbox.coze.server import CozeApp
from bridge.sandbox.coze_projects.door import Call, Endpoint, json_response, served
from bridge.sandbox.coze_projects.endpoints import completions, runs, service, tasks
from bridge.sandbox.coze_projects.state import State

ENDPOINTS: tuple[Endpoint, ...] = (
    *runs.ENDPOINTS,
    *tasks.ENDPOINTS,
    *completions.ENDPOINTS,
    *service.ENDPOINTS,
)


def build_app(state: State) -> CozeApp:
    """Return the application for this state; links to files need no token."""
    routes = [_route(endpoint, state) for endpoint in ENDPOINTS if state.kind in endpoint.kinds]
    fetching = download(state.downloads, state.journal, state.bell.ring)
    routes.append(Route(DOWNLOAD_PATH, fetching, methods=["GET"]))

    async def unknown(http: HttpRequest, error: Exception) -> Response:
        """Answer as the framework does, behind the door."""
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for 404 and 405 only
        status, words = error.status_code, error.detail

        async def answer(call: Call) -> Response:
            return json_response({"detail": words}, status)

        return await served(state, answer)(http)

    app = CozeApp(routes=routes, exception_handlers={404: unknown, 405: unknown})
    app.router.redirect_slashes = False
    return app


def _route(endpoint: Endpoint, state: State) -> Route:
    route = Route(endpoint.path, served(state, endpoint.answer), methods=[endpoint.method])
    if route.methods is not None:
        route.methods.intersection_update((endpoint.method,))  # Starlette adds HEAD by itself
    return route
