"""A text that grows together with its entities, by Telegram's rules of nesting. Pure."""

from dataclasses import dataclass, replace

from bridge.telegram.post import Entity, Rendered, seen, units

QUOTATIONS = ("blockquote", "expandable_blockquote")


@dataclass
class _Open:
    type: str
    start: int
    url: str | None = None
    begun: int = 0
    """The piece of the text with which it began."""


class TextBuilder:
    """Writes text, opens and closes formats, and keeps the space between blocks."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._open: list[_Open] = []
        self._entities: list[Entity] = []
        self.lines = 0
        """Line ends written so far."""

    def write(self, text: str) -> None:
        """Add text in the formats that are open."""
        text = seen(text)
        if text:
            self._pieces.append(text)
            self._length += units(text)
            self.lines += text.count("\n")

    def new_block(self, *, tight: bool, inside: bool) -> None:
        """Go to a new line, or leave one empty; `inside` keeps the line in an open quotation."""
        if self._length and (inside or not self._begins_quotation()):
            self.write("\n" if tight else "\n\n")

    def _begins_quotation(self) -> bool:
        return bool(self._open) and self._open[-1].start == self._length

    def open(self, type_: str, url: str | None = None) -> None:
        """Begin a format."""
        self._open.append(_Open(type_, self._length, url, len(self._pieces)))

    def close(self, type_: str, as_type: str | None = None) -> str:
        """End the innermost open format of that type; returns the text under it."""
        for number in range(len(self._open) - 1, -1, -1):
            if self._open[number].type == type_:
                found = self._open.pop(number)
                self._mark(found, as_type)
                return "".join(self._pieces[found.begun :])
        return ""

    def inset(self, type_: str, text: str) -> None:
        """Write code within a line: it cannot stand inside other formats, so they make way for it."""
        if any(one.type == "text_link" and one.url for one in self._open):
            self.write(text)
            return
        styles = [one for one in self._open if one.type not in (*QUOTATIONS, "text_link")]
        for one in styles:
            self._mark(one)
        self._block(type_, text)
        for one in styles:
            one.start = self._length

    def block(self, text: str, language: str | None = None, header: str = "") -> None:
        """Write a block of code; it stands alone or in a quotation."""
        self._block("pre", text, language, header)

    def _block(self, type_: str, text: str, language: str | None = None, header: str = "") -> None:
        start = self._length
        self.write(text)
        length = self._length - start
        if length:
            self._entities.append(
                Entity(
                    type=type_,
                    offset=start,
                    length=length,
                    url=None,
                    language=language,
                    header=header,
                )
            )

    def _mark(self, one: _Open, as_type: str | None = None) -> None:
        length = self._length - one.start
        if length > 0 and (one.type != "text_link" or one.url):
            self._entities.append(Entity(as_type or one.type, one.start, length, one.url))

    def rendered(self) -> Rendered:
        """Return what was drawn: without space at the ends, entities in the server's order."""
        while self._open:
            self._mark(self._open.pop())
        return trimmed(Rendered("".join(self._pieces), tuple(self._entities)))


def trimmed(drawn: Rendered) -> Rendered:
    """Trim white space at the ends, as the server does, and move the entities along."""
    first = min((entity.offset for entity in drawn.entities), default=units(drawn.text))
    lead = min(units(drawn.text) - units(drawn.text.lstrip()), first)
    text = drawn.text[lead:].rstrip()  # white space is one unit a character
    end = units(text)
    moved = (
        replace(one, offset=one.offset - lead, length=min(one.length, end - one.offset + lead))
        for one in drawn.entities
    )
    kept = [one for one in moved if one.length > 0 and one.offset < end]
    return Rendered(text, tuple(sorted(kept, key=_order)))


def _order(entity: Entity) -> tuple[int, int]:
    return entity.offset, -entity.length
