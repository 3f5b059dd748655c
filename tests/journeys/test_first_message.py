"""What a person sees from their first message on."""

from pathlib import Path

import pytest
from fast import run_fast
from worlds import World, a_world, buttons, formats

from bridge.sandbox.coze import Pace, saying


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


async def test_typing_shows_until_the_first_text(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(first_delta=5.0, delta=0.0)
    async with world.bridge():
        world.telegram.send(ann, "hi")
        await world.telegram.until(lambda: bool(world.telegram.typing(ann)))
        assert world.posts(ann) == []
        await world.settled(ann, 1)


async def test_the_first_text_stands_long_before_the_answer_is_complete(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(first_delta=0.05, delta=0.05)
    world.coze.use(saying("word " * 40))
    async with world.bridge():
        world.telegram.send(ann, "hi")
        await world.telegram.until(lambda: bool(world.posts(ann)))
        (run,) = world.coze.runs.values()
        deltas = [name for name in run.events if name.endswith("delta")]
        assert len(deltas) * 0.05 < 1.5
        assert not run.ended


@pytest.mark.slow
def test_twenty_questions_in_a_row_are_answered_in_order(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path) as world, world.bridge():
            ann = world.telegram.add_person("Ann")
            for number in range(20):
                world.coze.use(saying(f"Answer **{number}**"), for_text=f"question {number}.")
            for number in range(20):
                world.telegram.send(ann, f"question {number}.")
                await world.settled(ann, number + 1, timeout=60)
            assert [post.text for post in world.posts(ann)] == [f"Answer {n}" for n in range(20)]
            assert len({asked.conversation_id for asked in world.coze.asked}) == 1
            # finding out what is allowed costs a few refusals, one more where the machine is fast
            assert sum(call.status == 429 for call in world.telegram.calls) <= 4
            assert world.telegram.calls_during_ban == 0

    run_fast(journey())


async def test_what_arrives_meanwhile_is_answered_next_as_one_question(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(first_delta=0.5, delta=0.0)
    async with world.bridge():
        world.telegram.send(ann, "first")
        await world.coze.until(lambda: len(world.coze.asked) == 1)
        world.telegram.send(ann, "second")
        world.telegram.send(ann, "third")
        await world.settled(ann, 2)
    assert [asked.question for asked in world.coze.asked] == ["first", "second\n\nthird"]


async def test_chats_do_not_wait_for_each_other(world: World) -> None:
    slow, quick = world.telegram.add_person("Slow"), world.telegram.add_person("Quick")
    world.coze.pace = Pace(0, 0, silence=0.1)
    async with world.bridge():
        world.telegram.send(slow, "slow")
        await world.coze.until(lambda: len(world.coze.asked) == 1)
        world.telegram.send(quick, "hello")
        await world.settled(quick, 1)
        assert world.posts(slow) == []
        await world.settled(slow, 1)
    assert len({asked.user_id for asked in world.coze.asked}) == 2


async def test_a_long_answer_arrives_whole_in_several_posts(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.telegram.send(ann, "Tell me a long story about lighthouses")
        await world.settled(ann, 3, timeout=20)
    posts = world.posts(ann)
    shown = "".join("".join(post.text.split()) for post in posts)
    (run,) = world.coze.runs.values()
    assert len("".join(run.answers)) > 8000
    assert all(len(post.text.encode("utf-16-le")) // 2 <= 4096 for post in posts)
    assert {kind for post in posts for kind, _ in formats(post)} >= {"pre", "bold", "code"}
    for words in ("A Field Guide to Lighthouses", "something a tired person can believe."):
        assert "".join(words.split()) in shown
    assert [bool(buttons(post)) for post in posts[:-1]] == [False] * (len(posts) - 1)
