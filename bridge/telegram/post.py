"""The values that all rooms share: a text with its entities, the buttons under it, why it is sent. Pure."""

import re
from dataclasses import dataclass

_UNSEEN = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Signs that turn the direction of what follows; written as references they come this far."""


def units(text: str) -> int:
    """Return the text's length in UTF-16 code units, which is how the Bot API counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def shortened(text: str, most: int) -> str:
    """Return as much of the text as fits into so many UTF-16 code units."""
    return text.encode("utf-16-le", "surrogatepass")[: 2 * most].decode("utf-16-le", "ignore")


def seen(text: str) -> str:
    """Return the text without signs that turn its direction: a name could garble a whole list by them."""
    return _UNSEEN.sub("", text)


@dataclass(frozen=True)
class Entity:
    """A format over a range of the text, in UTF-16 code units."""

    type: str
    offset: int
    length: int
    url: str | None = None
    language: str | None = None
    header: str = ""
    """What is repeated above the rest of it in a further post: the head of a table."""


@dataclass(frozen=True)
class Rendered:
    """What one post shows."""

    text: str = ""
    entities: tuple[Entity, ...] = ()

    def __repr__(self) -> str:
        return f"Rendered({len(self.text)} characters, {len(self.entities)} entities)"


@dataclass(frozen=True)
class Button:
    """An inline button: what it says, and at most 64 bytes that come back when it is pressed."""

    label: str
    data: str


Keyboard = tuple[tuple[Button, ...], ...]
"""Rows of buttons."""


@dataclass(frozen=True)
class PostContent:
    """What one post shows."""

    content: Rendered
    keyboard: Keyboard = ()


@dataclass(frozen=True)
class Cause:
    """Why a message is sent, such as an update, which may be settled again after a crash."""

    name: str
    message_id: int
    """Of a message in the chat that stands above it; 0 for none."""
    asker_id: int = 0
    """Whose act it is; 0 for nobody's."""


Block = dict[str, object]
"""A block of a rich message, as the Bot API writes it."""
