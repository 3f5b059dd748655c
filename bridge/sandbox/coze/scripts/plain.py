"""Scripts that answer with one text, and the memory that makes forgetting visible."""

import re

from bridge.sandbox.coze.scripts.steps import Delta, Script, Silence, Steps, Turn, ending, say
from bridge.sandbox.coze.scripts.texts import answer_text

PLAIN_FOLLOW_UPS = (
    "Show me all of Markdown",
    "Write some Python code",
    "Compare the planets in a table",
)


def _quoted(turn: Turn) -> str:
    """Return the question as a block quote."""
    return "\n> ".join(turn.question.splitlines() or ["(no words)"])


def _filled(name: str, turn: Turn) -> str:
    return (
        answer_text(name).replace("{agent}", turn.agent_name).replace("{question}", _quoted(turn))
    )


def of_text(name: str, *follow_ups: str) -> Script:
    """Return a script that says the text of that name."""

    def script(turn: Turn) -> Steps:
        yield from say("answer", _filled(name, turn))
        yield from ending(follow_ups)

    return script


def slow(turn: Turn) -> Steps:
    """Keep silent for thirty seconds, as while an image is drawn, then answer."""
    yield Silence(30)
    yield from say("answer", "Sorry for the wait: that took me **half a minute** of silence.")
    yield from ending()


def follow(turn: Turn) -> Steps:
    """Offer three suggestions, which take their time after the answer."""
    yield from say("answer", "Where would you like to go from here? Choose one of **three ways**.")
    yield Silence(2)
    yield from ending(
        (
            "Tell me a long story about lighthouses",
            "How do you think about a puzzle?",
            "What is the weather in Lisbon?",
        )
    )


_SPEAKER = re.compile(r"\A(?![a-z])[^\n:]{1,64}: ")


def spoken(question: str) -> str:
    """Return what somebody says, without the name that stands before it where several people speak."""
    return _SPEAKER.sub("", question.strip(), count=1)


_TOLD = re.compile(r"^\W*(?:please\s+)?remember\b(?:\s+that\b)?[\s:,]*(.+)", re.I | re.S)


def _facts(texts: list[str]) -> list[str]:
    found = (_TOLD.match(text) or _TOLD.match(spoken(text)) for text in texts)
    return [match.group(1).strip().rstrip(".!") for match in found if match]


def memory(turn: Turn) -> Steps:
    """Tell what this conversation holds: a question that lost its context shows at once."""
    asked = [text for role, text in turn.earlier if role == "user"]
    told = _facts([turn.question])
    if told:
        text = f"I will remember: **{told[0]}**."
        if asked:
            text += f" This is message {len(asked) + 1} of our conversation."
    else:
        text = _recollection(asked, _facts(asked))
    yield from say("answer", text)
    yield from ending(("What do you remember?",) if told else ("Remember that I like green tea",))


def _recollection(asked: list[str], facts: list[str]) -> str:
    if not asked:
        return "I remember **nothing**: this is the first message of our conversation."
    count = len(asked)
    head = f"Before this, you sent me {count} message{'s' if count > 1 else ''}"
    if not facts:
        return f"{head}, and the last was: “{asked[-1]}”. You asked me to remember nothing."
    listed = "\n".join(f"- **{fact}**" for fact in facts)
    return f"{head}, and asked me to remember:\n\n{listed}"


def empty(turn: Turn) -> Steps:
    """Return an answer without a single character."""
    yield Delta("answer", "")
    yield from say("answer", "")
    yield from ending()
