"""The steps an answer is made of. A script is a pure generator of them; the run adds the pacing."""

import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

FailureShape = Literal["chat", "bare", "string", "event", "empty"]


@dataclass(frozen=True)
class Silence:
    """Nothing is sent for that many seconds."""

    seconds: float


@dataclass(frozen=True)
class Open:
    """Allocate the id of the message `key` now; otherwise its first step does."""

    key: str


@dataclass(frozen=True)
class Delta:
    """A fragment of the answer `key`."""

    key: str
    text: str = ""
    reasoning: str = ""
    content_type: str = "text"


@dataclass(frozen=True)
class Completed:
    """The whole message `key`; content None joins its deltas."""

    key: str
    content: str | None = None
    type: str = "answer"
    content_type: str = "text"
    again: bool = False
    """Send the event once more without storing the message a second time."""


@dataclass(frozen=True)
class Raw:
    """Bytes of the stream that are no event of the protocol's."""

    text: str


@dataclass(frozen=True)
class Event:
    """An event with any name; `data` is written as it stands."""

    name: str
    data: str


@dataclass(frozen=True)
class Audio:
    """A fragment of speech of the answer `key`, base64."""

    key: str
    content: str


@dataclass(frozen=True)
class Cut:
    """Every connection that streams this run is reset; the run goes on by itself."""


@dataclass(frozen=True)
class Fail:
    """The run fails; nothing follows."""

    code: int | str
    msg: str
    shape: FailureShape = "chat"
    """A chat.failed with the chat, with the bare error, or an `error` event."""


@dataclass(frozen=True)
class ToolCall:
    """A call of a tool that lives at the client."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Require:
    """The run waits for the client's tool outputs; the step's result are those."""

    calls: Sequence[ToolCall]


@dataclass(frozen=True)
class Field:
    """One field of an input node."""

    name: str
    type: str = "string"
    required: bool = True


@dataclass(frozen=True)
class Ask:
    """A question node, or an input node when it has fields: the run ends and waits for the user.

    The step's result is what the next run of the conversation was asked: the text under `REPLY`,
    and every field under its name.
    """

    text: str
    options: Sequence[str] = ()
    fields: Sequence[Field] = ()

    @property
    def in_words(self) -> str:
        """What a person reads who gets no card."""
        lettered = [f"{chr(65 + place)}. {option}" for place, option in enumerate(self.options)]
        named = [f"{one.name}:" for one in self.fields]
        return "\n".join((self.text, *lettered, *named))


REPLY = ""
"""Where the result of an `Ask` has the whole text."""


@dataclass(frozen=True)
class Complete:
    """chat.completed now; without it the end of the script sends it."""


@dataclass(frozen=True)
class EndWithoutChat:
    """The stream ends without any chat event, as after a question node."""


Step = (
    Silence
    | Open
    | Delta
    | Completed
    | Raw
    | Event
    | Audio
    | Cut
    | Fail
    | Require
    | Ask
    | Complete
    | EndWithoutChat
)


@dataclass(frozen=True)
class Attachment:
    """One media item of a multimodal message."""

    kind: str
    """`image`, `file` or `audio`."""
    name: str
    """The uploaded file's name, or the address it lies at."""
    file_id: str = ""
    """"" when it was given by its address."""


Link = Callable[[str], str]
"""The address of a file that an answer shows."""


def unsigned(name: str) -> str:
    """Return the address for a script that is played without a server."""
    return f"http://127.0.0.1/signed/{name}?x-expires=0&x-signature=0"


@dataclass(frozen=True)
class Turn:
    """What a script may look at."""

    question: str
    attachments: tuple[Attachment, ...] = ()
    """The media items that the agent sees."""
    earlier: tuple[tuple[str, str], ...] = ()
    """Role and text of every message of this context before the question, oldest first."""
    agent_name: str = ""
    link: Link = unsigned
    known: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """What else the agent was given, by its kind: variables, parameters, a position."""


Outputs = Mapping[str, str]
"""Tool outputs by the id of the tool call, or the answer to an `Ask`."""

Steps = Generator[Step, Outputs, None]
Script = Callable[[Turn], Steps]

_PIECES = re.compile(r"\s+|[A-Za-z0-9_]+|[^\sA-Za-z0-9_]{1,3}")
_LONGEST_PIECE = 6


def pieces(text: str) -> Iterator[str]:
    """Yield token-like fragments of a text, of about 2-6 characters; joined they are the text.

    Python counts code points, so no fragment ends inside a surrogate pair.
    """
    waiting = ""
    for word in _PIECES.findall(text):
        for start in range(0, len(word), _LONGEST_PIECE):
            part = word[start : start + _LONGEST_PIECE]
            if len(waiting) + len(part) > _LONGEST_PIECE:
                yield waiting
                waiting = ""
            waiting += part
            if len(waiting) >= 4 or (len(waiting) > 1 and not waiting.isspace()):
                yield waiting
                waiting = ""
    if waiting:
        yield waiting


def say(key: str, text: str) -> Steps:
    """Return the deltas of an answer, then the whole of it."""
    for piece in pieces(text):
        yield Delta(key, piece)
    yield Completed(key, text)


FINISHED = (
    '{"msg_type":"generate_answer_finish","data":"{\\"finish_reason\\":0,\\"FinData\\":\\"\\"}",'
    '"from_module":null,"from_unit":null}'
)
INTERRUPTED_FINISH = FINISHED.replace('\\"finish_reason\\":0', '\\"finish_reason\\":1')
INTERRUPT = '{"msg_type":"interrupt","data":"","from_module":null,"from_unit":null}'


def ending(follow_ups: Sequence[str] = ()) -> Steps:
    """Return what comes after the answers: the verbose "all answers are finished", then suggestions."""
    yield Completed("finish", FINISHED, type="verbose")
    for number, text in enumerate(follow_ups[:3]):
        yield Completed(f"follow-up-{number}", text, type="follow_up")


def saying(text: str, *, follow_ups: Sequence[str] = ()) -> Script:
    """Return a script that answers every question with one text."""

    def script(turn: Turn) -> Steps:
        yield from say("answer", text)
        yield from ending(follow_ups)

    return script


def fixed(*steps: Step) -> Script:
    """Return a script of exactly these steps."""

    def script(turn: Turn) -> Steps:
        for step in steps:  # noqa: UP028 - a tuple cannot be sent the outputs
            yield step

    return script


def failing(script: Script, code: int | str, msg: str, shape: FailureShape, after: int) -> Script:
    """Return the script until its `after`-th delta, then a failure."""

    def failed(turn: Turn) -> Steps:
        deltas = 0
        if after:
            for step in script(turn):
                deltas += isinstance(step, Delta)
                yield step
                if deltas >= after:
                    break
        yield Fail(code, msg, shape)

    return failed
