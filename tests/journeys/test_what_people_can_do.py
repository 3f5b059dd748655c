"""Editing a question, judging an answer, choosing how answers look."""

import asyncio
import json
import re
import time
from pathlib import Path

from worlds import World, a_world, buttons, formats, in_a_fast_world, is_running

from bridge.sandbox.coze import Pace, saying
from bridge.sandbox.coze.scripts.steps import Completed, Delta, Silence, ending, fixed, say
from bridge.sandbox.telegram import Person


async def test_an_edited_question_rewrites_the_same_reply(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("Four."), for_text="two and two")
    world.coze.use(saying("Six."), for_text="three and three")
    async with world.bridge():
        question = world.telegram.send(ann, "two and two")
        first = await world.settled(ann, 1)
        world.telegram.edit(ann, question, "three and three")
        await world.telegram.until(lambda: world.posts(ann)[0].text == "Six.")
        await world.settled(ann, 1)
    assert [post.message_id for post in world.posts(ann)] == [first.message_id]
    assert [one.question for one in world.coze.asked] == ["two and two", "three and three"]


@in_a_fast_world
async def test_an_edit_cancels_the_run_that_answers_the_old_question(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.5, 1.0)
    world.coze.use(saying("old words " * 60), for_text="first")
    async with world.bridge():
        question = world.telegram.send(ann, "first thought")
        await world.telegram.until(lambda: bool(world.posts(ann)), timeout=300)
        world.coze.use(saying("New words."), for_text="second")
        world.telegram.edit(ann, question, "second thought")
        post = await world.settled(ann, 1, timeout=60)
        await world.telegram.until(lambda: world.posts(ann)[0].text == "New words.", timeout=300)
    old, _ = world.coze.runs.values()
    assert old.status == "canceled"
    assert len(world.posts(ann)) == 1
    assert world.posts(ann)[0].message_id == post.message_id


async def test_edits_that_change_no_text_or_come_too_late_are_ignored(tmp_path: Path) -> None:
    now = time.time()
    async with a_world(tmp_path, clock=lambda: now) as world:
        ann = world.telegram.add_person("Ann")
        async with world.bridge():
            question = world.telegram.send(ann, "hello")
            await world.settled(ann, 1)
            sender = {"id": ann.id, "is_bot": False, "first_name": "Ann"}
            invisible = {"message_id": question, "from": sender, "text": "hello"}
            when = {"date": int(now), "edit_date": int(now) + 1}
            chat = {"id": ann.id, "type": "private", "first_name": "Ann"}
            world.telegram.inject({"edited_message": {**invisible, **when, "chat": chat}})
            now += 601
            world.telegram.edit(ann, question, "hello again")
            world.telegram.send(ann, "the next one")
            await world.settled(ann, 2)
    assert [one.question for one in world.coze.asked] == ["hello", "the next one"]


async def test_an_older_question_can_be_edited_too(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.coze.use(saying("One."))
        first = world.telegram.send(ann, "first")
        await world.settled(ann, 1)
        world.coze.use(saying("Two."))
        world.telegram.send(ann, "second")
        await world.settled(ann, 2)
        world.coze.use(saying("One, rewritten."))
        world.telegram.edit(ann, first, "first, edited")
        await world.telegram.until(lambda: world.posts(ann)[0].text == "One, rewritten.")
        await world.settled(ann, 2)
    assert [post.text for post in world.posts(ann)] == ["One, rewritten.", "Two."]


async def test_an_answer_is_judged_and_the_judgement_marked(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.coze.use(saying("Good."))
        world.telegram.send(ann, "hello")
        post = await world.settled(ann, 1)
        await world.telegram.until(lambda: "👍" in buttons(world.posts(ann)[0]))
        query = world.telegram.press(ann, post.message_id, "👍")
        await world.telegram.until(lambda: query in world.telegram.answers)
        assert list(world.coze.feedback.values()) == ["like"]
        assert list(buttons(world.posts(ann)[0])) == ["✓ 👍", "👎"]
        query = world.telegram.press(ann, post.message_id, "👎")
        await world.telegram.until(lambda: query in world.telegram.answers)
        assert list(world.coze.feedback.values()) == ["unlike"]
        assert list(buttons(world.posts(ann)[0])) == ["👍", "✓ 👎"]
        forged = world.telegram.press(ann, post.message_id, data="like:999")
        await world.telegram.until(lambda: forged in world.telegram.answers)
        assert world.telegram.answers[forged] == "This button is no longer in use."


async def test_where_coze_takes_no_judgement_nobody_is_asked_again(tmp_path: Path) -> None:
    async with a_world(tmp_path, profile="studio") as world, world.bridge():
        ann = world.telegram.add_person("Ann")
        world.telegram.send(ann, "hello")
        post = await world.settled(ann, 1)
        await world.telegram.until(lambda: "👍" in buttons(world.posts(ann)[0]))
        query = world.telegram.press(ann, post.message_id, "👍")
        await world.telegram.until(lambda: query in world.telegram.answers)
        assert "Feedback is not available" in world.telegram.answers[query]
        world.telegram.send(ann, "hello again")
        post = await world.settled(ann, 2)
        assert "👍" not in buttons(post)


async def choose(world: World, person: Person, *labels: str) -> None:
    """Give /settings and press the button that begins with the label, then those that it leads to."""
    before = len(world.posts(person))
    world.telegram.send(person, "/settings")
    await world.telegram.until(lambda: len(world.posts(person)) > before, timeout=300)
    menu = world.posts(person)[-1].message_id
    for label in labels:

        def found(label: str = label) -> list[str]:
            shown = {post.message_id: post for post in world.posts(person)}[menu]
            return [name for name in buttons(shown) if name.startswith(label)]

        await world.telegram.until(lambda: bool(found()), timeout=100)
        full = found()[0]
        query = world.telegram.press(person, menu, full)
        await world.telegram.until(
            lambda query=query: query in world.telegram.answers,  # type: ignore[misc]
            timeout=100,
        )


@in_a_fast_world
async def test_settings_are_kept_and_count_at_once(world: World) -> None:
    ann = world.telegram.add_person("Ann", language_code="en")
    async with world.bridge():
        await choose(world, ann, "Suggested questions")
        await choose(world, ann, "Language", "中文")
        world.coze.use(saying("Good.", follow_ups=["More?"]))
        world.telegram.send(ann, "hello")
        post = await world.settled(ann, 3)
        assert "More?" not in buttons(post)
        world.telegram.send(ann, "/new")
        await world.telegram.until(
            lambda: "新的会话" in world.posts(ann)[-1].text or len(world.posts(ann)) == 4
        )

        def labels() -> list[str]:
            return [name for post in world.posts(ann)[:2] for name in buttons(post)]

        await world.telegram.until(lambda: any("中文" in name for name in labels()))
        assert "Suggested questions: off" in labels()
    assert re.search(r"[\u4e00-\u9fff]", world.posts(ann)[-1].text)


async def test_forged_settings_are_refused(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.telegram.send(ann, "/settings")
        await world.telegram.until(lambda: len(world.posts(ann)) == 1)
        menu = world.posts(ann)[0].message_id
        for data in ("set:reasoning:loud", "set:nothing:on", "set:", "set:language:../x", "set"):
            query = world.telegram.press(ann, menu, data=data)
            await world.telegram.until(
                lambda query=query: query in world.telegram.answers,  # type: ignore[misc]
                timeout=100,
            )
            assert world.telegram.answers[query] == "This button is no longer in use."


THOUGHTS = "First I look at the sky. Then I count the clouds. " * 12


@in_a_fast_world
async def test_reasoning_is_off_brief_or_on(world: World) -> None:
    await reasoning(world, inside=False)


@in_a_fast_world
async def test_reasoning_inside_the_text_is_treated_the_same(world: World) -> None:
    await reasoning(world, inside=True)


async def reasoning(world: World, *, inside: bool) -> None:
    ann = world.telegram.add_person("Ann")
    script = (
        saying(f"<think>\n{THOUGHTS}\n</think>\n\nIt will **rain**.")
        if inside
        else fixed(Delta("a", reasoning=THOUGHTS), *say("a", "It will **rain**."), *ending())
    )
    world.coze.use(script)
    seen = []
    async with world.bridge():
        for number in range(3):
            if number:
                await choose(world, ann, "Reasoning")
            posts = len(world.posts(ann))
            world.telegram.send(ann, "weather?")
            seen.append(await world.settled(ann, posts + 1))
    off, brief, on = seen
    assert off.text == "It will rain."
    assert formats(brief)[0][0] == formats(on)[0][0] == "expandable_blockquote"
    assert len(formats(brief)[0][1]) <= 281 < len(formats(on)[0][1])
    assert brief.text.endswith("It will rain.")
    assert on.text.endswith("It will rain.")


@in_a_fast_world
async def test_while_it_thinks_or_uses_a_tool_the_reply_says_so(world: World) -> None:
    """The status replaces itself, and is gone with the answer."""
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.1, 0.1, silence=1.0)
    async with world.bridge():
        world.telegram.send(ann, "use a tool")
        post = await world.settled(ann, 1, timeout=60)
    shown = [frame.text for frame in post.history]
    assert shown[0] == "Using a tool…"
    assert "Using a tool" not in shown[-1]
    assert not any("tianqi" in text or "Lisbon" in text.split("\n")[0] for text in shown[:1])


@in_a_fast_world
async def test_a_reply_that_thinks_says_so(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.2, 0.2)
    async with world.bridge():
        world.telegram.send(ann, "think")
        post = await world.settled(ann, 1, timeout=120)
    assert post.history[0].text == "Thinking…"
    assert "Thinking…" not in post.text


async def test_a_complete_text_does_not_wait_for_the_suggestions(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    finish = [step for step in ending() if isinstance(step, Completed)]
    late = Completed("more", "And then?", type="follow_up")

    async with world.bridge():
        world.coze.pace = Pace(0, 0, silence=0.6)
        world.coze.use(fixed(*say("a", "All of it. " * 30), *finish, Silence(1), late))
        world.telegram.send(ann, "hello")
        await world.telegram.until(lambda: bool(world.posts(ann)))
        await world.telegram.until(
            lambda: len(world.posts(ann)[0].text) == len("All of it. " * 30) - 1
        )
        assert is_running(world.posts(ann)[0])
        post = await world.settled(ann, 1)
    assert "And then?" in buttons(post)


async def test_a_card_falls_back_to_its_words_and_options(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    inner = {"title": "Which size?", "options": [{"name": "S"}, {"name": "M"}]}
    flow = json.dumps({"card_type": "QUESTION", "question_card_data": inner})
    card = json.dumps({"x_properties": {"workflow_card_info": flow}})
    async with world.bridge():
        world.coze.use(fixed(Completed("c", card, content_type="card"), *ending()))
        world.telegram.send(ann, "order")
        post = await world.settled(ann, 1)
    assert post.text == "Which size?"
    assert list(buttons(post))[:2] == ["S", "M"]


async def test_a_chatflows_question_is_answered_by_the_next_message(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.telegram.send(ann, "question")
        asked = await world.settled(ann, 1)
        world.telegram.send(ann, "Lisbon")
        answer = await world.settled(ann, 2)
    assert asked.text.startswith("Which city do you mean?\n\nThe agent waits")
    assert answer.text == "Lisbon it is. Thank you!"
    assert len({one.conversation_id for one in world.coze.asked}) == 1


@in_a_fast_world
async def test_a_burst_of_deltas_costs_no_more_calls_than_its_seconds_allow(world: World) -> None:
    """Sixty deltas a second: the calls are those of the budget, whatever the pieces."""
    ann = world.telegram.add_person("Ann")
    loop = asyncio.get_running_loop()
    world.coze.pace = Pace(0.5, 1 / 60)
    words = [Delta("a", "w ") for _ in range(1200)]
    world.coze.use(fixed(*words, Completed("a", "w " * 1200), *ending()))
    async with world.bridge():
        begun = loop.time()
        world.telegram.send(ann, "talk")
        await world.settled(ann, 1, timeout=600)
        seconds = loop.time() - begun
    made = [call for call in world.telegram.calls if call.chat_id == ann.id]
    calls = [one for one in made if one.method in ("sendMessage", "editMessageText")]
    assert 5 < len(calls) <= 12 + seconds / 2.4 + 1
    assert sum(one.status == 429 for one in calls) <= 1
