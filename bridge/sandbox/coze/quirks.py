"""What real Cozes do in more than one way, or leave unsaid: a switch for each."""

from dataclasses import dataclass, field
from typing import Literal

from bridge.sandbox.coze.workflows.quirks import FlowQuirks


@dataclass(eq=False)
class Quirks:
    """The ways that are in force; the defaults are the documented ones."""

    unknown_agent_code: int = 4200
    """How an unknown agent is refused: 4200, or 4006."""
    lost_conversation_code: int = 4002
    """How an unknown conversation is refused: 4002, or 4200."""
    final_newlines: int | None = None
    """So many line ends come behind the last event of a stream; None leaves what is usual."""
    stream_type: str = "text/event-stream"
    """The content type of streams; empty for none."""
    json_type: str = "application/json; charset=utf-8"
    """The content type of JSON answers."""
    message_key: str = "msg"
    """Where an error's envelope has its words: `msg`, or `message`."""
    streams_always: bool = False
    """Whether a run is streamed though `stream` is false, as older coze-studios do."""

    flow: FlowQuirks = field(default_factory=FlowQuirks)
    """Those of chatflows and workflows."""
    unknown_variable: Literal["refused", "ignored"] = "refused"
    """What becomes of writing a user variable that is unknown, disabled or the system's."""

    def ended(self, data: bytes) -> bytes:
        """Return the last bytes of a stream with as many line ends as are in force."""
        if self.final_newlines is None:
            return data
        return data.rstrip(b"\n") + b"\n" * self.final_newlines
