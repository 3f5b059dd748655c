"""How chats and duties are divided among processes. Pure."""

from collections.abc import Collection, Mapping
from enum import IntEnum
from math import ceil

SHARDS = 64
"""Parts into which all chats are divided. It never changes: processes of two releases divide alike."""
ALL_SHARDS = frozenset(range(SHARDS))
_GOLDEN = 0x9E3779B1


class Duty(IntEnum):
    """What one process at a time does for all. The numbers go on behind the shards, and never change."""

    POLLING = 64
    HOUSEKEEPING = 65
    BROADCASTS = 66
    ALARMS = 67
    MENUS = 68


LEASES = (*range(SHARDS), *Duty)
"""The numbers of all leases."""


def shard_of(chat_id: int) -> int:
    """Return the shard of a chat; ids that follow each other lie in different ones."""
    folded = (chat_id ^ (chat_id >> 32)) & 0xFFFFFFFF
    return (folded * _GOLDEN & 0xFFFFFFFF) >> 26


def fair_share(processes: int) -> int:
    """Return how many shards a process may hold at most, where so many share them."""
    return ceil(SHARDS / max(1, processes))


def to_take(mine: Collection[int], taken: Collection[int], processes: int) -> int:
    """Return how many more shards to take, as long as some are free.

    `mine` are the leases of this process, `taken` those that anybody holds.
    """
    free = SHARDS - len(ALL_SHARDS & {*taken})
    return max(0, min(free, fair_share(processes) - len(ALL_SHARDS & {*mine})))


def to_hand_over(mine: Mapping[int, bool], processes: int, *, leaving: bool) -> list[int]:
    """Return the shards to give to others, of those that are held: idle ones first, then busy ones.

    `mine` says of each whether something is done in it. Who is `leaving` gives all of them.
    """
    keep = 0 if leaving else fair_share(processes)
    return sorted(mine, key=lambda shard: (mine[shard], shard))[: max(0, len(mine) - keep)]
