"""Values on their way to and from an agent, made harmless. Pure.

Values land in prompts, and people choose their names and the titles of their groups themselves.
"""

import re
from collections.abc import Mapping

FIXED = "text:"
"""What begins a value that is the same for everybody."""
MOST_CHARACTERS = 64
_HARMFUL = re.compile(r"[{}%<>`\\\x00-\x1f\x7f\u0085\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
Value = str | int | bool
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def harmless(text: str) -> str:
    """Return a text on one line without what templates or markup could read, 64 characters at most."""
    return " ".join(_HARMFUL.sub(" ", text).split())[:MOST_CHARACTERS].strip()


def plain_id(text: str) -> str | None:
    """Return an id that is only that: the owner of an agent may send anything in its place."""
    return text if _PLAIN_ID.fullmatch(text) else None


def values(names: Mapping[str, str], facts: Mapping[str, Value]) -> dict[str, Value]:
    """Return the value of each configured name: every one is sent, an unknown one as nothing."""
    return {name: _value(fact, facts) for name, fact in names.items()}


def texts(names: Mapping[str, str], facts: Mapping[str, Value]) -> dict[str, str]:
    """Return the values where only texts are taken."""
    return {name: _text(value) for name, value in values(names, facts).items()}


def _value(fact: str, facts: Mapping[str, Value]) -> Value:
    if fact.startswith(FIXED):
        return fact.removeprefix(FIXED)  # the operator's own words
    found = facts.get(fact, "")
    return harmless(found) if isinstance(found, str) else found


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
