"""Which buckets explain what was answered and refused: asked of buckets that are known here only."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model import LearnedLimit
from bridge.sandbox.telegram import Budgets, read_budgets
from bridge.telegram.pace.bucket_fit import (
    MOST_BURST,
    RATE_STEP,
    BucketFit,
    BucketFitter,
    CallHistory,
)
from tests.telegram.pace.test_estimates import Telegram

RATES = st.sampled_from([0.25, 0.4, 0.5, 0.8, 1.0, 1.5, 2.0])


def history(
    rate: float, burst: int, gaps: list[float], *, begin: float = 100.0, level: float | None = None
) -> CallHistory:
    """What a server's bucket makes of calls that come with such gaps; who is refused waits 5 s."""
    level, now, answered, refused = float(burst) if level is None else level, begin, [], []
    for gap in gaps:
        level, now = min(float(burst), level + gap * rate), now + gap
        if level >= 1:
            level -= 1
            answered.append(now)
        else:
            refused.append(now)
            level, now = min(float(burst), level + 5 * rate), now + 5
    return CallHistory(answered, refused)


def fitted(*histories: CallHistory) -> BucketFit | None:
    fitter, found = BucketFitter(), None
    for one in histories:
        found = fitter.fit(0.0, (1.0, 15.0), one)
    return found


@given(RATES, st.integers(3, 12), st.lists(st.lists(st.floats(0.05, 3), max_size=60), max_size=4))
def test_the_true_bucket_is_among_those_that_explain_what_it_did(
    rate: float, burst: int, chats: list[list[float]]
) -> None:
    found = fitted(*(history(rate, burst, gaps) for gaps in chats))
    if not chats:
        assert found is None
        return
    assert found is not None
    assert found.low <= rate * RATE_STEP
    assert found.high >= rate / RATE_STEP
    assert found.least_burst <= burst + 1e-6


@given(RATES, st.integers(3, 12), st.lists(st.floats(0.05, 3), max_size=60), st.floats(0, 1))
def test_so_it_is_where_nobody_knows_what_was_called_before(
    rate: float, burst: int, gaps: list[float], part: float
) -> None:
    seen = history(rate, burst, gaps, level=part * burst)
    found = fitted(CallHistory(seen.answered, seen.refused, used=MOST_BURST))
    assert found is not None
    assert found.low <= rate * RATE_STEP
    assert found.high >= rate / RATE_STEP


@given(RATES, st.integers(1, 12), st.lists(st.floats(0.05, 3), min_size=1, max_size=60))
def test_what_is_left_is_what_the_server_has(rate: float, burst: int, gaps: list[float]) -> None:
    seen = history(rate, burst, gaps)
    last = max([*seen.answered, *seen.refused])
    level, then = float(burst), 100.0
    for at in seen.answered:
        level, then = min(burst, level + (at - then) * rate) - 1, at
    expected = min(burst, level + (last - then) * rate)
    assert seen.left(rate, burst, last) == pytest.approx(expected, abs=1e-6)


def test_two_refused_chats_that_called_differently_tell_rate_and_burst() -> None:
    quick, steady = [0.5] * 20, [0.95] * 100
    one, other = history(1.0, 3, quick), history(1.0, 3, steady)
    assert one.refused
    assert other.refused
    alone, both = fitted(CallHistory(one.answered[:5], one.refused[:1])), fitted(one, other)
    assert alone is not None
    assert both is not None
    assert not alone.exact
    assert both.exact
    assert both.low / RATE_STEP <= 1.0 <= both.high <= 1.15
    assert 2.5 <= both.burst <= 3.5


def test_what_contradicts_newer_refusals_is_forgotten() -> None:
    fitter = BucketFitter()
    fitter.fit(0.0, (2.0, 8.0), history(2.0, 8, [0.4] * 100))
    found = fitter.fit(100.0, (2.0, 8.0), history(0.25, 3, [1.0] * 40))
    assert found is not None
    assert found.high < 1.0
    assert found.low <= 0.25 <= found.high


def test_a_limit_that_fell_is_found_by_what_came_after() -> None:
    """Of a history that no bucket explains, the newest part counts."""
    before = [100.0 + second for second in range(60)]
    after = history(0.25, 3, [1.1] * 12, begin=161.0, level=0.0)
    changed = CallHistory([*before, *after.answered], after.refused)
    assert len(after.refused) > 2
    found = fitted(changed)
    assert found is not None
    assert found.low <= 0.25 * RATE_STEP
    assert 0.25 / RATE_STEP <= found.high < 0.5


@pytest.mark.parametrize(("chats", "most"), [(1, 6), (6, 24)])
def test_limits_that_fall_are_soon_found_out_again(chats: int, most: int) -> None:
    telegram = Telegram(read_budgets("private=1/1:8,new=none"), list(range(1, chats + 1)))
    telegram.run(200)
    telegram.limits = read_budgets("private=1/4:8,new=none")
    telegram.run(300)
    assert telegram.refusals(200) <= most
    assert 0.2 <= telegram.pacing.estimates["private"].rate <= 0.3


def test_chats_whose_budgets_run_out_alike_soon_know_why() -> None:
    """Each called as much as the others and none is told apart by that; a bucket explains it all."""
    telegram = Telegram(Budgets(), list(range(1, 9)))
    known = {"private": LearnedLimit(0.5, 9.5, 0.5)}
    telegram.pacing.recall(0.0, known)
    telegram.run(150)
    assert telegram.refusals(0.0) <= 3
    assert 0.36 <= telegram.pacing.estimates["private"].rate <= 0.44


def test_two_limits_at_once_are_found_out() -> None:
    """Those of the emulator: 25 a minute with 12 at once, and one a second with three."""
    telegram = Telegram(Budgets(), [1])
    telegram.run(120)
    before = telegram.refusals(0.0)
    telegram.run(200)
    assert before <= 6
    assert telegram.refusals(0.0) - before <= 1
    assert 0.36 <= telegram.pacing.estimates["private"].rate <= 0.44


def test_what_contradicts_those_who_were_not_refused_is_left_out() -> None:
    """One chat's flood says nothing of what all others may call."""
    fitter, well = BucketFitter(), CallHistory([float(second) for second in range(120)])
    flooded = history(0.2, 2, [1.0] * 30)
    assert fitter.fit(0.0, (1.0, 15.0), flooded) is not None
    fitter = BucketFitter()
    assert fitter.fit(0.0, (1.0, 15.0), flooded, [well]) is None
    found = fitter.fit(1.0, (1.0, 15.0), history(1.0, 3, [0.95] * 100), [well])
    assert found is not None
    assert found.low / RATE_STEP <= 1.0 <= found.high


@pytest.mark.parametrize("hold", [0, 8])
@pytest.mark.parametrize(("rate", "burst"), [(1.0, 3), (2.0, 5), (0.4, 10)])
def test_many_chats_soon_know_rate_and_burst(rate: float, burst: int, hold: int) -> None:
    """Also where calls are held, which take what they take when they are answered."""
    limits = read_budgets(f"private={round(rate * 10)}/10:{burst},new=none,hold={hold}")
    telegram = Telegram(limits, list(range(1, 13)))
    telegram.run(150)
    before = telegram.refusals(0.0)
    telegram.run(200)
    assert telegram.refusals(0.0) - before <= 2
    assert 0.9 * rate <= telegram.pacing.estimates["private"].rate <= 1.15 * rate


def test_a_rate_that_is_too_high_is_not_taken_for_a_small_burst() -> None:
    """Chats that others keep from calling are taken for rested, while their bucket is empty."""
    telegram = Telegram(read_budgets("private=2/1:5,new=none"), list(range(1, 20)))
    known = {"private": LearnedLimit(2.28, 11.5, 2.36), "all calls": LearnedLimit(41.0, 20.0, 41.0)}
    telegram.pacing.recall(0.0, known)
    telegram.run(60)
    learned = telegram.pacing.estimates["private"].learned
    assert 1.85 <= learned.rate <= 2.05
    assert learned.burst >= 4.0


def test_a_refused_call_came_after_more_than_all_answered_ones_at_the_true_rate() -> None:
    seen = history(1.0, 3, [0.5] * 30)
    least, too_large = seen.bursts(1.0)
    assert least <= 3.0 < too_large + 1e-9
    rooms = [high - low for low, high in (seen.bursts(rate) for rate in (1.0, 2.0, 3.0))]
    assert all(later <= sooner for sooner, later in pairwise(rooms))
