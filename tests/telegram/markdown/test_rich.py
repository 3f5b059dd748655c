"""Markdown to the blocks of rich messages: constructs, every text we have, any text at all."""

import json
import tomllib
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sandbox import coze
from bridge.sandbox.telegram.content.rich import read_rich
from bridge.sandbox.telegram.refusals import Refused
from bridge.telegram.markdown.math import readable
from bridge.telegram.markdown.rich import blocks, worth_it
from bridge.telegram.markdown.streaming import render
from bridge.telegram.post import Block

SCRIPTS = Path(coze.__file__).parent / "scripts" / "markdown"
CASES = Path(__file__).parent
TOO_DEEP = ("lists fifteen deep", "quotations fifteen deep")
INVISIBLE = ("nothing but invisible characters",)


def paragraph(*parts: object) -> Block:
    return {"type": "paragraph", "text": parts[0] if len(parts) == 1 else list(parts)}


def styled(kind: str, *parts: object) -> Block:
    return {"type": kind, "text": parts[0] if len(parts) == 1 else list(parts)}


def link(text: object, url: str) -> Block:
    return {"type": "url", "text": text, "url": url}


def formula(source: str) -> Block:
    return {"type": "mathematical_expression", "expression": source}


def bullets(*items: Block) -> Block:
    return {"type": "list", "items": list(items)}


def item(*inside: Block, **more: object) -> Block:
    return {"blocks": list(inside), **more}


def number(value: int, *inside: Block) -> Block:
    return item(*inside, value=value, type="1")


def cell(text: object, align: str = "left", **more: object) -> Block:
    return {"text": text, **more, "align": align, "valign": "top"}


def head(text: object, align: str = "left") -> Block:
    return cell(text, align, is_header=True)


def table(*rows: list[Block]) -> Block:
    return {"type": "table", "cells": list(rows), "is_bordered": True}


def quotation(*inside: Block) -> Block:
    return {"type": "blockquote", "blocks": list(inside)}


def details(summary: object, *inside: Block) -> Block:
    return {"type": "details", "summary": summary, "blocks": list(inside)}


B, C = styled("bold", "b"), styled("code", "c")
HIDDEN = details("More", paragraph("hidden"))

CONSTRUCTS: dict[str, tuple[str, list[Block]]] = {
    "nothing": (" \n\n", []),
    "paragraphs": ("a\n\nb", [paragraph("a"), paragraph("b")]),
    "line breaks": ("a\nb  \nc\\\nd<br>e", [paragraph("a\nb\nc\nd\ne")]),
    "heading": ("# a", [{"type": "heading", "text": "a", "size": 1}]),
    "small heading": ("a **b**\n---\n###### c", [
        {"type": "heading", "text": ["a ", B], "size": 2}, {"type": "heading", "text": "c", "size": 6}]),
    "empty heading": ("#\n\na", [paragraph("a")]),
    "fence": ("```py title\nx = 1\n\ty\n```", [{"type": "pre", "text": "x = 1\n    y", "language": "py"}]),
    "indented code": ("a\n\n    b", [paragraph("a"), {"type": "pre", "text": "b"}]),
    "empty code": ("a\n```\n```", [paragraph("a")]),
    "rule": ("a\n\n---", [paragraph("a"), {"type": "divider"}]),
    "list": ("- a\n- b\n  1. c", [bullets(
        item(paragraph("a")), item(paragraph("b"), bullets(number(1, paragraph("c")))))]),
    "numbers": ("3. a\n5. b", [bullets(number(3, paragraph("a")), number(4, paragraph("b")))]),
    "from zero": ("0. a", [bullets(number(0, paragraph("a")))]),
    "list with blocks": ("- a\n\n  ```\n  b\n  ```", [bullets(
        item(paragraph("a"), {"type": "pre", "text": "b"}))]),
    "empty item": ("- a\n-", [bullets(item(paragraph("a")), item(paragraph("")))]),
    "tasks": ("- [ ] a\n- [x] **b**\n- [x](https://a.b)", [bullets(
        item(paragraph("a"), has_checkbox=True, is_checked=False),
        item(paragraph(B), has_checkbox=True, is_checked=True),
        item(paragraph(link("x", "https://a.b"))))]),
    "numbered task": ("7. [X] a", [bullets(
        item(paragraph("a"), has_checkbox=True, is_checked=True, value=7, type="1"))]),
    "quotation": ("> a\n> b\n>> c", [quotation(paragraph("a\nb"), quotation(paragraph("c")))]),
    "empty quotation": (">\n\na", [paragraph("a")]),
    "alert": ("> [!WARNING]\n> a", [quotation(paragraph(styled("bold", "Warning"), "\na"))]),
    "table": ("|a|b|c|\n|-|-:|:-:|\n|**b**|`c`|", [table(
        [head("a"), head("b", "right"), head("c", "center")],
        [cell(B), cell(C, "right"), cell("", "center")])]),
    "table in an item": ("- |a|\n  |-|\n  |b|", [bullets(item(table([head("a")], [cell("b")])))]),
    "display formula": ("a\n$$\n\\frac{a}{b}\n$$", [paragraph("a"), formula("\\frac{a}{b}")]),
    "formula in brackets": ("\\[ x^2 \\]", [formula("x^2")]),
    "formula in a line": ("a $\\begin{x}y$ b", [paragraph("a ", formula("\\begin{x}y"), " b")]),
    "formula in display signs": ("a \\( \\unknown \\)", [paragraph("a ", formula("\\unknown"))]),
    "readable formula": ("a $x^2$", [paragraph("a x²")]),
    "bold": ("a **b** d", [paragraph("a ", B, " d")]),
    "styles": ("*a* ~~b~~ <u>c</u> ||d||", [paragraph(
        styled("italic", "a"), " ", styled("strikethrough", "b"), " ", styled("underline", "c"), " ",
        styled("spoiler", "d"))]),
    "nested styles": ("***a***", [paragraph(styled("italic", styled("bold", "a")))]),
    "style in itself": ("<b>a **c** d</b> e", [paragraph(styled("bold", "a c d"), " e")]),
    "style in itself with code": ("*a <i>`c` <b>b</b></i> d*", [paragraph(
        styled("italic", "a ", C, " ", B, " d"))]),
    "style with nothing in it": ("<b></b> a <u> </u>", [paragraph("a ", styled("underline", " "))]),
    "code in bold": ("**a `c`**", [paragraph(styled("bold", "a ", C))]),
    "scripts": ("H<sub>2</sub>O x<sup>n</sup>", [paragraph(
        "H", styled("subscript", "2"), "O x", styled("superscript", "n"))]),
    "link": ("[a **b**](https://b.c/d?e)", [paragraph(link(["a ", B], "https://b.c/d?e"))]),
    "code in link": ("[`c`](https://b.c)", [paragraph(link(C, "https://b.c"))]),
    "defined link": ("[a]\n\n[a]: https://b.c", [paragraph(link("a", "https://b.c"))]),
    "bad link": ("[a](http://localhost:3000)", [paragraph("a (http://localhost:3000)")]),
    "bad link in bold": ("**[b](./c)**", [paragraph(styled("bold", "b (./c)"))]),
    "link without a text": ("a [](https://b.c)", [paragraph("a")]),
    "link with an empty port": ("[a](https://b.c:/d)", [paragraph("a (https://b.c:/d)")]),
    "link of an app": ("[a](tg://resolve?domain=b) [c](tg:)", [paragraph(
        link("a", "tg://resolve?domain=b"), " c (tg:)")]),
    "image in bad link": ("[![a](https://b.c/d.png)](./e)", [paragraph("🖼 a (./e)")]),
    "address in bad link": ("[https://a.b](./c) https://a.b", [paragraph(
        "https://a.b (./c) ", link("https://a.b", "https://a.b"))]),
    "anchor": ("[a](#b)", [paragraph("a")]),
    "script link": ("[a](javascript:b)", [paragraph("a")]),
    "mail link": ("[a](mailto:b@c.d)", [paragraph("a (b@c.d)")]),
    "mail in angles": ("<b@c.d>", [paragraph("b@c.d")]),
    "mail": ("write to b@c.de", [paragraph("write to b@c.de")]),
    "bare address": ("see https://a.b/c_d_?e=1. And http://localhost", [paragraph(
        "see ", link("https://a.b/c_d_?e=1", "https://a.b/c_d_?e=1"), ". And http://localhost")]),
    "address as text": ("[https://a.b](https://c.d)", [paragraph(link("https://a.b", "https://c.d"))]),
    "image": ("![a *b*](https://b.c/d.png)", [paragraph(link("🖼 a b", "https://b.c/d.png"))]),
    "image without words": ("![](./d.png)", [paragraph("🖼 image (./d.png)")]),
    "image in link": ("[![a](https://b.c/d.png)](https://e.f)", [paragraph(link("🖼 a", "https://e.f"))]),
    "html": ("Vec<T> <div>c</div>", [paragraph("Vec<T> c")]),
    "cjk bold": ("这是**重点。**后", [paragraph("这是", styled("bold", "重点。"), "后")]),
    "only a definition": ("[a]: https://b.c", [paragraph("[a]: https://b.c")]),
    "turned direction": ("a&#x202e;b", [paragraph("ab")]),
    "details": ("a\n\n<details>\n<summary>More **b**</summary>\n\n- c\n</details>\n\nd", [
        paragraph("a"), details(["More ", B], bullets(item(paragraph("c")))), paragraph("d")]),
    "details in a line": ("<details open><summary>More</summary>hidden</details>", [HIDDEN]),
    "details in details": (
        "<details>\n\n<details>\n<summary>More</summary>\nhidden\n</details>\n</details>",
        [details("…", HIDDEN)]),
    "unclosed details": ("<details><summary>More</summary>\n\nhidden", [HIDDEN]),
    "closed details only": ("a\n</details>\n\nb", [paragraph("a"), paragraph("b")]),
    "empty details": ("<details>\n</details>", [details("…", paragraph(""))]),
    "summary that is a list": ("<details><summary>- More</summary>\nhidden</details>", [
        details("- More", paragraph("hidden"))]),
    "details in code": ("```\n<details>\n</details>\n```\n`<details>`", [
        {"type": "pre", "text": "<details>\n</details>"}, paragraph(styled("code", "<details>"))]),
    "definition behind details": ("[a]\n<details>\n[a]\n</details>\n\n[a]: https://b.c", [
        paragraph(link("a", "https://b.c")), details("…", paragraph(link("a", "https://b.c")))]),
}  # fmt: skip


def check_accepted(found: list[Block]) -> None:
    """The server takes it, as far as it is known."""
    json.dumps(found).encode()
    read_rich({"blocks": found, "skip_entity_detection": True})


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_constructs(name: str) -> None:
    markdown, expected = CONSTRUCTS[name]
    assert blocks(markdown) == expected
    if expected:
        check_accepted(expected)


def cases() -> Iterator[tuple[str, str]]:
    for path in sorted(SCRIPTS.glob("*.md")):
        yield path.stem, path.read_text(encoding="utf-8")
    for path in sorted(CASES.glob("*.toml")):
        for case in tomllib.loads(path.read_text(encoding="utf-8"))["case"]:
            text = case["markdown"]
            if more := case.get("repeat"):
                text = text.replace("{repeat}", more["text"] * more["times"])
            for sign, codepoint in case.get("codepoints", {}).items():
                text = text.replace(sign, chr(codepoint))
            yield case["name"], text


EVERY_CASE = dict(cases())


@pytest.mark.parametrize("name", EVERY_CASE)
def test_every_text_is_accepted(name: str) -> None:
    found = blocks(EVERY_CASE[name])
    if name in (*TOO_DEEP, *INVISIBLE):
        assert not worth_it(EVERY_CASE[name])
        with pytest.raises(Refused):
            check_accepted(found)
    else:
        check_accepted(found)


def words_of(part: object) -> str:
    """What a reader sees of a message, simple formulas as the other renderer shows them."""
    if isinstance(part, str):
        return part
    if isinstance(part, list):
        return "".join(map(words_of, part))
    assert isinstance(part, dict)
    if "expression" in part:
        return readable(part["expression"]) or part["expression"]
    names = ("summary", "text", "blocks", "items", "cells")
    shown = "".join(words_of(part[name]) for name in names if name in part)
    within = part.get("type") in ("url", "bold", "italic", "underline", "strikethrough", "spoiler")
    return shown if within or part.get("type") in ("subscript", "superscript") else f"{shown} "


def signs(text: str) -> str:
    """The letters and digits, raised and lowered ones as ordinary ones, the rest as spaces."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(sign if sign.isalnum() else " " for sign in plain)


@pytest.mark.parametrize("name", EVERY_CASE)
def test_no_letter_is_lost(name: str) -> None:
    markdown = EVERY_CASE[name]
    ours, other = (
        signs(words_of(blocks(markdown))),
        signs(render(markdown).text),
    )
    letters = iter(ours)
    if all(sign in letters for sign in other if sign.isalpha()):
        return
    # a wide table is drawn as records there, which repeat its header
    assert '"cells"' in json.dumps(blocks(markdown))
    assert {word for word in other.split() if not word.isdigit()} - set(ours.split()) == set()


TABLE = "|a|b|\n|-|-|\n|1|2|\n"


@pytest.mark.parametrize(
    "markdown",
    [TABLE, "a\n\n$$x^2$$", "- [ ] a", "<details>\n\na\n</details>", "> - a\n>   - [x] b",
     "# Ä\n\n" + TABLE + "\nПривет, مرحبا, שלום, ไทย, 😀 “a” – x@y.de"],
)  # fmt: skip
def test_worth_it(markdown: str) -> None:
    assert worth_it(markdown)
    check_accepted(blocks(markdown))


@pytest.mark.parametrize(
    "markdown",
    ["", "a", "# a\n\n- b\n\n```\n" + TABLE + "```", "a $\\unknown$ b", "[x] a", "| |\n|-|\n| |\n",
     TABLE + "\n中", TABLE + "\nひ", TABLE + "\nア", TABLE + "\nｱ", TABLE + "\n한", TABLE + "\nᄀ",
     TABLE + "\n𠀀", TABLE + "\n&#x4e2d;", TABLE + "\n`中`", "```\n中\n```\n" + TABLE, "$$中$$",
     "<details>\n<summary>中</summary>\na\n</details>", "<details>\n\n$$x^2$$\n</details>"],
)  # fmt: skip
def test_not_worth_it(markdown: str) -> None:
    assert not worth_it(markdown)


@pytest.mark.parametrize(
    ("fits", "too_much"),
    [
        (TABLE + "\n" + "a" * 32_764, TABLE + "\n" + "a" * 32_765),
        (TABLE + "\na\n" * 497, TABLE + "\na\n" * 498),
        ("- [ ] a\n" * 249, "- [ ] a\n" * 250),
        ("|a|\n|-|\n" + "|b|\n" * 498, "|a|\n|-|\n" + "|b|\n" * 499),
        ("|a" * 20 + "\n" + "|-" * 20, "|a" * 21 + "\n" + "|-" * 21),
        (">" * 15 + " a\n\n" + TABLE, ">" * 16 + " a\n\n" + TABLE),
        (">" * 14 + " **a**\n\n" + TABLE, ">" * 15 + " **a**\n\n" + TABLE),
        ("<details>\n" * 15 + "\na", "<details>\n" * 16 + "\na"),
        ("<details>\n\na\n", "<details>\n" * 3000 + "\na"),
    ],
)
def test_limits(fits: str, too_much: str) -> None:
    assert worth_it(fits)
    check_accepted(blocks(fits))
    assert not worth_it(too_much)


MARKDOWN = st.lists(
    st.sampled_from(
        ["**", "*", "_", "~~", "||", "`", "```", "```py\n", "\n", "\n\n", "# ", "- ", "1. ", "> ", "|",
         "\n\n|a|\n|-|\n", "[", "](", ")", "https://a.b", "![", "<b>", "</b>", "<sub>", "</sub>", "&amp;",
         "\\", "    ", "\t", "word", " ", "中文", "。", "😀", "e\u0301", "\u2028", "\x00", "\ud83d", "\ude00",
         "- [ ] ", "***", "---", "[!NOTE]\n", "$", "$$", "x^2", "x@y.de", "<details>", "</details>",
         "<summary>", "</summary>", "\u200b"]
    ),
    max_size=30,
).map("".join)  # fmt: skip


@given(MARKDOWN)
def test_any_text_is_accepted_or_not_worth_it(markdown: str) -> None:
    found = blocks(markdown)
    try:
        check_accepted(found)
    except Refused:
        assert not worth_it(markdown)


@given(MARKDOWN, st.sampled_from([TABLE, "- [x] a\n", "$$x^2$$", "<details>a</details>"]))
def test_any_text_beside_something_rich_is_accepted_or_not_worth_it(text: str, gain: str) -> None:
    markdown = f"{gain}\n{text.replace('中文', 'abc')}"
    if worth_it(markdown):
        check_accepted(blocks(markdown))
