"""Supergroups and forums: who is in them, what reaches the bot, topics, and what is refused."""

from itertools import count
from typing import Any

import pytest
import telegram as ptb
from telegram.error import BadRequest, Forbidden

from bridge.sandbox.telegram import Entity

KICKED = "Forbidden: bot was kicked from the supergroup chat"
NO_THREAD = "Bad Request: message thread not found"


OFFSETS = count(1)
"""Who asks for the same offset twice in a row gets one update at a time."""


async def fetched(stage: Any) -> list[ptb.Update]:
    """What the bot got, which is then confirmed."""
    updates = await stage.bot.get_updates(offset=next(OFFSETS))
    stage.telegram.updates.clear()
    return list(updates)


async def heard(stage: Any) -> list[str | None]:
    """The texts of the messages that the bot got, which are then confirmed."""
    return [each.message.text for each in await fetched(stage)]


@pytest.fixture
async def bob(stage):
    return stage.telegram.add_person("Bob")


@pytest.fixture
async def group(stage, bob):
    made = stage.telegram.add_group("Team", [stage.ann, bob])
    stage.telegram.updates.clear()
    return made


@pytest.fixture
async def forum(stage, bob):
    made = stage.telegram.add_group("Forum", [stage.ann, bob], forum=True)
    stage.telegram.updates.clear()
    return made


async def test_the_bot_comes_and_goes(stage, bob):
    group = stage.telegram.add_group("Team", [stage.ann, bob])
    assert str(group.id).startswith("-100")
    assert abs(group.id) > 2**32
    added, told = await fetched(stage)
    assert added.my_chat_member.old_chat_member.status == "left"
    assert added.my_chat_member.new_chat_member.status == "member"
    assert added.my_chat_member.from_user.id == stage.ann.id
    assert told.message.new_chat_members[0].id == 42
    assert (told.message.chat.type, told.message.chat.title) == ("supergroup", "Team")
    sent = await stage.bot.send_message(group.id, "hello")
    assert (sent.chat.id, sent.message_thread_id, sent.reply_to_message) == (group.id, None, None)
    stage.telegram.kick_bot(group, by=bob)
    (gone,) = await fetched(stage)
    assert gone.my_chat_member.new_chat_member.status == "kicked"
    assert gone.my_chat_member.from_user.id == bob.id
    with pytest.raises(Forbidden, match=KICKED):
        await stage.bot.send_message(group.id, "still here?")
    where = {"chat_id": group.id, "message_id": sent.message_id}
    for method, more in [
        ("editMessageText", {"text": "x"}),
        ("sendChatAction", {"action": "typing"}),
        ("deleteMessage", {}),
        ("getChat", {}),
        ("getChatMember", {"user_id": bob.id}),
    ]:
        assert await stage.refused(method, **where, **more) == KICKED
    assert stage.telegram.calls_to_closed_chats == 6
    stage.telegram.send(bob, "/help@sandbox_bot", chat=group)
    assert stage.telegram.pending == 0
    with pytest.raises(ValueError, match="The bot is not in the chat"):
        stage.telegram.press(bob, sent.message_id, data="x", chat=group)
    stage.telegram.invite_bot(group)
    assert await stage.bot.edit_message_text("back", group.id, sent.message_id)
    assert [each.text for each in stage.telegram.posts(group)] == ["back"]


async def test_what_privacy_mode_lets_through(stage, group, bob):
    telegram = stage.telegram
    assert (await stage.bot.get_me()).can_read_all_group_messages is False
    post = await stage.bot.send_message(group.id, "I am here")
    first = telegram.send(bob, "just talking", chat=group)
    telegram.send(bob, "to Bob himself", first, chat=group)
    telegram.send(bob, "/new@other_bot", chat=group)
    telegram.send(bob, "mail sandbox_bot or x@sandbox_bot.example.com", chat=group)
    assert await heard(stage) == []
    asked = [
        "/new@Sandbox_Bot please",
        "/help",
        "what do you say, @sandbox_BOT?",
        "😀 @sandbox_bot",
    ]
    for text in asked:
        telegram.send(bob, text, chat=group)
    telegram.send(bob, "an answer", post.message_id, chat=group)
    assert await heard(stage) == [*asked, "an answer"]
    telegram.send(bob, "you there", chat=group, entities=[Entity("text_mention", 0, 3, user_id=42)])
    telegram.send(
        bob, "Ann there", chat=group, entities=[Entity("text_mention", 0, 3, user_id=stage.ann.id)]
    )
    (update,) = await fetched(stage)
    assert update.message.entities[0].user.username == "sandbox_bot"
    telegram.send_photo(bob, b"jpeg", "look, @sandbox_bot", chat=group)
    telegram.send_document(bob, "a.txt", b"a", chat=group)
    (update,) = await fetched(stage)
    assert update.message.caption == "look, @sandbox_bot"


async def test_a_bare_command_needs_a_bot_that_wrote_last(stage, group, bob):
    stage.telegram.send(bob, "/help", chat=group)
    assert await heard(stage) == []
    await stage.bot.send_message(group.id, "I am here")
    stage.telegram.send(bob, "/help", chat=group)
    stage.telegram.send(bob, "try /help", chat=group)
    assert await heard(stage) == ["/help"]


async def test_without_privacy_the_bot_gets_everything(stage, group, bob):
    stage.telegram.privacy = False
    assert (await stage.bot.get_me()).can_read_all_group_messages is True
    stage.telegram.send(bob, "not yet", chat=group)
    assert await heard(stage) == []
    stage.telegram.kick_bot(group)
    stage.telegram.invite_bot(group)
    stage.telegram.updates.clear()
    number = stage.telegram.send(bob, "now", chat=group)
    stage.telegram.edit(bob, number, "now!", chat=group)
    first, second = await fetched(stage)
    assert first.message.text == "now"
    assert second.edited_message.text == "now!"
    stage.telegram.privacy = True
    stage.telegram.updates.clear()
    led = stage.telegram.add_group("Led", [bob], bot_is_admin=True)
    stage.telegram.updates.clear()
    stage.telegram.send(bob, "an administrator reads all", chat=led)
    assert await heard(stage) == ["an administrator reads all"]


async def test_an_edit_may_begin_to_name_the_bot(stage, group, bob):
    number = stage.telegram.send(bob, "what is this?", chat=group)
    stage.telegram.edit(bob, number, "@sandbox_bot what is this?", chat=group)
    (update,) = await fetched(stage)
    assert update.edited_message.message_id == number
    with pytest.raises(ValueError, match="is not Ann's"):
        stage.telegram.edit(stage.ann, number, "mine", chat=group)


async def test_people_come_and_go(stage, group):
    eve = stage.telegram.add_person("Eve")
    with pytest.raises(ValueError, match="Eve is not in the chat"):
        stage.telegram.send(eve, "hi", chat=group)
    stage.telegram.join(group, eve)
    stage.telegram.send(eve, "hi", chat=group)
    stage.telegram.leave(group, eve)
    came, went = await fetched(stage)
    assert came.message.new_chat_members[0].id == eve.id
    assert went.message.left_chat_member.id == eve.id
    with pytest.raises(ValueError, match="Eve is not in the chat"):
        stage.telegram.press(eve, 1, data="x", chat=group)


async def test_members_and_administrators(stage, bob):
    eve, out = stage.telegram.add_person("Eve"), stage.telegram.add_person("Out")
    group = stage.telegram.add_group("Team", [stage.ann, bob, eve], admins=[bob])

    async def status(user_id: int) -> str:
        return str((await stage.bot.get_chat_member(group.id, user_id)).status)

    people = (stage.ann, bob, eve, out)
    found = [await status(each.id) for each in people]
    assert found == ["creator", "administrator", "member", "left"]
    assert await status(42) == "member"
    led = await stage.bot.get_chat_administrators(group.id)
    assert [each.user.id for each in led] == [stage.ann.id, bob.id]
    assert led[1].can_delete_messages is True
    stage.telegram.invite_bot(group, admin=True)
    assert len(await stage.bot.get_chat_administrators(group.id)) == 3
    stage.telegram.mute_bot(group)
    assert (await stage.bot.get_chat_member(group.id, 42)).can_send_messages is False
    with pytest.raises(BadRequest, match=r"(?i)not enough rights to send text messages"):
        await stage.bot.send_message(group.id, "mhm")
    refused = stage.refused
    assert await refused("getChatMember", chat_id=group.id, user_id=999) == (
        "Bad Request: user not found"
    )
    assert await refused("getChatAdministrators", chat_id=stage.ann.id) == (
        "Bad Request: there are no administrators in the private chat"
    )
    full = await stage.bot.get_chat(group.id)
    assert (full.title, full.type, full.is_forum) == ("Team", "supergroup", None)
    with pytest.raises(ValueError, match="without being members"):
        stage.telegram.add_group("Odd", [bob], admins=[eve])


async def test_buttons_reactions_typing_and_deleting_in_a_group(stage, group, bob):
    stop = ptb.InlineKeyboardMarkup([[ptb.InlineKeyboardButton("Stop", callback_data="stop:1")]])
    theirs = stage.telegram.send(bob, "@sandbox_bot go", chat=group)
    post = await stage.bot.send_message(
        group.id, "working", reply_markup=stop, reply_to_message_id=theirs
    )
    stage.telegram.updates.clear()
    pressed = stage.telegram.press(stage.ann, post.message_id, "Stop", chat=group)
    (update,) = await fetched(stage)
    assert update.callback_query.from_user.id == stage.ann.id
    assert update.callback_query.message.chat.id == group.id
    await update.callback_query.answer("Stopped")
    assert stage.telegram.answers == {pressed: "Stopped"}
    await stage.bot.set_message_reaction(group.id, theirs, "👀")
    assert stage.telegram.messages(group)[1].reactions == [{"type": "emoji", "emoji": "👀"}]
    await stage.bot.send_chat_action(group.id, "typing")
    assert len(stage.telegram.typing(group)) == 1
    assert stage.telegram.typing(stage.ann) == []
    with pytest.raises(BadRequest, match=r"(?i)message can't be deleted"):
        await stage.bot.delete_message(group.id, theirs)
    stage.telegram.invite_bot(group, admin=True)
    await stage.bot.delete_message(group.id, theirs)
    await stage.bot.delete_message(group.id, post.message_id)
    assert [each.service is None for each in stage.telegram.messages(group)] == [False]
    draft = {"chat_id": group.id, "draft_id": 1, "text": "x"}
    assert await stage.refused("sendMessageDraft", **draft) == (
        "Bad Request: TEXTDRAFT_PEER_INVALID"
    )


async def test_topics(stage, forum, bob):
    thread = stage.telegram.add_topic(forum, "Bugs")
    (told,) = await fetched(stage)
    assert told.message.forum_topic_created.name == "Bugs"
    assert (told.message.message_id, told.message.message_thread_id) == (thread, thread)
    number = stage.telegram.send(bob, "@sandbox_bot help", chat=forum, thread_id=thread)
    stage.telegram.send(bob, "@sandbox_bot hello all", chat=forum)
    inside, general = [each.message for each in await fetched(stage)]
    assert (inside.message_thread_id, inside.is_topic_message) == (thread, True)
    assert inside.reply_to_message.forum_topic_created.name == "Bugs"
    assert (general.message_thread_id, general.is_topic_message) == (None, None)
    assert general.reply_to_message is None
    assert general.chat.is_forum is True
    post = await stage.bot.send_message(forum.id, "in here", message_thread_id=thread)
    assert (post.message_thread_id, post.is_topic_message) == (thread, True)
    assert post.reply_to_message.message_id == thread
    reply = await stage.bot.send_message(forum.id, "so", reply_to_message_id=number)
    assert (reply.message_thread_id, reply.reply_to_message.message_id) == (thread, number)
    await stage.bot.send_message(forum.id, "to all")
    await stage.bot.send_chat_action(forum.id, "typing", message_thread_id=thread)
    texts = [each.text for each in stage.telegram.posts(forum, thread)]
    assert texts == ["in here", "so"]
    assert [each.text for each in stage.telegram.posts(forum, 0)] == ["to all"]
    assert len(stage.telegram.posts(forum)) == 3
    assert len(stage.telegram.typing(forum, thread)) == len(stage.telegram.typing(forum)) == 1
    assert stage.telegram.typing(forum, 0) == []


async def test_topics_that_cannot_be_written_to(stage, forum, group, bob):
    thread = stage.telegram.add_topic(forum, "Bugs")
    text = {"chat_id": forum.id, "text": "x"}
    for wrong in (1, thread + 1, -5):
        assert await stage.refused("sendMessage", **text, message_thread_id=wrong) == NO_THREAD
        action = {"chat_id": forum.id, "action": "typing", "message_thread_id": wrong}
        assert await stage.refused("sendChatAction", **action) == NO_THREAD
    plain = {"chat_id": group.id, "text": "x", "message_thread_id": 1}
    assert await stage.refused("sendMessage", **plain) == NO_THREAD
    with pytest.raises(ValueError, match="There is no topic 77"):
        stage.telegram.send(bob, "x", chat=forum, thread_id=77)
    with pytest.raises(ValueError, match="is no forum"):
        stage.telegram.add_topic(group, "Bugs")
    inside = {**text, "message_thread_id": thread}
    stage.telegram.close_topic(forum, thread)
    assert await stage.refused("sendMessage", **inside) == "Bad Request: TOPIC_CLOSED"
    with pytest.raises(ValueError, match="The topic 'Bugs' is closed"):
        stage.telegram.send(bob, "x", chat=forum, thread_id=thread)
    stage.telegram.send(stage.ann, "the creator may", chat=forum, thread_id=thread)
    stage.telegram.close_topic(forum, thread, closed=False)
    await stage.done("sendMessage", **inside)
    stage.telegram.delete_topic(forum, thread)
    assert await stage.refused("sendMessage", **inside) == NO_THREAD
    assert stage.telegram.messages(forum, thread) == []


async def test_replies_in_a_plain_group_make_threads_that_are_no_topics(stage, group, bob):
    post = await stage.bot.send_message(group.id, "I am here")
    number = stage.telegram.send(bob, "first", post.message_id, chat=group)
    stage.telegram.send(bob, "@sandbox_bot second", number, chat=group)
    first, second = [each.message for each in await fetched(stage)]
    assert first.message_thread_id == second.message_thread_id == post.message_id
    assert second.is_topic_message is None
    assert second.reply_to_message.message_id == number


async def test_topics_of_a_private_chat(stage):
    assert (await stage.bot.get_me()).has_topics_enabled is False
    thread = stage.telegram.add_topic(stage.ann, "Trip")
    assert (await stage.bot.get_me()).has_topics_enabled is True
    stage.telegram.send(stage.ann, "where to?", thread_id=thread)
    _, update = await fetched(stage)
    assert (update.message.message_thread_id, update.message.is_topic_message) == (thread, True)
    assert update.message.reply_to_message is None
    await stage.bot.send_message(stage.ann.id, "Rome", message_thread_id=thread)
    assert [each.text for each in stage.telegram.posts(stage.ann, thread)] == ["Rome"]


async def test_a_group_is_one_budget_for_all_its_topics(limited):
    stage = limited
    forum = stage.telegram.add_group("Forum", [stage.ann], forum=True)
    threads = [stage.telegram.add_topic(forum, name) for name in ("a", "b")]
    where = {"chat_id": forum.id}
    posts = []
    for number in range(10):
        thread = {"message_thread_id": threads[number % 2]}
        posts.append(await stage.done("sendMessage", **where, **thread, text=f"{number}"))
    for post in posts:
        edit = {"message_id": post["message_id"], "text": post["text"] + "!"}
        await stage.done("editMessageText", **where, **edit)
    status, answer = await stage.call("sendMessage", **where, text="one too many")
    assert (status, answer["parameters"]) == (429, {"retry_after": 3})
    for number in range(20):  # typing has a budget of its own, and that is one, too
        thread = {"message_thread_id": threads[number % 2]}
        await stage.done("sendChatAction", **where, **thread, action="typing")
    status, _ = await stage.call("sendChatAction", **where, action="typing")
    assert status == 429
    assert await stage.done("sendMessage", chat_id=stage.ann.id, text="elsewhere")
    other = stage.telegram.add_group("Other", [stage.ann])
    assert await stage.done("sendMessage", chat_id=other.id, text="elsewhere")


async def test_the_bot_leaves_a_group(stage):
    group = stage.telegram.add_group("Bees", [stage.ann])
    stage.telegram.updates.clear()
    assert await stage.done("leaveChat", chat_id=group.id) is True
    (update,) = await stage.done("getUpdates")
    assert update["my_chat_member"]["from"]["id"] == 42
    assert update["my_chat_member"]["new_chat_member"]["status"] == "left"
    assert "not a member" in await stage.refused("sendMessage", chat_id=group.id, text="x")
    private = "Bad Request: chat member status can't be changed in private chats"
    assert await stage.refused("leaveChat", chat_id=stage.ann.id) == private
