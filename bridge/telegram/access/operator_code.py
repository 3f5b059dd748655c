"""The one-time code that makes the first person who sends it an operator."""

import asyncio
import hmac
import re
import secrets

import structlog

from bridge.model import Message, Sender
from bridge.store.engine import Store
from bridge.store.operators import access, audit
from bridge.telegram.access.rights import Rights

log = structlog.get_logger(__name__)
CODE_SECONDS = 3600.0
_CODE = re.compile(r"[0-9a-f]{6}-[0-9a-f]{6}")


class OperatorCode:
    """A code that counts for an hour and once; there is none once there is an operator."""

    def __init__(self, store: Store, rights: Rights) -> None:
        self._store = store
        self._rights = rights
        self.code = "" if rights.operators else f"{secrets.token_hex(3)}-{secrets.token_hex(3)}"
        """Empty when it was used or there is none."""
        self._until = asyncio.get_running_loop().time() + CODE_SECONDS

    async def accepts(self, message: Message) -> bool:
        """Return whether a message is the code; then its sender is an operator from now on.

        Raises StoreTrouble.
        """
        sent = message.text.strip().lower().encode()  # phones like capitals
        again = message.sender.id in self._rights.operators and _CODE.fullmatch(sent.decode())
        fresh = self.code and asyncio.get_running_loop().time() < self._until
        if not again and (not fresh or not hmac.compare_digest(sent, self.code.encode())):
            return False  # who is operator already sent it before a crash, or is curious
        if not again:
            await self._use_up(message.sender)
        return True

    async def _use_up(self, sender: Sender) -> None:
        """Whoever sent it is an operator, and nobody else by it."""
        code, self.code = self.code, ""  # others may send it while this is written down
        try:
            async with self._store.writing() as tx:
                await access.make_operator(tx, sender.id, sender.name)
                await audit.note(tx, sender.id, "operator", sender.id, sender.name)
        except BaseException:
            self.code = code
            raise
        self._rights.operators.add(sender.id)
        self._rights.changed.set()
        log.warning("new operator", person=sender.id)
