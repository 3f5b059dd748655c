"""Scripts of chatflows: nodes that ask and wait for the next message, and several output nodes."""

from collections.abc import Mapping

from bridge.sandbox.coze.scripts.steps import REPLY, Ask, Fail, Field, Steps, Turn, ending, say

OPTIONS_QUESTION = "How long will you stay?"
OPTIONS = ("one day", "a week", "a month")
FIELDS_QUESTION = "Tell me about your journey."
FIELDS = (Field("city"), Field("nights", "integer"), Field("note", required=False))
EXTRACT_QUESTION = "How many nights?"
ASKED_AGAIN = 3
"""How often a question is asked again before the run fails."""


def options(turn: Turn) -> Steps:
    """Return a question node with options: text, or a card where cards are on."""
    reply = (yield Ask(OPTIONS_QUESTION, options=OPTIONS)).get(REPLY, "")
    chosen = _option(reply)
    words = f"You chose **{chosen}**." if chosen else f"**{reply}** is none of the options."
    yield from say("answer", words)
    yield from ending()


def _option(reply: str) -> str:
    """Return the option that a reply names, by its words or by its letter; "" for none."""
    said = reply.strip().lower()
    letters = {chr(97 + place): option for place, option in enumerate(OPTIONS)}
    return letters.get(said.rstrip("."), said if said in OPTIONS else "")


def fields(turn: Turn) -> Steps:
    """Return an input node with fields, which asks again for what is required."""
    step = Ask(FIELDS_QUESTION, fields=FIELDS)
    for _ in range(1 + ASKED_AGAIN):
        reply = yield step
        missing = [one.name for one in FIELDS if one.required and not reply.get(one.name)]
        if not missing:
            lines = [f"- {one.name}: **{reply.get(one.name) or 'nothing'}**" for one in FIELDS]
            yield from say("answer", "\n".join(("I have noted:\n", *lines)))
            yield from ending()
            return
        step = Ask(f"Please give me {', '.join(missing)}.", fields=FIELDS)
    yield Fail(720701013, "the input node was not answered")


def extract(turn: Turn) -> Steps:
    """Return a question node that wants a number, asks three times more, and then fails."""
    step = Ask(EXTRACT_QUESTION)
    for _ in range(1 + ASKED_AGAIN):
        reply = (yield step).get(REPLY, "")
        number = "".join(letter for letter in reply if letter.isdigit())
        if number:
            yield from say("answer", f"**{number}** nights it is.")
            yield from ending()
            return
        step = Ask(f"I need a number. {EXTRACT_QUESTION}")
    yield Fail(720701013, "the question node did not get what it extracts")


def nodes(turn: Turn) -> Steps:
    """Return three output nodes, each a message of its own, with a question in between."""
    yield from say("first", "**Step one:** I have looked at the map.")
    yield from say("second", "**Step two:** I have found three ways.")
    reply = (yield Ask("Which of them shall I take?")).get(REPLY, "")
    yield from say("third", f"**Step three:** I took *{reply}*.")
    yield from say("end", "I have arrived.")
    yield from ending()


def about(turn: Turn) -> Steps:
    """Say which variables, parameters and position came with the question."""
    lines = [line for kind, values in turn.known.items() for line in _told(kind, values)]
    if lines:
        text = "\n".join(("This is what I was told:\n", *lines))
    else:
        text = "I know **nothing** about you: no variables and no parameters came with this."
    yield from say("answer", text)
    yield from ending()


def _told(kind: str, values: Mapping[str, object]) -> list[str]:
    return [f"- {kind} **{name}**: {value}" for name, value in values.items()]
