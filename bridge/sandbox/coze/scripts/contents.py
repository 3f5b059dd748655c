"""Scripts whose answers are no plain text: question and input nodes, objects, sounds.

The cloud writes the nodes of a chatflow as cards with `x_properties`; coze-studio writes those of an
agent as JSON with `content_type` at the top, in deltas, too, though the message is a card.
"""

import json

from bridge.sandbox.coze.scripts.steps import (
    INTERRUPT,
    INTERRUPTED_FINISH,
    Completed,
    Delta,
    EndWithoutChat,
    Fail,
    Steps,
    Turn,
    ending,
    pieces,
    say,
)

MENU = "How long will you stay?"
MENU_OPTIONS = ("one day", "a week")
FORM_FIELDS = ("city", "nights")
SOUND = "KgAxAC8AMAAuAC0A"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _flow_card(inner: object) -> str:
    return _json(
        {
            "card_type": 3,
            "content_type": 50,
            "response_type": "card",
            "template_id": "7379227414322217999",
            "x_properties": {"workflow_card_info": _json(inner)},
        }
    )


CLOUD_MENU = _flow_card(
    {
        "card_type": "QUESTION",
        "question_card_data": {"Title": MENU, "Options": [{"name": one} for one in MENU_OPTIONS]},
    }
)
CLOUD_FORM = _flow_card(
    {
        "card_type": "INPUT",
        "input_card_data": [
            {"type": "string", "name": one, "required": True} for one in FORM_FIELDS
        ],
    }
)
STUDIO_MENU = _json(
    {
        "type": "question",
        "content_type": "option",
        "content": {"options": [{"name": one} for one in MENU_OPTIONS], "question": MENU},
        "id": "5_q",
    }
)
STUDIO_FORM = _json(
    {
        "content_type": "form_schema",
        "content": _json(
            [{"type": "string", "name": one, "required": True} for one in FORM_FIELDS]
        ),
    }
)


def _waiting() -> Steps:
    yield Completed("interrupt", INTERRUPT, type="verbose")
    yield Completed("finish", INTERRUPTED_FINISH, type="verbose")


def _by_cloud(content: str) -> Steps:
    yield Completed("answer", content, content_type="card")
    yield from _waiting()
    yield EndWithoutChat()


def _by_studio(content: str) -> Steps:
    for piece in pieces(content):
        yield Delta("answer", piece, content_type="card")
    yield Completed("answer", content, content_type="card")
    yield from _waiting()


def menu(turn: Turn) -> Steps:
    """Return a question node with options, as the cloud writes it."""
    yield from _by_cloud(CLOUD_MENU)


def studio_menu(turn: Turn) -> Steps:
    """Return a question node with options, as coze-studio writes it."""
    yield from _by_studio(STUDIO_MENU)


def form(turn: Turn) -> Steps:
    """Return an input node, as the cloud writes it."""
    yield from _by_cloud(CLOUD_FORM)


def studio_form(turn: Turn) -> Steps:
    """Return an input node, as coze-studio writes it."""
    yield from _by_studio(STUDIO_FORM)


def objects(turn: Turn) -> Steps:
    """Return an answer of several objects: words, a picture, a file."""
    items = [
        {"type": "text", "text": "Here is the **lighthouse**."},
        {"type": "image", "file_url": turn.link("lighthouse.png")},
        {"type": "file", "name": "report.pdf", "file_url": turn.link("report.pdf")},
    ]
    yield Completed("answer", _json(items), content_type="object_string")
    yield from ending()


def sound(turn: Turn) -> Steps:
    """Return a whole answer that is a sound, in base64."""
    yield Completed("answer", SOUND, content_type="audio")
    yield from ending()


def fail_late(turn: Turn) -> Steps:
    """Return a whole answer, and then an error: the model that suggests questions has failed."""
    yield from say("answer", "All of this was **said** before it failed.")
    yield from ending()
    yield Fail(103200002, "internal server error", "event")
