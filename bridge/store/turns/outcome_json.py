"""How a turn ends, as the JSON in which it waits until the person has seen it."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from bridge.model import End, Picture, State

_MORE = [one.name for one in fields(End) if one.name not in ("state", "picture")]


def dump(end: End) -> Mapping[str, object]:
    """An end as JSON."""
    return asdict(end)


def load(stored: Mapping[str, Any] | None) -> End | None:
    """The end that was stored; None for none."""
    if stored is None:
        return None
    shown = {one.name: stored["picture"].get(one.name, one.default) for one in fields(Picture)}
    lists = {name: tuple(value) for name, value in shown.items() if isinstance(value, list)}
    picture = Picture(**{**shown, **lists})
    more = {name: stored[name] for name in _MORE if name in stored}
    return End(State(stored["state"]), picture, **more)
