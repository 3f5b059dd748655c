"""What a server says that it should not: nothing follows from it but another try."""

import cProfile
import errno
from datetime import timedelta

import httpx
import pytest
from telegram.error import ChatMigrated, NetworkError, RetryAfter

from bridge.coze.events import read_object, text_of
from bridge.errors import TelegramUnreachable
from bridge.model import ChatKey
from bridge.telegram.api.errors import moved_to, seconds, unreachable, with_error_mapping
from bridge.telegram.markdown.pages import posts
from bridge.telegram.markdown.streaming import render


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


@pytest.mark.parametrize("error", [AttributeError, KeyError, TypeError, ValueError])
async def test_an_answer_of_another_shape_is_tried_again(error: type[Exception]) -> None:
    async def call() -> None:
        raise error("a list as description, an id beyond 64 bits")

    async def silence(_chat_id: int, _seconds: float) -> None:
        raise AssertionError("nothing was said of that")

    with pytest.raises(TelegramUnreachable, match="not Telegram's"):
        await with_error_mapping(silence, ChatKey(1), "Sending a message", call)


def test_too_few_files_are_told_as_that() -> None:
    cause = httpx.ConnectError("no")
    cause.__cause__ = OSError(errno.EMFILE, "Too many open files")
    error = NetworkError("no")
    error.__cause__ = cause
    told = str(unreachable("Sending a message", error))
    assert "no more files" in told
    assert "ulimit -n" in told
    error.__cause__ = httpx.ConnectError("no")
    assert "ulimit" not in str(unreachable("Sending a message", error))


def test_half_a_character_in_an_id_can_be_stored() -> None:
    read = read_object(b'{"id": "7\\ud800"}')
    assert read is not None
    assert text_of(read, "id").encode()


def test_short_headings_are_cut_in_steps_that_grow_with_the_text() -> None:
    """Counted in calls of the interpreter: four times as many for four times the headings.

    Not more than a thousand each, either: looking for the heading above each place took 3,700.
    """

    def steps(count: int) -> int:
        whole = render("".join(f"# H{number}\n\n" for number in range(count)))
        profile = cProfile.Profile()
        profile.runcall(posts, [whole])
        return sum(entry.callcount for entry in profile.getstats())

    many = steps(4_000)
    assert many < 6 * steps(1_000) + 40_000
    assert many < 1_000 * 4_000
