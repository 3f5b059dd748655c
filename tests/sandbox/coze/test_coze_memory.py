"""What the agent remembers, and when it forgets."""

from bridge.sandbox.coze import CozeEmulator

ASK = "What do you remember?"


async def test_a_conversation_remembers(api):
    conversation = await api.conversation()
    first = await api.answer("Remember that I like green tea.", conversation)
    assert first == "I will remember: **I like green tea**."
    again = await api.answer("remember: my dog is Bo", conversation)
    assert "message 2 of our conversation" in again
    recalled = await api.answer(ASK, conversation)
    assert "2 messages" in recalled
    assert "- **I like green tea**\n- **my dog is Bo**" in recalled


async def test_another_conversation_knows_nothing(api):
    await api.answer("remember tea", await api.conversation())
    assert "**nothing**" in await api.answer(ASK, await api.conversation())


async def test_without_a_conversation_every_question_is_the_first(api, coze: CozeEmulator):
    await api.answer("remember tea")
    assert "**nothing**" in await api.answer(ASK)
    assert len({asked.conversation_id for asked in coze.asked}) == 2


async def test_clearing_cuts_the_context_and_keeps_the_messages(api, coze: CozeEmulator):
    conversation = await api.conversation()
    await api.answer("remember tea", conversation)
    await api.call("POST", f"/v1/conversations/{conversation}/clear")
    assert "**nothing**" in await api.answer(ASK, conversation)
    listed = await api.json(
        "POST", "/v1/conversation/message/list", params={"conversation_id": conversation}
    )
    assert len(listed["data"]) == 4


async def test_users_of_one_conversation_do_not_share_a_context(api):
    conversation = await api.conversation()
    await api.answer("remember tea", conversation)
    assert "**nothing**" in await api.answer(ASK, conversation, user_id="somebody else")


async def test_an_unsaved_turn_is_no_context(api):
    conversation = await api.conversation()
    await api.answer("remember tea", conversation, auto_save_history=False)
    assert "**nothing**" in await api.answer(ASK, conversation)


async def test_messages_brought_along_are_context(api):
    brought = [
        {"role": "user", "content": "remember tea", "content_type": "text"},
        {"role": "assistant", "content": "ok", "content_type": "text"},
        {"role": "user", "content": ASK, "content_type": "text"},
    ]
    assert "- **tea**" in await api.answer("-", additional_messages=brought)


async def test_the_last_stored_message_may_be_the_question(api):
    conversation = await api.conversation()
    query = {"conversation_id": conversation}
    body = {"role": "user", "content": "who are you", "content_type": "text"}
    await api.call("POST", "/v1/conversation/message/create", params=query, json=body)
    assert "> who are you" in await api.answer("-", conversation, additional_messages=[])
