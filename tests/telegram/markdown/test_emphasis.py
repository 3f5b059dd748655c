"""Signs that are no formatting are shown letter by letter; emphasis beside any letter stays."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds_of_text import shown

from bridge.telegram.markdown.streaming import IncrementalRenderer, render

LETTERS = {
    "Latin": string.ascii_letters,
    "accented": "äéîøčñ",
    "Cyrillic": "абвгдежзийкл",
    "Chinese": "这是重点后文字中",
    "Japanese": "これはテスト",
    "Korean": "한국어문장",
}
NAME = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,5}", fullmatch=True)
OPERAND = NAME | st.integers(0, 9999).map(str)


def text_of(markdown: str) -> str:
    return render(markdown).text


@pytest.mark.parametrize(
    "markdown",
    [
        "2*pi*5", "G1*G2*G3", "rate = 3*x, cost = 4*y", "2**10 and x**2", "2*π*r", "单价*3*数量5*2",
        "SELECT *, COUNT(*) FROM t", "**/dist/**", "src/**/dist/**/x", "regex .*foo.* ok",
        "[a-z]*x[0-9]*y", "(ab)*c(de)*f", '__name__ == "__main__"', "pkg/__init__.py",
        r"C:\_temp\__old__\f", r"D:\*.txt or D:\*.md", r"\\server\_share_\__x__", "f(*args, **kwargs)",
        "*.md and *.py", "*/ and /*x*/", "a/__b__.py", "a ** b ** c", "__init__ and __call__",
    ],
)  # fmt: skip
def test_signs_stay_as_they_are(markdown: str) -> None:
    assert text_of(markdown) == markdown
    assert [kind for kind, _ in shown(markdown) if kind != "code"] == []


@given(st.lists(OPERAND, min_size=2, max_size=5), st.sampled_from(["*", "**"]))
def test_products_and_powers_stay(operands: list[str], sign: str) -> None:
    product = sign.join(operands)
    assert text_of(f"so {product}, then") == f"so {product}, then"


@given(st.lists(NAME, min_size=1, max_size=3), st.lists(NAME, min_size=1, max_size=3))
def test_dunder_names_stay_in_words_and_paths(before: list[str], parts: list[str]) -> None:
    path = "/".join([*before, f"__{'_'.join(parts)}__.py"])
    assert text_of(f"see {path} now") == f"see {path} now"


@given(
    NAME, st.lists(st.from_regex(r"_{0,2}[a-z]{1,5}_{0,2}", fullmatch=True), min_size=1, max_size=4)
)
def test_windows_paths_stay(drive: str, parts: list[str]) -> None:
    path = drive[0] + ":\\" + "\\".join(parts)
    assert text_of(f"open {path} now") == f"open {path} now"


@pytest.mark.parametrize("language", LETTERS)
@given(data=st.data())
def test_a_bold_label_may_touch_the_word_behind_it(language: str, data: st.DataObject) -> None:
    words = st.text(alphabet=LETTERS[language], min_size=1, max_size=6)
    label, value = data.draw(words), data.draw(words)
    sign = data.draw(st.sampled_from([":", "%", "!", "?", ")", ".", "：", "。"]))
    assert shown(f"**{label}{sign}**{value}") == [("bold", label + sign)]
    assert text_of(f"**{label}{sign}**{value}") == label + sign + value


@pytest.mark.parametrize("language", [name for name in LETTERS if name != "Latin"])
@given(data=st.data())
def test_bold_inside_of_a_sentence_without_spaces(language: str, data: st.DataObject) -> None:
    words = st.text(alphabet=LETTERS[language], min_size=1, max_size=6)
    before, inner, after = data.draw(words), data.draw(words | NAME), data.draw(words)
    assert shown(f"{before}**{inner}**{after}") == [("bold", inner)]


@pytest.mark.parametrize(
    ("markdown", "formats"),
    [
        ("***x***", [("bold", "x"), ("italic", "x")]),
        ("**Note:** x", [("bold", "Note:")]),
        ("使用**Python**编程", [("bold", "Python")]),
        ("**.env** and **/etc/hosts**", [("bold", ".env"), ("bold", "/etc/hosts")]),
        ("(*see* **there**)", [("italic", "see"), ("bold", "there")]),
        ('"*quoted*" *and,* more', [("italic", "quoted"), ("italic", "and,")]),
        ('**token**s and **"quoted"**text', [("bold", "token"), ("bold", '"quoted"')]),
        ("is **5**x, **100**ms, **16**GB", [("bold", "5"), ("bold", "100"), ("bold", "16")]),
        ("(**R**etrieval-**A**ugmented)", [("bold", "R"), ("bold", "A")]),
        ('(**PDF**s), "**CPU**s"', [("bold", "PDF"), ("bold", "CPU")]),
        ("**so 2**n is** so", [("bold", "so 2**n is")]),
        ("__two words__", [("bold", "two words")]),
        ("да **«слово»**дальше", [("bold", "«слово»")]),
    ],
)
def test_emphasis_stays(markdown: str, formats: list[tuple[str, str]]) -> None:
    assert sorted(shown(markdown)) == sorted(formats)


@pytest.mark.parametrize(
    "markdown",
    ["2*pi*5 is", "2**10 and x**2.", "It takes ~5 minutes to do", "run `x`, see __init__ there"],
)
def test_a_growing_sign_is_never_taken_for_formatting(markdown: str) -> None:
    growing = IncrementalRenderer()
    for end in range(1, len(markdown) + 1):
        drawn = growing.blocks(markdown[:end], preview=True)
        found = {one.type for block in drawn for one in block.entities}
        assert found <= {"code"}, markdown[:end]


@pytest.mark.parametrize(
    ("markdown", "names"),
    [
        ("Edit README.md, run deploy.sh", ["README.md", "deploy.sh"]),
        ("in docs/setup.md or ./run.sh: main.py:12", ["docs/setup.md", "./run.sh", "main.py"]),
        ("`a.md` and [b.md](https://x.example/b.md)", ["a.md"]),
        ("https://x.md/y.md, me@site.io, github.com/a/README.md", []),
        ("plain.txt and 3.5 and e.g. nothing", []),
        ("Setup.MD。然后 lib.rs", ["Setup.MD", "lib.rs"]),
        ("the end.So it is", ["end.So"]),
        ("看main.py文件，用README.md。", ["main.py", "README.md"]),
        ("https://x.example/files/%D0%BE%D1%82.zip", []),
        ("https://x.example/get?file=main.py&x=1 and ~/x/y.sh", []),
    ],
)
def test_names_of_files_become_no_links(markdown: str, names: list[str]) -> None:
    assert [text for kind, text in shown(markdown) if kind == "code"] == names


def test_an_authored_link_keeps_its_words() -> None:
    assert shown("[README.md](https://x.example/README.md)") == [("text_link", "README.md")]
