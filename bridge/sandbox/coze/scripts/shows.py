"""Scripts that show something: pictures and files behind signed links, and very large blocks."""

from bridge.sandbox.coze.scripts.steps import Steps, Turn, ending, say

CODE_LINES = 200
TABLE_ROWS = 40


def picture(turn: Turn) -> Steps:
    """Show a picture with words around it."""
    text = (
        "Here is the lighthouse, at **dusk**:\n\n"
        f"![A lighthouse among hills]({turn.link('lighthouse.png')})\n\n"
        "Its light reaches *eleven miles* on a clear night. Shall I draw the sea as well?"
    )
    yield from say("answer", text)
    yield from ending(("pictures", "file"))


def pictures(turn: Turn) -> Steps:
    """Show three pictures, the last of which is written as a plain link."""
    text = (
        "Three pictures. First the lighthouse:\n\n"
        f"![Lighthouse]({turn.link('lighthouse.png')})\n\n"
        "then the sea in the morning:\n\n"
        f"![The sea]({turn.link('waves.jpg')})\n\n"
        f"and how many ships passed in a week: [Ships in a week]({turn.link('chart.png')})\n\n"
        "That is **all of them**."
    )
    yield from say("answer", text)
    yield from ending(("picture", "file"))


def file(turn: Turn) -> Steps:
    """Give links to two files."""
    text = (
        f"The report is ready: [report.pdf]({turn.link('report.pdf')}). The numbers behind it "
        f"are in [planets.csv]({turn.link('planets.csv')}), one planet to a line."
    )
    yield from say("answer", text)
    yield from ending(("picture", "bigtable"))


def long_code(turn: Turn) -> Steps:
    """Return a block of code that is longer than any screen."""
    lines = [
        '"""Where the lighthouses are."""',
        "",
        "LIGHTS = (",
        *(
            f'    ("Light {number:03d}", {50 + number / 8:.3f}, {-number / 16:.4f}),'
            for number in range(1, CODE_LINES - 6)
        ),
        ")",
        "",
        "for name, north, east in LIGHTS:",
        "    print(name, north, east)",
    ]
    block = "\n".join(lines)
    text = f"All of it in one block:\n\n```python\n{block}\n```\n\nRun it as it stands."
    yield from say("answer", text)
    yield from ending(("bigtable",))


def big_table(turn: Turn) -> Steps:
    """Return a table of many rows."""
    rows = ["| No. | Light | Height | Range | Keeper |", "| --: | --- | --: | --: | :-: |"]
    rows += [
        f"| {number} | Light {number:02d} | {12 + number * 7 % 45} m | {5 + number * 3 % 21} nm "
        f"| {'yes' if number % 3 else '**no**'} |"
        for number in range(1, TABLE_ROWS + 1)
    ]
    text = "Every light of the coast:\n\n" + "\n".join(rows) + "\n\nForty in all."
    yield from say("answer", text)
    yield from ending(("longcode",))
