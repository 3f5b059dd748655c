"""The agents that a chat can choose from; those of the settings are always among them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.chats import remember
from bridge.store.dialects.upsert import insert_or_update
from bridge.store.operators.tables import agents
from bridge.store.tables import facts

_DEFAULT = "default agent"


@dataclass(frozen=True)
class DeclaredAgents:
    """The agents that the settings name."""

    keys: tuple[str, ...]
    default: str
    """The one that answers chats which have chosen none."""
    takes_ids: bool = True
    """Whether those can be asked that operators have added by their ids."""


@dataclass(frozen=True)
class Listed:
    """An agent to choose."""

    id: str
    name: str
    default: bool = False
    """Whether it answers chats that have chosen none."""


async def offered(tx: AsyncConnection, declared: DeclaredAgents) -> Sequence[Listed]:
    """Return all agents, those of the settings first."""
    query = select(agents).order_by(agents.c.since)
    rows = [
        row
        for row in (await tx.execute(query)).all()
        if declared.takes_ids or row.agent_id in declared.keys
    ]
    names = {key: key for key in declared.keys} | {row.agent_id: row.name for row in rows}
    default = await counting(tx, None, declared)
    return [Listed(id_, name, id_ == default) for id_, name in names.items()]


_ADDED_AND_WISHED = select(agents.c.agent_id, literal(None).label("value")).union_all(
    select(literal(None), facts.c.value).where(facts.c.name == _DEFAULT)
)


async def counting(tx: AsyncConnection, chosen: str | None, declared: DeclaredAgents) -> str:
    """Return the key of the agent that answers a chat: the one it has chosen, if that is still offered."""
    rows = (await tx.execute(_ADDED_AND_WISHED)).all()
    ids = {row.agent_id for row in rows if row.agent_id is not None}
    known = {*declared.keys, *(ids if declared.takes_ids else ())}
    if chosen in known and chosen is not None:
        return chosen
    # An operator's choice counts as long as the settings are what they were when it was made.
    wish = next((row.value for row in rows if row.value is not None), "")
    then, _, default = str(wish).partition(" ")
    return default if default in known and then == declared.default else declared.default


async def add(tx: AsyncConnection, agent_id: str, name: str) -> None:
    """Offer an agent, or call it by another name."""
    values = {"agent_id": agent_id, "name": name, "since": time.time()}
    await tx.execute(insert_or_update(tx, agents, values, {"name": name}))


async def remove(tx: AsyncConnection, agent_id: str) -> bool:
    """Offer it no longer; chats that chose it get the default, and are told so. False when it was not
    offered."""
    done = await tx.execute(delete(agents).where(agents.c.agent_id == agent_id))
    return done.rowcount == 1


async def make_default(tx: AsyncConnection, agent_id: str, declared: DeclaredAgents) -> None:
    """Let it answer chats that have chosen none, until the settings name another default."""
    await remember(tx, _DEFAULT, f"{declared.default} {agent_id}")
