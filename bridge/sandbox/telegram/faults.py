"""Switches that make the server misbehave, each for a number of calls."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from random import Random

_HTML = (
    "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n"
    "<center><h1>{status} {reason}</h1></center>\r\n<hr><center>nginx</center>\r\n"
    "</body>\r\n</html>"
)
_REASONS = {
    400: "Bad Request",
    413: "Request Entity Too Large",
    500: "Internal Server Error: restart",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
_FROM_A_PROXY = (413, 502, 503)


@dataclass(frozen=True)
class Failure:
    """An answer that is not the method's own."""

    method: str
    status: int
    times: int
    body: bytes
    content_type: str
    after_executing: bool
    """The call takes effect and its answer is lost: the connection breaks."""


@dataclass(frozen=True)
class Delay:
    """A call held back before it takes effect."""

    method: str
    seconds: float
    times: int


@dataclass(frozen=True)
class Withheld:
    """A file, or with an empty id any, that is not to be had for the moment."""

    file_id: str
    times: int | None
    """None: for ever."""


@dataclass(frozen=True)
class BadDownload:
    """A download that goes wrong after so many bytes of the file."""

    after: int
    times: int
    seconds: float = 0.0
    """How long it stands still there."""
    breaks: bool = False
    """Whether the connection breaks there."""


GOOD_DOWNLOAD = BadDownload(0, 1)


@dataclass
class Sometimes:
    """A part of all calls that send or edit is answered by a gateway's 502, another part gets no answer."""

    failing: float
    """Between 0 and 1: not done, and answered with 502."""
    lost: float
    """Between 0 and 1: done, and the connection breaks."""
    chance: Random = field(default_factory=Random)

    def next(self, method: str) -> Failure | None:
        """Return what the next call should meet."""
        if not method.startswith(("send", "edit")) or method == "sendChatAction":
            return None
        drawn = self.chance.random()
        if drawn < self.failing:
            return failure(method, 502, 1, None, after=False)
        return (
            failure(method, 502, 1, None, after=True) if drawn < self.failing + self.lost else None
        )


def failure(
    method: str, status: int, times: int, body: str | dict[str, object] | None, after: bool
) -> Failure:
    """Return a failure with the body such a status usually has, unless one is given."""
    content, kind = _body(status, body)
    return Failure(
        method=method,
        status=status,
        times=times,
        body=content.encode(),
        content_type=kind,
        after_executing=after,
    )


def _body(status: int, given: str | dict[str, object] | None) -> tuple[str, str]:
    """Return a body and its content type."""
    if given is None and status == 504:
        given = ""
    if given is None and status in _FROM_A_PROXY:
        given = _HTML.format(status=status, reason=_REASONS.get(status, "Error"))
    if given is None:
        given = {"ok": False, "error_code": status, "description": _REASONS.get(status, "Error")}
    if isinstance(given, str) and not given.lstrip().startswith("{"):
        return given, "text/html"
    return given if isinstance(given, str) else json.dumps(given), "application/json"


class Faults:
    """The switches that are on. `*` stands for every method but getUpdates."""

    def __init__(self) -> None:
        self._failures: list[Failure] = []
        self._delays: list[Delay] = []
        self._withheld: list[Withheld] = []
        self._downloads: list[BadDownload] = []
        self._sometimes: Sometimes | None = None
        self.missing: set[str] = set()
        """Methods that this server is too old for."""
        self.ignored: set[str] = set()
        """Parameters that it is too old for."""

    def add(self, fault: Failure | Delay | Withheld | BadDownload) -> None:
        """Add a fault behind those that are on already."""
        match fault:
            case Failure():
                self._failures.append(fault)
            case Delay():
                self._delays.append(fault)
            case Withheld():
                self._withheld.append(fault)
            case BadDownload():
                self._downloads.append(fault)

    def sometimes(self, faults: Sometimes) -> None:
        """Let a part of all calls fail from now on."""
        self._sometimes = faults

    def mend(self) -> None:
        """Turn off the faults that come and go; what the server is too old for stays missing."""
        self._sometimes = None
        for switched_on in (self._failures, self._delays, self._withheld, self._downloads):
            switched_on.clear()

    def take_withheld(self, file_id: str) -> bool:
        """Return whether getFile cannot give this file now."""
        for place, fault in enumerate(self._withheld):
            if fault.file_id in ("", file_id):
                if fault.times is not None:
                    left = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
                    self._withheld[place : place + 1] = left
                return True
        return False

    def take_download(self) -> BadDownload:
        """Return what the next download should meet."""
        if not self._downloads:
            return GOOD_DOWNLOAD
        fault = self._downloads[0]
        self._downloads[:1] = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
        return fault

    def take_failure(self, method: str) -> Failure | None:
        """Return what this call should meet; it is used up by this."""
        for place, fault in enumerate(self._failures):
            if _meant(fault.method, method):
                left = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
                self._failures[place : place + 1] = left
                return fault
        return self._sometimes.next(method) if self._sometimes else None

    def take_delay(self, method: str) -> float:
        """Return for how many seconds this call should be held back."""
        for place, fault in enumerate(self._delays):
            if _meant(fault.method, method):
                left = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
                self._delays[place : place + 1] = left
                return fault.seconds
        return 0.0


def _meant(wanted: str, method: str) -> bool:
    return wanted.lower() == method.lower() or (wanted == "*" and method != "getUpdates")
