"""Scripts with more than an answer: tools, reasoning, knowledge, cards, a question node."""

import json
from collections.abc import Mapping

from bridge.sandbox.coze.scripts.steps import (
    INTERRUPT,
    INTERRUPTED_FINISH,
    Audio,
    Complete,
    Completed,
    Delta,
    EndWithoutChat,
    Open,
    Require,
    Silence,
    Steps,
    ToolCall,
    Turn,
    ending,
    pieces,
    say,
)
from bridge.sandbox.coze.scripts.texts import answer_text

NODE_QUESTION = "Which city do you mean?"


def _json(value: Mapping[str, object]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def tool(turn: Turn) -> Steps:
    """Return a plugin: the answer's id comes before the tool's, then nothing while the plugin works."""
    yield Open("answer")
    yield Completed(
        "call",
        _json(
            {
                "name": "tianqi-getWeather",
                "arguments": {"city": "Lisbon"},
                "plugin_id": 7379227414322217010,
                "api_id": 7379227414322233394,
                "plugin_name": "Weather",
                "plugin_type": 1,
            }
        ),
        type="function_call",
    )
    yield Silence(3)
    yield Completed(
        "response",
        _json({"content_type": 1, "response_for_model": "clear, 24 °C", "type_for_model": 1}),
        type="tool_response",
    )
    yield from say("answer", answer_text("tool"))
    yield from ending(("And the day after tomorrow?", "What should I pack?"))


def think(turn: Turn) -> Steps:
    """Return a reasoning model: its thoughts come first, in a field of their own."""
    for piece in pieces(answer_text("thought")):
        yield Delta("answer", reasoning=piece)
    yield from say("answer", answer_text("think"))
    yield from ending(("Give me a harder one",))


def think_tag(turn: Turn) -> Steps:
    """Return a reasoning model whose thoughts are printed inside the answer."""
    yield from say(
        "answer", f"<think>\n{answer_text('thought')}\n</think>\n\n{answer_text('think')}"
    )
    yield from ending()


def knowledge(turn: Turn) -> Steps:
    """Show recalled slices, in both forms the API knows, before the answer."""
    slices = "---\nrecall slice 1: A card is free and valid for two years.\n"
    yield Completed("recalled", slices, type="knowledge")
    yield Completed(
        "recall",
        _json({"msg_type": "knowledge_recall", "data": slices}),
        type="verbose",
    )
    yield from say("answer", answer_text("knowledge"))
    yield from ending(("When is the library open?",))


def two(turn: Turn) -> Steps:
    """Give two answers, the second as a whole message only."""
    yield from say("first", "**First answer.** It was written piece by piece.")
    yield Completed("second", "**Second answer.** It came as a whole.")
    yield from ending()


def card(turn: Turn) -> Steps:
    """Return a card, completed only, then nothing readable."""
    yield Completed(
        "card",
        _json(
            {
                "card_type": 3,
                "template_url": "https://lf3-static.coze.com/card/template.json",
                "template_id": "7379227414322217999",
                "response_type": "card",
                "data": {"title": "Sandbox card"},
            }
        ),
        content_type="card",
    )
    yield from ending()


def question(turn: Turn) -> Steps:
    """Return a question node of a chatflow: the stream ends without any terminal chat event."""
    if turn.earlier and turn.earlier[-1] == ("assistant", NODE_QUESTION):
        yield from say("answer", f"**{turn.question}** it is. Thank you!")
        yield from ending()
        return
    yield from say("answer", NODE_QUESTION)
    yield Completed("interrupt", INTERRUPT, type="verbose")
    yield Completed("finish", INTERRUPTED_FINISH, type="verbose")
    yield EndWithoutChat()


def local_tool(turn: Turn) -> Steps:
    """Return a tool that lives at the client: the run waits for its output."""
    call = ToolCall("BUJJS0JKQ0dHT0xPSUI=", "get_rain_probability", '{"location":"Lisbon"}')
    yield Completed(
        "call",
        _json({"name": call.name, "arguments": {"location": "Lisbon"}, "plugin_type": 6}),
        type="function_call",
    )
    yield Completed("interrupt", INTERRUPT, type="verbose")
    yield Completed("interrupted", INTERRUPTED_FINISH, type="verbose")
    outputs = yield Require((call,))
    output = outputs.get(call.id, "")
    yield Completed("response", output, type="tool_response")
    yield from say("answer", f"Your tool says: `{output}`")
    yield from ending()


def audio(turn: Turn) -> Steps:
    """Send speech behind chat.completed: a stream is over at its last event only."""
    yield from say("answer", "Listen to this.")
    yield from ending()
    yield Complete()
    for fragment in ("KgAxAC8A", "MAAuAC0A"):
        yield Audio("answer", fragment)
