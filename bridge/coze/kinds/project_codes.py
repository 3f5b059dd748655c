"""What the codes and the HTTP statuses of projects mean, as troubles with cures.

Their messages are raw exceptions, with addresses, SQL or what people wrote: none is passed on, the
code and the log id find them in the project's own log.
"""

import re

from bridge.errors import Happened
from bridge.errors.coze import (
    AgentUnavailable,
    BadRequest,
    CozeTrouble,
    FileRefused,
    Paused,
    QuotaGone,
    RateLimited,
    Refused,
    RunFailed,
    ServerTrouble,
    TokenRefused,
    TooLong,
    WrongAddress,
)

_CODE = re.compile(r"\d{1,6}|TIMEOUT|CANCELED")
"""What the platform's own part of a project says; anything else are the words of its owner's."""
_RUNNING = "The project's run"
_IN_RUN: dict[str, tuple[type[CozeTrouble], str]] = {
    "301002": (RateLimited, "the model's rate is exceeded"),
    "301003": (TooLong, "the conversation is too long for the model"),
    "301004": (RunFailed, "the model refuses the request, such as a broken history of tools"),
    "301005": (AgentUnavailable, "the model refuses the project's key"),
    "301006": (AgentUnavailable, "the model is not found"),
    "301007": (Refused, "the content is filtered"),
    "301008": (FileRefused, "the model does not take the picture"),
    "301009": (FileRefused, "the model does not take the video"),
    "604001": (QuotaGone, "the credits are used up"),
    "604002": (QuotaGone, "the quota is exceeded"),
    "604003": (QuotaGone, "the account is overdue"),
    "701002": (RunFailed, "it took too long"),
    "702002": (RunFailed, "it took more steps than it may"),
    "TIMEOUT": (RunFailed, "it took more than 15 minutes"),
}
_CURES: dict[str, str] = {
    "301004": "If it goes on in a chat, /new begins without the broken history.",
    "301005": "Look at the key of the model integration in the project's settings.",
    "301006": "The model was withdrawn: choose another one in the project and deploy it again.",
}
_BY_STATUS: dict[int, tuple[type[CozeTrouble], str, str]] = {
    402: (
        QuotaGone,
        "its budget is used up",
        "Raise the project's budget in its usage management.",
    ),
    404: (
        AgentUnavailable,
        "nothing answers at this address",
        "Deploy the project again if it was stopped; check its address.",
    ),
    429: (
        RateLimited,
        "too many requests",
        "If it lasts, raise the project's limit in its usage management.",
    ),
    503: (Paused, "the project is paused", "Resume the project at its deployment's page."),
}
_TOKEN = (
    "Make a token at the page of the project's deployment, good for this project only, and put it "
    "into COZE_API_TOKEN."
)


def in_run(code: str, log_id: str | None) -> CozeTrouble:
    """Return what a code in the stream means: the run had begun, so it is never asked again."""
    code = code if _CODE.fullmatch(code) else ""
    found = _IN_RUN.get(code)
    if found is None and code.startswith("305"):
        found = (RateLimited, "the network inside the project failed")
    kind, what = found or (RunFailed, "it failed")
    return kind(
        _RUNNING,
        what,
        code=code or None,
        log_id=log_id,
        cure=_CURES.get(code),
        happened=Happened.YES,
    )


def refused(doing: str, status: int, log_id: str | None) -> CozeTrouble:
    """Return what an HTTP status means: of the platform's, the project was not even reached."""
    if status in _BY_STATUS:
        kind, what, cure = _BY_STATUS[status]
        return kind(doing, what, code=status, log_id=log_id, cure=cure, happened=Happened.NO)
    if status < 400:
        what, cure = "another address answers", "Check the address of the project."
        return WrongAddress(
            doing, what, code=status, log_id=log_id, cure=cure, happened=Happened.NO
        )
    if status in (401, 403):
        what = "the project does not take the token"
        return TokenRefused(
            doing, what, code=status, log_id=log_id, cure=_TOKEN, happened=Happened.NO
        )
    if status == 502:  # no instance took it, such as one that is just starting
        return ServerTrouble(doing, "HTTP 502", code=status, log_id=log_id, happened=Happened.NO)
    if status in (500, 504):
        what = "the project's code failed" if status == 500 else "HTTP 504"
        return RunFailed(doing, what, code=status, log_id=log_id, happened=Happened.YES)
    if status >= 500:
        return ServerTrouble(doing, f"HTTP {status}", code=status, log_id=log_id)
    return BadRequest(doing, f"HTTP {status}", code=status, log_id=log_id, happened=Happened.NO)
