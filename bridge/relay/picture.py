"""What a reply should show now: the newest picture wins, older ones are worth nothing. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """Everything that stands in the reply at one moment."""

    answers: tuple[str, ...] = ()
    """The agent's Markdown: a run may give several answers."""
    reasoning: str = ""
    """What the agent thought before it answered."""
    status: str | None = None
    """Key of the sentence that says what the agent does while there is nothing new to read."""
    notices: tuple[str, ...] = ()
    """Keys of sentences that stand above the text."""
    note: str | None = None
    """Key of the sentence that closes the reply, when there is more to say than the text."""
    suggestions: tuple[str, ...] = ()
    whole: bool = False
    """Whether the text is complete, though its run may not be over yet."""
    over: bool = False
    """Whether nothing follows at all."""
    can_retry: bool = False
    answer_id: str | None = None
    """Coze's id of the last answer, by which people can judge it."""

    @property
    def text(self) -> str:
        """All answers as one text."""
        return "\n\n".join(self.answers)

    def __repr__(self) -> str:
        return f"Picture({len(self.text)} characters, note={self.note}, over={self.over})"
