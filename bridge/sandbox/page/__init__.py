"""The sandbox's web page: looks like a Telegram client, talks only to the emulator it came from.

Plain files without a build step. They are read once, when the routes are made, and each is served
under a policy that lets nothing in from elsewhere: what the page shows was written by strangers.
"""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

_FOLDER = Path(__file__).parent
_ENTRANCE = "index.html"
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "object-src 'none'",
        # Makes `innerHTML` and its kin throw, so no later change can quietly begin to use them.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def routes() -> list[BaseRoute]:
    """Return the page at `/` and its stylesheets, scripts and pictures beside it.

    Raises OSError when a file of the page cannot be read.
    """
    return [_route(path) for path in sorted(_FOLDER.iterdir()) if path.suffix in _KINDS]


def _route(path: Path) -> Route:
    """Serve one file as it is now."""
    content = path.read_bytes()
    address = "/" if path.name == _ENTRANCE else f"/{path.name}"

    async def answer(_request: Request) -> Response:
        return Response(content, media_type=_KINDS[path.suffix], headers=_HEADERS)

    return Route(address, answer, name=path.name)
