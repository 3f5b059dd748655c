"""What was said in groups without being meant for us, kept for a little while if a group wants it.

Only in memory, and only where an administrator has switched it on: people who talk to each other
did not choose to be read.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

from bridge.model import ChatKey, Line

LIFE_SECONDS = 3600.0
MOST_CHATS = 1000
MOST_LINES = 50
MOST_CHARACTERS = 500
"""Of each line: who said what matters, not all of it."""


class OverheardLines:
    """The last lines of each chat since its last answer."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lines: OrderedDict[ChatKey, deque[tuple[float, Line, int]]] = OrderedDict()

    def note(self, key: ChatKey, speaker: str, text: str, speaker_id: int = 0) -> None:
        """Keep a line; the chat that was silent for longest is forgotten when there are many."""
        lines = self._lines.setdefault(key, deque(maxlen=MOST_LINES))
        lines.append((self._clock(), Line(speaker, text[:MOST_CHARACTERS]), speaker_id))
        self._lines.move_to_end(key)
        if len(self._lines) > MOST_CHATS:
            self._lines.popitem(last=False)

    def newest(self, key: ChatKey, most: int) -> Sequence[Line]:
        """Return the newest lines of the chat, at most so many."""
        lines = self._lines.get(key, deque())
        fresh = [line for at, line, _ in lines if self._clock() - at < LIFE_SECONDS]
        return fresh[-most:] if most > 0 else []

    def told(self, key: ChatKey) -> None:
        """Drop the lines that the agent gets to read: they are not told twice."""
        self._lines.pop(key, None)

    def forget_person(self, person_id: int) -> None:
        """Drop what somebody said, anywhere."""
        for lines in self._lines.values():
            kept = [one for one in lines if one[2] != person_id]
            lines.clear()
            lines.extend(kept)

    def forget(self, chat_id: int) -> None:
        """Drop what was said in a group and its topics."""
        for key in [key for key in self._lines if key.chat_id == chat_id]:
            del self._lines[key]
