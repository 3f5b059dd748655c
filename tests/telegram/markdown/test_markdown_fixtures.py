"""Texts of CommonMark, GitHub's Markdown and awkward ones: what a reader must see of each."""

import tomllib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from bridge.telegram.markdown.pages import posts
from bridge.telegram.markdown.streaming import render
from bridge.telegram.markdown.text_builder import QUOTATIONS
from bridge.telegram.post import Entity, Rendered, units

FOLDER = Path(__file__).parent
MOST_UNITS = 4096
SHORT = 400
"""Characters of a text up to which every prefix is tried; of a longer one `SAMPLES` are."""
SAMPLES = 60
ALONE = ("pre", "code")
STYLES = ("bold", "italic", "underline", "strikethrough", "spoiler")


@dataclass(frozen=True)
class Case:
    """A text and what must and must not be seen of it."""

    name: str
    markdown: str
    keeps: tuple[str, ...]
    hides: tuple[str, ...]
    entities: tuple[tuple[str, str], ...] | None
    """Type and text of formats that must be there; empty: none may be; None: not judged."""


def read(file: str) -> Iterator[Case]:
    """The cases of a file; a misspelt key is an error."""
    for raw in tomllib.loads((FOLDER / file).read_text(encoding="utf-8"))["case"]:
        text = expanded(raw.pop("markdown"), raw.pop("repeat", None), raw.pop("codepoints", {}))
        entities = raw.pop("entities", None)
        yield Case(
            name=f"{file.removesuffix('.toml')}: {raw.pop('name')}",
            markdown=text,
            keeps=tuple(raw.pop("keeps")),
            hides=tuple(raw.pop("hides", ())),
            entities=None if entities is None else tuple((one[0], one[1]) for one in entities),
        )
        assert not raw, raw


def expanded(text: str, repeat: dict[str, Any] | None, codepoints: dict[str, int]) -> str:
    """The text with what TOML writes only at length, or cannot write."""
    if repeat:
        assert "{repeat}" in text
        text = text.replace("{repeat}", repeat["text"] * repeat["times"])
    for sign, codepoint in codepoints.items():
        text = text.replace(sign, chr(codepoint))
    return text


CASES = [case for file in ("commonmark.toml", "gfm.toml", "awkward.toml") for case in read(file)]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@dataclass(frozen=True)
class Seen:
    """A rendered text with its formats by index of character instead of UTF-16 unit."""

    text: str
    formats: tuple[tuple[str, int, int], ...]

    def pairs(self) -> list[tuple[str, str]]:
        """Each format with the text under it."""
        return [(type_, self.text[begin:end]) for type_, begin, end in self.formats]


def seen(rendered: Rendered) -> Seen:
    """Read a rendered text as the server does; fails where the server would."""
    rendered.text.encode("utf-8")
    ends = list(accumulate((1 + (char > "\uffff") for char in rendered.text), initial=0))
    formats = tuple(_format(entity, ends) for entity in rendered.entities)
    for number, one in enumerate(formats):
        for other in formats[number + 1 :]:
            if one[1] < other[2] and other[1] < one[2]:
                assert _may_overlap(one, other), (rendered.text, one, other)
    return Seen(rendered.text, formats)


def _format(entity: Entity, ends: list[int]) -> tuple[str, int, int]:
    begin, end = entity.offset, entity.offset + entity.length
    assert 0 <= begin < end <= ends[-1], entity
    first, last = bisect_right(ends, begin) - 1, bisect_right(ends, end) - 1
    assert (ends[first], ends[last]) == (begin, end), f"inside a surrogate pair: {entity}"
    return entity.type, first, last


def _may_overlap(one: tuple[str, int, int], other: tuple[str, int, int]) -> bool:
    """Whether two formats may share characters: styles may even cross, code may hold nothing."""
    types = {one[0], other[0]}
    if types <= set(STYLES):
        return True
    inner, outer = sorted((one, other), key=lambda format_: format_[2] - format_[1])
    nested = outer[1] <= inner[1] and inner[2] <= outer[2]
    if types & set(ALONE):
        quotation, code = (one, other) if one[0] in QUOTATIONS else (other, one)
        return quotation[0] in QUOTATIONS and quotation[1] <= code[1] and code[2] <= quotation[2]
    return nested and types != {"text_link"} and not types <= set(QUOTATIONS)


def plain(text: str) -> str:
    """The text with the spaces that only hold a place made ordinary."""
    return text.replace("\u00a0", " ")


def missing(text: str, keeps: tuple[str, ...]) -> list[str]:
    """The strings not found in this order."""
    lost, at = [], 0
    for keep in keeps:
        found = text.find(plain(keep), at)
        if found < 0:
            lost.append(keep)
        else:
            at = found + len(keep)
    return lost


def test_the_cases_have_names_of_their_own() -> None:
    names = [case.name for case in CASES]
    assert sorted(set(names)) == sorted(names)


@every_case
def test_a_reader_sees_what_was_meant(case: Case) -> None:
    shown = seen(render(case.markdown))
    text = plain(shown.text)
    assert missing(text, case.keeps) == [], text
    assert [sign for sign in case.hides if sign in shown.text] == [], text
    if case.entities is None:
        return
    pairs = [(type_, plain(under)) for type_, under in shown.pairs()]
    if not case.entities:
        assert pairs == []
    assert [one for one in case.entities if (one[0], plain(one[1])) not in pairs] == [], pairs


@every_case
def test_the_whole_and_every_prefix_are_valid(case: Case) -> None:
    check_posts(render(case.markdown))
    size = len(case.markdown)
    step = 1 if size <= SHORT else size // SAMPLES
    for end in range(1, size + 1, step):
        check_posts(render(case.markdown[:end], preview=True))


def check_posts(whole: Rendered) -> None:
    seen(whole)
    for post in posts([whole]):
        assert units(post.text) <= MOST_UNITS
        if post is not whole:
            seen(post)
