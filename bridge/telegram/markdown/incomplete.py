"""The end of a prefix: what is open there is closed, and what may become syntax is held back."""

import re

from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter

PREVIEW = "preview"
_TAIL = "tail"
MOST_CLOSED = 16
"""Openers that are given an end; nobody nests deeper, and a hostile text may try."""


def mark_tail(state: StateCore) -> None:
    """Note which inline text ends the document: only there can a construct be half."""
    if not state.env.get(PREVIEW):
        return
    for token in reversed(state.tokens):
        if token.type == "inline":
            state.env[_TAIL] = token.children
            return
        if token.nesting != -1:
            return


def in_tail(state: StateInline) -> bool:
    """Return whether the inline text is the end of a prefix."""
    return state.env.get(_TAIL) is state.tokens


def run_of(text: str, start: int, marker: str) -> str:
    """Return the run of one character that begins there."""
    end = start
    while end < len(text) and text[end] == marker:
        end += 1
    return text[start:end]


def half_code(state: StateInline, silent: bool) -> bool:
    """Return a backtick run without its partner in the tail: the rest is code."""
    if state.src[state.pos] != "`" or silent or not in_tail(state):
        return False
    run = run_of(state.src, state.pos, "`")
    start = state.pos + len(run)
    if re.search(rf"(?<!`){run}(?!`)", state.src[start:]):
        return False
    token = state.push("code_inline", "code", 0)
    token.markup = run
    token.content = state.src[start : state.posMax].replace("\n", " ").strip()
    state.pos = state.posMax
    return True


def half_link(state: StateInline, silent: bool) -> bool:
    """Complete `[text](http…` that is cut in the middle: the text shows, the address does not."""
    src, pos = state.src, state.pos
    if silent or not in_tail(state) or src[pos] not in "[!":
        return False
    start = pos + 1 if src[pos] == "!" else pos
    if src[start : start + 1] != "[":
        return False
    end = state.md.helpers.parseLinkLabel(state, start)
    if end < 0:
        state.pos = start + 1
        return True
    after = src[end + 1 : end + 2]
    if after and (after != "(" or ")" in src[end + 2 :]):
        return False
    rest, state.posMax, state.pos = state.posMax, end, start + 1
    state.md.inline.tokenize(state)
    state.posMax = state.pos = rest
    return True


def close_open(state: StateInline) -> None:
    """Give every opener in the tail that has no partner one at the very end."""
    if not in_tail(state):
        return
    closed = 0
    for number in range(len(state.delimiters) - 1, -1, -1):
        opener = state.delimiters[number]
        if closed == MOST_CLOSED:
            break
        tilde = state.tokens[opener.token].content == "~"  # as in ~5 minutes
        if not opener.open or opener.end >= 0 or tilde or _is_lone(state, number):
            continue
        closed += 1
        closer = state.push("text", "", 0)
        closer.content = state.tokens[opener.token].content
        opener.end = len(state.delimiters)
        state.delimiters.append(
            Delimiter(opener.marker, 0, len(state.tokens) - 1, -1, open=False, close=True)
        )


def _is_lone(state: StateInline, number: int) -> bool:
    """Return whether a single `*` or `_` inside a word, as in `5*3`, is more likely a plain sign."""
    opener = state.delimiters[number]
    if opener.length != 1 or not opener.token:
        return False
    return state.tokens[opener.token - 1].content[-1:].isalnum()


_HALF_LINE = re.compile(
    r"""^[ ]{0,12}(?:>[ ]?)*
        (?:[-+*] | \d{1,9}[.)]? | \#{1,6} | [-=_*]{2,}[-=_* ]* | > | [-+*][ ]\[[ xX]?\]?)
        [ ]*$""",
    re.VERBOSE,
)
_FENCE = re.compile(r"^\s*(?:>\s?)*(?:[-+*]\s+|\d+[.)]\s+)?(`{3,}|~{3,})([^`]*)$")
_HALF_FENCE = re.compile(r"^\s*(?:>\s?)*(?:`{1,2}|~{1,2})$")
_CLOSING_FENCE = re.compile(r"^\s*(?:>\s?)*(?:`+|~+)\s*$")
_MARKS = "*_~`|[!\\"
_HALF_ENTITY = re.compile(r"&#?\w{0,8}$")
_HALF_TAG = re.compile(r"<(?:!--|/?[a-zA-Z])[^<>\n]{0,20}$")
_HALF_FORMULA = re.compile(r"(?:(?<![\\$])\$(?=[^\s\d$])|\\\()[^$\n]{0,80}$")
_JOINING = "\u200d\ufe0f" + "".join(map(chr, range(0x1F1E6, 0x1F200)))
_LONGEST_SYNTAX = 200
"""Characters of a line that may still be nothing but syntax; a longer one is text."""


def hold_back(text: str) -> str:
    """Return the text without the end that the next words could still turn into syntax."""
    head, newline, line = text.rpartition("\n")
    short = len(line) <= _LONGEST_SYNTAX
    if _inside_fence(head):
        closing = short and _CLOSING_FENCE.match(line)
        return head + newline if closing else text.rstrip(_JOINING)
    if short and (_HALF_LINE.match(line) or _HALF_FENCE.match(line) or _FENCE.match(line)):
        return head
    shown = _hold_table(text).rstrip(_JOINING)
    for half in (_HALF_TAG, _HALF_FORMULA, _HALF_ENTITY):
        begun = half.search(shown, max(0, len(shown) - 90))
        if begun is not None:
            shown = shown[: begun.start()]
    return shown.rstrip(_MARKS)


def _inside_fence(text: str) -> bool:
    fence = ""
    for line in text.split("\n"):
        found = _FENCE.match(line)
        if not found:
            continue
        if not fence:
            fence = found[1]
        elif found[1].startswith(fence) and not found[2].strip():
            fence = ""
    return bool(fence)


def _hold_table(text: str) -> str:
    """Hold back a table's unfinished row, and its head until its first row is there."""
    lines = text.split("\n")
    last = len(lines) - (lines[-1] == "")
    first = last
    while first > 0 and lines[first - 1].lstrip().startswith("|"):
        first -= 1
    rows = lines[first:last]
    if not rows:
        return text
    whole_rows = rows if last < len(lines) else rows[:-1]
    if len(rows) > 1 and rows[1].strip("|: \t-"):
        return text  # it is no table
    kept = whole_rows if len(whole_rows) > 2 else []
    return "\n".join([*lines[:first], *kept, *lines[last:]])
