"""Faults to order: refused requests, error events, broken and stalled streams."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

AsEvent = Literal["first", "mid", "failed", "failed_bare", "failed_string_code", "empty"]
RUN_SHAPES: dict[str, Literal["chat", "bare", "string", "event"]] = {
    "mid": "event",
    "failed": "chat",
    "failed_bare": "bare",
    "failed_string_code": "string",
}


@dataclass(eq=False)
class Failure:
    """An error the next requests of one path are answered with."""

    path: str
    """The path, with or without its method in front."""
    code: int | str
    msg: str
    http: int
    times: int
    as_event: AsEvent | None = None
    html: bool = False
    """A gateway's page in place of JSON."""


@dataclass(eq=False)
class Delay:
    """A pause before the headers of the answer."""

    path: str
    seconds: float
    times: int


@dataclass(eq=False)
class Loss:
    """An answer that never arrives, although the request was carried out."""

    path: str
    times: int


@dataclass(frozen=True)
class StreamFault:
    """How the next stream goes wrong."""

    after_events: int | None = None
    after_bytes: int | None = None
    clean_eof: bool = False
    stall_seconds: float | None = None
    """Not a broken but a silent stream."""


@dataclass(eq=False)
class Faults:
    """Everything ordered and not yet delivered."""

    failures: list[Failure] = field(default_factory=list)
    delays: list[Delay] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    streams: list[StreamFault] = field(default_factory=list)

    def failure(self, method: str, path: str) -> Failure | None:
        """Take the failure ordered for this request."""
        return _taken(self.failures, method, path)

    def delay(self, method: str, path: str) -> float:
        """Take the seconds ordered for this request, 0 when none."""
        delay = _taken(self.delays, method, path)
        return 0.0 if delay is None else delay.seconds

    def lost(self, method: str, path: str) -> bool:
        """Take whether the answer to this request is lost."""
        return _taken(self.losses, method, path) is not None

    def stream(self) -> StreamFault | None:
        """Take the fault ordered for the stream that begins now."""
        return self.streams.pop(0) if self.streams else None


Ordered = TypeVar("Ordered", Failure, Delay, Loss)


def _taken(ordered: Sequence[Ordered], method: str, path: str) -> Ordered | None:
    for fault in ordered:
        if fault.times > 0 and fault.path in (path, f"{method} {path}"):
            fault.times -= 1
            return fault
    return None
