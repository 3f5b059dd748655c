"""The inputs of a start node: defaults, types, and files, which are JSON in a string."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from bridge.sandbox.coze.resources.uploads import Shelf
from bridge.sandbox.coze.scripts.steps import Attachment
from bridge.sandbox.coze.workflows.library import FILE_TYPES, Input, Workflow

MISSING_INPUT = 720702002
WRONG_INPUT = 720702001
FIXED = ("USER_INPUT", "CONVERSATION_NAME")
"""The inputs of every chatflow, which are no parameters of its own."""
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}


class WrongInput(Exception):
    """An input that the start node does not take: the run begins, and fails."""

    def __init__(self, code: int, msg: str) -> None:
        super().__init__(msg)
        self.code = code
        self.msg = msg


@dataclass(frozen=True)
class Inputs:
    """What the start node hands on."""

    values: Mapping[str, object] = field(default_factory=dict)
    files: tuple[Attachment, ...] = ()


def start_inputs(workflow: Workflow, sent: Mapping[str, object], shelf: Shelf) -> Inputs:
    """Return the inputs with their defaults; unknown names are passed over. Raises WrongInput."""
    given = {name: value for name, value in sent.items() if name not in FIXED}
    if workflow.inputs is None:
        declared = {name: Input(_guessed(value)) for name, value in given.items()}
    else:
        declared = dict(workflow.inputs)
    values: dict[str, object] = {}
    files: list[Attachment] = []
    for name, one in declared.items():
        value = given.get(name, one.default)
        if value is None:
            if one.required:
                raise WrongInput(MISSING_INPUT, f"missing required input: {name}")
            continue
        files += _checked(name, one.type, value, shelf)
        values[name] = value
    return Inputs(values, tuple(files))


def _guessed(value: object) -> str:
    """Return the type of an input that nobody declared: a file where it looks like one."""
    return "file" if isinstance(value, str) and _file_id(value) else "any"


def _checked(name: str, kind: str, value: object, shelf: Shelf) -> list[Attachment]:
    """Return the files in a value of the right type."""
    wrong = WrongInput(WRONG_INPUT, f"input {name} is not of the type {kind}")
    if kind.endswith("[]"):
        if not isinstance(value, list):
            raise wrong
        items = cast("list[object]", value)
        return [one for item in items for one in _checked(name, kind[:-2], item, shelf)]
    if kind in FILE_TYPES:
        if not isinstance(value, str):
            raise wrong
        return [_file(name, kind, value, shelf)]
    types = _TYPES.get(kind)
    if types and (not isinstance(value, types) or (isinstance(value, bool) and bool not in types)):
        raise wrong
    return []


def _file_id(text: str) -> str:
    try:
        parsed: object = json.loads(text)
    except ValueError:
        return ""
    found = cast("dict[str, object]", parsed).get("file_id") if isinstance(parsed, dict) else None
    return found if isinstance(found, str) else ""


def _file(name: str, kind: str, text: str, shelf: Shelf) -> Attachment:
    file_id = _file_id(text)
    if file_id:
        upload = shelf.find(file_id)
        if upload is None:
            raise WrongInput(WRONG_INPUT, f"input {name}: file_id {file_id} does not exist")
        if kind in ("image", "audio") and upload.kind != kind:
            raise WrongInput(WRONG_INPUT, f"input {name}: file_id {file_id} is no {kind} file")
        return Attachment(upload.kind, upload.name, file_id)
    if re.match(r"https?://[^\s/]+", text):
        return Attachment(kind if kind in ("image", "audio") else "file", text)
    raise WrongInput(WRONG_INPUT, f"input {name} is neither a file_id nor an address")
