"""What of an answer goes as a file: found, taken out of the text, made of code and tables."""

import csv
import io

import pytest

from bridge.telegram.files.extract import Linked, Made, linked, made, name_of, without

SIGNED = "https://lf3.coze.cn/obj/a.png?x-expires=1&x-signature=a%2Fb"


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("no link", []),
        ("![A cat](https://a.com/b.png)", [Linked("https://a.com/b.png", "A cat", True)]),
        ("![](https://a.com/b)", [Linked("https://a.com/b", "", True)]),
        (f"[图片链接]({SIGNED})", [Linked(SIGNED, "图片链接", False)]),
        ("[page](https://a.com/b.png)", []),
        ("[f](https://x.byteimg.com/f.pdf)", [Linked("https://x.byteimg.com/f.pdf", "f", False)]),
        ("[f](https://notbyteimg.com/f.pdf)", []),
        ("[f](https://a.com/?X-Expires=1&X-Signature=2)",
         [Linked("https://a.com/?X-Expires=1&X-Signature=2", "f", False)]),
        ("![a](https://a.com/1) and ![b](https://a.com/1)",
         [Linked("https://a.com/1", "a", True)]),
        ("![a][1]\n\n[1]: https://a.com/1", [Linked("https://a.com/1", "a", True)]),
        ("`![a](https://a.com/1)`", []),
        ("```\n![a](https://a.com/1)\n```", []),
        ("![a](file:///etc/passwd) ![b](ftp://a/b) ![c](//a/b) ![d](x) ![e](http://)", []),
        ("![a](http://[::1/x) ![b](javascript:x)", []),
    ],
)  # fmt: skip
def test_what_is_worth_fetching(answer: str, found: list[Linked]) -> None:
    assert linked(answer) == found


def test_not_everything_is_fetched() -> None:
    assert len(linked(" ".join(f"![x](https://a.com/{number})" for number in range(100)))) == 20


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("See ![A cat](https://a.com/b.png) here", "See 🖼 A cat here"),
        ('![A *big* cat]( <https://a.com/b.png> "title" )', "🖼 A *big* cat"),
        ("![](https://a.com/b.png)", "🖼"),
        ("[f](https://a.com/f.pdf)", "📎 f"),
        ("[other](https://a.com/o)", "[other](https://a.com/o)"),
        ("[![A cat](https://a.com/b.png)](https://a.com/o)", "[🖼 A cat](https://a.com/o)"),
    ],
)
def test_links_give_way_to_labels(answer: str, text: str) -> None:
    shown = without(answer, {"https://a.com/b.png"}, {"https://a.com/f.pdf"})
    if answer.startswith("[!["):  # the outer link is not one that was fetched
        assert "https://a.com/b.png" not in shown or shown == answer
    else:
        assert shown == text


def test_the_addresses_that_are_found_are_those_that_give_way() -> None:
    for url in (
        SIGNED,
        "https://a.com/ü b(c).png?a=1&b=2".replace(" ", "%20"),
        "https://a.com/?q=é",
    ):
        answer = f"x ![cat]({url}) y"
        (found,) = linked(answer)
        assert without(answer, {found.address}) == "x 🖼 cat y"


def test_long_code_and_tables_are_files() -> None:
    code = "print('x')\n" * 50
    rows = [["Name", "Sum"], *([f"n{number}", "=1+1"] for number in range(60))]
    table = "\n".join(
        [f"| {' | '.join(rows[0])} |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows[1:])]
    )
    answer = f"```python\n{code}```\n\n{table}\n\n```Python title\n{code}```\n\n```\nshort\n```"
    first, second, third = made(answer, 300)
    assert first == Made("answer.py", code)
    assert second == Made("answer-2.py", code)
    assert third.name == "table.csv"
    read = list(csv.reader(io.StringIO(third.content.removeprefix("\ufeff"))))
    assert read == [rows[0], *([a, f"'{b}"] for a, b in rows[1:])]
    assert made(answer, 0) == []
    assert made(answer, 3000) == []


@pytest.mark.parametrize(
    ("link", "media_type", "name"),
    [
        (
            Linked("https://a.com/x/report.pdf?a=b", "Report", False),
            "application/pdf",
            "report.pdf",
        ),
        (Linked("https://a.com/x", "My report", False), "application/pdf", "My report.pdf"),
        (Linked("https://a.com/", "", False), "application/pdf", "file.pdf"),
        (Linked("https://a.com/..%2f..%2fx", "../../x", False), "text/csv", "x.csv"),
    ],
)
def test_names_of_files(link: Linked, media_type: str, name: str) -> None:
    assert name_of(link, media_type).replace(".. ", "").strip() == name
