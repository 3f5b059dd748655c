"""Thoughts at the beginning of an answer are reasoning; in code and elsewhere the tags are text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.relay.thinking import without_thoughts


@pytest.mark.parametrize("name", ["think", "thinking", "thought", "THINK"])
def test_thoughts_are_kept_apart_at_every_moment(name: str) -> None:
    whole = f"<{name}>\nHe wants a number.\n</{name}>\n\nIt is 4."
    assert without_thoughts(whole) == ("He wants a number.", "It is 4.")
    for end in range(len(whole)):
        thoughts, answer = without_thoughts(whole[:end])
        assert "<" not in answer
        assert "<" not in thoughts
        assert "number" not in answer


def test_thoughts_that_began_before_the_output() -> None:
    assert without_thoughts("He wants a number.\n</think>\n\nIt is 4.") == (
        "He wants a number.",
        "It is 4.",
    )


def test_thoughts_that_hold_code() -> None:
    text = "Let me see:\n```py\nx\n```\nDone.\n</think>\n\nThe answer"
    assert without_thoughts(text)[1] == "The answer"


@pytest.mark.parametrize(
    "text",
    [
        "`<think>` is a tag",
        "Text first. <think>x</think>",
        "```\n<think>\nx\n</think>\n```",
        "<thinkpad> is none",
        "<b>bold</b>",
        "The end is `</think>` there.",
    ],
)
def test_elsewhere_the_tags_are_text(text: str) -> None:
    assert without_thoughts(text) == ("", text)


@given(st.text(alphabet="<>/think \n`ab", max_size=40))
def test_any_text_is_read(text: str) -> None:
    thoughts, answer = without_thoughts(text)
    assert len(thoughts) + len(answer) <= len(text) + 4
