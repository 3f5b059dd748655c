"""Markdown to what Telegram shows: texts and their entities. Pure.

Offsets and lengths are UTF-16 code units, as the Bot API counts. Entities are sent instead of a
parse mode, because one stray character of an agent's text fails a whole call there.

A streamed text is rendered block by block: blocks end for good at an empty line that is followed by
a line at the margin, unless a fence is open or a list may go on. What cannot change any more is
rendered once, so that the work for a longer prefix is that of its last block.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import unescape
from itertools import accumulate

from bridge.telegram.markdown.blocks import render_block
from bridge.telegram.markdown.extensions import LONGEST_FORMULA
from bridge.telegram.markdown.parser import References
from bridge.telegram.markdown.repair import repaired
from bridge.telegram.post import Entity, Rendered, units

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})([^`]*)$")
_ITEM = re.compile(r"^ {0,3}(?:[-+*]|\d{1,9}[.)])(?:[ \t]|$)")
_MATHS = ("$$", "\\[")
_MATH = re.compile(r"^ {0,3}(\$\$|\\\[)")
_LASTING_TAG = re.compile(r"(?i)</?(?:ul|ol|li|pre)\b")
"""Tags whose repair needs to know what came before."""


def render(markdown: str, *, preview: bool = False) -> Rendered:
    """Return the whole text; with `preview`, a prefix of it with open constructs closed."""
    return joined(IncrementalRenderer().blocks(markdown, preview=preview))


def sanitize(text: str) -> str:
    """Return the text as Telegram accepts it: surrogate pairs joined, odd line ends and controls gone."""
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    lines = re.sub("\r\n?|[\u2028\u2029\x85]", "\n", joined)
    return re.sub("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", "", lines)


def joined(blocks: Sequence[Rendered]) -> Rendered:
    """Return the blocks below each other, with an empty line between."""
    texts, entities, offset = list[str](), list[Entity](), 0
    for block in blocks:
        entities += [replace(one, offset=one.offset + offset) for one in block.entities]
        texts.append(block.text)
        offset += units(block.text) + 2
    return Rendered("\n\n".join(texts), tuple(entities))


@dataclass(frozen=True)
class _Settled:
    """A block that nothing behind it can change, but for the address of a name in brackets."""

    source: str
    shown: Rendered
    named: bool
    """Whether it may hold a name whose address is still to come: `[name][]`."""


class IncrementalRenderer:
    """The blocks of one text; each call may bring a longer prefix of it, or another text."""

    def __init__(self) -> None:
        self.edition = 0
        """Counts how often it was another text that came."""
        self._last = ""
        self._begin()

    def _begin(self) -> None:
        self._text = ""
        """What is settled of the text."""
        self._settled: list[_Settled] = []
        self._references: References = {}
        self._raw, self._repaired = "", ""
        """What need not be repaired again: as it was written, and as it was repaired."""

    def blocks(self, markdown: str, *, preview: bool = False) -> list[Rendered]:
        """Return the rendered blocks of the text in order; with `preview`, of a prefix of it."""
        written = sanitize(markdown)
        text = self._repair(written, preview=preview)
        if not text.startswith(self._last):
            self.edition += 1
        if not text.startswith(self._text) or not (preview or self._cut_well(text)):
            self._begin()
        self._last = text
        known = len(self._references)
        for end in _ends(text, len(self._text)):
            source = text[len(self._text) : end]
            self._settled.append(self._settle(source))
            self._text = text[:end]
        self._remember_repair(written, text[len(self._text) :])
        # What the rest defines is not kept: the next piece may make a longer address of it.
        references = dict(self._references)
        rest = render_block(text[len(self._text) :], references, preview=preview)
        if len(self._references) > known:
            self._settled = [
                self._settle(one.source) if one.named else one for one in self._settled
            ]
        settled = [one.shown for one in self._settled]
        if not preview and len(references) > len(self._references):
            settled = [
                render_block(one.source, dict(references)) if one.named else one.shown
                for one in self._settled
            ]
        shown = [one for one in settled if one.text]
        if rest.text:
            shown.append(rest)
        if not shown and not preview and re.search(r"\w", unescape(text)):
            shown = [Rendered(text.strip())]  # such as a mere definition of an address
        return shown

    def _repair(self, written: str, *, preview: bool) -> str:
        """Return the text repaired; of a longer prefix only what is not settled, the whole at the end."""
        if preview and self._raw and written.startswith(self._raw):
            return self._repaired + repaired(written[len(self._raw) :], preview=True)
        return repaired(written, preview=preview)

    def _remember_repair(self, written: str, rest: str) -> None:
        """Remember where what is settled ends in the text as written, if that can be told."""
        lasting = _LASTING_TAG.search(self._text, len(self._repaired))
        if rest and written.endswith(rest) and not lasting:
            self._raw, self._repaired = written[: -len(rest)], self._text

    def _cut_well(self, text: str) -> bool:
        """Return whether the whole text would be cut into the blocks that are settled."""
        cuts = accumulate(len(one.source) for one in self._settled)
        return set(cuts) <= set(_ends(text, 0))

    def _settle(self, source: str) -> _Settled:
        return _Settled(source, render_block(source, self._references), "[" in source)


def _ends(text: str, start: int) -> list[int]:
    """Return the places behind `start` where a block of the text is over for good."""
    ends = list[int]()
    fence, in_list, empty, begun, inside = "", False, False, False, 0
    place = start
    while (newline := text.find("\n", place)) >= 0 or place < len(text):
        stop = newline if newline >= 0 else len(text)
        line = text[place:stop]
        if fence:
            inside += 1
            lost = fence in _MATHS and inside > LONGEST_FORMULA
            fence = "" if lost or _closes(line, fence) else fence
        elif not line.strip():
            empty = True
        else:
            item = _ITEM.match(line) is not None
            if empty and begun and _at_margin(line, last=newline < 0) and not (in_list and item):
                ends.append(place)
                in_list = False
            in_list = in_list or item
            fence, inside = _opens(line), 0
            begun = True
        empty = empty and not line.strip()
        place = stop + 1
    return ends


def _at_margin(line: str, *, last: bool) -> bool:
    """Return whether the line begins at the margin; of the last one the first word may be unfinished."""
    return not line[0].isspace() and not (last and re.fullmatch(r"\d{1,9}[.)]?|[-+*]", line))


def _opens(line: str) -> str:
    if found := _FENCE.match(line):
        return found[1]
    if (found := _MATH.match(line)) and not _closes(line[found.end() :], found[1]):
        return found[1]
    return ""


def _closes(line: str, fence: str) -> bool:
    if fence in _MATHS:
        return ("$$" if fence == "$$" else "\\]") in line
    found = _FENCE.match(line)
    return found is not None and found[1].startswith(fence) and not found[2].strip()
