"""What a page asks for, read with care, and who may ask: only a page of this very server.

Other sites a browser visits can reach the loopback address too, so the Host must be local and an
Origin must be our own.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from bridge.sandbox.telegram.people.people_actions import Where
from bridge.sandbox.telegram.server import json_response
from bridge.sandbox.telegram.world import Json

Endpoint = Callable[[Request], Awaitable[Response]]
_LOCAL_HOST = re.compile(r"(?:127\.0\.0\.1|localhost)(?::[0-9]{1,5})?")
_NOT_IN_A_NAME = re.compile("[\x00-\x1f\ud800-\udfff]")


class Wrong(ValueError):
    """What a page sent cannot be done; the message is a sentence for its reader."""


def guarded(endpoint: Endpoint) -> Endpoint:
    """Return the same for local pages of ours only; 403 for others."""

    async def guard(request: Request) -> Response:
        host, origin = request.headers.get("host", ""), request.headers.get("origin")
        if not _LOCAL_HOST.fullmatch(host):
            return json_response({"error": "This address is local only."}, 403)
        if origin is not None and origin != f"http://{host}":
            return json_response({"error": "Other sites may not use this."}, 403)
        return await endpoint(request)

    return guard


def where_of(wish: Json) -> Where:
    """Return where a person writes. Raises Wrong."""
    return Where(
        number(wish, "chat_id"),
        number(wish, "thread_id") if wish.get("thread_id") else 0,
        number(wish, "reply_to_message_id") if wish.get("reply_to_message_id") else None,
    )


def number(wish: Json, name: str) -> int:
    """Return a whole number. Raises Wrong."""
    value = wish.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Wrong(f"{name} must be a whole number.")
    return value


def text(wish: Json, name: str) -> str:
    """Return a text. Raises Wrong."""
    value = wish.get(name)
    if not isinstance(value, str):
        raise Wrong(f"{name} must be a text.")
    return value


def label(wish: Json, name: str, title: str) -> str:
    """Read what something is to be called, in 1 to 64 characters. Raises Wrong."""
    said = text(wish, name).strip()
    if not 1 <= len(said) <= 64 or _NOT_IN_A_NAME.search(said):
        raise Wrong(f"{title} has 1 to 64 characters, no control characters.")
    return said
