"""The scripts, as the pure generators they are."""

import pytest

from bridge.sandbox.coze.scripts import SCRIPTS, Turn, chosen_name
from bridge.sandbox.coze.scripts.plain import PLAIN_FOLLOW_UPS
from bridge.sandbox.coze.scripts.steps import Completed, Delta, Fail, Require, pieces
from bridge.sandbox.coze.scripts.texts import answer_text


def played(name: str, question: str = "hello"):
    steps = SCRIPTS[name](Turn(question, agent_name="Agent"))
    found = [next(steps)]
    try:
        while True:
            outputs = {}
            if isinstance(found[-1], Require):
                outputs = {call.id: "output" for call in found[-1].calls}
            found.append(steps.send(outputs))
    except StopIteration:
        return found


@pytest.mark.parametrize("name", list(SCRIPTS))
def test_every_script_ends_and_its_deltas_are_its_answer(name):
    found = played(name)
    texts: dict[str, str] = {}
    for step in found:
        if isinstance(step, Delta):
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
