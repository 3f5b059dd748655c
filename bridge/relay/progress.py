"""What a run has said so far, folded into what the reply should show now. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Self, assert_never

from bridge.coze.contents import TEXT, Said, lettered, read_content
from bridge.coze.events import (
    ALL_ANSWERED,
    INTERRUPTED,
    KNOWLEDGE_RECALLED,
    Began,
    Broke,
    Completed,
    Delta,
    Done,
    Ended,
    Event,
    MessageKind,
    Recovered,
    Remark,
    Run,
    RunMessage,
    Sound,
    Status,
    Unknown,
    Usage,
)
from bridge.model import ReplyState
from bridge.relay.thinking import without_thoughts


@dataclass(frozen=True)
class Answer:
    """One answer of the run; a run may give several."""

    id: str
    text: str
    reasoning: str = ""
    whole: bool = False
    """Whether Coze has sent it completed: then the deltas' text is replaced."""

    def with_more(self, delta: RunMessage) -> "Answer":
        """Return the answer with a delta; a late one adds nothing to a whole text."""
        if self.whole:
            return self
        return Answer(self.id, self.text + delta.text, self.reasoning + delta.reasoning)


Change = Callable[[Answer], Answer]
"""From an answer so far to the answer as it becomes."""

_DOING = {
    MessageKind.FUNCTION_CALL: "status.tool",
    MessageKind.TOOL_OUTPUT: "status.result",
    MessageKind.TOOL_RESPONSE: "status.result",
    MessageKind.KNOWLEDGE: "status.knowledge",
}
"""What each message without words for people says about the agent's work."""


EACH_ANSWER = 1000
"""Characters that an answer counts besides its own: nobody reads hundreds of them."""
MOST_SUGGESTIONS = 20
_UNSHOWN = {"card": "reply.card", "audio": "reply.audio", "other": "reply.other"}
"""The sentence in place of an answer of which nothing can be shown."""


@dataclass(frozen=True)
class Progress:
    """All that matters of the events so far."""

    answers: tuple[Answer, ...] = ()
    suggestions: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    doing: str | None = None
    """Key of the sentence that says what the agent does besides writing."""
    complete: bool = False
    """Whether Coze said that all answers are given."""
    unshown: str | None = None
    """What there was that cannot be shown: a card without a word, audio, or something unknown."""
    asks_for: tuple[str, ...] = ()
    """The names of what the person is asked to fill in."""
    waits: bool = False
    """Whether a node of the agent's flow has asked the person something: the next message answers it."""
    transcript: str = ""
    """What was said in the voice messages that ask."""
    ended: Status | None = None
    usage: Usage = field(default_factory=Usage)

    def after(self, event: Event) -> Self:
        """Return the progress once the event has happened."""
        match event:
            case Delta(message):
                return self._delta(message)
            case Completed(message):
                return self._completed(message)
            case Remark(name):
                return self._remarked(name)
            case Recovered(messages):
                return self._recovered(messages)
            case Ended(run):
                return replace(self, ended=run.status, usage=run.usage)._waiting(run)
            case Began() | Broke() | Done() | Sound() | Unknown():
                return self
            case _:
                assert_never(event)

    def with_notice(self, key: str) -> Self:
        """Return the progress with one more sentence above the text."""
        return replace(self, notices=(*self.notices, key))

    def with_status(self, key: str) -> Self:
        """Return the progress with a sentence for what happens before there is something to read."""
        return replace(self, doing=key)

    @property
    def characters(self) -> int:
        """How much was said, with the reasoning; an answer counts even when it is empty."""
        return sum(
            EACH_ANSWER + len(answer.text) + len(answer.reasoning) for answer in self.answers
        )

    @property
    def text(self) -> str:
        """All answers in the order in which they first appeared."""
        return self.reply_state().text

    def reply_state(self) -> ReplyState:
        """Return what to show while the run goes on."""
        thoughts, answers = list[str](), list[str]()
        for answer in self.answers:
            inside, text = without_thoughts(answer.text)
            thoughts += [part for part in (answer.reasoning.strip(), inside) if part]
            answers += [text] if text.strip() else []
        thinking = "status.thinking" if thoughts and not answers else None
        return ReplyState(
            tuple(answers),
            "\n\n".join(thoughts),
            self.doing or thinking,
            self.notices,
            whole=self.complete and bool(answers),
            transcript=self.transcript,
        )

    def finished(self) -> ReplyState:
        """Return what to show once the run is over."""
        reply_state = replace(
            self.reply_state(), status=None, whole=True, over=True, suggestions=self._choices()
        )
        if reply_state.answers:
            note = "reply.fields" if self.asks_for else "reply.asks" if self.waits else None
            if self.unshown == "other":
                note = note or "reply.part"
            return replace(reply_state, note=note, answer_id=self.answers[-1].id or None)
        note = _UNSHOWN.get(self.unshown or "", "reply.empty")
        if self.ended is Status.REQUIRES_ACTION:
            note = "reply.action"
        return replace(reply_state, note=note, can_retry=note == "reply.empty")  # a card stays one

    @property
    def all_given(self) -> bool:
        """Whether everything that the agent had to say was said, whatever fails after it."""
        if not self.reply_state().answers:
            return False
        return self.complete or (not self.doing and all(answer.whole for answer in self.answers))

    def broken_off(self, note: str, *, can_retry: bool = True) -> ReplyState:
        """Return what to show when it ends early: what was visible stays, then one sentence."""
        seen = self.reply_state()  # not whole: a link that is half written stays as it was drawn
        return replace(seen, status=None, note=note, over=True, can_retry=can_retry)

    def _waiting(self, run: Run) -> Self:
        """Return the progress of a run that ended; a chatflow's own question ends it, too."""
        tools = any(call.kind == "function" for call in run.tool_calls)
        asked = run.status is Status.REQUIRES_ACTION and not tools and bool(self.answers)
        return replace(self, waits=True) if asked else self

    def _choices(self) -> tuple[str, ...]:
        """Return what becomes buttons; a question node's options come as lettered lines."""
        if self.suggestions or not self.waits:
            return self.suggestions
        return lettered(self.text)

    def _remarked(self, name: str) -> Self:
        if name == INTERRUPTED:
            return replace(self, waits=True, doing=None)
        if name == KNOWLEDGE_RECALLED:
            return replace(self, doing="status.knowledge")
        return replace(self, complete=True, doing=None) if name == ALL_ANSWERED else self

    def _delta(self, message: RunMessage) -> Self:
        if message.kind is not MessageKind.ANSWER or not (message.text or message.reasoning):
            return self
        if message.content_type != TEXT:  # a piece of JSON or of a sound
            message = replace(message, text="")
            if not message.reasoning:
                return replace(self, complete=False)
        writes = self
        if self.complete or self.doing:
            writes = replace(self, complete=False, doing=None)
        return writes._with_answer(message.id, lambda old: old.with_more(message))

    def _completed(self, message: RunMessage) -> Self:
        if message.kind in _DOING:
            return replace(self, doing=_DOING[message.kind], complete=False)
        if message.kind is MessageKind.FOLLOW_UP:
            return self._suggested(message.text)
        if message.kind is not MessageKind.ANSWER:
            return self
        return self._said(message, read_content(message))

    def _said(self, message: RunMessage, said: Said) -> Self:
        """Return a whole answer; what cannot be shown of it takes no text away."""
        after = replace(self, doing=None, unshown=said.unshown or self.unshown)
        if said.text or message.content_type == TEXT:
            after = after._joined(message.id, said.text)
            after = after._with_answer(
                after._known_as(message.id, said.text),
                lambda old: Answer(
                    message.id, said.text, message.reasoning or old.reasoning, whole=True
                ),
            )
        return replace(after, asks_for=said.fields or after.asks_for)._suggested(*said.options)

    def _suggested(self, *texts: str) -> Self:
        room = MOST_SUGGESTIONS - len(self.suggestions)
        fresh = [text for text in texts if text.strip() and text not in self.suggestions]
        return replace(self, suggestions=(*self.suggestions, *fresh[: max(0, room)]))

    def _joined(self, id_: str, text: str) -> Self:
        """Return the progress with deltas as one answer that came under an id of their own each."""
        pieces = [answer for answer in self.answers if not answer.whole]
        known = any(answer.id == id_ for answer in self.answers)
        if known or len(pieces) < 2 or "".join(one.text for one in pieces).strip() != text.strip():
            return self
        reasoning = "".join(one.reasoning for one in pieces)
        rest = tuple(answer for answer in self.answers if answer.whole)
        return replace(self, answers=(*rest, Answer(id_, text, reasoning)))

    def _known_as(self, id_: str, text: str) -> str:
        """Return the id of the answer that is completed: some agents complete it under another one."""
        if any(answer.id == id_ for answer in self.answers):
            return id_
        same = (
            answer.id
            for answer in self.answers
            if not answer.whole and answer.text.strip() == text.strip()
        )
        return next(same, id_)

    def _with_answer(self, id_: str, change: Change) -> Self:
        """Change the answer with that id, or begin it behind the others."""
        for number, answer in enumerate(self.answers):
            if answer.id == id_:
                rest = self.answers[number + 1 :]
                return replace(self, answers=(*self.answers[:number], change(answer), *rest))
        return replace(self, answers=(*self.answers, change(Answer(id_, ""))))

    def _recovered(self, messages: tuple[RunMessage, ...]) -> Self:
        """Coze's own list is the truth; what it leaves out stays as it was heard."""
        thoughts = {answer.id: answer.reasoning for answer in self.answers}
        fresh = replace(self, answers=(), suggestions=(), unshown=None, asks_for=(), waits=False)
        for message in messages:
            heard = message.reasoning or thoughts.get(message.id, "")
            fresh = fresh._completed(replace(message, reasoning=heard))
        if not fresh.text.strip():
            fresh = replace(fresh, answers=self.answers)
        return fresh if fresh.suggestions else replace(fresh, suggestions=self.suggestions)
