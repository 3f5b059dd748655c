"""What a server says that it should not: nothing follows from it but another try."""

from datetime import timedelta

import pytest
from telegram.error import ChatMigrated, RetryAfter

from bridge.model import ChatKey
from bridge.telegram.outcomes import moved_to, seconds


@pytest.mark.parametrize(
    ("said", "means"),
    [
        (3, 3.0), (2.5, 2.5), (timedelta(seconds=7), 7.0), (-4, 0.0), (10**12, 86400.0),
        ("5", 5.0), (None, 5.0), ([3], 5.0), (float("nan"), 5.0), (float("inf"), 5.0),
    ],
)  # fmt: skip
def test_a_silence_is_a_time_of_at_most_a_day(said: object, means: float) -> None:
    error = RetryAfter(1)
    error._retry_after = said  # type: ignore[assignment]  # as a server of another kind has it
    assert seconds(error) == means


@pytest.mark.parametrize(
    ("chat_id", "new", "means"),
    [
        (-5, -1_002_000_000_001, -1_002_000_000_001),
        (5, -1_002_000_000_001, None),  # a private chat becomes nothing
        (-1_002_000_000_000, -1_002_000_000_001, None),  # nor does a supergroup
        (-5, "abc", None), (-5, None, None), (-5, True, None), (-5, 7, None), (-5, -7, None),
        (-5, -(10**30), None),
    ],
)  # fmt: skip
def test_only_a_simple_group_becomes_a_supergroup(
    chat_id: int, new: object, means: int | None
) -> None:
    error = ChatMigrated(0)
    error.new_chat_id = new  # type: ignore[assignment]
    assert moved_to(ChatKey(chat_id), error) == means
