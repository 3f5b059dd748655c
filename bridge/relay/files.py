"""What the relay knows of a question's files: they can be opened, wherever they come from."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from bridge.model import Attachment


class Files(Protocol):
    """Where a question's files come from."""

    def opened(self, attachment: Attachment) -> AbstractAsyncContextManager[Path]:
        """A copy on the disk, gone with the context.

        Raises FileGone and TelegramUnreachable.
        """
        ...
