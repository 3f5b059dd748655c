"""Who writes in groups besides people, groups that become supergroups, and slow mode."""

import pytest

from bridge.sandbox.telegram import Group, TelegramEmulator


def taken(telegram: TelegramEmulator) -> list[dict[str, object]]:
    """The messages that the bot would get."""
    found = [one.update for one in telegram.updates._queue]
    return [one["message"] for one in found if "message" in one]


def friends(stage, **more: bool) -> Group:
    group = stage.telegram.add_group("Friends", [stage.ann], **more)
    stage.telegram.updates.clear()
    return group


async def test_an_administrator_may_write_in_the_groups_name(stage):
    bo = stage.telegram.add_person("Bo")
    stage.telegram.privacy = False
    group = friends(stage)
    stage.telegram.join(group, bo)
    stage.telegram.updates.clear()
    stage.telegram.send_anonymously(stage.ann, "hello", chat=group)
    (message,) = taken(stage.telegram)
    assert message["from"]["username"] == "GroupAnonymousBot"
    assert message["from"]["is_bot"]
    assert message["sender_chat"]["id"] == message["chat"]["id"] == group.id
    with pytest.raises(ValueError, match="no administrator"):
        stage.telegram.send_anonymously(bo, "hello", chat=group)


async def test_a_channel_speaks_and_its_posts_arrive_by_themselves(stage):
    stage.telegram.privacy = False
    group = friends(stage)
    stage.telegram.send_as_channel(stage.ann, "hello", chat=group, title="News")
    stage.telegram.post_of_channel("a post", chat=group, title="News")
    spoken, posted = taken(stage.telegram)
    assert (spoken["from"]["id"], posted["from"]["id"]) == (136817688, 777000)
    assert spoken["sender_chat"] == posted["sender_chat"]
    assert spoken["sender_chat"]["type"] == "channel"
    assert posted["is_automatic_forward"] is True
    assert "is_automatic_forward" not in spoken


@pytest.mark.parametrize("talk", [False, True])
async def test_other_bots_are_heard_only_where_bots_may_talk(stage, talk: bool):
    stage.telegram.privacy = False
    stage.telegram.bots_talk = talk
    group = friends(stage)
    stage.telegram.send_as_bot("other_bot", "beep", chat=group)
    stage.telegram.send_as_bot("other_bot", "@sandbox_bot beep", chat=group)
    heard = [message["text"] for message in taken(stage.telegram)]
    assert heard == (["@sandbox_bot beep"] if talk else [])


async def test_a_bare_command_is_for_the_last_bot_that_wrote(stage):
    group = friends(stage)
    await stage.done("sendMessage", chat_id=group.id, text="hi")
    stage.telegram.send(stage.ann, "/help", chat=group)
    stage.telegram.send_as_bot("other_bot", "beep", chat=group)
    stage.telegram.send(stage.ann, "/stop", chat=group)
    assert [message["text"] for message in taken(stage.telegram)] == ["/help"]


async def test_an_album_is_several_messages_with_one_name(stage):
    stage.telegram.send_album(stage.ann, [b"1", b"2"], "look")
    first, second = taken(stage.telegram)
    assert first["media_group_id"] == second["media_group_id"]
    assert (first["caption"], "caption" in second) == ("look", False)
    assert all("photo" in one for one in (first, second))


async def test_a_forward_says_whose_it_is(stage):
    bo = stage.telegram.add_person("Bo")
    said = stage.telegram.send(bo, "a secret")
    stage.telegram.forward(bo, said, bo, chat=bo)
    message = taken(stage.telegram)[-1]
    assert message["text"] == "a secret"
    assert message["forward_origin"]["sender_user"]["id"] == bo.id


async def test_a_basic_group_becomes_another_chat(stage):
    group = friends(stage, basic=True)
    assert group.id > -1_000_000_000_000
    post = await stage.done("sendMessage", chat_id=group.id, text="hi")
    assert post["chat"]["type"] == "group"
    moved = stage.telegram.migrate(group)
    assert str(moved.id).startswith("-100")
    old, new = taken(stage.telegram)
    assert (old["migrate_to_chat_id"], new["migrate_from_chat_id"]) == (moved.id, group.id)
    for method, more in (
        ("sendMessage", {}),
        ("editMessageText", {"message_id": post["message_id"]}),
        ("sendChatAction", {"action": "typing"}),
    ):
        status, answer = await stage.call(method, chat_id=group.id, text="more", **more)
        assert status == 400
        assert answer["description"].endswith("group chat was upgraded to a supergroup chat")
        assert answer["parameters"] == {"migrate_to_chat_id": moved.id}
    missing = await stage.refused(
        "editMessageText", chat_id=moved.id, message_id=post["message_id"] + 5, text="more"
    )
    assert "not found" in missing
    await stage.done("sendMessage", chat_id=moved.id, text="here")
    with pytest.raises(ValueError, match="now the supergroup"):
        stage.telegram.send(stage.ann, "hello?", chat=group)
    with pytest.raises(ValueError, match="no basic group"):
        stage.telegram.migrate(moved)


def test_slow_mode_holds_messages_back_and_not_edits(quickly):
    async def scene(stage):
        group = friends(stage)
        stage.telegram.slow_mode(group, 20)
        post = await stage.done("sendMessage", chat_id=group.id, text="one")
        status, answer = await stage.call("sendMessage", chat_id=group.id, text="two")
        assert status == 429
        assert 15 < answer["parameters"]["retry_after"] <= 20
        await stage.done(
            "editMessageText", chat_id=group.id, message_id=post["message_id"], text="more"
        )
        stage.telegram.invite_bot(group, admin=True)
        await stage.done("sendMessage", chat_id=group.id, text="two")

    quickly(scene, budgets=None)


async def test_a_basic_group_has_no_topics(stage):
    with pytest.raises(ValueError, match="no topics"):
        stage.telegram.add_group("Basic", [stage.ann], forum=True, basic=True)
