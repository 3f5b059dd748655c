"""What agents write beside CommonMark: spoilers, footnotes, a few HTML tags, formulas.

Every search for the end of a construct is bounded: a hostile text must not cost its square.
"""

import re
from html import unescape

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, reference
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from bridge.telegram.markdown.incomplete import in_tail
from bridge.telegram.markdown.math import readable

_TAGS = {
    "b": "strong", "strong": "strong", "i": "em", "em": "em", "s": "s", "del": "s", "strike": "s",
    "u": "u", "ins": "u", "code": "code", "kbd": "code", "tt": "code", "samp": "code",
    "sub": "sub", "sup": "sup", "summary": "strong", "tg-spoiler": "spoiler",
}  # fmt: skip
"""The tags that mean something here, and the format that they stand for."""

_SILENT = ("details", "p", "div", "span", "center", "font", "small", "big", "mark", "abbr", "cite", "q",
           "section", "article", "figure", "figcaption")  # fmt: skip
"""Tags that only wrap a text: they vanish, their text stays."""

LONGEST_FORMULA = 60
"""Lines in which a formula on lines of its own must end."""

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)(?:\s[^<>\n]{0,300})?\s*/?>")
_HREF = re.compile(r"""(?i)\shref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>]+))""")
_END_OF_LINK = re.compile(r"</a\s*>", re.IGNORECASE)
_COMMENT = re.compile(r"<!--(?!>).{0,1000}?-->", re.DOTALL)
_NOTE = re.compile(r"\[\^([\w-]{1,32})\]")
_SCHEME = re.compile(r"\bhttps?\Z", re.IGNORECASE)
_ADDRESS = re.compile(r"://[^\s<>`|\\\"'()\[\]{}。，；：！？、）」』】》”’]+")
_WORDS = re.compile(r"[^\W\d_]{3,}\s+[^\W\d_]{3,}")
_SPOILER = re.compile(r"\|\|(?=[^\s|])(.{1,600}?)(?<=[^\s|])\|\|", re.DOTALL)
_HALF_SPOILER = re.compile(r"\|\|(?=[^\s|])(.{1,600})\Z", re.DOTALL)
_DOLLARS = re.compile(r"\$(?=[^\s$])((?:\\.|[^$\\\n]){1,300}?)(?<=[^\s\\=/:(])\$(?![\w$])")
_DISPLAY = re.compile(r"\$\$(.{1,600}?)\$\$|\\\[(.{1,600}?)\\\]|\\\((.{1,600}?)\\\)", re.DOTALL)


def install(parser: MarkdownIt) -> None:
    """Teach the parser."""
    block = parser.block.ruler
    block.before("fence", "formula", _formula_block, {"alt": ["paragraph", "reference", "list"]})
    block.at("reference", _reference)
    inline = parser.inline.ruler
    inline.before("escape", "formula", _formula)
    parser.inline.add_terminator_char("|")
    inline.before("link", "note", _note)
    inline.before("link", "address", _address)
    inline.before("autolink", "tag", _tag)
    inline.push("spoiler", _spoiler)


def _reference(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Return a definition of an address; `[^1]: …` is a footnote, which stays where it stands."""
    begin = state.bMarks[start] + state.tShift[start]
    if state.src.startswith("[^", begin):
        return False
    return reference(state, start, end, silent)


def _address(state: StateInline, silent: bool) -> bool:
    """Take a bare address as it stands: `__init__` in it is no emphasis."""
    if state.src[state.pos] != ":" or not _SCHEME.search(
        state.src, max(0, state.pos - 6), state.pos
    ):
        return False
    found = _ADDRESS.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    shown = found[0].rstrip("?!.,:;*_~")
    if not silent:
        state.append_pending(shown)
    state.pos += len(shown)
    return bool(shown)


def _note(state: StateInline, silent: bool) -> bool:
    """`[^1]` shows as [1], at its place and where it is explained."""
    found = _NOTE.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        state.push("text", "", 0).content = f"[{found[1]}]"
    state.pos = found.end()
    return True


def _spoiler(state: StateInline, silent: bool) -> bool:
    """`||hidden||`; without an end in the tail the rest is hidden, too."""
    if not state.src.startswith("||", state.pos):
        return False
    found = _SPOILER.match(state.src, state.pos, state.posMax)
    half = found is None and in_tail(state)
    if half:
        found = _HALF_SPOILER.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        _wrapped(state, "spoiler", found.start(1), found.end(1))
    state.pos = found.end()
    return True


def _wrapped(state: StateInline, tag: str, start: int, end: int) -> Token:
    """Return everything from `start` to `end`, inside a format; its opening token."""
    rest = state.posMax
    opening = state.push(f"{tag}_open", tag, 1)
    state.pos, state.posMax = start, end
    state.md.inline.tokenize(state)
    state.posMax = rest
    state.push(f"{tag}_close", tag, -1)
    return opening


def _tag(state: StateInline, silent: bool) -> bool:
    """Formats by the few tags that are known; all other markup is text."""
    if state.src[state.pos] != "<":
        return False
    if comment := _COMMENT.match(state.src, state.pos, state.posMax):
        state.pos = comment.end()
        return True
    found = _TAG.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    name = found[2].lower()
    if name == "br":
        if not silent:
            state.push("hardbreak", "br", 0)
    elif name in _SILENT:
        if not _is_paired(state, found, name):
            return False
        rest = state.src[found.end() : state.posMax].strip()
        if found[1] and name in ("p", "div") and rest and not silent:
            state.push("hardbreak", "br", 0)
    elif name == "a" and not found[1]:
        return _anchor(state, silent, found)
    elif name not in _TAGS or found[1]:
        return False
    else:
        return _pair(state, silent, found, name)
    state.pos = found.end()
    return True


def _is_paired(state: StateInline, tag: re.Match[str], name: str) -> bool:
    """Return whether a tag only wraps: it stands at the edge of a line, or the other one is there, too."""
    before, behind = state.src[: tag.start()], state.src[tag.end() :]
    if not before or before.endswith("\n") or not behind or behind.startswith("\n"):
        return True
    if tag[1]:
        return re.search(rf"(?i)<{name}[\s>]", state.src[: tag.start()][-2000:]) is not None
    after = state.src[tag.end() : tag.end() + 2000]
    return re.search(rf"(?i)</{name}\s*>", after) is not None or in_tail(state)


def _pair(state: StateInline, silent: bool, opener: re.Match[str], name: str) -> bool:
    """Count an opening tag only with its end, or in the tail, where the end may follow."""
    closer = re.compile(rf"</{name}\s*>", re.IGNORECASE).search(
        state.src, opener.end(), min(state.posMax, opener.end() + 2000)
    )
    if closer is None and not in_tail(state):
        return False
    end, after = (
        (closer.start(), closer.end()) if closer is not None else (state.posMax, state.posMax)
    )
    if not silent:
        tag = _TAGS[name]
        if tag in ("code", "sub", "sup"):
            inner = state.push(f"{tag}_inline", tag, 0)
            inner.content = unescape(state.src[opener.end() : end])
        else:
            _wrapped(state, tag, opener.end(), end)
    state.pos = after
    return True


def _anchor(state: StateInline, silent: bool, opener: re.Match[str]) -> bool:
    """`<a href="…">words</a>` is a link, as if it were written in brackets."""
    place = _HREF.search(opener[0])
    closer = _END_OF_LINK.search(state.src, opener.end(), min(state.posMax, opener.end() + 2000))
    if place is None or (closer is None and not in_tail(state)):
        return False
    end, after = (state.posMax, state.posMax) if closer is None else closer.span()
    if not silent:
        address = unescape(place[1] or place[2] or place[3] or "")
        link = _wrapped(state, "link", opener.end(), end)
        link.attrs = {"href": address if closer is not None else ""}
    state.pos = after
    return True


def _formula(state: StateInline, silent: bool) -> bool:
    """Return a formula in a line: readable if it is simple, else exactly as it was written."""
    char = state.src[state.pos]
    if char == "$":
        found = _DISPLAY.match(state.src, state.pos, state.posMax)
        found = found or _in_dollars(state)
    elif char == "\\":
        found = _DISPLAY.match(state.src, state.pos, state.posMax)
    else:
        return False
    if found is None:
        return False
    if not silent:
        source = next(part for part in found.groups() if part is not None)
        shown = readable(source)
        if shown is not None:
            state.push("text", "", 0).content = shown
        else:
            token = state.push("formula", "", 0)
            token.content = found[0]
    state.pos = found.end()
    return True


def _in_dollars(state: StateInline) -> re.Match[str] | None:
    """`$x^2$`; what lies between two prices is no formula."""
    found = _DOLLARS.match(state.src, state.pos, state.posMax)
    if found is None or _WORDS.search(found[1]):
        return None
    mathematical = re.search(r"[\\^_=+<>*/]|^\W*\w{1,3}\W*$", found[1])
    return found if mathematical else None


def _formula_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A formula that begins a line with `$$` or `\\[`, up to the line that ends it."""
    begin = state.bMarks[start] + state.tShift[start]
    opener = state.src[begin : begin + 2]
    if opener not in ("$$", "\\[") or state.is_code_block(start):
        return False
    closer = "$$" if opener == "$$" else "\\]"
    line = start
    end = min(end, start + LONGEST_FORMULA)
    while line < end and state.sCount[line] >= state.blkIndent:
        low = begin + 2 if line == start else state.bMarks[line]
        place = state.src.find(closer, low, state.eMarks[line])
        if place >= 0:
            break
        line += 1
    else:
        return False
    if state.src[place + 2 : state.eMarks[line]].strip():
        return False  # text goes on behind it: it stands in a line
    if silent:
        return True
    source = state.src[begin + 2 : place].strip()
    token = state.push("formula_block", "", 0)
    token.content = readable(source) or ""
    token.info = source
    token.map = [start, line + 1]
    state.line = line + 1
    return True
