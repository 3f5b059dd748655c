"""The token endpoint: it has no envelope, and its errors have a shape of their own."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from bridge.sandbox.coze.assertions import OAuthRefusal
from bridge.sandbox.coze.http_handler import entered, failure_response
from bridge.sandbox.coze.state import State

PATHS = (
    "/api/permission/oauth2/token",
    "/api/permission/oauth2/account/{account_id}/token",
    "/api/permission/oauth2/enterprise_id/{enterprise_id}/token",
)


def audiences(state: State, http: HttpRequest) -> tuple[str, ...]:
    """Return the `aud` claims that are accepted: the configured one, or the Host header's."""
    if state.audience is not None:
        return (state.audience,)
    host = http.headers.get("host", "")
    return (host, host.rpartition(":")[0] or host)


def token_exchange(state: State) -> Callable[[HttpRequest], Awaitable[Response]]:
    """Return the Starlette endpoint that exchanges a signed JWT for an access token."""

    async def serve(http: HttpRequest) -> Response:
        visit = await entered(state, http)
        if isinstance(visit, Response):
            return visit
        failure = state.faults.failure(http.method, http.url.path)
        if failure is not None:
            return failure_response(visit, failure)
        try:
            if visit.broken is not None:
                raise OAuthRefusal("invalid_request", "invalid request: body", 400)
            issued = state.accounts.exchange(
                http.headers.get("authorization"), visit.body, audiences(state, http)
            )
        except OAuthRefusal as refusal:
            return visit.refused_token(refusal)
        visit.wrote(0)
        return visit.response(issued)

    return serve
