"""Tables for a screen without tables: aligned columns if they fit, else records. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from wcwidth import wcswidth, wcwidth

_PICTOGRAPH = re.compile("[\U0001f300-\U0001faff](?!\ufe0f)")
WIDEST = 40
"""Columns of a telephone in monospace."""


@dataclass(frozen=True)
class Table:
    """A table's cells as plain text; `sides` says how each column is aligned."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    sides: tuple[str, ...]


def aligned(table: Table) -> str | None:
    """Return the table with aligned columns; None when it is wider than `WIDEST`."""
    rows = [table.header, *table.rows]
    widths = [
        max((_width(row[column]) for row in rows if column < len(row)), default=0)
        for column in range(len(table.header))
    ]
    if sum(widths) + 3 * (len(widths) - 1) > WIDEST:
        return None
    lines = [_line(row, widths, table.sides) for row in rows]
    lines.insert(1, "─┼─".join("─" * width for width in widths))
    return "\n".join(lines)


def _line(row: Sequence[str], widths: Sequence[int], sides: Sequence[str]) -> str:
    cells = [
        _pad(row[column] if column < len(row) else "", width, sides[column])
        for column, width in enumerate(widths)
    ]
    return " │ ".join(cells).rstrip()


def _pad(text: str, width: int, side: str) -> str:
    free = width - _width(text)
    if side == "right":
        return " " * free + text
    if side == "center":
        return " " * (free // 2) + text + " " * (free - free // 2)
    return text + " " * free


def _width(text: str) -> int:
    """Columns that the text takes: Chinese characters and emoji take two.

    Telegram draws the older pictographs in colour, too, which by Unicode are narrow by themselves.
    """
    narrow = sum(wcwidth(char) == 1 for char in _PICTOGRAPH.findall(text))
    return (max(wcswidth(text), 0) or len(text)) + narrow
