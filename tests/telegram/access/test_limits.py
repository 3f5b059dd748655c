"""How fast somebody may act."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.telegram.access.limits import UserRateLimit


@given(st.lists(st.floats(0, 5), max_size=200), st.integers(1, 20), st.floats(0.1, 10))
def test_no_rhythm_gets_more_than_the_allowance(
    gaps: list[float], most: int, refill: float
) -> None:
    for strict in (False, True):
        flood, now, heard = UserRateLimit(most, refill, strict=strict), 0.0, 0
        for gap in gaps:
            now += gap
            heard += flood.refuses(1, now) is None
        assert heard <= most + now / refill + 1


def test_who_goes_on_too_fast_is_not_heard_until_they_pause() -> None:
    flood = UserRateLimit(3, 3.0, strict=True)
    assert [flood.refuses(1, 0.1 * n) is None for n in range(100)].count(True) == 3
    assert flood.refuses(1, 11.0) is not None
    assert flood.refuses(1, 14.1) is None
    assert flood.refuses(2, 14.1) is None  # one person's haste is nobody else's
