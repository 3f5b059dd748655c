"""Reading JSON at the door: every field is typed here or refused with 4000."""

import json
from collections.abc import Mapping, Sequence
from typing import cast

from bridge.sandbox.coze.refusals import Refusal, bad, not_json

Fields = Mapping[str, object]


def parse_object(raw: bytes) -> Fields:
    """Return the JSON object in a request body; an empty body is an empty object.

    Raises Refusal 4000 when it is anything else.
    """
    if not raw.strip():
        return {}
    try:
        value: object = json.loads(raw)
    except ValueError:
        raise not_json() from None
    return as_object(value)


def as_object(value: object) -> Fields:
    """Return a JSON object, or Refusal 4000."""
    if not isinstance(value, dict):
        raise not_json()
    return cast("dict[str, object]", value)


def optional_text(fields: Fields, name: str) -> str | None:
    """Return a string field, None when absent or null. A number is refused: ids travel as strings."""
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise not_json()
    return value


def required_text(fields: Fields, name: str) -> str:
    """Return a string field that is there and not empty."""
    value = optional_text(fields, name)
    if not value:
        raise bad(f"{name} is required")
    return value


def flag(fields: Fields, name: str, default: bool) -> bool:
    """Return a boolean field; `"true"` and 1 are refused."""
    value = fields.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise not_json()
    return value


def whole(fields: Fields, name: str, default: int, low: int, high: int) -> int:
    """Return an integer field within `low`..`high`."""
    value = fields.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        raise not_json()
    if not low <= value <= high:
        raise bad(f"{name} must be within {low} and {high}")
    return value


def number(fields: Fields, name: str, default: float, low: float, high: float) -> float:
    """Return a number, with or without a fraction, within `low`..`high`."""
    value = fields.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise not_json()
    if not low <= value <= high:
        raise bad(f"{name} must be within {low:g} and {high:g}")
    return float(value)


def whole_in_query(query: Mapping[str, str], name: str, default: int, high: int) -> int:
    """Return a positive integer of the query string, at most `high`."""
    text = query.get(name)
    if not text:
        return default
    if not text.isdecimal() or not 1 <= int(text) <= high:
        raise bad(f"{name} must be within 1 and {high}")
    return int(text)


def objects(fields: Fields, name: str) -> Sequence[Fields]:
    """Return an array of objects; absent or null is an empty one."""
    value = fields.get(name)
    if value is None:
        return ()
    if not isinstance(value, list):
        raise not_json()
    return [as_object(item) for item in cast("list[object]", value)]


def texts(fields: Fields, name: str) -> Sequence[str]:
    """Return an array of strings; absent or null is an empty one."""
    value = fields.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise not_json()
    return cast("list[str]", value)


def object_field(fields: Fields, name: str) -> Fields | None:
    """Return an object field, None when absent or null."""
    value = fields.get(name)
    return None if value is None else as_object(value)


def text_map(fields: Fields, name: str) -> Mapping[str, str]:
    """Return a map of strings to strings; absent or null is an empty one."""
    found = object_field(fields, name) or {}
    if not all(isinstance(value, str) for value in found.values()):
        raise not_json()
    return cast("dict[str, str]", dict(found))


def meta_data(fields: Fields) -> Mapping[str, str]:
    """Return `meta_data`: 16 pairs at most, keys of 1-64, values of 1-512 characters, else 4003."""
    pairs = text_map(fields, "meta_data")
    if len(pairs) > 16:
        raise Refusal(4003, "meta_data has more than 16 pairs")
    for key, value in pairs.items():
        if not 1 <= len(key) <= 64 or not 1 <= len(value) <= 512:
            raise Refusal(4003, "meta_data has a key or value of a wrong length")
    return pairs
