"""What operators did, for those who have to answer for it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.operators.tables import audit

DASHBOARD = 0
"""Who acts from the dashboard: its token, whoever has it."""
KEEP_SECONDS = 365 * 86400.0


@dataclass(frozen=True)
class Act:
    """Something that an operator did."""

    at: float
    operator_id: int
    act: str
    subject: str
    detail: str


async def note(
    tx: AsyncConnection, operator_id: int, act: str, subject: object = "", detail: object = ""
) -> None:
    """Write down what an operator does, in the transaction that does it."""
    values = {"act": act, "subject": str(subject)[:200], "detail": str(detail)[:500]}
    await tx.execute(insert(audit).values(at=time.time(), operator_id=operator_id, **values))


async def newest(tx: AsyncConnection, most: int, offset: int = 0) -> Sequence[Act]:
    """Return what was done last."""
    query = select(audit).order_by(audit.c.id.desc()).limit(most).offset(offset)
    return [
        Act(
            at=row.at,
            operator_id=row.operator_id,
            act=row.act,
            subject=row.subject,
            detail=row.detail,
        )
        for row in (await tx.execute(query)).all()
    ]


async def prune(tx: AsyncConnection) -> None:
    """Forget what is older than a year."""
    await tx.execute(delete(audit).where(audit.c.at < time.time() - KEEP_SECONDS))
