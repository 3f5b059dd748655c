"""👀 under questions that wait for others to be answered, and gone when it is their turn."""

from collections.abc import Iterable

from bridge.model import ChatKey
from bridge.telegram.api.notices import NoticeQueue

SEEN = "👀"
MOST = 10_000


class Reactions:
    """Our reactions that are to be taken away again; after a restart they stay."""

    def __init__(self, notices: NoticeQueue) -> None:
        self._notices = notices
        self._shown: set[tuple[int, int]] = set()

    def see(self, key: ChatKey, message_id: int) -> None:
        """Say without a message that a question waits."""
        if len(self._shown) >= MOST:
            self._shown.clear()
        self._shown.add((key.chat_id, message_id))
        self._notices.react(key, message_id, SEEN)

    def clear(self, key: ChatKey, message_ids: Iterable[int]) -> None:
        """Take the reactions away from questions that wait no more."""
        for message_id in message_ids:
            if (key.chat_id, message_id) in self._shown:
                self._shown.discard((key.chat_id, message_id))
                self._notices.react(key, message_id, "")
