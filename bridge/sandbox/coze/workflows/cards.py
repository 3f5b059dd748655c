"""The cards of question and input nodes: JSON around JSON."""

import json

from bridge.sandbox.coze.scripts.steps import Ask


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _card(inner: object) -> str:
    """Return the card; `data` is a large description of its looks that no client reads."""
    looks = _json({"elements": {"root": {"id": "root", "type": "@flowpd/cici-components/Card"}}})
    return _json(
        {
            "card_type": 3,
            "content_type": 50,
            "response_type": "card",
            "template_id": "7379227414322217999",
            "data": looks,
            "x_properties": {"workflow_card_info": _json(inner)},
        }
    )


def question_card(step: Ask) -> str:
    """Return a question with options."""
    options = [{"name": option} for option in step.options]
    return _card(
        {
            "card_type": "QUESTION",
            "question_card_data": {"Title": step.text, "Options": options},
        }
    )


def form_card(step: Ask) -> str:
    """Return the fields of an input node."""
    fields = [{"type": one.type, "name": one.name, "required": one.required} for one in step.fields]
    return _card({"card_type": "INPUT", "input_card_data": fields})
