"""Files of albums that came before the one that speaks to us: in a group only its caption does."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from bridge.model import Attachment, ChatKey, Message

LIFE_SECONDS = 30.0
MOST_ALBUMS = 1000
MOST_FILES = 10
"""Telegram's own limit for an album."""


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
