"""Scripts that wait: a question or input node was reached, and the next run answers it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from bridge.sandbox.coze.scripts.steps import REPLY, Outputs, Script, Step, Steps, Turn

WAITING_SECONDS = 24 * 60 * 60


@dataclass(eq=False)
class Suspended:
    """A script in the middle, and the step that it waits at."""

    steps: Steps
    step: Step
    workflow_id: str
    expires_at: float
    """Unix time in seconds."""


def continued(waiting: Suspended, outputs: Outputs) -> Script:
    """Return the rest of a script, once what it waits for has come."""

    def script(turn: Turn) -> Steps:
        try:
            step = waiting.steps.send(outputs)
            while True:
                got = yield step
                step = waiting.steps.send(got)
        except StopIteration:
            return

    return script


def answered(text: str) -> Outputs:
    """Return the result of an `Ask`: the text itself, and the fields of an input node in it.

    Those are a JSON object, or lines `name: value`.
    """
    return {**_fields(text), REPLY: text}


def _fields(text: str) -> Mapping[str, str]:
    try:
        parsed: object = json.loads(text)
    except ValueError:
        parsed = None
    if isinstance(parsed, dict):
        found = cast("dict[str, object]", parsed)
        return {
            name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for name, value in found.items()
        }
    lines = (line.replace("\uff1a", ":", 1).partition(":") for line in text.splitlines())
    return {name.strip(): value.strip() for name, colon, value in lines if colon and name.strip()}
