"""The types of settings: how their words are read, and which values make sense. Pure."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
)


def listed(text: object) -> object:
    """`10, 2.5, 1.2, 1` as four words."""
    return [part.strip() for part in text.split(",")] if isinstance(text, str) else text


def choice(words: Iterable[str]) -> str:
    """`a, b or c`."""
    *others, last = sorted(words)
    return f"{', '.join(others)} or {last}" if others else last


Positive = Annotated[float, Field(gt=0)]


def _sensible(pace: tuple[float, float, float, float, float, int]) -> tuple[float, ...]:
    """Return what is kept back must leave something."""
    if pace[3] >= pace[0]:
        raise ValueError("keeps back as many calls as there are; give it more, or keep fewer")
    return pace


Pace = Annotated[
    tuple[
        Positive,
        Positive,
        Positive,
        Annotated[float, Field(ge=0)],
        Annotated[float, Field(ge=1)],
        Annotated[int, Field(ge=0)],
    ],
    BeforeValidator(listed),
    AfterValidator(_sensible),
]
"""The fields of `bridge.telegram.budget.Limits`, in their order."""


Operators = Annotated[
    tuple[Annotated[int, Field(gt=0)], ...],
    BeforeValidator(listed),
]
"""Telegram ids of people."""
