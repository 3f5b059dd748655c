"""A run as it is kept, and what it says, whatever the form in which that is written."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bridge.sandbox.coze.change_signal import ChangeSignal
from bridge.sandbox.coze_projects.quirks import EndOfStream, FailureShape

Status = Literal["running", "completed", "failed", "cancelled", "timeout", "stopped"]
"""`stopped` is a run nobody listened to any more."""
FileKind = Literal["image", "video", "video url", "audio", "document"]


@dataclass(frozen=True)
class FileBlock:
    """A file of the question, by its address."""

    url: str
    name: str = ""


@dataclass(frozen=True)
class SeenFile:
    """What became of a file of the question."""

    url: str
    kind: FileKind
    error: str = ""
    """Why it was not fetched; a file that is only named in the prompt is not fetched at all."""
    size: int = 0


@dataclass(frozen=True)
class Piece:
    """A piece of the answer `key`; the last one knows the whole of it."""

    key: str
    text: str
    last: bool = False
    whole: str = ""


@dataclass(frozen=True)
class Thought:
    """A piece of reasoning."""

    key: str
    text: str


@dataclass(frozen=True)
class Called:
    """A call of a tool, whose arguments are complete."""

    call_id: str
    name: str
    arguments: Mapping[str, object]


@dataclass(frozen=True)
class Returned:
    """What a tool returned."""

    call_id: str
    name: str
    result: str


@dataclass(frozen=True)
class Noise:
    """Bytes of the stream that are no event of the protocol's."""

    text: str


@dataclass(frozen=True)
class Severed:
    """The connection is reset."""


@dataclass(frozen=True)
class Hung:
    """Nothing more happens, ever."""


@dataclass(frozen=True)
class Failed:
    """The run fails."""

    code: str
    message: str
    shape: FailureShape = "end"


Happening = Piece | Thought | Called | Returned | Noise | Severed | Hung | Failed


@dataclass(frozen=True)
class Ending:
    """How a run ended."""

    status: Status
    code: str = "0"
    message: str = ""
    shape: FailureShape = "end"


@dataclass(frozen=True)
class Frame:
    """One piece of a run's stream."""

    data: bytes = b""
    name: str = ""
    """The kind of the event; "" for what is none."""
    shown: str = ""
    """Its content, for the journal."""
    end: EndOfStream | None = None
    """The stream ends here, in this way."""


@dataclass(eq=False)
class Run:
    """One run: the work on one request."""

    run_id: str
    session_id: str
    query_msg_id: str
    path: str
    text: str
    """The text blocks of the question."""
    files: tuple[FileBlock, ...] = ()
    log_id: str = ""
    remembers: bool = True
    """Whether it belongs to its session's memory."""
    cancellable: bool = True
    prompt: str = ""
    """What the model was given, with the texts of the files."""
    seen: list[SeenFile] = field(default_factory=list)
    status: Status = "running"
    ending: Ending | None = None
    heard_start: bool = False
    """Whether a client was written the `message_start`."""
    listening: bool = False
    """Whether a client waits for it."""
    stream_left: bool = False
    """Whether the client of its stream has gone."""
    happenings: list[Happening] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    began: float = 0.0
    """Time of the loop in seconds, as the next."""
    over: float | None = None
    task: asyncio.Task[None] | None = None
    bell: ChangeSignal = field(default_factory=ChangeSignal)
    """Rung at every frame."""

    @property
    def urls(self) -> list[str]:
        """The addresses of the question's files."""
        return [block.url for block in self.files]

    @property
    def cancelled(self) -> bool:
        """Whether a client cancelled it."""
        return self.status == "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.ending is not None

    @property
    def answers(self) -> list[str]:
        """The completed answers, in order."""
        return [one.whole for one in self.happenings if isinstance(one, Piece) and one.last]

    @property
    def answer(self) -> str:
        """The last completed answer, "" when there is none."""
        return self.answers[-1] if self.answers else ""

    @property
    def events(self) -> list[str]:
        """The kinds of the events emitted so far, listened to or not."""
        return [frame.name for frame in self.frames if frame.name]
