"""Around every answer of the dashboard, errors too: who may ask at all, and what browsers may do."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.ops.dashboard.auth import Authenticator
from bridge.ops.dashboard.rendering import language_of, refusal

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        # Text becomes elements in one named place of our script only.
        "require-trusted-types-for 'script'",
        "trusted-types sections",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # `no-referrer` would take the origin away from forms, too, by which we know our own.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def guarded(app: ASGIApp, gate: Authenticator) -> ASGIApp:
    """Return the app for requests to this machine by its own names; all others are refused."""

    async def shell(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        headers = Headers(scope=scope)
        hosts, language = headers.getlist("host"), language_of(headers.get("accept-language", ""))
        ours = len(hosts) == 1 and gate.at_home(hosts[0])
        await (app if ours else refusal(403, "host", language))(scope, receive, sealed)

    return shell
