"""How a turn is put to the agent: who speaks, what it answers, what was said before. Pure.

Coze knows one user for a whole group, so a message brings its speaker's name along. In a private
chat nothing is added to what the person wrote but what they quoted.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

from bridge.model import Line, Part, Quote, Turn

MOST_QUOTED = 1000
"""Characters of what a message answers; the beginning says which one is meant."""
MOST_QUOTED_OF_OURS = 200
"""The agent remembers its own words."""
MOST_NAME = 64
MOST_TITLE = 40
CUT_UNITS = 4096
"""UTF-16 units at which clients cut a text, or at a word somewhat before that."""


def prompt_of(turn: Turn, texts: Mapping[str, str] | None = None) -> str:
    """Return the question as the agent reads it; `texts` is what stands there for files, by their keys."""
    speaker = "" if turn.chat.private else name(turn.sender.name)
    first, *more = [_with_files(part, texts or {}) for part in turn.parts]
    if not any(part.text or part.quote for part in (first, *more)) and turn.attachments:
        names = ", ".join(one.name for one in turn.attachments)
        first = replace(first, text=f"({names})")  # Coze takes no files without a text
    told = [_told(first, speaker)]
    for before, part in pairwise((first, *more)):
        if part.text and not part.quote and _is_cut(before):
            told[-1] += part.text if _units(before.text) == CUT_UNITS else f"\n{part.text}"
        elif part.text or part.quote:
            told.append(_told(part, ""))
    return "\n\n".join([*_heard(turn.heard), *told])


def title_of(turn: Turn) -> str:
    """Return what a conversation is called that begins with a question: its first words."""
    words = next((part.text for part in turn.parts if part.text.strip()), "")
    words = words or next((one.name for one in turn.attachments), "")
    flat = " ".join(words.split())
    return flat if len(flat) <= MOST_TITLE else flat[: MOST_TITLE - 1].rstrip() + "…"


def _is_cut(part: Part) -> bool:
    """Return whether the client may have cut a text behind this piece of it."""
    return not part.attachments and CUT_UNITS - 96 <= _units(part.text) <= CUT_UNITS


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def transcript(turn: Turn) -> str:
    """Return what was said in the turn's voice messages."""
    return "\n\n".join(one.said for one in turn.attachments if one.said)


def _with_files(part: Part, texts: Mapping[str, str]) -> Part:
    """Return a message with what is said and written in its files."""
    inside = [one.said or texts.get(one.key, "") for one in part.attachments]
    return replace(part, text="\n\n".join(text for text in (part.text, *inside) if text))


def name(given: str) -> str:
    """Return a name on one line, not longer than names are: people may call themselves anything."""
    flat = " ".join(given.split())
    return flat if len(flat) <= MOST_NAME else flat[: MOST_NAME - 1] + "…"


def _heard(lines: tuple[Line, ...]) -> list[str]:
    if not lines:
        return []
    said = "\n".join(f"{name(line.speaker)}: {_indented(line.text)}" for line in lines)
    return [f"(Said in the group before, not to you:)\n{said}", "(Now to you:)"]


def _indented(text: str) -> str:
    """Return what somebody said, such that none of its lines looks like one of ours."""
    return "\n".join(text.splitlines()).replace("\n", "\n  ")


def _told(part: Part, speaker: str) -> str:
    if part.quote is None:
        return f"{speaker}: {part.text}" if speaker else part.text
    lead = f"{speaker}, in reply to" if speaker else "In reply to"
    return f"{lead} {_author(part.quote)}:\n{_cited(part.quote)}\n\n{part.text}".rstrip()


def _author(quote: Quote) -> str:
    return name(quote.author) if quote.author else "you"


def _cited(quote: Quote) -> str:
    most = MOST_QUOTED if quote.author else MOST_QUOTED_OF_OURS
    text = quote.text if len(quote.text) <= most else quote.text[: most - 1] + "…"
    return "\n".join(f"> {line}" for line in text.splitlines())
