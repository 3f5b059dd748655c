"""Topics in private chats: in nearly everything unlike those of forums."""

import pytest

NO_THREAD = "Bad Request: message thread not found"
NO_FORUM = "Bad Request: the chat is not a forum"


async def fetched(stage):
    """The updates that wait, confirmed."""
    updates = await stage.done("getUpdates")
    if updates:
        await stage.done("getUpdates", offset=updates[-1]["update_id"] + 1)
    return [each["message"] for each in updates]


async def test_what_is_written_at_the_root_opens_a_topic(stage):
    stage.telegram.switch_private_topics(True)
    me = await stage.done("getMe")
    assert (me["has_topics_enabled"], me["allows_users_to_create_topics"]) == (True, True)
    number = stage.telegram.send(stage.ann, "/new trip to Rome")
    opened, written = await fetched(stage)
    created = opened["forum_topic_created"]
    assert (created["name"], created["is_name_implicit"]) == ("/new trip to Rome", True)
    thread = opened["message_thread_id"]
    assert (written["message_thread_id"], written["is_topic_message"]) == (thread, True)
    stage.telegram.send(stage.ann, "and this", number)  # an answer stays in its topic
    stage.telegram.send(stage.ann, "and that", thread_id=thread)
    assert {each["message_thread_id"] for each in await fetched(stage)} == {thread}


async def test_where_people_open_no_topics_the_root_is_a_chat(stage):
    stage.telegram.switch_private_topics(True)
    stage.telegram.let_people_open_topics(False)
    assert (await stage.done("getMe"))["allows_users_to_create_topics"] is False
    stage.telegram.send(stage.ann, "hello")
    (message,) = await fetched(stage)
    assert "message_thread_id" not in message


async def test_a_bot_opens_and_renames_topics_and_hears_of_it(stage):
    stage.telegram.switch_private_topics(True)
    ann = {"chat_id": stage.ann.id}
    topic = await stage.done("createForumTopic", **ann, name=" Rome ", icon_color=16766590)
    assert (topic["name"], topic["icon_color"]) == ("Rome", 16766590)
    there = {**ann, "message_thread_id": topic["message_thread_id"]}
    assert await stage.done("editForumTopic", **there, name="Roma")
    again = await stage.refused("editForumTopic", **there, name="Roma")
    assert again == "Bad Request: TOPIC_NOT_MODIFIED"
    created, edited = await fetched(stage)
    assert created["from"]["id"] == edited["from"]["id"] == stage.telegram.world.bot.id
    assert edited["forum_topic_edited"] == {"name": "Roma"}
    assert stage.telegram.topics(stage.ann) == {topic["message_thread_id"]: "Roma"}
    report = {**ann, "message_id": created["message_id"], "text": "x"}
    assert await stage.refused("editMessageText", **report) == (
        "Bad Request: message can't be edited"
    )


async def test_a_long_name_is_cut_and_an_empty_one_refused(stage):
    stage.telegram.switch_private_topics(True)
    ann = {"chat_id": stage.ann.id}
    assert len((await stage.done("createForumTopic", **ann, name="x" * 200))["name"]) == 128
    empty = await stage.refused("createForumTopic", **ann, name="  ")
    assert empty == "Bad Request: name must be non-empty"
    colour = await stage.refused("createForumTopic", **ann, name="x", icon_color=5)
    assert colour == "Bad Request: invalid icon color specified"


async def test_what_private_topics_cannot_do(stage):
    stage.telegram.switch_private_topics(True)
    thread = stage.telegram.add_topic(stage.ann, "Trip")
    there = {"chat_id": stage.ann.id, "message_thread_id": thread}
    for method in ("closeForumTopic", "reopenForumTopic"):
        refusal = await stage.refused(method, **there)
        assert refusal == "Bad Request: the chat is not a supergroup forum"
    general = {"chat_id": stage.ann.id, "message_thread_id": 1}
    assert await stage.refused("editForumTopic", **general, name="x") == (
        "Bad Request: TOPIC_ID_INVALID"
    )
    assert await stage.done("editForumTopic", chat_id=stage.ann.id, message_thread_id=77)
    wrong = {"chat_id": stage.ann.id, "message_thread_id": -1}
    assert await stage.refused("editForumTopic", **wrong, name="x") == (
        "Bad Request: invalid forum topic identifier specified"
    )


async def test_switched_off_every_thread_is_refused(stage):
    stage.telegram.switch_private_topics(True)
    thread = stage.telegram.add_topic(stage.ann, "Trip")
    stage.telegram.switch_private_topics(False)
    there = {"chat_id": stage.ann.id, "message_thread_id": thread}
    assert await stage.refused("sendMessage", **there, text="x") == NO_THREAD
    assert await stage.refused("createForumTopic", chat_id=stage.ann.id, name="x") == NO_FORUM
    assert await stage.refused("editForumTopic", **there, name="x") == NO_FORUM


async def test_drafts_and_actions_are_not_checked(stage):
    stage.telegram.switch_private_topics(True)
    nowhere = {"chat_id": stage.ann.id, "message_thread_id": 99}
    assert await stage.done("sendChatAction", **nowhere, action="typing")
    assert await stage.done("sendMessageDraft", **nowhere, draft_id=1, text="x")


@pytest.mark.parametrize("by_bot", [True, False])
@pytest.mark.parametrize("gone_by_bot", [True, False])
async def test_a_deleted_topic_is_refused_unless_the_bots_own_was_deleted_by_a_person(
    stage, by_bot, gone_by_bot
):
    stage.telegram.switch_private_topics(True)
    ann = {"chat_id": stage.ann.id}
    if by_bot:
        thread = (await stage.done("createForumTopic", **ann, name="x"))["message_thread_id"]
    else:
        thread = stage.telegram.add_topic(stage.ann, "x")
    await fetched(stage)
    there = {**ann, "message_thread_id": thread}
    await stage.done("sendMessage", **there, text="before")
    if gone_by_bot:
        assert await stage.done("deleteForumTopic", **there)
    else:
        stage.telegram.delete_topic(stage.ann, thread)
    assert stage.telegram.messages(stage.ann, thread) == []
    assert await fetched(stage) == []  # nobody is told
    if by_bot and not gone_by_bot:
        await stage.done("sendMessage", **there, text="after")
        assert thread in stage.telegram.topics(stage.ann)
    else:
        assert await stage.refused("sendMessage", **there, text="after") == NO_THREAD


async def test_a_forum_needs_rights(stage):
    forum = stage.telegram.add_group("Forum", [stage.ann], forum=True)
    there = {"chat_id": forum.id}
    refusal = await stage.refused("createForumTopic", **there, name="x")
    assert refusal == "Bad Request: not enough rights to create a topic"
    stage.telegram.invite_bot(forum, admin=True)
    topic = await stage.done("createForumTopic", **there, name="x")
    there["message_thread_id"] = topic["message_thread_id"]
    assert await stage.done("closeForumTopic", **there)
    closed = await stage.refused("closeForumTopic", **there)
    assert closed == "Bad Request: TOPIC_NOT_MODIFIED"
    assert await stage.done("deleteForumTopic", **there)
    assert stage.telegram.topics(forum) == {}
