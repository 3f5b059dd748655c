"""Files that lie somewhere already, and need not be sent there again."""

import time
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.dialects.upsert import insert_or_update
from bridge.store.tables import sent_files, uploads

KEPT_SECONDS = 80 * 86400.0
"""Coze keeps an upload for three months; Telegram's ids are good for longer."""


async def at_coze(tx: AsyncConnection, place: str, keys: Sequence[str]) -> Mapping[str, str]:
    """Return the ids at Coze of what was uploaded there lately."""
    fresh = uploads.c.since > time.time() - KEPT_SECONDS
    query = select(uploads).where(uploads.c.place == place, uploads.c.key.in_(keys), fresh)
    return {row.key: row.file_id for row in (await tx.execute(query)).all()}


async def uploaded(tx: AsyncConnection, place: str, key: str, file_id: str) -> None:
    """Remember an upload to Coze."""
    values = {"file_id": file_id, "since": time.time()}
    await tx.execute(insert_or_update(tx, uploads, {"place": place, "key": key, **values}, values))


async def forget(tx: AsyncConnection, place: str, keys: Collection[str]) -> None:
    """Forget uploads that Coze does not know any more."""
    await tx.execute(delete(uploads).where(uploads.c.place == place, uploads.c.key.in_(keys)))


async def at_telegram(tx: AsyncConnection, bot_id: int, key: str) -> tuple[str, str] | None:
    """Return the kind and the id at Telegram of a file of an answer; None when it is not there."""
    here = (sent_files.c.bot_id == bot_id, sent_files.c.key == key)
    row = (await tx.execute(select(sent_files).where(*here))).one_or_none()
    return (row.kind, row.file_id) if row else None


async def sent(
    tx: AsyncConnection, bot_id: int, keys: Sequence[str], kind: str, file_id: str
) -> None:
    """Remember a file that Telegram has: by each of the keys."""
    values = {"kind": kind, "file_id": file_id, "since": time.time()}
    for key in keys:
        row = {"bot_id": bot_id, "key": key, **values}
        await tx.execute(insert_or_update(tx, sent_files, row, values))


async def not_there(tx: AsyncConnection, bot_id: int, keys: Collection[str]) -> None:
    """Forget files that Telegram does not know any more."""
    here = (sent_files.c.bot_id == bot_id, sent_files.c.key.in_(keys))
    await tx.execute(delete(sent_files).where(*here))


async def prune(tx: AsyncConnection) -> None:
    """Forget what is too old to be good."""
    old = time.time() - KEPT_SECONDS
    for table in (uploads, sent_files):
        await tx.execute(delete(table).where(table.c.since < old))
