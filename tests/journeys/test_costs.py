"""What one message costs the database: transactions and statements, counted."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event
from worlds import World, eventually, in_a_world_of_speed

from bridge.sandbox.coze import Pace, saying
from bridge.store.engine import Store

MOST_TRANSACTIONS, MOST_STATEMENTS = 8, 15


@dataclass
class Counted:
    """What went through a database."""

    transactions: int = 0
    statements: list[str] = field(default_factory=list)


@contextmanager
def counted(store: Store) -> Iterator[Counted]:
    """Count what goes through a store meanwhile."""
    found, engine = Counted(), store.engine.sync_engine

    def checked_out(*_: Any) -> None:
        found.transactions += 1
        found.statements.append("--")

    def executed(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found.statements.append(" ".join(statement.split())[:150])

    event.listen(engine, "checkout", checked_out)
    event.listen(engine, "before_cursor_execute", executed)
    try:
        yield found
    finally:
        event.remove(engine, "checkout", checked_out)
        event.remove(engine, "before_cursor_execute", executed)


@in_a_world_of_speed(1)
async def test_a_private_message_costs_few_transactions_and_statements(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.1, 0.05)
    world.coze.use(saying("So many words, and some more of them. " * 4))
    async with world.bridge() as app:
        for number in (1, 2):
            world.telegram.send(ann, f"warm {number}")
            await world.settled(ann, number)
            await eventually(lambda: not len(app.lanes), 10)
        await asyncio.sleep(0.5)
        with counted(app.store) as found:
            world.telegram.send(ann, "talk")
            await world.settled(ann, 3)
            await eventually(lambda: not len(app.lanes), 10)
        made = [one for one in found.statements if one != "--"]
        told = "\n".join(found.statements)
        assert found.transactions <= MOST_TRANSACTIONS, told
        assert len(made) <= MOST_STATEMENTS, told
