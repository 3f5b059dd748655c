"""What agents write slightly off is shown as it was meant."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds_of_text import shown

from bridge.telegram.files.extract import made
from bridge.telegram.markdown.repair import repaired
from bridge.telegram.markdown.rich import blocks
from bridge.telegram.markdown.streaming import IncrementalRenderer, render

PIECES = st.sampled_from(
    ["```", "```bash", "```markdown", "~~~", "words", "words:```py", "| a | b |", "|---|---|", "",
     "| 1 | 2 | 3 |", "- item", "> quoted", "<ul>", "<li>one</li>", "</ul>", "<pre>", "</pre>",
     "<h2>Title</h2>", "    indented", "`| a` | b", "<a href='x'>y</a>", "\\|", "|"]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=10).map("\n".join)


@given(TEXTS, st.booleans())
def test_a_repaired_text_needs_no_repair(text: str, preview: bool) -> None:
    once = repaired(text, preview=preview)
    assert repaired(once, preview=preview) == once


@given(TEXTS)
def test_any_prefix_is_drawn(text: str) -> None:
    growing = IncrementalRenderer()
    for end in range(0, len(text) + 1, 3):
        growing.blocks(text[:end], preview=True)
    growing.blocks(text)
    blocks(text)


def test_a_fence_behind_words_begins_code() -> None:
    text = "Run this:```bash\nmake all\n```\nThen **restart** it."
    assert shown(text) == [("pre", "make all"), ("bold", "restart")]
    assert render(text).text == "Run this:\n\nmake all\n\nThen restart it."


def test_a_fence_behind_words_that_never_ends_is_text() -> None:
    assert shown("Use ```bash\nand **more** words") == [("bold", "more")]


def test_a_fence_behind_words_is_code_while_it_streams() -> None:
    assert ("pre", "make all") in shown("Run this:```bash\nmake all\n", preview=True)


@pytest.mark.parametrize("name", ["markdown", "md", "Markdown"])
def test_a_markdown_fence_holds_fences(name: str) -> None:
    text = f"```{name}\n# Title\n```bash\nls\n```\nmore\n```\nafter **you**"
    assert shown(text) == [("pre", "# Title\n```bash\nls\n```\nmore"), ("bold", "you")]


def test_a_markdown_fence_whose_inner_fences_do_not_add_up_ends_at_the_first_end() -> None:
    text = "```markdown\n# Title\n```bash\nls\n```\nafter **you**"
    assert ("bold", "you") in shown(text)


def test_a_markdown_fence_grows_without_a_change_of_places() -> None:
    text = "```markdown\n# Title\n```bash\nls\n```\nmore\n```\nafter **you**"
    for end in range(len(text) + 1):
        code = [inner for kind, inner in shown(text[:end], preview=True) if kind == "pre"]
        assert not code or code == [code[0]]
        assert "after" not in "".join(code)


def test_code_of_a_markdown_fence_is_whole_as_a_file() -> None:
    text = "```markdown\n" + "long line of words\n" * 40 + "```bash\nls\n```\nmore\n```\nafter"
    (file,) = made(text, 100)
    assert file.content.endswith("```bash\nls\n```\nmore\n")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<ul>\n<li>one</li>\n<li>two</li>\n</ul>", "• one\n• two"),
        ("<ul><li>one</li><li>two</li></ul>", "• one\n• two"),
        ("<ol><li>one</li><li>two</li></ol>\n\nend", "1. one\n2. two\n\nend"),
        ("<h2>Title</h2>\n<p>text</p>", "Title\n\ntext"),
        ("<pre><code>a &lt; b\n  c</code></pre>\nend", "a < b\n  c\n\nend"),
        ('Read <a href="https://example.com/x">the docs</a> first.', "Read the docs first."),
        ("`<ul>` is a tag", "<ul> is a tag"),
        ("```html\n<ul>\n<li>x</li>\n</ul>\n```", "<ul>\n<li>x</li>\n</ul>"),
        ("1 < 2 and <unknown>x</unknown>", "1 < 2 and <unknown>x</unknown>"),
    ],
)
def test_common_tags_are_understood(html: str, text: str) -> None:
    assert render(html).text == text


def test_a_tag_of_a_link_is_a_link() -> None:
    (entity,) = render('Read <a href="https://example.com/x?a=1&amp;b=2">the docs</a>.').entities
    assert (entity.type, entity.url) == ("text_link", "https://example.com/x?a=1&b=2")


def test_a_tag_of_a_link_to_nowhere_good_is_none() -> None:
    assert shown('<a href="javascript:alert(1)">click</a> here') == []


LINKED = "| Site | Link |\n|---|---|\n| one | [open](https://example.com/x) |"
WIDE = "| Site | What it is |\n|---|---|\n| [open](https://example.com/x) | " + "words " * 12 + "|"


@pytest.mark.parametrize("table", [LINKED, WIDE])
def test_addresses_in_tables_can_be_opened(table: str) -> None:
    links = [one for one in render(table).entities if one.type == "text_link"]
    assert [one.url for one in links] == ["https://example.com/x"]


@pytest.mark.parametrize("wide", [False, True])
def test_cells_beyond_the_head_stay_visible(wide: bool) -> None:
    more = "a very long cell that makes it wider than any telephone" if wide else "2"
    text = render(f"| A | B |\n|---|---|\n| 1 | {more} | extra |\n| 3 |").text
    for cell in ("1", more, "extra", "3"):
        assert cell in text


def test_a_bar_in_a_code_span_cuts_no_cell() -> None:
    table = '| name | values | use |\n|---|---|---|\n| `mode` | `"a" | "b"` | how it runs |'
    text = render(table).text
    assert '"a" | "b"' in text
    assert text.splitlines()[-1].count("│") == 2
    assert "how it runs" in text


@given(st.integers(1, 5), st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_no_cell_of_any_table_is_lost(columns: int, widths: list[int]) -> None:
    head = "|" + "|".join(f" h{number} " for number in range(columns)) + "|"
    rows = [
        "|" + "|".join(f" c{row}x{cell} " for cell in range(width)) + "|"
        for row, width in enumerate(widths)
    ]
    text = render("\n".join([head, "|" + "---|" * columns, *rows])).text
    for row, width in enumerate(widths):
        for cell in range(width):
            assert f"c{row}x{cell}" in text


@pytest.mark.parametrize(
    "text", ["```py\n\tif x:\n\t\ty\n```", "`\tif x:`", "a\tb", "    \tcode", "<pre>\ta</pre>"]
)
def test_no_tab_reaches_telegram_which_makes_one_space_of_it(text: str) -> None:
    assert "\t" not in render(text).text
    assert "    " in render(text).text or "a   b" in render(text).text


@pytest.mark.parametrize(
    ("text", "code", "after"),
    [
        ("10. Step: ```bash\n    ls\n    ```\n11. next **b**", "ls", "next b"),
        ("- a\n  - nested: ```bash\n    ls\n    ```\n  - n2\n- c", "ls", "• c"),
        ("> Run: ```bash\n> ls\n> ```\n> after **b**", "ls", "after b"),
        ("Use `git`: ```bash\ngit x\n```\n**b**", "git x", "b"),
        ("- `install`: ```bash\n  npm i\n  ```\n- next", "npm i", "• next"),
        ("Код: ```python\nx = 1\n``` и далее **жирный**", "x = 1", "и далее жирный"),
        ("Код:\n```python\nx\n``` вот и **всё**\n\nдалее", "x", "далее"),
    ],
)
def test_fences_in_lists_quotes_and_before_words(text: str, code: str, after: str) -> None:
    assert [inner for kind, inner in shown(text) if kind == "pre"] == [code]
    assert render(text).text.endswith(after)
    assert "`" not in render(text).text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<li>Use the `<h1>` tag</li>\n<li>b</li>", "• Use the <h1> tag\n• b"),
        ("<h1> is the main title, `<h2>` the next.", "<h1> is the main title, <h2> the next."),
        (
            "In HTML:\n\n    <ul>\n      <li>a</li>\n    </ul>",
            "In HTML:\n\n<ul>\n  <li>a</li>\n</ul>",
        ),
        ("<pre> is a tag.\n\nMore.", "<pre> is a tag.\n\nMore."),
        ("<ol><li>A</li><li>B</li></ol>text", "1. A\n2. B\n\ntext"),
        ("Use the <p> tag for paragraphs", "Use the <p> tag for paragraphs"),
        ("<p>One.</p><p>Two.</p>", "One.\nTwo."),
        ("<code>&lt;b&gt;</code>", "<b>"),
        ("Use $HOME/bin:$PATH now", "Use $HOME/bin:$PATH now"),
    ],
)
def test_tags_and_variables_in_prose_and_code_stay(html: str, text: str) -> None:
    assert render(html).text.replace("\n\n", "\n") == text.replace("\n\n", "\n")


@pytest.mark.parametrize(
    "text",
    [
        "<pre><code " + "language-" * 300, "x" * 30_000 + "\n```\na\n```\n", "x " + "~" * 30_000 + "\nend",
        "a ```\n" * 5000, "a|b-\n" + " " * 16_000 + "x", "<ul><li>" * 4000, "<pre>\n" + " " * 20_000 + "x\n",
        "a|b\n-|-\n" + "1|2\n" * 2000 + "|1" * 5000 + "\n", "**a" * 10_000, "a/" * 20_000 + "x",
        "a." * 20_000, "__a_" * 10_000, "<p>" * 8000, "-" * 30_000 + ".md",
    ],
)  # fmt: skip
def test_a_hostile_text_costs_no_square(text: str) -> None:
    """A square of these lengths is minutes: the bound is far above what they take."""
    begun = time.process_time()
    repaired(text)
    render(text)
    assert time.process_time() - begun < 5
