"""What a person sees from their first message on."""

from pathlib import Path

import pytest
from worlds import World, a_world, buttons, formats

from bridge.sandbox.coze import saying


@pytest.fixture
async def world(tmp_path: Path):
    async with a_world(tmp_path) as made:
        yield made


async def test_a_question_is_answered_with_formatting_in_one_post(world: World) -> None:
    ann = world.telegram.add_person("Ann", language_code="en")
    world.coze.use(saying("Hello **Ann**, try `this`."))
    async with world.bridge():
        world.telegram.send(ann, "hi")
        post = await world.settled(ann, 1)
    assert post.text == "Hello Ann, try this."
    assert formats(post) == [("bold", "Ann"), ("code", "this")]
    assert len(world.coze.asked) == 1


async def test_start_greets_with_the_agents_own_words_and_questions(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.telegram.send(ann, "/start")
        await world.telegram.until(lambda: len(world.posts(ann)) == 1)
        greeting = world.posts(ann)[0]
        assert greeting.text.startswith("Hi Ann! 👋")
        assert "Show me all of Markdown" in buttons(greeting)
        world.telegram.press(ann, greeting.message_id, "Write some Python code")
        await world.settled(ann, 3)
    question, answer = world.posts(ann)[1:3]
    assert (question.text, formats(question)[0][0]) == ("Write some Python code", "blockquote")
    assert "def " in answer.text
    assert buttons(world.posts(ann)[0]) == {}
