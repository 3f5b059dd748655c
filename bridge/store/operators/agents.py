"""The agents that a chat can choose from; the one in the settings is always among them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.chats import remember
from bridge.store.dialects.upsert import insert_or_update
from bridge.store.operators.tables import agents
from bridge.store.tables import chats, facts

_DEFAULT = "default agent"


@dataclass(frozen=True)
class Listed:
    """An agent to choose."""

    id: str
    name: str
    default: bool = False
    """Whether it answers chats that have chosen none."""


async def offered(tx: AsyncConnection, from_settings: str) -> Sequence[Listed]:
    """Return all agents, that of the settings first."""
    rows = (await tx.execute(select(agents).order_by(agents.c.since))).all()
    names = {from_settings: from_settings, **{row.agent_id: row.name for row in rows}}
    default = await counting(tx, None, from_settings)
    return [Listed(id_, name, id_ == default) for id_, name in names.items()]


async def counting(tx: AsyncConnection, chosen: str | None, from_settings: str) -> str:
    """Return the id of the agent that answers a chat: the one it has chosen, if that is still offered."""
    query = select(agents.c.agent_id, facts.c.value).outerjoin(facts, facts.c.name == _DEFAULT)
    rows = (await tx.execute(query)).all()
    known = {from_settings, *(row.agent_id for row in rows)}
    if chosen in known and chosen is not None:
        return chosen
    # An operator's choice counts as long as the settings are what they were when it was made.
    then, _, default = str(rows[0].value if rows else "").partition(" ")
    return default if default in known and then == from_settings else from_settings


async def add(tx: AsyncConnection, agent_id: str, name: str) -> None:
    """Offer an agent, or call it by another name."""
    values = {"agent_id": agent_id, "name": name, "since": time.time()}
    await tx.execute(insert_or_update(tx, agents, values, {"name": name}))


async def remove(tx: AsyncConnection, agent_id: str) -> bool:
    """Offer it no longer; chats that chose it get the default. False when it was not offered."""
    await tx.execute(update(chats).where(chats.c.agent == agent_id).values(agent=None))
    done = await tx.execute(delete(agents).where(agents.c.agent_id == agent_id))
    return done.rowcount == 1


async def make_default(tx: AsyncConnection, agent_id: str, from_settings: str) -> None:
    """Let it answer chats that have chosen none, until the settings name another agent."""
    await remember(tx, _DEFAULT, f"{from_settings} {agent_id}")
