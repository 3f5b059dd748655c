"""Lay out what each post of a reply should show, and find the next call towards it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.model import ReplyState
from bridge.preferences import Reasoning
from bridge.telegram.markdown.pages import Pages
from bridge.telegram.markdown.streaming import IncrementalRenderer, joined, render
from bridge.telegram.post import Entity, Keyboard, PostContent, Rendered, units
from bridge.texts import translate

MOST_TRANSCRIPT = 3000
"""Characters of what was said that are shown: an answer follows it."""
BRIEF_UNITS = 280
"""How much of the agent's reasoning is shown when it is to be brief."""


class Layout:
    """Draws the states of one reply; it remembers what cannot change any more."""

    def __init__(
        self,
        language: str,
        reasoning: Reasoning = Reasoning.OFF,
        sentences: Sequence[str] = (),
        *,
        transcripts: bool = True,
    ) -> None:
        self._language = language
        self._transcripts = transcripts
        self._reasoning = reasoning
        self._sentences = sentences
        """What the bridge itself says above the answer."""
        self._answers: list[IncrementalRenderer] = []
        self._pages = Pages()

    def say_above(self, sentence: str) -> None:
        """Say one thing more above the answer from now on."""
        self._sentences = [sentence, *self._sentences]

    def frames(self, reply_state: ReplyState, keyboard: Keyboard = ()) -> tuple[PostContent, ...]:
        """Return the posts that show a state; the keyboard hangs under the last one.

        Empty when there is nothing to see yet.
        """
        answers = self._drawn(reply_state)
        above = self._above(reply_state, answers)
        edition = (len(above), *(growing.edition for growing in self._answers))
        pages = list(self._pages.paginate([*above, *answers], edition))
        below = self._below(reply_state, empty=not answers)
        if below.text and pages:
            pages[-1] = joined([pages[-1], below])  # a page keeps room for it
        elif below.text:
            pages.append(below)
        last = len(pages) - 1
        return tuple(
            PostContent(content, keyboard if number == last else ())
            for number, content in enumerate(pages)
        )

    def _drawn(self, reply_state: ReplyState) -> list[Rendered]:
        """Return the blocks of all answers; only the last answer may be half."""
        del self._answers[len(reply_state.answers) :]  # one may turn out to be empty
        while len(self._answers) < len(reply_state.answers):
            self._answers.append(IncrementalRenderer())
        last = len(reply_state.answers) - 1
        return [
            block
            for number, answer in enumerate(reply_state.answers)
            for block in self._answers[number].blocks(
                answer, preview=number == last and not reply_state.whole
            )
        ]

    def _above(self, reply_state: ReplyState, answers: Sequence[Rendered]) -> list[Rendered]:
        """Return what stands above the answer. Nothing, while there would be nothing else to see."""
        said = [translate(self._language, key) for key in reply_state.notices]
        asides = [aside(sentence) for sentence in (*self._sentences, *said)]
        thoughts, heard = self._thoughts(reply_state.reasoning), self._heard(reply_state.transcript)
        if (
            not answers
            and not thoughts
            and not heard
            and not reply_state.over
            and not reply_state.status
        ):
            return []
        return [*(one for one in (heard,) if one), *asides, *(one for one in (thoughts,) if one)]

    def _heard(self, transcript: str) -> Rendered | None:
        """Return what was said in a voice message, as a quotation that opens when it is tapped."""
        if not self._transcripts or not transcript.strip():
            return None
        text = f"🎤 {shortened(transcript.strip(), MOST_TRANSCRIPT)}"
        return Rendered(text, (Entity("expandable_blockquote", 0, units(text)),))

    def _thoughts(self, reasoning: str) -> Rendered | None:
        """Return the agent's reasoning as a quotation that opens when it is tapped."""
        if self._reasoning is Reasoning.OFF or not reasoning.strip():
            return None
        text = render(reasoning).text
        if self._reasoning is Reasoning.BRIEF:
            text = shortened(" ".join(text.split()), BRIEF_UNITS)
        return Rendered(text, (Entity("expandable_blockquote", 0, units(text)),)) if text else None

    def _below(self, reply_state: ReplyState, *, empty: bool) -> Rendered:
        if reply_state.note:
            return aside(translate(self._language, reply_state.note))
        if reply_state.over:
            # such as an answer that is a link without a text
            return aside(translate(self._language, "reply.empty")) if empty else Rendered()
        return (
            aside(translate(self._language, reply_state.status))
            if reply_state.status
            else Rendered()
        )


def shortened(text: str, most: int) -> str:
    """Return the beginning of a text, up to a word's end, within so many characters."""
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0].rstrip(" ,.;:") + "…"


def aside(sentence: str) -> Rendered:
    """Return a sentence of the bridge's own, told apart from the agent's words."""
    return Rendered(sentence, (Entity("italic", 0, units(sentence)),))


@dataclass(frozen=True)
class Edit:
    """Show a frame in the post at that place."""

    place: int
    frame: PostContent


@dataclass(frozen=True)
class Send:
    """Open a new post with a frame."""

    frame: PostContent


@dataclass(frozen=True)
class Remove:
    """Delete the last post: the reply has become shorter."""


Step = Edit | Send | Remove


def next_step(
    shown: Sequence[PostContent | None], wanted: Sequence[PostContent], *, final: bool
) -> Step | None:
    """Return the next call that brings what is shown closer to what is wanted; None when it stands.

    `shown` holds None for a post whose content is not known. Posts are removed only by the
    final state: an unfinished one may still grow.
    """
    for place, frame in enumerate(wanted):
        if place >= len(shown):
            return Send(frame)
        if shown[place] != frame:
            return Edit(place, frame)
    return Remove() if final and wanted and len(shown) > len(wanted) else None
