"""Messages that come in pieces: albums, of which in a group only the caption speaks to us, and cut texts."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from bridge.model import Attachment, ChatKey, Message
from bridge.telegram.post import units

LIFE_SECONDS = 30.0
MOST_ALBUMS = 1000
MOST_FILES = 10
"""Telegram's own limit for an album."""
ALBUM_SECONDS = 1.0
"""How long an album's last part may come after the one before it."""
PASTE_SECONDS = 1.5
"""How long the next piece of a text may take to come that the client has cut."""
CUT_UNITS = 4000
"""UTF-16 units of a text that may be such a piece: clients cut at 4096, or at a word before that."""


def pause_for_more(message: Message) -> float:
    """Return how many seconds more of the same may take to come."""
    album = ALBUM_SECONDS if message.album else 0.0
    return max(album, PASTE_SECONDS if units(message.text) >= CUT_UNITS else 0.0)


class Albums:
    """The files of albums that nobody asked about yet, for some seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._files: OrderedDict[tuple[ChatKey, int, str], tuple[float, tuple[Attachment, ...]]] = (
            OrderedDict()
        )

    def note(self, message: Message) -> None:
        """Keep the files of a message that is part of an album."""
        if not message.album:
            return
        place = (message.chat, message.sender.id, message.album)
        _, known = self._files.get(place, (0.0, ()))
        self._files[place] = (self._clock(), (known + message.attachments)[:MOST_FILES])
        if len(self._files) > MOST_ALBUMS:
            self._files.popitem(last=False)

    def completed(self, message: Message) -> Message:
        """Return the message with the files of its album that came before it."""
        place = (message.chat, message.sender.id, message.album)
        # They are kept: a message that cannot be stored now is read once more.
        at, files = self._files.get(place, (float("-inf"), ()))
        if not message.album or self._clock() - at > LIFE_SECONDS:
            return message
        return replace(message, attachments=files + message.attachments)
