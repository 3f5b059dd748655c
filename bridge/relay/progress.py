"""What a run has said so far, folded into what the reply should show now. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Self, assert_never

from bridge.coze.events import (
    Began,
    Broke,
    Completed,
    Delta,
    Done,
    Ended,
    Event,
    Kind,
    Recovered,
    RunMessage,
    Sound,
    Status,
    Unknown,
    Usage,
)


@dataclass(frozen=True)
class Picture:
    """What the reply should show: the newest one wins, older ones are worth nothing."""

    text: str = ""
    """The agent's Markdown, all answers together."""
    notices: tuple[str, ...] = ()
    """Keys of sentences that stand above the text."""
    note: str | None = None
    """Key of the sentence that closes the reply, when there is more to say than the text."""
    suggestions: tuple[str, ...] = ()
    over: bool = False
    """Whether nothing follows: the text is complete, as far as it ever will be."""
    can_retry: bool = False

    def __repr__(self) -> str:
        return f"Picture({len(self.text)} characters, note={self.note}, over={self.over})"


@dataclass(frozen=True)
class Answer:
    """One answer of the run; a run may give several."""

    id: str
    text: str
    whole: bool = False
    """Whether Coze has sent it completed: then the deltas' text is replaced."""


Change = Callable[[str], Answer]
"""From an answer's text so far to the answer as it becomes."""


@dataclass(frozen=True)
class Progress:
    """All that matters of the events so far."""

    answers: tuple[Answer, ...] = ()
    suggestions: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    card: bool = False
    ended: Status | None = None
    usage: Usage = field(default_factory=Usage)

    def after(self, event: Event) -> Self:
        """The progress once the event has happened."""
        match event:
            case Delta(message):
                return self._delta(message)
            case Completed(message):
                return self._completed(message)
            case Recovered(messages):
                return self._recovered(messages)
            case Ended(run):
                return replace(self, ended=run.status, usage=run.usage)
            case Began() | Broke() | Done() | Sound() | Unknown():
                return self
            case _:
                assert_never(event)

    def with_notice(self, key: str) -> Self:
        """The progress with one more sentence above the text."""
        return replace(self, notices=(*self.notices, key))

    @property
    def text(self) -> str:
        """All answers in the order in which they first appeared."""
        return "\n\n".join(answer.text for answer in self.answers if answer.text.strip())

    def picture(self) -> Picture:
        """What to show while the run goes on."""
        return Picture(self.text, self.notices)

    def finished(self) -> Picture:
        """What to show once the run is over."""
        if self.text.strip():
            return Picture(self.text, self.notices, None, self.suggestions, over=True)
        note = "reply.card" if self.card else "reply.empty"
        if self.ended is Status.REQUIRES_ACTION:
            note = "reply.action"
        again = note == "reply.empty"  # a card stays a card
        return Picture("", self.notices, note, self.suggestions, over=True, can_retry=again)

    def broken_off(self, note: str, *, can_retry: bool = True) -> Picture:
        """What to show when it ends early: what was visible stays, then one sentence."""
        return Picture(self.text, self.notices, note, over=True, can_retry=can_retry)

    def _delta(self, message: RunMessage) -> Self:
        if message.kind is not Kind.ANSWER or not message.text:
            return self
        return self._with_answer(message.id, lambda old: Answer(message.id, old + message.text))

    def _completed(self, message: RunMessage) -> Self:
        if message.kind is Kind.FOLLOW_UP:
            if not message.text.strip() or message.text in self.suggestions:
                return self
            return replace(self, suggestions=(*self.suggestions, message.text))
        if message.kind is not Kind.ANSWER:
            return self
        if message.content_type == "card":
            return replace(self, card=True)
        if self._is_renamed(message):
            return self
        return self._with_answer(message.id, lambda _: Answer(message.id, message.text, whole=True))

    def _is_renamed(self, message: RunMessage) -> bool:
        """Whether it is an open answer's text under another id, as some agents send it."""
        known = any(answer.id == message.id for answer in self.answers)
        return not known and any(
            answer.text == message.text and not answer.whole for answer in self.answers
        )

    def _with_answer(self, id_: str, change: Change) -> Self:
        """Change the answer with that id, or begin it behind the others."""
        for number, answer in enumerate(self.answers):
            if answer.id == id_:
                if answer.whole and not change("").whole:
                    return self  # a late delta adds nothing to a whole text
                changed = (*self.answers[:number], change(answer.text), *self.answers[number + 1 :])
                return replace(self, answers=changed)
        return replace(self, answers=(*self.answers, change("")))

    def _recovered(self, messages: tuple[RunMessage, ...]) -> Self:
        """Coze's own list is the truth; an empty one leaves what was heard."""
        fresh = replace(self, answers=(), suggestions=())
        for message in messages:
            fresh = fresh._completed(message)
        if not fresh.text.strip():
            fresh = replace(fresh, answers=self.answers)
        if not fresh.suggestions:
            fresh = replace(fresh, suggestions=self.suggestions)
        return fresh
