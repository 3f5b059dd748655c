"""What `bridge chat` remembers between talks: its conversations, and no word of them but their titles."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, update

from bridge.errors import StoreTrouble
from bridge.model import ChatKey, State
from bridge.store import migrate, ownership
from bridge.store.dialects.sqlite import database_file
from bridge.store.engine import Store
from bridge.store.tables import turns

NAME = "chat.db"
"""The file beside the bridge's own database."""
HERE = ChatKey(1)
"""The terminal, as a chat."""


@dataclass(frozen=True)
class Memory:
    """The store of a talk."""

    store: Store
    fault: str = ""
    """Why it ends with the talk; empty where it is there in the next one, too."""


@asynccontextmanager
async def memory(database_url: str) -> AsyncIterator[Memory]:
    """Give what is remembered beside that database; one that ends with the talk where that cannot be.

    That is so while another talk is going on, or where nothing can be written.
    """
    beside = database_file(database_url)
    folder = beside.parent if beside is not None else Path()
    async with AsyncExitStack() as stack:
        fault, path = "", folder / NAME
        try:
            store = await _opened(stack, path)
        except StoreTrouble as trouble:
            fault = f"{path.absolute()}: {trouble.what}"
            made = stack.enter_context(tempfile.TemporaryDirectory(prefix="bridge-chat-"))
            store = await _opened(stack, Path(made) / NAME)
        await _forget_words(store)
        try:
            yield Memory(store, fault)
        finally:
            await _forget_words(store)


async def _opened(stack: AsyncExitStack, path: Path) -> Store:
    """Return the store in a file. Raises StoreTrouble."""
    store = Store(f"sqlite+aiosqlite:///{path}")
    async with AsyncExitStack() as mine:
        mine.push_async_callback(store.close)
        mine.enter_context(ownership.alone(store))
        await migrate.upgrade(store)
        stack.push_async_exit(mine.pop_all())
    return store


async def _forget_words(store: Store) -> None:
    """Drop what was asked, and turns that a talk before this one left in the middle."""
    async with store.writing() as tx:
        unsettled = turns.c.state.in_((State.WAITING, State.RUNNING))
        await tx.execute(delete(turns).where(unsettled))
        await tx.execute(update(turns).values(parts=[], heard=None))
    await store.wipe_log()
