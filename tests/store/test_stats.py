"""Numbers for operators: how long people waited, hour by hour."""

from sqlalchemy import insert

from bridge.model import ChatKey
from bridge.store import chats
from bridge.store.engine import Store
from bridge.store.operators import stats
from bridge.store.tables import turns


async def came(
    store: Store, at: float, shown: float | None, settled: float | None, state: str
) -> None:
    async with store.writing() as tx:
        await chats.ensure_chat(tx, ChatKey(1))
        values = {"chat_id": 1, "thread_id": 0, "sender_id": 1, "sender_name": "", "language": ""}
        times = {"created_at": at, "shown_at": shown, "settled_at": settled, "state": state}
        more = {"parts": [], "posts": [], "asked": True, "correlation_id": f"{at} {state}"}
        await tx.execute(insert(turns).values(**values, **times, **more))


async def test_each_span_has_its_own_median_and_late_ones(store: Store) -> None:
    for place in range(20):
        await came(store, 100 + place, 101 + place * 2, 110 + place * 2, "answered")
    await came(store, 250, 253, 260, "failed")  # its text was read, its answer never came
    await came(store, 260, None, None, "waiting")
    async with store.reading() as tx:
        first, second, third = await stats.waits(tx, 100, 400, 3)
    assert first.first_text == (10.0, 19.0)
    assert first.end == (19.0, 28.0)
    assert (second.first_text, second.end) == ((3.0, 3.0), None)
    assert (third.began, third.first_text, third.end) == (300.0, None, None)
