"""How chats are divided: evenly, alike in every process, and with no more moves than needed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import LeaseLost
from bridge.sharing.leases import FENCE_SECONDS, Leases
from bridge.sharing.shards import (
    ALL_SHARDS,
    LEASES,
    SHARDS,
    Duty,
    fair_share,
    shard_of,
    to_hand_over,
    to_take,
)

CHATS = st.integers(-(1 << 62), 1 << 62)


@given(CHATS)
def test_every_chat_has_one_shard(chat_id: int) -> None:
    assert shard_of(chat_id) in ALL_SHARDS


@pytest.mark.parametrize("first", [1, 5_000_000_000, -1_001_234_567_890, -4_000])
def test_chats_that_follow_each_other_are_spread(first: int) -> None:
    counts = [0] * SHARDS
    for chat_id in range(first, first + 64 * SHARDS):
        counts[shard_of(chat_id)] += 1
    assert min(counts) > 32
    assert max(counts) < 128


def test_the_division_is_that_of_every_release() -> None:
    known = {1: 39, 5_000_000_000: 30, -1_001_234_567_890: 19, 0: 0, -4_242: 5}
    assert {chat_id: shard_of(chat_id) for chat_id in known} == known


def test_duties_have_leases_of_their_own() -> None:
    assert len({*LEASES}) == len(LEASES) == SHARDS + len(Duty)
    assert {duty.name: int(duty) for duty in Duty} == {
        "POLLING": 64,
        "HOUSEKEEPING": 65,
        "BROADCASTS": 66,
        "ALARMS": 67,
        "MENUS": 68,
    }


@given(st.integers(1, 80), st.data())
def test_processes_that_take_and_hand_over_come_to_rest(count: int, data: st.DataObject) -> None:
    """From any division on: each shard is held by one, nobody holds more than their share."""
    owners = {
        shard: data.draw(st.integers(0, count)) for shard in ALL_SHARDS
    }  # `count` stands for nobody
    for _ in range(3):
        for process in range(count):
            mine = {shard: False for shard, owner in owners.items() if owner == process}
            for shard in to_hand_over(mine, count, leaving=False):
                owners[shard] = count
            taken = {shard for shard, owner in owners.items() if owner < count}
            held = {shard for shard, owner in owners.items() if owner == process}
            free = sorted(ALL_SHARDS - taken)
            for shard in free[: to_take(held, taken, count)]:
                owners[shard] = process
    assert count not in owners.values()
    assert max([*owners.values()].count(process) for process in range(count)) <= fair_share(count)


def test_idle_shards_move_first_and_a_leaving_process_gives_all() -> None:
    mine = {1: True, 2: False, 3: True, 4: False}
    assert to_hand_over(mine, 64, leaving=False)[:2] == [2, 4]
    assert to_hand_over(mine, 16, leaving=False) == []
    assert to_hand_over(mine, 1, leaving=True) == [2, 4, 1, 3]


def test_a_lease_that_was_not_confirmed_lately_counts_no_more() -> None:
    now = 100.0
    leases = Leases(clock=lambda: now)
    chat, other = 5, 6
    assert shard_of(chat) != shard_of(other)
    with pytest.raises(LeaseLost):
        leases.check()
    leases.confirm(now)
    leases.take({shard_of(chat): 7})
    leases.check()
    assert leases.epochs([chat]) == {shard_of(chat): 7}
    assert (leases.owns(chat), leases.owns(other)) == (True, False)
    with pytest.raises(LeaseLost, match="another process's"):
        leases.epochs([chat, other])
    now += FENCE_SECONDS - 0.1
    leases.check()
    leases.confirm(100.0)  # an answer that came late says nothing newer
    now += 0.1
    with pytest.raises(LeaseLost, match=r"3\.0 s ago"):
        leases.check()
    leases.confirm(now)
    leases.check()
    assert leases.lose_all() == {shard_of(chat)}
    with pytest.raises(LeaseLost):
        leases.check()
