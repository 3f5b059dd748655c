"""Tell signs that are no formatting from those that are: products, globs, paths, names. Pure.

CommonMark lets `*` open inside of words and `__` beside punctuation, which eats the signs of
arithmetic, of SQL and of file names. And it closes no emphasis between punctuation and a letter,
which leaves the stars of `**Note:**this` standing in languages whose words touch.
"""

import re
from typing import NamedTuple

from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from bridge.telegram.markdown.incomplete import in_tail

_NO_OPENING = ",.)/;]}|\\"
"""Before these a single `*` is a wildcard, a footnote or a product."""
_NO_OPENING_STRONG = ",);]}|"
_AFTER_WILDCARD = ".])/"
"""Behind these a single `*` repeats or matches something."""
_OPENING = "([{<«„“‘`"
LONGEST_IN_WORD = 200
"""Characters of emphasis that may end inside of a word."""
_DUNDER = re.compile(r"__[A-Za-z](?:_?[A-Za-z0-9])*__(?![A-Za-z0-9_])")
_HALF_DUNDER = re.compile(r"__[A-Za-z](?:_?[A-Za-z0-9])*_{0,2}\Z")
_DRIVE = re.compile(r"(?<![^\W_])[A-Za-z]:\Z")
_PATH = re.compile(r"\\[^\s*`\"<>|]*")
_LETTER = "[^\\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
"""Of words with spaces between them."""
_FILE_NAME = re.compile(
    rf"(?<!{_LETTER})(?<![@:/.\\%=&?~+,#$-])(?:\.{{0,2}}/)?(?:(?:{_LETTER}|-){{1,64}}/|\.[\w-]{{1,64}}/)*"
    rf"(?:{_LETTER}|-)(?:{_LETTER}|[.-]){{0,64}}"
    r"\.(?:ai|cc|io|la|md|mk|ml|mm|mov|pl|pm|ps|py|rs|sh|so|tf|zip)"
    rf"(?!{_LETTER}|[/@-]|\.\w)",
    re.IGNORECASE,
)
_WEB_ADDRESS = re.compile(r"\b[a-zA-Z][a-zA-Z0-9+.-]{0,30}://\S+")
"""Names of files whose extension is a top-level domain: Telegram's server would link them."""


class Run(NamedTuple):
    """A run of one marker, and the characters at its two sides."""

    marker: str
    length: int
    before: str
    after: str


def is_sign(run: Run) -> bool:
    """Return whether a run of `*` is a sign of its own: a product, a power, a wildcard."""
    if run.marker != "*":
        return False
    before, after = run.before, run.after
    if _is_word(before) and _is_word(after):
        if before.isascii() and after.isascii():
            return True
        if run.length == 1 and before.isascii() != after.isascii():
            ascii_side, other = (before, after) if before.isascii() else (after, before)
            return ascii_side.isdigit() or not _is_ideograph(other)
    return False


def ends_word(text: str, start: int, run: Run) -> bool:
    """Return whether `**` ends emphasis inside of a word, as in `**token**s`, and is no power."""
    if run.marker != "*" or run.length != 2 or (run.before + run.after).isdigit():
        return False
    opener = text.rfind("**", max(0, start - LONGEST_IN_WORD), start)
    inner = text[opener + 2 : start]
    if opener < 0 or "*" in inner or not inner.strip() or inner[0].isspace():
        return False
    if run.before.isdigit() and any(char.isspace() for char in inner):
        return False  # a power, as in **so 2**n is**
    alone = opener == 0 or not (_is_word(text[opener - 1]) or text[opener - 1] == "*")
    return alone and inner.count("(") == inner.count(")")


def cannot_open(run: Run, rest: str) -> bool:
    """Return whether a run of `*` begins no emphasis; `rest` is the text behind it."""
    if run.marker != "*":
        return False
    if run.length == 1:
        return run.after in _NO_OPENING or run.before in _AFTER_WILDCARD
    if run.after in _NO_OPENING_STRONG:
        return True
    return run.after in "./\\" and not _closes_behind_word(rest, run.length)


def _closes_behind_word(rest: str, length: int) -> bool:
    """Return whether the next such run ends a word: `**/etc/hosts**` is emphasis, `**/dist/**` is a glob."""
    place = rest.find("*" * length)
    if place < 1 or not _is_word(rest[place - 1]):
        return False
    return not _is_word(rest[place + length : place + length + 1])


def touches_word(run: Run) -> tuple[bool, bool]:
    """Return whether a run of `**` may open or close though a letter stands right outside of it.

    `**Note:**this` closes, `«да»**«нет»**` opens: no space is needed where punctuation is inside.
    """
    if run.marker != "*" or run.length < 2:
        return False, False
    closes = _is_word(run.after) and not _is_word(run.before) and not run.before.isspace()
    opens = _is_word(run.before) and not run.before.isascii() and not _is_word(run.after)
    return opens and not run.after.isspace(), closes and run.before not in _OPENING


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


def _is_ideograph(char: str) -> bool:
    return "\u2e80" <= char <= "\ud7ff" or "\uf900" <= char <= "\ufaff" or char >= "\U00020000"


def dunder(state: StateInline, silent: bool) -> bool:
    """Take `__init__` as it stands; half of one at the end of a prefix, too."""
    if state.src[state.pos] != "_" or state.src[state.pos - 1 : state.pos] == "_":
        return False
    found = _DUNDER.match(state.src, state.pos, state.posMax)
    if found is None and in_tail(state):
        found = _HALF_DUNDER.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        state.append_pending(found[0])
    state.pos = found.end()
    return True


def windows_path(state: StateInline, silent: bool) -> bool:
    r"""Take `C:\_temp\__old__` as it stands: its backslashes escape nothing."""
    if state.src[state.pos] != "\\":
        return False
    shared = state.src.startswith("\\\\", state.pos) and _begins_word(state.src, state.pos)
    if not shared and not _DRIVE.search(state.src, max(0, state.pos - 3), state.pos):
        return False
    found = _PATH.match(state.src, state.pos, state.posMax)
    if found is None or (shared and not re.match(r"\\\\\w[\w.-]*\\\w", found[0])):
        return False
    if not silent:
        state.append_pending(found[0])
    state.pos = found.end()
    return True


def _begins_word(text: str, place: int) -> bool:
    return place == 0 or text[place - 1].isspace()


def mark_file_names(state: StateCore) -> None:
    """Make bare names of files code, so that they become no links to strangers' domains."""
    for token in state.tokens:
        if token.type == "inline" and token.children and "." in token.content:
            token.children = _with_file_names(token.children)


def _with_file_names(children: list[Token]) -> list[Token]:
    made, links = list[Token](), 0
    for token in children:
        links += (token.type == "link_open") - (token.type == "link_close")
        if token.type != "text" or links or not _FILE_NAME.search(token.content):
            made.append(token)
            continue
        done = 0
        addresses = [found.span() for found in _WEB_ADDRESS.finditer(token.content)]
        for found in _FILE_NAME.finditer(token.content):
            if any(begin <= found.start() < end for begin, end in addresses):
                continue
            if found.start() > done:
                made.append(_text(token, token.content[done : found.start()]))
            made.append(Token("code_inline", "code", 0, content=found[0], level=token.level))
            done = found.end()
        if done < len(token.content):
            made.append(_text(token, token.content[done:]))
    return made


def _text(token: Token, content: str) -> Token:
    return Token("text", "", 0, content=content, level=token.level)
