"""What recordings say, as a test told beforehand, and everything that was heard and spoken."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Heard:
    """A recording that was written down."""

    name: str
    bytes: int
    sha256: str
    content_type: str
    text: str
    """What it was said to say."""


@dataclass(frozen=True)
class Spoken:
    """A text that was read aloud."""

    text: str
    voice_id: str
    format: str


@dataclass(eq=False)
class Transcripts:
    """Texts for recordings, and the record of both directions."""

    by_content: dict[str, str] = field(default_factory=dict)
    """By the SHA-256 of the recording."""
    coming: list[str] = field(default_factory=list)
    """For the next recordings, whatever they are."""
    heard: list[Heard] = field(default_factory=list)
    spoken: list[Spoken] = field(default_factory=list)

    def text(self, sha256: str, otherwise: str) -> str:
        """Return what a recording says: its own text, else the next one that waits, else `otherwise`."""
        if sha256 in self.by_content:
            return self.by_content[sha256]
        return self.coming.pop(0) if self.coming else otherwise


def default_text(seconds: float | None, sound: str) -> str:
    """Return what a recording says that nobody told anything of: how long it is, where that is known."""
    if seconds is None:
        return f"This is a recording of the type {sound}."
    return f"This is a recording of {round(seconds, 1):g} seconds."
