"""How a turn ends, as the JSON in which it waits until the person has seen it."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from bridge.model import Outcome, ReplyState, State

_MORE = [one.name for one in fields(Outcome) if one.name not in ("state", "reply_state")]


def dump(end: Outcome) -> Mapping[str, object]:
    """Return an end as JSON."""
    return asdict(end)


def load(stored: Mapping[str, Any] | None) -> Outcome | None:
    """Return the end that was stored; None for none."""
    if stored is None:
        return None
    shown = {
        one.name: stored["reply_state"].get(one.name, one.default) for one in fields(ReplyState)
    }
    lists = {name: tuple(value) for name, value in shown.items() if isinstance(value, list)}
    reply_state = ReplyState(**{**shown, **lists})
    more = {name: stored[name] for name in _MORE if name in stored}
    return Outcome(State(stored["state"]), reply_state, **more)
