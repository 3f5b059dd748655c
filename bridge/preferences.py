"""What a chat can choose, and what counts where it has chosen nothing. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Reasoning(StrEnum):
    """How much of the agent's reasoning a chat wants to read."""

    OFF = "off"
    BRIEF = "brief"
    ON = "on"


class Streaming(StrEnum):
    """How a reply grows in a chat."""

    EDITS = "edits"
    """One message, edited in place."""
    DRAFTS = "drafts"
    """A draft that Telegram shows while the bot writes; private chats only."""
    WHOLE = "whole"
    """Nothing until the answer is complete."""


class AccessMode(StrEnum):
    """Who may use the bridge."""

    APPROVAL = "approval"
    OPEN = "open"


class Answers(StrEnum):
    """Which messages of a group are answered."""

    MENTION = "mention"
    """Those that name the bot or answer it."""
    WAKE = "wake"
    """Those, and what begins with the group's wake word."""
    EVERYTHING = "everything"


class Memory(StrEnum):
    """Who shares a conversation in a group."""

    CHAT = "chat"
    MEMBER = "member"
    """Each has their own."""


class Speech(StrEnum):
    """When an answer is spoken, too."""

    OFF = "off"
    VOICE = "voice"
    """When its question was."""
    ALWAYS = "always"


@dataclass(frozen=True)
class Preferences:
    """What a chat has chosen; None is the deployment's default."""

    reasoning: Reasoning | None = None
    suggestions: bool | None = None
    streaming: Streaming | None = None
    language: str | None = None
    answers: Answers | None = None
    wake_word: str | None = None
    memory: Memory | None = None
    context: int | None = None
    """How many lines that were not for the agent it gets to read with a question."""
    speech: Speech | None = None
    agent: str | None = None
    """The id of the agent that answers."""

    def conversation_owner(self, person_id: int, *, private: bool) -> int:
        """Return whose conversation somebody's questions belong to; 0 for the one that all share."""
        return person_id if self.memory is Memory.MEMBER and not private else 0

    def over(self, default: "Preferences") -> "Preferences":
        """Return these choices, and the default's where nothing was chosen."""
        return Preferences(
            reasoning=self.reasoning or default.reasoning,
            suggestions=default.suggestions if self.suggestions is None else self.suggestions,
            streaming=self.streaming or default.streaming,
            language=self.language or default.language,
            answers=self.answers or default.answers,
            wake_word=self.wake_word or default.wake_word,
            memory=self.memory or default.memory,
            context=default.context if self.context is None else self.context,
            speech=self.speech or default.speech,
            agent=self.agent or default.agent,
        )


NOTHING_CHOSEN = Preferences()
