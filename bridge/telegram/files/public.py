"""Addresses of people's files for agents that fetch them: short-lived, unguessable, true to the type.

Telegram's own address of a file holds the bot's token, and is not reachable from everywhere. Ours names
the file and an hour, signed, so that any process can serve it and nothing is kept.
"""

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

from bridge.model import Attachment, AttachmentKind
from bridge.telegram.files.download import Downloads

GOOD_SECONDS = 1200.0
"""A run may take fifteen minutes, and the model behind the agent fetches the file, too."""
_EXTENSION = re.compile(r"\.[a-z0-9]{1,8}")
_SIGNATURE_BYTES = 16
MOST_CHARACTERS = 1000
"""Of a signed part: Telegram's ids of files have about a hundred."""


@dataclass(frozen=True)
class PublicFiles:
    """Makes such addresses, and knows its own again."""

    base: str
    """What leads to us from outside, without a trailing slash."""
    key: bytes
    downloads: Downloads
    clock: Callable[[], float] = time.time

    def __repr__(self) -> str:
        return f"PublicFiles({self.base!r})"

    def address(self, attachment: Attachment) -> str:
        """Return where a file can be fetched for twenty minutes."""
        extension = PurePath(attachment.name).suffix.lower()
        name = "file" + (extension if _EXTENSION.fullmatch(extension) else "")
        content = [int(self.clock() + GOOD_SECONDS), attachment.file_id, name]
        payload = _packed(json.dumps(content, separators=(",", ":")).encode())
        return f"{self.base}/{payload}.{self._signature(payload)}/{name}"

    def read(self, signed: str, name: str) -> Attachment | None:
        """Return the file that an address names; None for one that is forged or too old."""
        payload, _, signature = signed.partition(".")
        if len(signed) > MOST_CHARACTERS or not hmac.compare_digest(
            signature.encode(), self._signature(payload).encode()
        ):
            return None
        until, file_id, ours = json.loads(base64.urlsafe_b64decode(payload + "=="))
        if self.clock() > until or name != ours:
            return None
        return Attachment(file_id, "", AttachmentKind.FILE, ours)

    def _signature(self, payload: str) -> str:
        digest = hmac.digest(self.key, payload.encode(), hashlib.sha256)
        return _packed(digest[:_SIGNATURE_BYTES])


def signing_key(bot_token: str) -> bytes:
    """Return the key of a bot's addresses: the same in each of its processes, and no way back."""
    return hmac.digest(bot_token.encode(), b"addresses of files", hashlib.sha256)


def _packed(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
