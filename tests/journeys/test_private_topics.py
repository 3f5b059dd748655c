"""Topics in private chats: each is a conversation; what happens when one is gone, or all are off."""

from made import picture
from worlds import World, buttons, eventually, in_a_fast_world

from bridge.sandbox.coze import Pace, saying
from bridge.sandbox.telegram import Message, Person
from bridge.sandbox.telegram.content.shapes import message_json
from bridge.store import erasure

ANSWER = "An answer."


async def ask(world: World, who: Person, text: str, topic: int = 0) -> Message:
    count = len(world.posts(who))
    world.telegram.send(who, text, thread_id=topic)
    return await world.settled(who, count + 1)


def with_topics(world: World, language: str = "") -> Person:
    world.telegram.switch_private_topics(True)
    world.coze.use(saying(ANSWER))
    return world.telegram.add_person("Ann", language_code=language)


async def test_each_topic_is_a_conversation_and_gets_its_title(world: World) -> None:
    ann = with_topics(world)
    async with world.bridge():
        world.telegram.send(ann, "/start")
        first = await world.settled(ann, 2)
        assert first.text == "Each topic here is a conversation of its own. /new opens one."
        second = await ask(world, ann, "tell me about tides and their moons, all of it, in order")
        assert second.thread_id != first.thread_id
        await ask(world, ann, "and lighthouses?", second.thread_id)
        await ask(world, ann, "another matter", first.thread_id)
        await world.telegram.until(
            lambda: world.telegram.topics(ann)[first.thread_id] == "another matter"
        )
        named = world.telegram.topics(ann)[second.thread_id]
        assert named == "tell me about tides and their moons, al…"
    tides, lights, other = (asked.conversation_id for asked in world.coze.asked)
    assert tides == lights != other
    renames = [one for one in world.telegram.calls if one.method == "editForumTopic"]
    assert len(renames) == 2  # one each, and not at each answer


async def test_new_opens_a_topic_and_leaves_the_old_one_alone(world: World) -> None:
    ann = with_topics(world)
    world.telegram.let_people_open_topics(False)
    async with world.bridge():
        await ask(world, ann, "tell me about tides")
        told = await ask(world, ann, "/new")
        await world.settled(ann, 3)
        (topic,) = world.telegram.topics(ann)
        by_place = {post.thread_id: post.text for post in world.posts(ann)}
        assert (
            by_place[0]
            == "A new topic is open: “New conversation”. This conversation stays as it is."
        )
        assert by_place[topic].startswith("A new conversation.")
        assert told.text
        await ask(world, ann, "and lighthouses?", topic)
        await world.telegram.until(
            lambda: world.telegram.topics(ann) == {topic: "and lighthouses?"}
        )
        await ask(world, ann, "go on")
    first, second, third = (asked.conversation_id for asked in world.coze.asked)
    assert first == third != second


async def test_new_typed_at_the_root_opens_one_topic_only(world: World) -> None:
    ann = with_topics(world, "zh-hans")
    async with world.bridge():
        post = await ask(world, ann, "/new")
        assert post.text == "这个话题就是一个新会话，直接写吧。"
        assert world.telegram.topics(ann) == {post.thread_id: "/new"}
        await ask(world, ann, "潮汐是什么？", post.thread_id)
        await world.telegram.until(
            lambda: world.telegram.topics(ann) == {post.thread_id: "潮汐是什么？"}
        )


async def test_where_no_topic_may_be_opened_new_begins_anew_in_place(world: World) -> None:
    ann = with_topics(world)
    world.telegram.let_people_open_topics(False)
    refusal = {"ok": False, "error_code": 400, "description": "BOT_FORUM_CREATE_FORBIDDEN"}
    async with world.bridge():
        await ask(world, ann, "tell me about tides")
        world.telegram.fail("createForumTopic", 400, body=refusal)
        post = await ask(world, ann, "/new")
        assert post.text.startswith("A new conversation begins.")
        await ask(world, ann, "go on")
    first, second = (asked.conversation_id for asked in world.coze.asked)
    assert first != second


async def test_a_topic_whose_opening_got_no_answer_is_not_opened_twice(world: World) -> None:
    ann = with_topics(world)
    world.telegram.let_people_open_topics(False)
    async with world.bridge():
        await ask(world, ann, "tell me about tides")
        world.telegram.fail("createForumTopic", after_executing=True)
        post = await ask(world, ann, "/new")
        assert post.text.startswith("A new conversation begins.")
    assert len(world.telegram.topics(ann)) == 1


async def test_settings_of_a_topic_go_before_the_chats(world: World) -> None:
    ann = with_topics(world)
    world.telegram.let_people_open_topics(False)
    topic = world.telegram.add_topic(ann, "Tides")
    async with world.bridge():
        menu = await ask(world, ann, "/settings")
        await press(world, ann, menu, "Language")
        await press(world, ann, menu, "中文")
        chat = (await ask(world, ann, "/retry")).text
        inside = (await ask(world, ann, "/retry", topic)).text
        assert chat == inside  # the chat's choice is the topic's default
        menu = await ask(world, ann, "/settings", topic)
        await press(world, ann, menu, "语言")
        await press(world, ann, menu, "English")
        assert (await ask(world, ann, "/retry", topic)).text != chat
        assert (await ask(world, ann, "/retry")).text == chat


async def press(world: World, ann: Person, post: Message, label: str) -> None:
    before = len(post.history)
    wanted = next(one for one in buttons(post) if label in one)
    world.telegram.press(ann, post.message_id, wanted)
    await world.telegram.until(lambda: len(post.history) > before)


async def test_a_name_that_a_person_gives_stays(world: World) -> None:
    ann = with_topics(world)
    topic = world.telegram.add_topic(ann, "Tides")
    async with world.bridge():
        await ask(world, ann, "where is the moon?", topic)
        await ask(world, ann, "and now?", topic)
        shown = await ask(world, ann, "/conversations", topic)
        (label,) = buttons(shown)
        assert label.startswith("● Tides · ")
        world.telegram.rename_topic(ann, topic, "Moons")
        await world.handled()
        shown = await ask(world, ann, "/conversations", topic)
        (label,) = buttons(shown)
        assert label.startswith("● Moons · ")
        renamed = await ask(world, ann, "/conversations name Tide tables", topic)
        assert "Tide tables" in renamed.text
        await world.telegram.until(lambda: world.telegram.topics(ann) == {topic: "Tide tables"})


async def test_our_own_service_messages_begin_nothing(world: World) -> None:
    ann = with_topics(world)
    world.telegram.let_people_open_topics(False)
    async with world.bridge():
        await ask(world, ann, "/new")
        await world.settled(ann, 2)
        await world.handled()
    assert world.coze.asked == []
    assert len(world.posts(ann)) == 2


@in_a_fast_world
async def test_an_answer_whose_topic_was_deleted_waits_for_the_next_message(world: World) -> None:
    ann = with_topics(world)
    topic, other = (world.telegram.add_topic(ann, name) for name in ("Tea", "Coffee"))
    async with world.bridge() as app:
        world.telegram.send(ann, "how long does it brew?", thread_id=topic)
        world.telegram.delete_topic(ann, topic)
        await world.telegram.until(lambda: len(world.coze.asked) == 1)
        await eventually(lambda: app.context.calls.unwritable.topics(ann.id), 300)
        await eventually(lambda: not len(app.lanes), 60)
        assert world.posts(ann) == []  # nothing leaks into another conversation
        world.telegram.send(ann, "and coffee?", thread_id=other)
        await world.settled(ann, 2, timeout=100)
    kept, answer = world.posts(ann)
    assert kept.text == (
        "This answers “how long does it brew?”. Its topic takes no messages any more.\n\nAn answer."
    )
    assert (answer.text, kept.thread_id, answer.thread_id) == (ANSWER, other, other)
    assert len(world.coze.asked) == 2


@in_a_fast_world
async def test_an_answer_that_waits_is_forgotten_at_its_persons_wish(world: World) -> None:
    ann = with_topics(world)
    world.telegram.let_people_open_topics(False)
    topic = world.telegram.add_topic(ann, "Tea")
    async with world.bridge() as app:
        world.telegram.send(ann, "how long does it brew?", thread_id=topic)
        world.telegram.delete_topic(ann, topic)
        await eventually(lambda: app.context.calls.unwritable.topics(ann.id), 300)
        await eventually(lambda: not len(app.lanes), 60)
        async with app.store.writing() as tx:
            await erasure.forget_person(tx, ann.id)
        world.telegram.send(ann, "hello there")
        await world.settled(ann, 1, timeout=100)
    assert texts(world, ann) == [ANSWER]
    assert world.coze.asked[0].conversation_id != world.coze.asked[1].conversation_id


async def test_where_topics_are_off_the_list_has_those_of_all_topics(world: World) -> None:
    ann = with_topics(world)
    topic = world.telegram.add_topic(ann, "Tides")
    async with world.bridge():
        await ask(world, ann, "where is the moon?", topic)
        world.telegram.switch_private_topics(False)
        await ask(world, ann, "something else")
        shown = await ask(world, ann, "/conversations")
        labels = [one.lstrip("● ").split(" · ")[0] for one in buttons(shown)]
        assert labels == ["something else", "Tides"]
        await press(world, ann, shown, "Tides")
        await ask(world, ann, "and the sun?")
    first, other, back = (asked.conversation_id for asked in world.coze.asked)
    assert first == back != other


async def test_a_topic_is_known_without_its_mark(world: World) -> None:
    ann = with_topics(world)
    topic = world.telegram.add_topic(ann, "Tides")
    async with world.bridge():
        number = world.telegram.send(ann, "where is the moon?", thread_id=topic)
        await world.settled(ann, 1)
        (message,) = [one for one in world.telegram.messages(ann) if one.message_id == number]
        raw = message_json(world.telegram.world, message)
        del raw["is_topic_message"]
        world.telegram.inject({"message": raw | {"message_id": 900, "text": "and now?"}})
        post = await world.settled(ann, 2)
    assert post.thread_id == topic
    first, second = (asked.conversation_id for asked in world.coze.asked)
    assert first == second


async def test_a_reply_from_elsewhere_stays_with_its_topic(world: World) -> None:
    ann = with_topics(world)
    one, two = (world.telegram.add_topic(ann, name) for name in ("Tides", "Lamps"))
    async with world.bridge():
        answer = await ask(world, ann, "where is the moon?", one)
        await ask(world, ann, "how bright is it?", two)
        world.telegram.send(ann, "and now?", reply_to=answer.message_id)  # typed at the root
        post = await world.settled(ann, 3)
    assert post.thread_id == one
    tides, lamps, again = (asked.conversation_id for asked in world.coze.asked)
    assert again == tides != lamps


async def test_a_topic_of_ours_that_was_deleted_comes_back_with_its_answer(world: World) -> None:
    ann = with_topics(world)
    world.telegram.let_people_open_topics(False)
    async with world.bridge():
        await ask(world, ann, "/new")
        await world.settled(ann, 2)
        (topic,) = world.telegram.topics(ann)
        world.telegram.send(ann, "where is the moon?", thread_id=topic)
        world.telegram.delete_topic(ann, topic)
        await world.telegram.until(lambda: ANSWER in texts(world, ann))
    assert {post.thread_id for post in world.posts(ann) if post.text == ANSWER} == {topic}


def texts(world: World, ann: Person) -> list[str]:
    return [post.text for post in world.posts(ann)]


async def test_buttons_in_a_topic_ask_there(world: World) -> None:
    ann = with_topics(world)
    topic = world.telegram.add_topic(ann, "Tides")
    world.coze.use(saying(ANSWER, follow_ups=["And the sun?"]))
    async with world.bridge():
        post = await ask(world, ann, "where is the moon?", topic)
        world.telegram.press(ann, post.message_id, "And the sun?")
        await world.settled(ann, 3)
    assert {post.thread_id for post in world.posts(ann)} == {topic}
    first, second = (asked.conversation_id for asked in world.coze.asked)
    assert first == second


async def test_start_and_settings_change_no_conversation(world: World) -> None:
    ann = with_topics(world)
    topic = world.telegram.add_topic(ann, "Tides")
    async with world.bridge():
        await ask(world, ann, "where is the moon?", topic)
        menu = await ask(world, ann, "/settings", topic)
        await press(world, ann, menu, "Reasoning")
        world.telegram.send(ann, "/start", thread_id=topic)
        await world.settled(ann, 4)
        await ask(world, ann, "and now?", topic)
    first, second = (asked.conversation_id for asked in world.coze.asked)
    assert first == second


async def test_a_title_that_is_refused_is_tried_after_the_next_answer(world: World) -> None:
    ann = with_topics(world)
    refusal = {"ok": False, "error_code": 400, "description": "Bad Request: something is odd"}
    async with world.bridge():
        world.telegram.fail("editForumTopic", 400, body=refusal)
        post = await ask(world, ann, "where   is the moon?")
        await ask(world, ann, "and now?", post.thread_id)
        await world.telegram.until(
            lambda: (
                len([one for one in world.telegram.calls if one.method == "editForumTopic"]) == 2
            )
        )
        assert world.telegram.topics(ann) == {post.thread_id: "where is the moon?"}


async def test_an_album_at_the_root_is_one_question_in_one_topic(world: World) -> None:
    ann = with_topics(world)
    async with world.bridge():
        world.telegram.send_album(ann, [picture(), picture()], "what are these?")
        post = await world.settled(ann, 1)
        assert [*world.telegram.topics(ann)] == [post.thread_id]
    assert len(world.coze.asked) == 1


async def test_the_list_is_there_after_a_restart(world: World) -> None:
    ann = with_topics(world)
    topic = world.telegram.add_topic(ann, "Tides")
    async with world.bridge():
        await ask(world, ann, "where is the moon?", topic)
    async with world.bridge():
        shown = await ask(world, ann, "/conversations", topic)
        assert shown.text.startswith("Each topic is a conversation of its own")
        assert [one.split(" · ")[0] for one in buttons(shown)] == ["● Tides"]


async def test_drafts_and_their_stop_button_are_the_topics(world: World) -> None:
    ann = with_topics(world)
    topic = world.telegram.add_topic(ann, "Tides")
    world.coze.pace = Pace(0.02, 0.05)
    world.coze.use(saying("so many words " * 200))
    async with world.bridge(BRIDGE_STREAMING="drafts"):
        world.telegram.send(ann, "where is the moon?", thread_id=topic)
        await world.telegram.until(lambda: bool(world.telegram.drafts(ann)))
        assert {draft.thread_id for draft in world.telegram.drafts(ann)} == {topic}
        world.telegram.press_stop(ann, thread_id=topic)
        post = await world.settled(ann, 1)
    assert (post.thread_id, post.text.endswith("Stopped.")) == (topic, True)


async def test_going_back_outside_of_topics_opens_one_where_writing_would(world: World) -> None:
    ann = with_topics(world)
    world.telegram.let_people_open_topics(False)
    async with world.bridge():
        await ask(world, ann, "tell me about tides")
        await ask(world, ann, "/new")
        await world.settled(ann, 3)
        shown = await ask(world, ann, "/conversations")
        world.telegram.let_people_open_topics(True)
    async with world.bridge():
        world.telegram.press(ann, shown.message_id, next(iter(buttons(shown))))
        await world.telegram.until(lambda: "in a topic of its own" in shown.text)
        (topic,) = [id_ for id_, name in world.telegram.topics(ann).items() if "tides" in name]
        await world.telegram.until(lambda: bool(world.telegram.posts(ann, topic)))
        (back,) = world.telegram.posts(ann, topic)
        assert back.text.endswith("tell me about tides\n\nAn answer.")
        await ask(world, ann, "and now?", topic)
    first, again = (asked.conversation_id for asked in world.coze.asked)
    assert first == again


async def test_a_fresh_topic_lists_the_conversations_of_all(world: World) -> None:
    ann = with_topics(world)
    async with world.bridge():
        await ask(world, ann, "tell me about tides")
        shown = await ask(world, ann, "/conversations")  # typed at the root: a topic of its own
        assert [one.split(" · ")[0] for one in buttons(shown)] == ["tell me about tides"]
        await press(world, ann, shown, "tides")
        await ask(world, ann, "and now?", shown.thread_id)
    first, again = (asked.conversation_id for asked in world.coze.asked)
    assert first == again


async def test_settings_of_all_topics_are_reached_from_any(world: World) -> None:
    ann = with_topics(world)
    one, two = (world.telegram.add_topic(ann, name) for name in ("Tides", "Lamps"))
    async with world.bridge():
        menu = await ask(world, ann, "/settings", one)
        assert menu.text.startswith("Settings of this topic")
        await press(world, ann, menu, "Settings for all topics")
        assert menu.text.startswith("Your settings. They count in all topics")
        await press(world, ann, menu, "Language")
        await press(world, ann, menu, "中文")
        await press(world, ann, menu, "这个话题的设置")
        assert menu.text.startswith("这个话题的设置")
        other = await ask(world, ann, "/settings", two)
        assert other.text.startswith("这个话题的设置")


async def test_where_topics_are_off_the_answer_says_so_in_chinese_too(world: World) -> None:
    ann = with_topics(world, "zh-hans")
    topic = world.telegram.add_topic(ann, "潮汐")
    async with world.bridge():
        await ask(world, ann, "月亮在哪里？", topic)
        world.telegram.switch_private_topics(False)
        post = await ask(world, ann, "现在呢？", topic)
    assert post.thread_id == 0
    assert post.text == "这是对“现在呢？”的回答，原来的话题已无法接收消息。\n\n" + ANSWER
