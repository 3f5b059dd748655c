"""Draw what stands in a line: formats, links, pictures, formulas. Pure."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from markdown_it.token import Token

from bridge.telegram.markdown.math import subscript, superscript
from bridge.telegram.markdown.text_builder import TextBuilder

_STYLES = {
    "strong": "bold",
    "em": "italic",
    "s": "strikethrough",
    "u": "underline",
    "spoiler": "spoiler",
}


class Inline:
    """Draws the inline tokens of one block."""

    def __init__(self, canvas: TextBuilder, *, bold: bool = False, indent: str = "") -> None:
        self._canvas = canvas
        self._bold = bold
        self._indent = indent
        self._addresses: list[str | None] = []

    def draw(self, tokens: Sequence[Token]) -> None:
        """Draw everything."""
        for token in tokens:
            self._token(token)

    def _token(self, token: Token) -> None:
        canvas = self._canvas
        match token.type:
            case "text":
                canvas.write(token.content.replace("\t", "    "))
            case "softbreak" | "hardbreak":
                canvas.write("\n" + self._indent)
            case "code_inline":
                canvas.inset("code", token.content.replace("\t", "    "))
            case "sub_inline":
                canvas.write(subscript(token.content) or f"_{token.content}")
            case "sup_inline":
                canvas.write(superscript(token.content) or f"^{token.content}")
            case "link_open":
                self._open_link(str(token.attrGet("href") or ""))
            case "link_close":
                self._close_link()
            case "image":
                self._image(token)
            case _ if token.tag in _STYLES:
                self._style(token)
            case _:
                canvas.write(token.content)

    def _style(self, token: Token) -> None:
        style = _STYLES[token.tag]
        if style == "bold" and self._bold:
            return
        if token.nesting == 1:
            self._canvas.open(style)
        else:
            self._canvas.close(style)

    def _open_link(self, address: str) -> None:
        inside = bool(self._addresses)  # such as an image that is a link: the outer address counts
        good = acceptable(address) and not inside
        self._addresses.append(None if good or inside else address)
        self._canvas.open("text_link", url=address if good else None)

    def _close_link(self) -> None:
        bad = self._addresses.pop() if self._addresses else None
        shown = self._canvas.close("text_link")
        if bad and not bad.startswith("#") and shown.strip() != bad:
            plain = bad.removeprefix("mailto:")
            if shown.strip() != plain and not bad.lower().startswith(("javascript:", "data:")):
                self._canvas.write(f" ({plain})")

    def _image(self, token: Token) -> None:
        self._open_link(str(token.attrGet("src") or ""))
        self._canvas.write(f"🖼 {plain_text(token.children or []) or 'image'}")
        self._close_link()


def acceptable(address: str) -> bool:
    """Return whether Telegram takes the address in a link; one that it does not fails the whole call."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return False
    if parts.netloc.endswith(":"):
        return False
    if parts.scheme == "tg":
        return re.fullmatch(r"[\w-]+", parts.netloc) is not None and parts.netloc != "user"
    host = parts.hostname or ""
    return (
        parts.scheme in ("http", "https")
        and re.fullmatch(r"[\w-]+(?:\.[\w-]+)+", host) is not None
        and not re.search(r"[\s\"'<>\\`{}|^]", parts.netloc)
        and port != 0
        and len(address) <= 2048
    )


def plain_text(children: Sequence[Token]) -> str:
    """Return the text of a line without its formats."""
    canvas = TextBuilder()
    Inline(canvas).draw(children)
    return " ".join(canvas.rendered().text.split())
