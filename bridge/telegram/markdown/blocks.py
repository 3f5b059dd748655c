"""One block of Markdown drawn as Telegram shows it: what each construct looks like. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from markdown_it.token import Token

from bridge.telegram.markdown.inline import Inline, plain_text
from bridge.telegram.markdown.parser import References, parse
from bridge.telegram.markdown.table_blocks import draw_links, draw_records, read_table
from bridge.telegram.markdown.tables import Table, aligned
from bridge.telegram.markdown.text_builder import TextBuilder
from bridge.telegram.post import Rendered

LONG_QUOTATION_LINES = 6
_INDENT = "\u00a0\u00a0"  # Telegram drops plain spaces at the beginning of a text
_BULLETS = ("•", "◦", "▪")
_ALERT = re.compile(r"^\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\]\s*$")
_TASK = re.compile(r"^\[([ xX])\](?: |$)")


def render_block(
    markdown: str, references: References | None = None, *, preview: bool = False
) -> Rendered:
    """Return a text that stands alone; with `preview`, a prefix of it with open constructs closed.

    `references` holds the addresses that earlier texts have defined, and takes up new ones.
    """
    canvas = TextBuilder()
    tokens = parse(markdown, {} if references is None else references, preview=preview)
    _Blocks(canvas, tokens).draw()
    return canvas.rendered()


@dataclass
class _List:
    number: int | None
    """The next item's number; None in a bullet list."""


class _Blocks:
    """Draws block tokens one after the other."""

    def __init__(self, canvas: TextBuilder, tokens: Sequence[Token]) -> None:
        self._canvas = canvas
        self._tokens = tokens
        self._lists: list[_List] = []
        self._quotes = 0
        self._quote_start = 0
        self._item_begins = False
        self._item_empty = False
        """Whether the last bullet has nothing behind it yet."""
        self._task = False
        """Whether a box stands for the beginning of the next inline text."""
        self._alert = False
        """Whether the next inline text begins a quotation."""

    def draw(self) -> None:
        """Draw everything."""
        at = 0
        while at < len(self._tokens):
            at = self._block(at)

    def _block(self, at: int) -> int:
        """Draw the block at an index; returns the index after what was drawn."""
        token = self._tokens[at]
        match token.type:
            case "heading_open":
                return self._heading(at)
            case "paragraph_open":
                if self._tokens[at + 1].children:  # a paragraph of mere wrapping tags has none
                    self._gap(tight=token.hidden)
                    self._inline(self._tokens[at + 1])
                return at + 3
            case "fence" | "code_block":
                self._code(token)
            case "formula_block":
                self._formula(token)
            case "hr":
                self._gap()
                self._canvas.write("———")
            case "blockquote_open" | "blockquote_close":
                self._quotation(opens=token.nesting == 1)
            case "bullet_list_open" | "ordered_list_open":
                self._open_list(token)
            case "bullet_list_close" | "ordered_list_close":
                self._lists.pop()
            case "list_item_open":
                self._item(at)
            case "table_open":
                return self._table(at)
            case _:
                pass
        return at + 1

    def _gap(self, *, tight: bool = False, indent: bool = True) -> None:
        """Leave the space that goes before a block: none at the beginning of an item."""
        if self._item_begins:
            self._item_begins = False
            return
        self._canvas.new_block(tight=tight or bool(self._lists), inside=self._quotes > 0)
        if indent:
            self._canvas.write(_INDENT * len(self._lists))

    def _heading(self, at: int) -> int:
        self._gap()
        styles = ["bold", "underline"] if self._tokens[at].tag in ("h1", "h2") else ["bold"]
        for style in styles:
            self._canvas.open(style)
        self._inline(self._tokens[at + 1], bold=True)
        for style in reversed(styles):
            self._canvas.close(style)
        return at + 3

    def _code(self, token: Token) -> None:
        self._item_begins = self._item_begins and not self._lists  # a block takes its own line
        self._gap(indent=False)
        words = token.info.split()
        language = re.sub(r"[^\w+#.-]", "", words[0])[:32] if words else ""
        text = token.content.expandtabs(4).rstrip("\n")
        self._canvas.block(text or " ", language or None)

    def _formula(self, token: Token) -> None:
        """Draw a formula on lines of its own: readable, else its source as code."""
        self._gap()
        if token.content:
            self._canvas.write(token.content)
        else:
            self._canvas.block(token.info or " ", "latex")

    def _quotation(self, *, opens: bool) -> None:
        """Telegram knows no quotation inside another: inner ones are drawn flat."""
        self._quotes += 1 if opens else -1
        if opens and self._quotes == 1:
            self._canvas.new_block(tight=bool(self._lists), inside=False)
            self._item_begins = True
            self._quote_start = self._canvas.lines
            self._alert = True
            self._canvas.open("blockquote")
        elif not opens and self._quotes == 0:
            self._item_begins = False
            long = self._canvas.lines - self._quote_start > LONG_QUOTATION_LINES
            self._canvas.close("blockquote", as_type="expandable_blockquote" if long else None)

    def _open_list(self, token: Token) -> None:
        self._begin_inner_list()
        start = token.attrGet("start")
        number = int(start) if start is not None else 1
        self._lists.append(_List(number if token.type == "ordered_list_open" else None))

    def _begin_inner_list(self) -> None:
        if not self._lists and not self._item_begins:
            self._canvas.new_block(tight=False, inside=self._quotes > 0)
            self._item_begins = True

    def _item(self, at: int) -> None:
        if self._item_begins and not self._item_empty:
            self._item_begins = False
        else:
            self._canvas.new_block(tight=True, inside=self._quotes > 0)
        depth = len(self._lists)
        here = self._lists[-1]
        self._canvas.write(_INDENT * (depth - 1))
        self._canvas.write(self._bullet(at, here, depth) + " ")
        self._item_begins = self._item_empty = True

    def _bullet(self, at: int, here: _List, depth: int) -> str:
        box = _task_box(self._tokens, at)
        self._task = box is not None
        if here.number is not None:
            here.number += 1
            return f"{here.number - 1}. {box}" if box else f"{here.number - 1}."
        return box or _BULLETS[min(depth, len(_BULLETS)) - 1]

    def _inline(self, token: Token, *, bold: bool = False) -> None:
        children = token.children or []
        if self._task and children:
            self._task = False
            children[0].content = _TASK.sub("", children[0].content)
        self._item_empty = False
        if self._alert and children:
            self._alert = False
            if label := _ALERT.match(children[0].content):
                children[0].content = label[1].capitalize()
                token.children = children = [
                    Token("strong_open", "strong", 1),
                    children[0],
                    Token("strong_close", "strong", -1),
                    *children[1:],
                ]
        Inline(self._canvas, bold=bold, indent=_INDENT * len(self._lists)).draw(children)

    def _table(self, at: int) -> int:
        end = at
        while self._tokens[end].type != "table_close":
            end += 1
        sides, cells = read_table(self._tokens[at:end])
        plain = [tuple(plain_text(cell) for cell in row) for row in cells]
        table = Table(plain[0] if plain else (), tuple(plain[1:]), sides)
        self._gap()
        text = aligned(table)
        if text is not None:
            self._canvas.block(text, header="\n".join(text.split("\n")[:2]))
            draw_links(self._canvas, cells, plain)
        else:
            draw_records(self._canvas, table, cells)
        return end + 1


def _task_box(tokens: Sequence[Token], at: int) -> str | None:
    """☐ or ☑ for an item that begins as a task."""
    inline = tokens[at + 2] if at + 2 < len(tokens) else None
    first = inline.children[0] if inline and inline.children else None
    if first is None or first.type != "text" or not (found := _TASK.match(first.content)):
        return None
    return "☐" if found[1] == " " else "☑"
