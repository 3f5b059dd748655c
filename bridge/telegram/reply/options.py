"""How one reply is to look and to grow: as its chat has chosen, as far as the servers can. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.model import AttachmentKind, Turn
from bridge.preferences import Preferences, Reasoning, Speech, Streaming
from bridge.telegram.reply.features import Features
from bridge.texts import age, translate

LATE_SECONDS = 600.0
"""After this long an answer says how old its question is."""


@dataclass(frozen=True)
class ReplyOptions:
    """How one reply is to look and to grow."""

    language: str
    reasoning: Reasoning = Reasoning.OFF
    suggestions: bool = True
    streaming: Streaming = Streaming.EDITS
    judged: bool = False
    """Whether people are asked what they think of an answer."""
    transcripts: bool = True
    """Whether it is shown what was heard in a voice message."""
    spoken: bool = False
    """Whether the answer is spoken, too."""
    rich: bool = False
    """Whether a finished answer may become a rich message."""


def reply_options(turn: Turn, default: Preferences, features: Features) -> ReplyOptions:
    """Return how the reply of a turn is to be: as its chat has chosen, as far as the servers can."""
    chosen = turn.preferences.over(default)
    streaming = chosen.streaming or Streaming.EDITS
    if streaming is Streaming.DRAFTS and not (turn.chat.private and features.drafts):
        streaming = Streaming.EDITS
    return ReplyOptions(
        language=chosen.language or turn.sender.language,
        reasoning=chosen.reasoning or Reasoning.OFF,
        suggestions=chosen.suggestions is not False,
        streaming=streaming,
        judged=features.judging,
        transcripts=features.transcripts,
        spoken=_spoken(turn, chosen),
        rich=features.rich,
    )


def _spoken(turn: Turn, chosen: Preferences) -> bool:
    asked = any(one.kind is AttachmentKind.VOICE for one in turn.attachments)
    return chosen.speech is Speech.ALWAYS or (chosen.speech is Speech.VOICE and asked)


def lateness(turn: Turn, language: str, now: float) -> Sequence[str]:
    """Return a sentence for an answer that comes long after its question, as after an outage."""
    late = turn.late(now)
    return (
        [translate(language, "reply.late", age=age(late, language))] if late > LATE_SECONDS else []
    )
