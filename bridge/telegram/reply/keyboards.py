"""The buttons under a reply. Pure.

A button carries the name of something that is looked up when it is pressed, never the thing itself:
callback data holds 64 bytes at most, and may be forged.
"""

from collections.abc import Sequence

from bridge.telegram.callback_data import (
    AskSuggestion,
    RateAnswer,
    RetryQuestion,
    StopAnswer,
    encode,
    parse,
)
from bridge.telegram.post import Button, Keyboard
from bridge.texts import translate

MOST_QUESTIONS = 8
LIKE, DISLIKE = "👍", "👎"
MARK = "✓"
"""Stands before the rating that counts."""


def running(turn_id: int, language: str) -> Keyboard:
    """Return what stands under a reply that grows."""
    return ((Button(translate(language, "button.stop"), encode(StopAnswer(turn_id))),),)


def retry(turn_id: int, language: str) -> Keyboard:
    """Return what stands under a reply that could not be finished."""
    return ((Button(translate(language, "button.retry"), encode(RetryQuestion(turn_id))),),)


def judging(turn_id: int) -> Keyboard:
    """Return what stands under an answer: what a person thinks of it."""
    like, dislike = (encode(RateAnswer(turn_id, like=like)) for like in (True, False))
    return ((Button(LIKE, like), Button(DISLIKE, dislike)),)


def marked(buttons: Keyboard, counts: RateAnswer | None) -> Keyboard:
    """Return the keyboard with a mark at the rating that counts."""

    def button(one: Button) -> Button:
        data = parse(one.data)
        if not isinstance(data, RateAnswer):
            return one
        sign = LIKE if data.like else DISLIKE
        return Button(f"{MARK} {sign}" if data == counts else sign, one.data)

    return tuple(tuple(button(one) for one in row) for row in buttons)


def question_buttons(questions: Sequence[str], token: str) -> Keyboard:
    """Return a button for each question, one below the other, by the token that stands for them."""
    return tuple(
        (Button(_short(question), encode(AskSuggestion(token, number))),)
        for number, question in enumerate(questions[:MOST_QUESTIONS])
    )


def _short(question: str) -> str:
    """Return what fits on a button."""
    flat = " ".join(question.split())
    return flat if len(flat) <= 60 else flat[:59] + "…"
