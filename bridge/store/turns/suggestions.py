"""Questions offered as buttons: a button carries an unguessable token and a number only."""

import secrets
import time
from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import ChatKey
from bridge.store.dialects.upsert import insert_or_update
from bridge.store.tables import suggestions

OFFER_SECONDS = 30 * 86400.0


async def offer(
    tx: AsyncConnection, key: ChatKey, texts: Sequence[str], token: str | None = None
) -> str:
    """Keep questions that go out as buttons; the token stands for them in callback data.

    With a token of before, they take the place of those that it stood for.
    """
    token = token or secrets.token_urlsafe(12)
    values = {
        "token": token,
        "chat_id": key.chat_id,
        "thread_id": key.thread_id,
        "texts": list(texts),
        "created_at": time.time(),
    }
    await tx.execute(insert_or_update(tx, suggestions, values, {"texts": list(texts)}))
    return token


async def chosen(tx: AsyncConnection, key: ChatKey, token: str, number: int) -> str | None:
    """Return the question behind a button of this chat; None for a forged or forgotten one."""
    row = (await tx.execute(select(suggestions.c.texts).where(*_of(key, token)))).one_or_none()
    if row is None or not 0 <= number < len(row.texts):
        return None
    return str(row.texts[number])


async def use_up(tx: AsyncConnection, key: ChatKey, token: str) -> None:
    """Forget the questions: a second tap asks nothing."""
    await tx.execute(delete(suggestions).where(*_of(key, token)))


def _of(key: ChatKey, token: str) -> tuple[ColumnElement[bool], ...]:
    return (
        suggestions.c.token == token,
        suggestions.c.chat_id == key.chat_id,
        suggestions.c.thread_id == key.thread_id,
    )


async def forget_old_offers(tx: AsyncConnection) -> None:
    """Drop the questions behind buttons that nobody pressed for a long time."""
    await tx.execute(
        delete(suggestions).where(suggestions.c.created_at < time.time() - OFFER_SECONDS)
    )
