"""Faults to order: refused requests, states of the platform, failing runs, broken streams."""

from dataclasses import dataclass, field
from typing import Literal, TypeVar

from bridge.sandbox.coze.faults import Delay, Loss
from bridge.sandbox.coze_projects.quirks import EndOfStream, FailureShape

PlatformState = Literal["running", "paused", "stopped", "budget"]
Form = Literal["json", "html"]
STATES: dict[PlatformState, tuple[int, str]] = {
    "paused": (503, "The project is paused"),
    "stopped": (404, "The project does not exist or has been stopped"),
    "budget": (402, "The budget of the project has been used up"),
}
LIMITED = (429, "Too many requests")


@dataclass(eq=False)
class Failure:
    """What the next requests of one path are answered with."""

    path: str
    """The path, with or without its method in front."""
    status: int
    body: str
    content_type: str
    times: int


@dataclass(frozen=True)
class RunFailure:
    """How the next run fails."""

    code: str
    message: str
    shape: FailureShape
    after: int
    """So many deltas come before."""


@dataclass(frozen=True)
class StreamFault:
    """How the next stream goes wrong."""

    after_events: int | None = None
    after_bytes: int | None = None
    end: EndOfStream = "reset"
    stall_seconds: float | None = None
    """Not a broken but a silent stream."""


@dataclass(eq=False)
class Faults:
    """Everything ordered and not yet delivered."""

    failures: list[Failure] = field(default_factory=list)
    delays: list[Delay] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    runs: list[RunFailure] = field(default_factory=list)
    streams: list[StreamFault] = field(default_factory=list)
    platform: PlatformState = "running"
    form: Form = "json"
    cold_seconds: float = 0.0
    """How long the next request waits for the instance to start."""
    limit_every: int = 0
    """Every so many requests one is refused with 429; 0 for none."""
    retry_after: str = ""
    _requests: int = 0

    def failure(self, method: str, path: str) -> Failure | None:
        """Take the failure ordered for this request."""
        return taken(self.failures, method, path)

    def pause(self, method: str, path: str) -> float:
        """Take the seconds this request has to wait, 0 when none."""
        delay = taken(self.delays, method, path)
        cold, self.cold_seconds = self.cold_seconds, 0.0
        return cold + (delay.seconds if delay is not None else 0.0)

    def lost(self, method: str, path: str) -> bool:
        """Take whether the answer to this request is lost."""
        return taken(self.losses, method, path) is not None

    def run(self) -> RunFailure | None:
        """Take the failure ordered for the run that begins now."""
        return self.runs.pop(0) if self.runs else None

    def stream(self) -> StreamFault | None:
        """Take the fault ordered for the stream that begins now."""
        return self.streams.pop(0) if self.streams else None

    def limited(self) -> bool:
        """Count a request; return whether it is one too many."""
        self._requests += 1
        return bool(self.limit_every) and self._requests % self.limit_every == 0

    def clear(self) -> None:
        """Take back everything that was ordered."""
        for ordered in (self.failures, self.delays, self.losses, self.runs, self.streams):
            ordered.clear()
        self.platform, self.form, self.cold_seconds, self.limit_every = "running", "json", 0.0, 0


Ordered = TypeVar("Ordered", Failure, Delay, Loss)


def taken(ordered: list[Ordered], method: str, path: str) -> Ordered | None:
    """Take the first that fits this request."""
    for fault in ordered:
        if fault.times > 0 and fault.path in (path, f"{method} {path}"):
            fault.times -= 1
            return fault
    return None
