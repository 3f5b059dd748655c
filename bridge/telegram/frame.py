"""What each post of a reply should look like now: text, entities and buttons. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bridge.relay.progress import Picture
from bridge.telegram.canvas import Entity, Rendered, units
from bridge.telegram.markup import render
from bridge.telegram.paging import posts
from bridge.texts import say


@dataclass(frozen=True)
class Button:
    """An inline button: what it says, and at most 64 bytes that come back when it is pressed."""

    label: str
    data: str


Keyboard = tuple[tuple[Button, ...], ...]
"""Rows of buttons."""


@dataclass(frozen=True)
class Frame:
    """One picture of one post."""

    content: Rendered
    keyboard: Keyboard = ()


def frames(picture: Picture, language: str, keyboard: Keyboard = ()) -> tuple[Frame, ...]:
    """The posts that show a picture; the keyboard hangs under the last one.

    Empty when there is nothing to see yet.
    """
    above = [_aside(say(language, key)) for key in picture.notices]
    answer = render(picture.text, preview=not picture.over)
    below = [_aside(say(language, picture.note))] if picture.note else []
    if not answer.text and not below:
        if not picture.over:
            return ()
        below = [_aside(say(language, "reply.empty"))]  # such as a link without a text
    shown = posts(_joined([*above, answer, *below]))
    last = len(shown) - 1
    return tuple(
        Frame(content, keyboard if number == last else ()) for number, content in enumerate(shown)
    )


def _aside(sentence: str) -> Rendered:
    """A sentence of the bridge's own, told apart from the agent's words."""
    return Rendered(sentence, (Entity("italic", 0, units(sentence)),))


def _joined(parts: Sequence[Rendered]) -> Rendered:
    """The parts below each other, with an empty line between."""
    text, entities = "", list[Entity]()
    for part in parts:
        if not part.text:
            continue
        if text:
            text += "\n\n"
        offset = units(text)
        entities += [replace(one, offset=one.offset + offset) for one in part.entities]
        text += part.text
    return Rendered(text, tuple(entities))


@dataclass(frozen=True)
class Edit:
    """Show a frame in the post at that place."""

    place: int
    frame: Frame


@dataclass(frozen=True)
class Send:
    """Open a new post with a frame."""

    frame: Frame


@dataclass(frozen=True)
class Remove:
    """Delete the last post: the reply has become shorter."""


Step = Edit | Send | Remove


def next_step(
    shown: Sequence[Frame | None], wanted: Sequence[Frame], *, final: bool
) -> Step | None:
    """The next call that brings what is shown closer to what is wanted; None when it stands.

    `shown` holds None for a post whose content is not known. Posts are removed only by the
    final picture: an unfinished one may still grow.
    """
    for place, frame in enumerate(wanted):
        if place >= len(shown):
            return Send(frame)
        if shown[place] != frame:
            return Edit(place, frame)
    return Remove() if final and wanted and len(shown) > len(wanted) else None
