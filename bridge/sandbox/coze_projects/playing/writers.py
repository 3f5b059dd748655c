"""How a run is written, in general; and the writer of what is not streamed."""

import json
from collections.abc import Mapping, Sequence
from typing import Protocol

from bridge.sandbox.coze_projects.quirks import Quirks
from bridge.sandbox.coze_projects.runs import Ending, Frame, Happening


class Writer(Protocol):
    """Writes what happens in one run."""

    def started(self) -> Sequence[Frame]:
        """Return what comes before everything else."""

    def wrote(self, happening: Happening) -> Sequence[Frame]:
        """Return what is written of this."""

    def beat(self) -> Sequence[Frame]:
        """Return what is written while nothing happens."""

    def ended(self, ending: Ending, milliseconds: int) -> Sequence[Frame]:
        """Return the end of the stream."""


class Unwritten:
    """Writes nothing: the result is asked for when the run is over."""

    def started(self) -> Sequence[Frame]:
        """Return nothing."""
        return ()

    def wrote(self, happening: Happening) -> Sequence[Frame]:
        """Return nothing."""
        return ()

    def beat(self) -> Sequence[Frame]:
        """Return nothing."""
        return ()

    def ended(self, ending: Ending, milliseconds: int) -> Sequence[Frame]:
        """Return nothing."""
        return ()


def compact(value: Mapping[str, object]) -> str:
    """Return JSON on one line without spaces; nothing of UTF-8 is escaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def event_bytes(quirks: Quirks, data: str, number: int | None = None) -> bytes:
    """Return one event; a lone surrogate cannot be written."""
    lines = [] if number is None else [f"id: {number}"]
    lines += ["event: message"] * quirks.event_line
    text = quirks.line_end.join((*lines, f"data: {data}", "", ""))
    return text.encode("utf-8", "replace")
