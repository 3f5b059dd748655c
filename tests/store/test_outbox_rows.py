"""Rows of messages that stand outlive what comes late about them."""

from bridge.model import ChatKey
from bridge.store import outbox
from bridge.store.engine import Store


async def test_a_message_that_stands_is_never_taken_for_unsent(store: Store) -> None:
    async with store.writing() as tx:
        assert await outbox.sending(tx, "a", ChatKey(5)) is None
        await outbox.sent(tx, "a", 41)
        await outbox.not_sent(tx, "a")
        found = await outbox.of(tx, "a")
        assert await outbox.sending(tx, "b", ChatKey(5)) is None
        await outbox.not_sent(tx, "b")
        gone = await outbox.of(tx, "b")
    assert found is not None
    assert found.message_id == 41
    assert gone is None
