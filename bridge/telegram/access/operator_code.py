"""The one-time code that makes the first person who sends it an operator."""

import hashlib
import re
import secrets
import time

import structlog

from bridge.model import Message
from bridge.sharing.coordinator import Bell, Coordinator
from bridge.store.engine import Store
from bridge.store.operators import access, audit
from bridge.telegram.access.rights import Rights

log = structlog.get_logger(__name__)
CODE_SECONDS = 3600.0
_CODE = re.compile(r"[0-9a-f]{6}-[0-9a-f]{6}")


class OperatorCode:
    """A code that counts for an hour and once; there is none once there is an operator.

    Each process prints its own, and any of them takes it: digests of them stand in the store.
    """

    def __init__(self, store: Store, rights: Rights, sharing: Coordinator) -> None:
        self._store = store
        self._rights = rights
        self._sharing = sharing
        self._code = ""

    @property
    def code(self) -> str:
        """The code of this process; empty when there is none, or an operator."""
        return "" if self._rights.operators else self._code

    async def publish(self) -> None:
        """Make a code that counts, if there is no operator. Raises StoreTrouble."""
        if self._rights.operators:
            return
        code = f"{secrets.token_hex(3)}-{secrets.token_hex(3)}"
        async with self._store.writing(of=()) as tx:
            await access.forget_codes(tx, all_=not self._sharing.shared)
            await access.add_code(tx, _digest(code), time.time() + CODE_SECONDS)
        self._code = code

    async def accepts(self, message: Message) -> bool:
        """Return whether a message is a code; then its sender is an operator from now on.

        Raises StoreTrouble.
        """
        # Phones like capitals; a link to the bot may carry the code: /start CODE.
        sent = message.text.strip().lower().removeprefix("/start").strip()
        if _CODE.fullmatch(sent) is None:
            return False
        if self._rights.operators:  # who is one sent it before a crash, or is curious
            return message.sender.id in self._rights.operators
        sender = message.sender
        async with self._store.writing() as tx:
            if not await access.use_code(tx, _digest(sent)):
                return False
            await access.make_operator(tx, sender.id, sender.name)
            await audit.note(tx, sender.id, "operator", sender.id, sender.name)
            await self._sharing.ring(tx, Bell.OPERATORS)
        self._rights.become({sender.id, *self._rights.operators})
        log.warning("new operator", person=sender.id)
        return True


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
