"""The scripts, as the pure generators they are."""

import pytest

from bridge.sandbox.coze.scripts import SCRIPTS, SHOWS, Turn, chosen_name, script_named
from bridge.sandbox.coze.scripts.plain import PLAIN_FOLLOW_UPS
from bridge.sandbox.coze.scripts.seeing import noticing
from bridge.sandbox.coze.scripts.steps import Attachment, Completed, Delta, Fail, Require, pieces
from bridge.sandbox.coze.scripts.texts import answer_text


def played(name: str, question: str = "hello"):
    steps = script_named(name)(Turn(question, agent_name="Agent"))
    found = [next(steps)]
    try:
        while True:
            outputs = {}
            if isinstance(found[-1], Require):
                outputs = {call.id: "output" for call in found[-1].calls}
            found.append(steps.send(outputs))
    except StopIteration:
        return found


@pytest.mark.parametrize("name", [*SCRIPTS, *SHOWS])
def test_every_script_ends_and_its_deltas_are_its_answer(name):
    found = played(name)
    texts: dict[str, str] = {}
    for step in found:
        if isinstance(step, Delta) and step.content_type == "text":
            texts[step.key] = texts.get(step.key, "") + step.text
    for step in found:
        if isinstance(step, Completed) and step.type == "answer" and step.key in texts:
            assert step.content == texts[step.key]
    assert "{" not in texts.get("answer", "").split("```")[0] or name in ("local tool",)
    assert isinstance(found[-1], Fail) or len(found) > 1


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("hello", "plain"),
        ("Tell me a long story", "long"),
        ("Show me all of Markdown", "markdown"),
        ("a table, please", "table"),
        ("Write some Python code", "code"),
        ("what's the weather?", "tool"),
        ("local tool", "local tool"),
        ("Think about it", "think"),
        ("think tag", "think tag"),
        ("Remember that I like tea", "memory"),
        ("what do you remember?", "memory"),
        ("/slow", "slow"),
        ("fail", "fail"),
        ("fail string", "fail string"),
        ("用中文介绍一下茶", "chinese"),
        ("I have a question about failure", "plain"),
        ("my second question: two", "plain"),
        ("follow up", "follow"),
        ("picture", "picture"),
        ("Pictures, please", "pictures"),
        ("Draw some pictures", "pictures"),
        ("Draw a lighthouse", "picture"),
        ("画一张图", "picture"),
        ("file", "file"),
        ("I need it as a PDF", "file"),
        ("longcode", "longcode"),
        ("a big table", "bigtable"),
        ("what a nice picture", "plain"),
        ("options", "options"),
        ("Fields, please", "fields"),
        ("extract", "extract"),
        ("nodes", "nodes"),
        ("What do you know about me?", "about me"),
        ("what are my options?", "plain"),
    ],
)
def test_a_question_chooses_its_script(question, name):
    assert chosen_name(Turn(question)) == name


def test_the_suggestions_lead_to_other_scripts():
    assert [chosen_name(Turn(text)) for text in PLAIN_FOLLOW_UPS] == ["markdown", "code", "table"]


@pytest.mark.parametrize("name", ["long", "markdown", "chinese", "code"])
def test_pieces_are_like_tokens(name):
    text = answer_text(name)
    found = list(pieces(text))
    assert "".join(found) == text
    assert max(len(piece) for piece in found) <= 6
    assert 2 <= len(text) / len(found) <= 6


def test_the_long_answer_needs_several_posts():
    assert 8000 < len(answer_text("long")) < 10_000


def whole(name: str) -> str:
    return next(step.content for step in played(name) if isinstance(step, Completed))


def test_the_large_blocks_are_large():
    block = whole("longcode").split("```")[1]
    assert block.startswith("python\n")
    assert block.count("\n") == 201
    compile(block.removeprefix("python\n"), "block", "exec")
    rows = [line for line in whole("bigtable").split("\n") if line.startswith("|")]
    assert len(rows) == 42
    assert {line.count("|") for line in rows} == {6}


def test_a_picture_stands_in_the_middle_of_its_text():
    before, image, after = whole("picture").split("\n\n")
    assert image.startswith("![A lighthouse among hills](http://127.0.0.1/signed/lighthouse.png?")
    assert "dusk" in before
    assert "miles" in after
    assert "[Ships in a week](http://" in whole("pictures")


@pytest.mark.parametrize("name", ["plain", "two", "tool", "think", "card", "fail", "local tool"])
def test_what_was_given_is_named_once_and_first(name):
    turn = Turn("hello", (Attachment("image", "a.png"), Attachment("audio", "b.ogg")))
    steps, step, found = noticing(script_named(name))(turn), None, []
    while True:
        outputs = {call.id: "x" for call in step.calls} if isinstance(step, Require) else None
        try:
            step = steps.send(outputs if outputs else None)
        except StopIteration:
            break
        found.append(step)
    texts: dict[str, str] = {}
    for one in found:
        if isinstance(one, Delta):
            texts[one.key] = texts.get(one.key, "") + one.text
    for one in found:
        if isinstance(one, Completed) and one.key in texts:
            assert one.content == texts[one.key]
    spoken = "".join(texts.values())
    if name != "card":
        assert spoken.startswith("I see a picture: a.png\nI hear a recording: b.ogg\n\n")
        assert spoken.count("a.png") == 1
