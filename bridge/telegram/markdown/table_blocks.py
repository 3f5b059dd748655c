"""Draw the tables of Markdown that fit no screen: as records, with their links below. Pure."""

from collections.abc import Sequence

from markdown_it.token import Token

from bridge.telegram.markdown.inline import Inline
from bridge.telegram.markdown.tables import Table
from bridge.telegram.markdown.text_builder import TextBuilder

Cells = Sequence[Sequence[Sequence[Token]]]
"""The inline tokens of each cell of each row, the head first."""


def draw_records(canvas: TextBuilder, table: Table, cells: Cells) -> None:
    """Draw each row below the others, its cells behind what their column is called."""
    if not table.rows:
        canvas.write(" · ".join(table.header))
        return
    for number, (row, texts) in enumerate(zip(cells[1:], table.rows, strict=True)):
        canvas.write("\n\n" if number else "")
        begun = False
        for column, cell in enumerate(row):
            if not texts[column]:
                continue
            canvas.write("\n" if begun else "")
            begun = True
            if column < len(table.header) and table.header[column]:
                canvas.open("bold")
                canvas.write(f"{table.header[column]}:")
                canvas.close("bold")
                canvas.write(" ")
            if is_linked(cell):
                Inline(canvas).draw(cell)
            else:
                canvas.write(texts[column])


def is_linked(cell: Sequence[Token]) -> bool:
    """Return whether a cell leads somewhere."""
    return any(token.type in ("link_open", "image") for token in cell)


def draw_links(canvas: TextBuilder, cells: Cells, plain: Sequence[Sequence[str]]) -> None:
    """Draw the links below a table, in which nothing can be one: each cell behind its row's first."""
    for row, texts in zip(cells, plain, strict=True):
        for column, cell in enumerate(row):
            if not is_linked(cell):
                continue
            canvas.write("\n")
            if column and texts[0]:
                canvas.write(f"{texts[0]}: ")
            Inline(canvas).draw(cell)


def read_table(tokens: Sequence[Token]) -> tuple[tuple[str, ...], Cells]:
    """Return how the columns of a table are aligned, and its cells."""
    rows: list[list[Sequence[Token]]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and rows:
            rows[-1].append(token.children or [])
    styles = [str(token.attrGet("style") or "") for token in tokens if token.type == "th_open"]
    return tuple(style.removeprefix("text-align:") or "left" for style in styles), rows
