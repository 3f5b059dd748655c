"""Budgets, with time as an argument."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.telegram.pacing import GROUP, PRIVATE, Budget, Limits, Urgency

DURABLE, INTERIM = Urgency.DURABLE, Urgency.INTERIM


def test_the_first_call_goes_at_once_and_the_next_edit_waits_for_the_gap() -> None:
    budget = Budget(PRIVATE, 0)
    assert budget.wait(0, INTERIM) == 0
    budget.spend(0)
    assert budget.wait(0, INTERIM) == PRIVATE.gap_seconds
    assert budget.wait(0, DURABLE) == 0


def test_a_final_call_is_kept_back_from_a_stream_of_edits() -> None:
    for limits in (PRIVATE, GROUP):
        budget = Budget(limits, 0)
        now = 0.0
        for _ in range(50):
            now += budget.wait(now, INTERIM)
            budget.spend(now)
        assert budget.wait(now, DURABLE) == 0


def test_a_refusal_closes_the_chat_for_everything_and_slows_it_for_a_minute() -> None:
    budget = Budget(PRIVATE, 0)
    budget.spend(0)
    budget.refused(10, 5)
    assert budget.closed(15)
    assert budget.wait(10, DURABLE) == 5.5
    assert not budget.closed(15.5)
    budget.spend(16)
    assert budget.wait(16, INTERIM) == pytest.approx(2 * PRIVATE.gap_seconds)
    budget.spend(90)
    assert budget.wait(90, INTERIM) == pytest.approx(PRIVATE.gap_seconds)


@given(st.integers(), st.sampled_from([PRIVATE, GROUP]))
def test_no_schedule_exceeds_the_budget(seed: int, limits: Limits) -> None:
    chance = random.Random(seed)
    budget = Budget(limits, 0)
    now, calls = 0.0, list[float]()
    for _ in range(200):
        now += chance.choice((0, 0, 0.1, 1, 5))
        urgency = chance.choice((DURABLE, INTERIM))
        now += budget.wait(now, urgency)
        budget.spend(now)
        calls.append(now)
    for first in range(0, len(calls), 7):
        for last in range(first, len(calls)):
            seconds = calls[last] - calls[first]
            allowed = limits.capacity + seconds / limits.refill_seconds
            assert last - first + 1 <= allowed + 1e-6
            assert last - first + 1 <= limits.burst + seconds / limits.gap_seconds + 1e-6


def test_an_idle_chat_can_be_forgotten() -> None:
    budget = Budget(PRIVATE, 0)
    assert budget.idle(0.0)
    budget.spend(0)
    assert not budget.idle(2.0)
    assert budget.idle(60.0)
