"""What the server answers when it refuses: a status, a description, and sometimes a wait."""

from __future__ import annotations

import math


class Refused(Exception):
    """A Bot API call that was not done, as the client will read it."""

    def __init__(
        self,
        status: int,
        description: str,
        retry_after: int | None = None,
        moved_to: int = 0,
    ) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.retry_after = retry_after
        """Seconds to stay silent; only with status 429."""
        self.moved_to = moved_to
        """Where the chat lives on under another id, if it does."""


def worded(message: str) -> str:
    """Return a message of the backend as the server repeats it: mostly with a small first letter.

    Constants such as `BUTTON_DATA_INVALID` keep theirs.
    """
    second = message[1:2]
    if second.isupper() or second == "_":
        return message
    return message[:1].lower() + message[1:]


def bad_request(message: str) -> Refused:
    """Return Refused 400: the parameters, or what they point at, are wrong."""
    return Refused(400, f"Bad Request: {worded(message)}")


def forbidden(message: str) -> Refused:
    """Return Refused 403: the chat is closed to the bot."""
    return Refused(403, f"Forbidden: {worded(message)}")


def conflict(message: str) -> Refused:
    """Return Refused 409: two ways of receiving updates exclude each other."""
    return Refused(409, f"Conflict: {message}")


def unauthorized(message: str = "") -> Refused:
    """Return Refused 401: the token is no token, or nobody's."""
    return Refused(401, f"Unauthorized: {message}" if message else "Unauthorized")


def not_found(message: str = "") -> Refused:
    """Return Refused 404: no such path, or no such method."""
    return Refused(404, f"Not Found: {message}" if message else "Not Found")


def moved(chat_id: int) -> Refused:
    """Return Refused 400: the basic group lives on as a supergroup with another id."""
    message = "group chat was upgraded to a supergroup chat"
    return Refused(400, f"Bad Request: {message}", moved_to=chat_id)


def too_many_requests(seconds: float) -> Refused:
    """Return Refused 429: silence is wanted for `seconds`, rounded up to whole ones."""
    wait = max(1, math.ceil(seconds - 1e-6))
    return Refused(429, f"Too Many Requests: retry after {wait}", wait)
