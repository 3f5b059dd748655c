"""Questions offered as buttons: a button carries an unguessable token and a number only."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import ChatKey, Turn
from bridge.store.dialects.upsert import insert_or_update
from bridge.store.tables import suggestions, turns
from bridge.store.turns.rows import of_chat

OFFER_SECONDS = 30 * 86400.0
AT_ONCE = 3
"""From under so many answers suggestions are taken away after the next one: calls are dear."""


@dataclass(frozen=True)
class Offer:
    """Questions that stand as buttons under an answer."""

    token: str
    turn_id: int
    post: int
    """The message id of the post under which they stand; 0 where that is gone."""
    can_be_rated: bool
    liked: bool | None
    """How the answer was rated; None: it was not."""


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


async def before(tx: AsyncConnection, turn: Turn) -> Sequence[Offer]:
    """Return what still stands under the last answers that the person of a turn got before it."""
    query = (
        select(
            suggestions.c.token, suggestions.c.liked, turns.c.id, turns.c.posts, turns.c.answer_id
        )
        .join(turns, turns.c.correlation_id == suggestions.c.token)
        .where(
            suggestions.c.chat_id == turn.chat.chat_id,
            suggestions.c.thread_id == turn.chat.thread_id,
            *of_chat(turn.chat),
            turns.c.id < turn.id,
            turns.c.sender_id == turn.sender.id,
        )
        .order_by(suggestions.c.created_at.desc())
        .limit(AT_ONCE)
    )
    return [
        Offer(
            token=row.token,
            turn_id=row.id,
            post=[0, *row.posts][-1],
            can_be_rated=row.answer_id is not None,
            liked=row.liked,
        )
        for row in (await tx.execute(query)).all()
    ]


async def rated(tx: AsyncConnection, key: ChatKey, turn_id: int, *, liked: bool | None) -> None:
    """Note how the answer of a turn was rated while questions stand under it."""
    token = select(turns.c.correlation_id).where(*of_chat(key), turns.c.id == turn_id)
    await tx.execute(
        update(suggestions)
        .where(suggestions.c.token == token.scalar_subquery())
        .values(liked=liked)
    )


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
