"""Text that grows piece by piece: valid at every step, full posts stay, nothing is lost or doubled."""

import cProfile
import random
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.model import ReplyState
from bridge.telegram.markdown.pages import LIMIT, SLACK, Pages, posts
from bridge.telegram.markdown.streaming import IncrementalRenderer, render
from bridge.telegram.post import Rendered, units
from bridge.telegram.reply.layout import Layout


@dataclass(frozen=True)
class Sample:
    """Well-formed Markdown, and what of it a reader must see."""

    markdown: str
    words: tuple[str, ...]


LETTERS = "abcdefghijklmnop中文汉字éü"
EMOJI = ("😀", "👩\u200d👩\u200d👧", "🇩🇪", "👍🏽", "")
MARKS = ("**{}**", "*{}*", "~~{}~~", "`{}`", "||{}||", "***{}***", "{}", "{}", "<b>{}</b>",
         "[{}](https://example.com/a_b)")  # fmt: skip
LEADS = {
    "text": "",
    "heading": "## ",
    "list": "- ",
    "numbers": "1. ",
    "quote": "> ",
    "tasks": "- [x] ",
}


class Writer:
    """Writes well-formed Markdown by chance; hypothesis only chooses the seed, which is quicker."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.words: list[str] = []

    def word(self) -> str:
        word = "".join(self.chance.choices(LETTERS, k=self.chance.randint(1, 9)))
        self.words.append(word)
        return word

    def sentence(self) -> str:
        words = [
            self.chance.choice(MARKS).format(self.word()) for _ in range(self.chance.randint(1, 7))
        ]
        return " ".join(words) + self.chance.choice(EMOJI) + "."

    def block(self) -> str:
        kind = self.chance.choice([*LEADS, "code", "rule"])
        if kind == "rule":
            return "---"
        if kind == "code":
            lines = [self.word() for _ in range(self.chance.randint(1, 12))]
            return "```py\n" + "\n".join(lines) + "\n```"
        many = 1 if kind == "heading" else self.chance.randint(1, 4)
        return "\n".join(LEADS[kind] + self.sentence() for _ in range(many))

    def document(self) -> Sample:
        blocks = []
        for _ in range(self.chance.randint(1, 7)):
            blocks += [self.block(), "and"]
            self.words.append("and")  # it keeps two lists of one kind apart
        return Sample("\n\n".join(blocks), tuple(self.words))


def documents() -> st.SearchStrategy[Sample]:
    return st.integers().map(lambda seed: Writer(seed).document())


def letters(text: str) -> str:
    return "".join(char for char in text if char.isalnum())


def check_valid(post: Rendered, most: int) -> None:
    """What the server demands of a post."""
    raw = post.text.encode("utf-16-le")  # a lone surrogate raises
    assert len(raw) // 2 <= most
    assert len(post.entities) <= 100
    for one in post.entities:
        assert 0 <= one.offset < one.offset + one.length <= len(raw) // 2
        raw[2 * one.offset : 2 * (one.offset + one.length)].decode("utf-16-le")


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(documents(), st.integers(60, 400), st.integers(3, 60))
def test_a_growing_text_in_posts(sample: Sample, limit: int, step: int) -> None:
    growing, pages = IncrementalRenderer(), Pages(limit, slack=limit // 10)
    full: list[Rendered] = []
    for end in range(0, len(sample.markdown), step):
        drawn = growing.blocks(sample.markdown[:end], preview=True)
        shown = pages.paginate(drawn, (growing.edition,))
        for post in shown:
            check_valid(post, limit + limit // 10)
        assert list(shown[: len(full)]) == full, "a full post changed"
        full = list(shown[:-1])
    shown = pages.paginate(growing.blocks(sample.markdown), (growing.edition,))
    assert list(shown[: len(full)]) == full
    seen = "".join(letters(post.text) for post in shown)
    assert seen == letters(render(sample.markdown).text)
    numbers = "".join(char for char in seen if not char.isdecimal())
    assert numbers == letters("".join(sample.words))


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(documents())
def test_no_syntax_of_a_well_formed_text_stays_visible(sample: Sample) -> None:
    text = render(sample.markdown).text
    for sign in ("**", "~~", "```", "](", "||", "<b>", "</b>", "\n#", "\n- ", "\n> ", "[x]", "`"):
        assert sign not in text


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(documents(), st.integers(1, 400))
def test_rendering_piece_by_piece_is_rendering_the_whole(sample: Sample, step: int) -> None:
    growing = IncrementalRenderer()
    for end in range(0, len(sample.markdown), step):
        growing.blocks(sample.markdown[:end], preview=True)
    assert growing.blocks(sample.markdown) == IncrementalRenderer().blocks(sample.markdown)


@pytest.mark.parametrize(
    "markdown",
    [
        "- item\n**bold** </ul>\n\n<li>a</li>\n```py\n| 1 |\na\n```markdown\n```\n- item\n| a |\n|---|\n",
        "- item\n<li>a</li>\n</ul>\n<ul>\n    code\n~~~\n| 1 | 2 |\na <b>c</b>\n**bold** | 1 |\n",
        "one | 1 |\n```py\n``` and then words\n</ul>\n<li>a</li>\n    code\n[b]: http://e.com/x\n> q\n"
        "| a | b |\n|---|---|\n``` and then words\n| 1 | 2 |\ntext```\n~~~\n```markdown\n    code\n"
        "``` and then words\n**bold** ```py\n```py\nx^2\n<li>a</li>\n",
    ],
)
def test_fences_and_tags_that_do_not_add_up_end_as_the_whole_would(markdown: str) -> None:
    for step in (1, 3, 7, 20):
        growing = IncrementalRenderer()
        for end in range(0, len(markdown), step):
            growing.blocks(markdown[:end], preview=True)
        assert growing.blocks(markdown) == IncrementalRenderer().blocks(markdown)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(documents(), st.data())
def test_a_prefix_shows_no_less_than_a_shorter_one_but_for_its_last_line(
    sample: Sample, data: st.DataObject
) -> None:
    end = data.draw(st.integers(1, len(sample.markdown)))
    longer = letters(render(sample.markdown[:end], preview=True).text)
    shorter = letters(render(sample.markdown[: end - 1], preview=True).text)
    assert len(shorter) - len(longer) <= 30


def test_a_reference_that_is_explained_later_becomes_a_link_even_so() -> None:
    growing = IncrementalRenderer()
    text = "See [the manual][m].\n\nMore text.\n\n"
    (first, *_) = growing.blocks(text, preview=True)
    assert first.entities == ()
    (first, *_) = growing.blocks(text + "[m]: https://example.com/manual\n")
    assert [(one.type, one.url) for one in first.entities] == [
        ("text_link", "https://example.com/manual")
    ]
    assert first.text == "See the manual."


def test_another_text_begins_the_reply_anew() -> None:
    growing, pages = IncrementalRenderer(), Pages(100, 10)
    pages.paginate(growing.blocks("word " * 100, preview=True), (growing.edition,))
    shown = pages.paginate(growing.blocks("Something else."), (growing.edition,))
    assert [post.text for post in shown] == ["Something else."]


def test_a_table_that_is_cut_repeats_its_head() -> None:
    rows = "\n".join(f"| row {number} | {number * 7} |" for number in range(400))
    cut = posts([render(f"| name | value |\n|---|---|\n{rows}")])
    assert len(cut) > 1
    assert all(post.text.startswith("name") for post in cut)
    assert all([one.type for one in post.entities] == ["pre"] for post in cut)
    cells = [line for post in cut for line in post.text.split("\n") if line.startswith("row")]
    assert [line.split("│")[0].strip() for line in cells] == [f"row {n}" for n in range(400)]


def test_a_table_that_widens_while_it_is_cut_loses_no_row() -> None:
    rows = [f"| {number} | {'x' * (1 + number // 40)} |" for number in range(500)]
    text = "| n | x |\n|---|---|\n" + "\n".join(rows)
    growing, pages = IncrementalRenderer(), Pages()
    for end in range(0, len(text), 211):
        pages.paginate(growing.blocks(text[:end], preview=True), (growing.edition,))
    shown = pages.paginate(growing.blocks(text), (growing.edition,))
    numbers = [
        line.split("│")[0].strip()
        for post in shown
        for line in post.text.split("\n")
        if "│" in line and line.strip()[0].isdigit()
    ]
    assert numbers == [str(number) for number in range(500)]


def test_a_heading_is_never_the_last_line_of_a_full_post() -> None:
    text = "\n\n".join(
        ("word " * 75).strip() if number % 2 else f"## Heading {number}" for number in range(60)
    )
    cut = posts([render(text)])
    assert len(cut) > 2
    assert not [post.text for post in cut[:-1] if "Heading" in post.text.split("\n")[-1]]


def test_a_full_post_leaves_room_for_a_closing_line() -> None:
    assert LIMIT + SLACK + 130 <= 4096


@pytest.mark.parametrize(
    "paragraph",
    [
        "Some **bold** words, `code` and a [link](https://example.com).\n\n",
        "| a | b |\n|---|---|\n| 1 | 2 | 3 |\n\n```py\nx = [1]\n```\n\nSo much for that.\n\n",
        "Is it so?```\ncode\n```\n\nIt is, a <b>lot</b>.\r\n\r\n",
    ],
)
def test_the_work_for_the_next_piece_does_not_grow_with_the_text(paragraph: str) -> None:
    """Counted in steps of the interpreter: a late piece costs what an early one does."""

    def steps(before: int) -> int:
        growing, pages = IncrementalRenderer(), Pages()
        text = paragraph * before
        pages.paginate(growing.blocks(text, preview=True), (0,))
        profile = cProfile.Profile()
        profile.enable()
        pages.paginate(growing.blocks(text + "And one **more", preview=True), (0,))
        profile.disable()
        return sum(entry.callcount for entry in profile.getstats())

    assert steps(640) < 2 * steps(40) + 2000


def test_units_count_as_telegram_does() -> None:
    assert units("a😀") == 3


def test_an_address_that_is_still_being_written_is_not_remembered() -> None:
    text = "See [docs][d].\n\n[d]: https://example.com/guide/page.html\n\nThe end [docs][d]."
    growing = IncrementalRenderer()
    for end in range(1, len(text)):
        growing.blocks(text[:end], preview=True)
    urls = [one.url for block in growing.blocks(text) for one in block.entities]
    assert urls == ["https://example.com/guide/page.html"] * 2


WORDS = " ".join(f"w{number}" for number in range(787))
TAIL = " ".join(f"tail{number}" for number in range(200))


@pytest.mark.parametrize(
    "inside",
    [
        " <!-- " + "hidden words of a comment " * 12 + "--> ",
        " <span style='" + "color: red; " * 20 + "'>x</span> ",
        " \\(" + "\\alpha + " * 40 + "x\\) ",
    ],
)
def test_nothing_behind_a_full_post_is_lost_when_its_end_is_drawn_otherwise(inside: str) -> None:
    text = WORDS + inside + TAIL
    growing, pages = IncrementalRenderer(), Pages()
    for end in range(0, len(text), 7):
        pages.paginate(growing.blocks(text[:end], preview=True), (growing.edition,))
    shown = pages.paginate(growing.blocks(text), (growing.edition,))
    assert letters("".join(post.text for post in shown)) == letters(render(text).text)


def test_what_an_agent_withdraws_does_not_stay() -> None:
    layout = Layout("en")
    for end in range(0, 6000, 500):
        layout.frames(ReplyState(("Sorry.", ("word " * 1200)[:end])))
    (post,) = layout.frames(ReplyState(("Sorry.",), whole=True, over=True))
    assert post.content.text == "Sorry."


@pytest.mark.parametrize(("run", "most"), [("🇺🇸" * 1200, 2), ("a" + "\u0301" * 6000, 2)])
def test_one_endless_grapheme_is_cut_all_the_same(run: str, most: int) -> None:
    cut = posts([render(run)])
    assert len(cut) <= most
    assert "".join(post.text for post in cut) == run


def test_flags_are_cut_between_pairs() -> None:
    assert all(len(post.text) % 2 == 0 for post in posts([render("x" + "🇺🇸" * 1500)])[1:])


@pytest.mark.parametrize("formula", ["^" * 399 + "x", "\\sqrt" * 80, "{" * 200 + "}" * 200])
def test_a_deep_formula_keeps_its_source(formula: str) -> None:
    assert letters("x" + formula) in letters(render(f"x $${formula}x$$").text) + "x"
