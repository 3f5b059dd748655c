"""Files that people send as an album."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bridge.sandbox.telegram.content import attachments
from bridge.sandbox.telegram.content.attachments import (
    APART,
    MOST_IN_ALBUM,
    OLD_SIZE,
    new_album,
)
from bridge.sandbox.telegram.people import people_actions
from bridge.sandbox.telegram.people.actors import Person
from bridge.sandbox.telegram.people.people_actions import Where
from bridge.sandbox.telegram.updates import UpdateQueue
from bridge.sandbox.telegram.world import Attachment, World


@dataclass(frozen=True)
class AlbumItem:
    """One file of an album."""

    kind: Literal["photo", "video", "document", "audio"]
    content: bytes
    name: str = ""
    mime: str = ""
    caption: str = ""
    seconds: int = 1
    size: tuple[int, int] | None = OLD_SIZE
    """Width and height of a video, and of a photo that is no picture; None refuses such photos."""

    def attached(self, world: World) -> Attachment:
        """Return the file as a message carries it."""
        match self.kind:
            case "photo":
                return attachments.photo(world, self.content, self.size)
            case "video":
                mime, size = self.mime or "video/mp4", self.size or OLD_SIZE
                name = self.name
                return attachments.video(world, name, self.content, mime, self.seconds, size)
            case "audio":
                return attachments.audio(world, self.name, self.content, self.mime, self.seconds)
            case "document":
                return attachments.document(world, self.name, self.content, self.mime)


def share_album(
    world: World,
    updates: UpdateQueue,
    person: Person,
    where: Where,
    items: Sequence[AlbumItem],
) -> list[int]:
    """Let a person send files that are shown together; the messages' ids.

    Raises ValueError for fewer than 2, more than 10, and kinds that Telegram does not mix.
    """
    if not 2 <= len(items) <= MOST_IN_ALBUM:
        raise ValueError(f"An album has 2 to {MOST_IN_ALBUM} files, not {len(items)}.")
    kinds = {each.kind for each in items}
    if len(kinds) > 1 and kinds.intersection(APART):
        raise ValueError(f"Telegram does not mix {' and '.join(sorted(kinds))} in an album.")
    ready = [each.attached(world) for each in items]  # all of them or none
    album = new_album(world)
    sent = []
    for each, attachment in zip(items, ready, strict=True):
        message = people_actions.write(
            world, updates, person, each.caption, where, attachment=attachment, album=album
        )
        where = replace(where, thread_id=message.thread_id)  # the first may have opened a topic
        sent.append(message.message_id)
    return sent
