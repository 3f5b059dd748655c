"""The Markdown that agents write, as a parse tree: CommonMark with tables, strike-through, CJK.

A streamed answer is a prefix of itself: in preview the parser closes what is open at the end as a
reader would expect, and holds back a tail that could still become syntax.
"""

import unicodedata
from collections.abc import MutableMapping
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Scanned
from markdown_it.token import Token
from markdown_it.utils import EnvType

from bridge.telegram.markdown import extensions
from bridge.telegram.markdown.emphasis import (
    Run,
    cannot_open,
    dunder,
    ends_word,
    is_sign,
    mark_file_names,
    touches_word,
    windows_path,
)
from bridge.telegram.markdown.incomplete import (
    PREVIEW,
    close_open,
    half_code,
    half_link,
    hold_back,
    mark_tail,
    run_of,
)

MOST_BRACKETS = 400
"""In one block; the search for links costs the square of them, so one with more is plain text."""

References = MutableMapping[str, Any]
"""The addresses that a text has defined so far, in the parser's own form."""


def parse(markdown: str, references: References, *, preview: bool = False) -> list[Token]:
    """Return the block tokens of a text; `preview` treats it as the beginning of a longer one.

    Addresses that it defines (`[name]: https://…`) are added to `references`.
    """
    text = hold_back(markdown) if preview else markdown
    env = {PREVIEW: preview, "references": references}
    return _parser().parse(text, env)


@cache
def _parser() -> MarkdownIt:
    # the preset's nesting of 20 would swallow the tenth level of a list
    parser = MarkdownIt(
        "commonmark",
        {
            "html": False,
            "linkify": False,
            "maxNesting": 100,
            "strikethrough_single_tilde": True,
        },
    )
    parser.core.ruler.before("inline", "mark_tail", mark_tail)
    parser.inline = _Inline()
    parser.validateLink = lambda url: True  # type: ignore[method-assign]  # judged when drawn
    parser.enable(["table", "strikethrough"])
    parser.inline.ruler.before("backticks", "half_code", half_code)
    parser.inline.ruler.before("emphasis", "dunder", dunder)
    parser.inline.ruler.before("escape", "windows_path", windows_path)
    parser.core.ruler.push("file_names", mark_file_names)
    parser.inline.ruler.before("link", "half_link", half_link)
    parser.inline.ruler2.after("balance_pairs", "close_open", close_open)
    extensions.install(parser)
    return parser


class _State(StateInline):
    """Emphasis beside CJK: full-width punctuation may stand where a space would be in Latin.

    By CommonMark's letter `**重点。**后` has no emphasis, because the closing run follows
    punctuation and precedes a letter; here punctuation next to a CJK character does not block.
    """

    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:  # noqa: N802, N803
        marker = self.src[start]
        length = len(run_of(self.src, start, marker))
        before = self.src[start - 1] if start > 0 else " "
        after = self.src[start + length] if start + length < self.posMax else " "
        run = Run(marker, length, before, after)
        if is_sign(run):
            return Scanned(False, ends_word(self.src, start, run), length)
        opens, closes = touches_word(run)
        left = opens or _flanks(after, before)
        right = closes or _flanks(before, after)
        if cannot_open(run, self.src[start + length : self.posMax]):
            left = False
        if length == 1 and marker == "~":  # 3~5 is a range
            left, right = left and not before.isalnum(), right and not after.isalnum()
        if canSplitWord:
            return Scanned(left, right, length)
        return Scanned(
            left and (not right or _is_punctuation(before)),
            right and (not left or _is_punctuation(after)),
            length,
        )


class _Inline(ParserInline):
    """The inline parser with our own state, which the library's own cannot be told."""

    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        """Process a block's text and push its inline tokens into `tokens`."""
        state = _State(src, md, env, tokens)
        if src.count("[") > MOST_BRACKETS:
            state.push("text", "", 0).content = src
            return state.tokens
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


def _flanks(inner: str, outer: str) -> bool:
    """Return whether a run whose inner side is `inner` may stand there as an opener or closer."""
    if inner.isspace():
        return False
    if not _is_punctuation(inner) or _is_cjk(inner):
        return True
    return outer.isspace() or _is_punctuation(outer) or _is_cjk(outer)


def _is_punctuation(char: str) -> bool:
    return unicodedata.category(char)[0] in "PS"


def _is_cjk(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF" or char in "“”‘’…—·"
