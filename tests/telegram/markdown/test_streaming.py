"""Markdown to text and entities: constructs, awkward texts, and every prefix of them."""

import cProfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sandbox import coze
from bridge.telegram.markdown.inline import acceptable
from bridge.telegram.markdown.pages import LIMIT, MOST_ENTITIES, posts
from bridge.telegram.markdown.streaming import render, sanitize
from bridge.telegram.post import Rendered, units

FIXTURES = sorted((Path(coze.__file__).parent / "scripts" / "markdown").glob("*.md"))


def posts_of(rendered: Rendered) -> tuple[Rendered, ...]:
    return posts([rendered])


def slice_of(text: str, offset: int, length: int) -> str:
    return text.encode("utf-16-le")[2 * offset : 2 * (offset + length)].decode("utf-16-le")


def pairs(rendered: Rendered) -> list[tuple[str, str]]:
    return [
        (one.type, slice_of(rendered.text, one.offset, one.length)) for one in rendered.entities
    ]


def check_valid(rendered: Rendered) -> None:
    """What the server demands of every text with its entities."""
    total = units(rendered.text)
    assert rendered.text == rendered.text.strip() or rendered.entities
    alone = [
        (e.offset, e.offset + e.length) for e in rendered.entities if e.type in ("pre", "code")
    ]
    for one in rendered.entities:
        assert one.length > 0
        assert 0 <= one.offset <= one.offset + one.length <= total
        slice_of(rendered.text, one.offset, one.length)  # cuts no surrogate pair
        if one.type not in ("blockquote", "expandable_blockquote"):
            inside = [a for a in alone if a[0] < one.offset + one.length and one.offset < a[1]]
            assert inside == (
                [] if one.type not in ("pre", "code") else [(one.offset, one.offset + one.length)]
            )


CONSTRUCTS = {
    "plain": ("Hello", "Hello", []),
    "bold": ("a **b** c", "a b c", [("bold", "b")]),
    "italic": ("*a* _b_", "a b", [("italic", "a"), ("italic", "b")]),
    "both": ("***a***", "a", [("bold", "a"), ("italic", "a")]),
    "strike": ("~~a~~", "a", [("strikethrough", "a")]),
    "code": ("`a < b`", "a < b", [("code", "a < b")]),
    "code in bold": ("**a `b` c**", "a b c", [("bold", "a "), ("code", "b"), ("bold", " c")]),
    "fence": ("```py\nx = 1\n```", "x = 1", [("pre", "x = 1")]),
    "indented code": ("a\n\n    b", "a\n\nb", [("pre", "b")]),
    "heading": ("# A\n\nb", "A\n\nb", [("underline", "A"), ("bold", "A")]),
    "small heading": ("### A\nb", "A\n\nb", [("bold", "A")]),
    "list": ("- a\n- b\n  - c", "• a\n• b\n\u00a0\u00a0◦ c", []),
    "numbers": ("3. a\n4. b", "3. a\n4. b", []),
    "tasks": ("- [ ] a\n- [x] b", "☐ a\n☑ b", []),
    "quotation": ("> a\n> b\n\nc", "a\nb\n\nc", [("blockquote", "a\nb")]),
    "nested quotation": ("> a\n>> b", "a\n\nb", [("blockquote", "a\n\nb")]),
    "long quotation": ("\n".join(["> a"] * 9), "\n".join("a" * 9), [
        ("expandable_blockquote", "\n".join("a" * 9))]),
    "code in quotation": ("> ```\n> a\n> ```", "a", [("blockquote", "a"), ("pre", "a")]),
    "rule": ("a\n\n---\n\nb", "a\n\n———\n\nb", []),
    "link": ("[a](https://b.c/d?e=1&f)", "a", [("text_link", "a")]),
    "code in link": ("[`a`](https://b.c)", "a", [("text_link", "a")]),
    "bad link": ("[a](http://localhost:3000)", "a (http://localhost:3000)", []),
    "anchor": ("[a](#b)", "a", []),
    "script link": ("[a](javascript:b)", "a", []),
    "mail": ("[a](mailto:b@c.d)", "a (b@c.d)", []),
    "image": ("![a](https://b.c/d.png)", "🖼 a", [("text_link", "🖼 a")]),
    "html": ("Vec<T> a<br>b <div>c</div>", "Vec<T> a\nb c", []),
    "line ends": ("a\nb  \nc", "a\nb\nc", []),
    "escapes": (r"\*a\* 2 * 3 &amp; snake_case_name", "*a* 2 * 3 & snake_case_name", []),
    "cjk bold": ("这是**重点。**后面", "这是重点。后面", [("bold", "重点。")]),
    "cjk quotes": ("**“引号”**文字和**「a」**b", "“引号”文字和「a」b", [
        ("bold", "“引号”"), ("bold", "「a」")]),
    "emoji": ("😀 **😀b**", "😀 😀b", [("bold", "😀b")]),
    "table": ("|a|b|\n|-|-:|\n|中|1|", "a  │ b\n───┼──\n中 │ 1", [("pre", "a  │ b\n───┼──\n中 │ 1")]),
    "wide table": (
        "|first header of two|second header of two|\n|-|-|\n|value number one|and **two**|",
        "first header of two: value number one\nsecond header of two: and two",
        [("bold", "first header of two:"), ("bold", "second header of two:")],
    ),
    "list with paragraphs": ("1. a\n\n   b\n2. c", "1. a\n\u00a0\u00a0b\n2. c", []),
    "code in list": ("- a\n\n  ```\n  b\n  ```", "• a\nb", [("pre", "b")]),
}  # fmt: skip


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_constructs(name: str) -> None:
    markdown, text, entities = CONSTRUCTS[name]
    rendered = render(markdown)
    assert rendered.text == text
    assert sorted(pairs(rendered)) == sorted(entities)
    check_valid(rendered)


PREVIEWS = {
    "bold": ("a **b", "a b", [("bold", "b")]),
    "half closer": ("a **b*", "a b", [("bold", "b")]),
    "opener alone": ("a **", "a", []),
    "code": ("a `b", "a b", [("code", "b")]),
    "bold and code": ("**a `b", "a b", [("bold", "a "), ("code", "b")]),
    "strike": ("~~a", "a", [("strikethrough", "a")]),
    "link text": ("a [b", "a b", []),
    "link address": ("a [b](http://c", "a b", []),
    "image": ("a ![b](http", "a b", []),
    "fence": ("```py\nx", "x", [("pre", "x")]),
    "fence opener": ("a\n``", "a", []),
    "fence language": ("a\n```py", "a", []),
    "fence closer": ("```py\nx\n``", "x", [("pre", "x")]),
    "table header": ("a\n\n| b | c |", "a", []),
    "table header line": ("a\n\n| b | c |\n", "a", []),
    "table delimiter": ("a\n\n| b | c |\n|--", "a", []),
    "bullet": ("a\n- ", "a", []),
    "heading": ("a\n## ", "a", []),
    "rule or heading": ("a\n--", "a", []),
    "number": ("a\n2", "a", []),
    "product": ("5*3 is", "5*3 is", []),
    "earlier paragraph": ("a **b\n\nc", "a **b\n\nc", []),
}


@pytest.mark.parametrize("name", PREVIEWS)
def test_a_prefix_is_closed_as_a_reader_would_expect(name: str) -> None:
    markdown, text, entities = PREVIEWS[name]
    rendered = render(markdown, preview=True)
    assert (rendered.text, sorted(pairs(rendered))) == (text, sorted(entities))


@pytest.mark.slow
@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_every_prefix_of_every_fixture_is_valid_and_hardly_jumps(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    step = max(1, len(text) // 120)
    before = 0
    for end in range(0, len(text) + 1, step):
        rendered = render(text[:end], preview=True)
        check_valid(rendered)
        now = len("".join(rendered.text.split()))
        assert before - now <= 60, text[max(0, end - 60) : end]
        before = now


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_no_syntax_stays_visible(path: Path) -> None:
    rendered = render(path.read_text(encoding="utf-8"))
    for sign in ("**", "~~", "```", "\n#", "\n- ", "](http", "|--"):
        assert sign not in rendered.text


MARKDOWN = st.lists(
    st.sampled_from(
        ["**", "*", "_", "~~", "`", "```", "```py\n", "\n", "\n\n", "# ", "- ", "1. ", "> ", "|", "|-|-|",
         "[", "](", ")", "https://a.b", "![", "<b>", "&amp;", "\\", "    ", "\t", "word", " ", "中文", "。",
         "😀", "👩\u200d👩", "e\u0301", "\u2028", "\x00", "\ud83d", "\ude00", "- [ ] ", "***", "---", "🇩🇪"]
    ),
    max_size=30,
).map("".join)  # fmt: skip


@given(MARKDOWN, st.booleans())
def test_any_text_is_valid(markdown: str, preview: bool) -> None:
    rendered = render(markdown, preview=preview)
    check_valid(rendered)
    rendered.text.encode("utf-8")


@given(MARKDOWN.filter(lambda text: text.strip()), st.integers(10, 60))
def test_posts_are_valid_and_hold_the_whole(markdown: str, limit: int) -> None:
    rendered = render(markdown)
    cut = posts([rendered], limit)
    for post in cut:
        assert units(post.text) <= limit
        check_valid(post)
    joined = "".join("".join(post.text.split()) for post in cut)
    assert joined == "".join(rendered.text.split())


def test_cuts_do_not_move_while_the_text_grows() -> None:
    text = "\n\n".join(
        f"Paragraph {number} with some words in it. And more." for number in range(400)
    )
    first = posts_of(render(text[:8000]))[0]
    for end in range(8000, len(text), 777):
        assert posts_of(render(text[:end], preview=True))[0] == first


def test_a_cut_fence_goes_on_in_its_language() -> None:
    code = "\n".join(f"line_{number} = {number}" for number in range(600))
    cut = posts_of(render(f"```python\n{code}\n```"))
    assert len(cut) > 2
    assert all([(e.type, e.language) for e in post.entities] == [("pre", "python")] for post in cut)
    assert "\n".join(post.text for post in cut) == code


def test_links_are_not_cut() -> None:
    text = "word " * 779 + "[a link of several words](https://a.b)"
    cut = posts_of(render(text))
    assert [pairs(post) for post in cut] == [[], [("text_link", "a link of several words")]]


def test_more_than_a_hundred_entities_lose_emphasis_first() -> None:
    (post,) = posts_of(render("**a** `b` " * 80))
    assert len(post.entities) == MOST_ENTITIES
    assert sum(one.type == "code" for one in post.entities) == 80


def test_a_long_word_without_any_boundary_is_cut_between_graphemes() -> None:
    family = "👩\u200d👩\u200d👧"
    cut = posts_of(render(family * 1500))
    assert all(units(post.text) <= LIMIT for post in cut)
    assert all(len(post.text) % len(family) == 0 for post in cut)


@pytest.mark.parametrize(
    "address",
    ["http://localhost", "./a", "#a", "/a", "ftp://a.b", "file:///a", "tel:1", "mailto:a@b.c", "a b",
     "https://a", "https://a.b:99999", "https://a.b:0", "javascript:alert(1)", "https://", "tg://user?id=1",
     "https://a b.c", "https://[::1"],
)  # fmt: skip
def test_addresses_that_would_fail_the_whole_call(address: str) -> None:
    assert not acceptable(address)


def test_addresses_that_telegram_takes() -> None:
    for address in (
        "https://a.b",
        "http://a.b:80/c?d#e",
        "https://中文.com/路径",
        "tg://resolve?domain=a",
    ):
        assert acceptable(address)


def test_a_split_surrogate_pair_is_joined_and_a_lone_one_replaced() -> None:
    assert sanitize("\ud83d" + "\ude00") == "😀"
    assert sanitize("a\ud83db") == "a\ufffdb"


NESTED = "\n".join("  " * level + f"- level {level}" for level in range(14))


@pytest.mark.parametrize(
    ("markdown", "words"),
    [
        (NESTED, [f"level {level}" for level in range(14)]),
        (">" * 25 + " deep", ["deep"]),
        ("[x] hello", ["[x] hello"]),
        ("# [x] head", ["[x] head"]),
        ("1. [x] done", ["1. ☑ done"]),
        ("- a\n-\n- b", ["• a\n• \n• b"]),
    ],
)
def test_nothing_is_lost_in_nesting_boxes_and_empty_items(markdown: str, words: list[str]) -> None:
    text = render(markdown).text
    assert [word for word in words if word not in text] == []


@pytest.mark.parametrize(
    "piece",
    ["*", "-", "🇩🇪", "\\", "[", "> ", "`", "**a ", "![a](", "a_b", "|", "&", "<a ", "a|b\n-",
     "||a ", "![", "[^", "[a][", "\\(", "$$", "$a ", "<!-- ", "<b>", "~a ", "http://a ",
     "\\[ x\n", "> \\[ x\n"],
)  # fmt: skip
def test_hostile_repetition_grows_no_faster_than_the_text(piece: str) -> None:
    """Counted in steps of the interpreter, not in seconds: four times the text, about as many steps."""

    def steps(size: int) -> int:
        text = piece * (size // len(piece)) + "a"
        profile = cProfile.Profile()
        profile.runcall(render, text, preview=True)
        return sum(entry.callcount for entry in profile.getstats())

    assert steps(8_000) < 6 * steps(2_000) + 40_000
