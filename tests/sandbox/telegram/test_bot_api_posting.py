"""What a bot puts into a chat, and every way in which it is refused."""

import json

import pytest
import telegram as ptb
from telegram.error import BadRequest, Forbidden

NOT_MODIFIED = (
    "Bad Request: message is not modified: specified new message content and reply markup are "
    "exactly the same as a current content and reply markup of the message"
)
STOP = ptb.InlineKeyboardMarkup([[ptb.InlineKeyboardButton("Stop", callback_data="stop:1")]])


async def test_a_post_and_its_history(stage):
    bold = [ptb.MessageEntity("bold", 0, 5)]
    sent = await stage.bot.send_message(
        stage.ann.id, "Hello there", entities=bold, reply_markup=STOP, reply_to_message_id=1
    )
    assert sent.from_user.id == 42
    assert sent.reply_to_message.message_id == 1
    edited = await stage.bot.edit_message_text(
        "Hello you", stage.ann.id, sent.message_id, link_preview_options={"is_disabled": True}
    )
    assert edited.edit_date is not None
    (post,) = stage.telegram.posts(stage.ann)
    assert [frame.text for frame in post.history] == ["Hello there", "Hello you"]
    assert post.history[0].entities == [{"type": "bold", "offset": 0, "length": 5}]
    assert post.history[0].reply_markup["inline_keyboard"][0][0]["text"] == "Stop"
    assert (post.entities, post.reply_markup) == ([], None)
    assert post.link_preview_options == {"is_disabled": True}
    assert post.history[0].at_loop_time <= post.history[1].at_loop_time
    assert [each.by_bot for each in stage.telegram.messages(stage.ann)] == [False, True]


async def test_an_equal_edit_is_refused(stage):
    post = await stage.bot.send_message(stage.ann.id, "same", reply_markup=STOP)
    edit = {"chat_id": stage.ann.id, "message_id": post.message_id, "text": "same "}
    markup = STOP.to_dict()
    assert await stage.refused("editMessageText", **edit, reply_markup=markup) == NOT_MODIFIED
    preview = {"is_disabled": True}
    same = {"reply_markup": markup, "link_preview_options": preview}
    assert await stage.refused("editMessageText", **edit, **same) == NOT_MODIFIED
    await stage.done("editMessageText", **edit)
    assert await stage.refused("editMessageReplyMarkup", **edit) == NOT_MODIFIED
    assert stage.telegram.posts(stage.ann)[0].reply_markup is None
    await stage.bot.edit_message_reply_markup(stage.ann.id, post.message_id, reply_markup=STOP)
    assert stage.telegram.posts(stage.ann)[0].reply_markup is not None


async def test_what_cannot_be_edited(stage):
    chat = stage.ann.id
    edit = {"chat_id": chat, "text": "new"}
    gone = await stage.bot.send_message(chat, "gone")
    stage.telegram.delete(stage.ann, gone.message_id)
    force = await stage.bot.send_message(chat, "answer me", reply_markup=ptb.ForceReply())
    refused = stage.refused
    cannot = "Bad Request: message can't be edited"
    absent = "Bad Request: message to edit not found"
    assert await refused("editMessageText", **edit, message_id=1) == cannot
    assert await refused("editMessageText", **edit, message_id=force.message_id) == cannot
    assert await refused("editMessageText", **edit, message_id=gone.message_id) == absent
    assert await refused("editMessageText", **edit, message_id=999) == absent
    nothing = "Bad Request: message identifier is not specified"
    assert await refused("editMessageText", **edit) == nothing
    assert (
        await refused("editMessageText", text="x", inline_message_id="a")
        == "Bad Request: MESSAGE_ID_INVALID"
    )
    assert await refused("editMessageText", chat_id=chat, message_id=1) == (
        "Bad Request: message text is empty"
    )


async def test_chats_that_cannot_be_written_to(stage):
    bob = stage.telegram.add_person("Bob")
    text = {"text": "hi"}
    assert await stage.refused("sendMessage", **text) == "Bad Request: chat_id is empty"
    unknown = "Bad Request: chat not found"
    assert await stage.refused("sendMessage", chat_id=bob.id, **text) == unknown
    assert await stage.refused("sendMessage", chat_id="@nobody", **text) == unknown
    thread = {"chat_id": stage.ann.id, "message_thread_id": 1}
    missing = "Bad Request: message thread not found"
    assert await stage.refused("sendMessage", **thread, **text) == missing
    stage.telegram.block(stage.ann)
    with pytest.raises(Forbidden, match="Forbidden: bot was blocked by the user"):
        await stage.bot.send_message(stage.ann.id, "hi")
    assert stage.telegram.calls_to_closed_chats == 1
    assert stage.telegram.calls[-1].chat_id == stage.ann.id
    with pytest.raises(ValueError, match="unblock it first"):
        stage.telegram.send(stage.ann, "hi")
    stage.telegram.unblock(stage.ann)
    assert await stage.bot.send_message(stage.ann.id, "hi")


async def test_replies(stage):
    chat = stage.ann.id
    reply = {"chat_id": chat, "text": "x"}
    absent = "Bad Request: message to be replied not found"
    assert await stage.refused("sendMessage", **reply, reply_parameters={"message_id": 9}) == absent
    lenient = {"message_id": 9, "allow_sending_without_reply": True}
    sent = await stage.done("sendMessage", **reply, reply_parameters=lenient)
    assert "reply_to_message" not in sent
    wrong = {"message_id": 1, "quote": "other words"}
    assert await stage.refused("sendMessage", **reply, reply_parameters=wrong) == (
        "Bad Request: QUOTE_TEXT_INVALID"
    )
    right = {"message_id": 1, "quote": "lo"}
    sent = await stage.done("sendMessage", **reply, reply_parameters=right)
    assert sent["quote"] == {"text": "lo", "position": 3, "is_manual": True}


async def test_keyboards(stage):
    base = {"chat_id": stage.ann.id, "text": "x"}

    async def refused(button: dict) -> str:
        markup = {"inline_keyboard": [[button]]}
        return await stage.refused("sendMessage", **base, reply_markup=markup)

    assert await refused({"text": "a", "callback_data": "ü" * 33}) == (
        "Bad Request: BUTTON_DATA_INVALID"
    )
    assert await refused({"text": "a", "url": "localhost"}) == "Bad Request: BUTTON_URL_INVALID"
    assert "Text buttons are unallowed" in await refused({"text": "a"})
    broken = await stage.refused("sendMessage", **base, reply_markup="{oops")
    assert broken == "Bad Request: can't parse reply keyboard markup JSON object"
    many = [[{"text": "a", "callback_data": "x"}] for _ in range(101)]
    assert await stage.refused("sendMessage", **base, reply_markup={"inline_keyboard": many}) == (
        "Bad Request: reply markup is too long"
    )
    fits = [[{"text": "a", "callback_data": "x" * 64, "style": "danger"}, {"text": "c"}], []]
    fits[0][1]["copy_text"] = {"text": "copy"}
    sent = await stage.done("sendMessage", **base, reply_markup={"inline_keyboard": fits})
    assert sent["reply_markup"] == {"inline_keyboard": [fits[0]]}


async def test_a_button_is_pressed_and_answered_once(stage):
    post = await stage.bot.send_message(stage.ann.id, "working", reply_markup=STOP)
    pressed = stage.telegram.press(stage.ann, post.message_id, "Stop")
    forged = stage.telegram.press(stage.ann, 500, data="forged")
    first, second = await stage.bot.get_updates()
    query = first.callback_query
    assert (query.id, query.data) == (pressed, "stop:1")
    assert query.message.text == "working"
    assert query.from_user.id == stage.ann.id
    assert second.callback_query.id == forged
    assert second.callback_query.message.date.timestamp() == 0
    await query.answer("Stopped", show_alert=True)
    assert stage.telegram.answers == {pressed: "Stopped"}
    with pytest.raises(BadRequest, match=r"(?i)query is too old and response timeout expired"):
        await query.answer()
    with pytest.raises(ValueError, match="has no button 'Go', only"):
        stage.telegram.press(stage.ann, post.message_id, "Go")


async def test_a_query_is_not_answerable_for_ever(stage):
    now = [stage.telegram.world.clock()]
    stage.telegram.world.clock = lambda: now[0]
    query = stage.telegram.press(stage.ann, 500, data="x")
    now[0] += 151
    assert await stage.refused("answerCallbackQuery", callback_query_id=query) == (
        "Bad Request: query is too old and response timeout expired or query ID is invalid"
    )


async def test_deleting(stage):
    post = await stage.bot.send_message(stage.ann.id, "x")
    assert await stage.bot.delete_message(stage.ann.id, post.message_id)
    assert stage.telegram.posts(stage.ann) == []
    again = {"chat_id": stage.ann.id, "message_id": post.message_id}
    absent = "Bad Request: message to delete not found"
    assert await stage.refused("deleteMessage", **again) == absent
    assert await stage.bot.delete_message(stage.ann.id, 1)
    assert stage.telegram.messages(stage.ann) == []


async def test_typing_and_reactions(stage):
    await stage.bot.send_chat_action(stage.ann.id, "typing")
    assert len(stage.telegram.typing(stage.ann)) == 1
    wrong = await stage.refused("sendChatAction", chat_id=stage.ann.id, action="thinking")
    assert wrong == "Bad Request: wrong parameter action in request"
    await stage.bot.set_message_reaction(stage.ann.id, 1, "👀")
    (message,) = stage.telegram.messages(stage.ann)
    assert message.reactions == [{"type": "emoji", "emoji": "👀"}]
    with pytest.raises(BadRequest, match=r"(?i)REACTION_INVALID"):
        await stage.bot.set_message_reaction(stage.ann.id, 1, "🧊")
    await stage.bot.set_message_reaction(stage.ann.id, 1)
    assert message.reactions == []


async def test_profile(stage):
    bot = stage.bot
    await bot.set_my_commands([("start", "Begin"), ("new", "Forget")])
    await bot.set_my_commands(
        [("start", "开始")], language_code="zh", scope=ptb.BotCommandScopeAllPrivateChats()
    )
    assert stage.telegram.commands == {
        ("default", ""): [
            {"command": "start", "description": "Begin"},
            {"command": "new", "description": "Forget"},
        ],
        ("all_private_chats", "zh"): [{"command": "start", "description": "开始"}],
    }
    assert [each.command for each in await bot.get_my_commands()] == ["start", "new"]
    await bot.delete_my_commands()
    assert await bot.get_my_commands() == ()
    for name in ("Start", "a-b", "x" * 33, ""):
        commands = [{"command": name, "description": "d"}]
        wrong = await stage.refused("setMyCommands", commands=commands)
        assert wrong == "Bad Request: BOT_COMMAND_INVALID"
    await bot.set_my_description("What I do")
    await bot.set_my_short_description("Short")
    assert await stage.refused("setMyDescription", description="x" * 513)
    chat = await bot.get_chat(stage.ann.id)
    assert (chat.first_name, chat.type, chat.username) == ("Ann", "private", "ann_lee")


async def test_lengths_and_empty_texts(stage):
    chat = stage.ann.id

    async def refused(text: str, **more: object) -> str:
        return await stage.refused("sendMessage", chat_id=chat, text=text, **more)

    assert await refused("") == "Bad Request: message text is empty"
    assert await refused(" \n\u200b\u3000\ufeff") == "Bad Request: text must be non-empty"
    assert await refused("x" * 4097) == "Bad Request: message is too long"
    assert await refused("中" * 10_923) == "Bad Request: text is too long"
    assert await refused("x", parse_mode="HTML") == "Bad Request: unsupported parse_mode"
    assert await refused("a\ud83d") == "Bad Request: strings must be encoded in UTF-8"
    assert (await stage.done("sendMessage", chat_id=chat, text="😀" * 4096))["text"] == "😀" * 4096
    post = await stage.done("sendMessage", chat_id=chat, text="x" * 4096 + "  \n")
    edit = {"chat_id": chat, "message_id": post["message_id"], "text": "y" * 4097}
    assert await stage.refused("editMessageText", **edit) == "Bad Request: message is too long"


async def test_entities_that_are_refused_and_ignored(stage):
    chat = stage.ann.id

    async def refused(*entities: object, text: str = "a😀b") -> str:
        return await stage.refused("sendMessage", chat_id=chat, text=text, entities=entities)

    def bold(offset: int, length: int) -> dict:
        return {"type": "bold", "offset": offset, "length": length}

    assert await refused(bold(2, 1)) == (
        "Bad Request: entity begins in a middle of a UTF-16 symbol at byte offset 1"
    )
    assert await refused(bold(0, 2)) == (
        "Bad Request: entity beginning at UTF-16 offset 0 ends in a middle of a UTF-16 symbol at "
        "byte offset 1"
    )
    assert await refused(bold(0, 5)) == (
        "Bad Request: entity beginning at UTF-16 offset 0 ends after the end of the text at "
        "UTF-16 offset 5"
    )
    assert await refused(bold(4, 1)) == (
        "Bad Request: entity begins after the end of the text at UTF-16 offset 4"
    )
    for wrong in ({"type": "blink", "offset": 0, "length": 1}, {"type": "bold"}, 5, {}):
        assert (await refused(wrong)).startswith("Bad Request: can't parse MessageEntity: ")
    link = {"type": "text_link", "offset": 0, "length": 1, "url": "http://localhost:3000"}
    assert await refused(link) == (
        "Bad Request: entity URL 'http://localhost:3000' is invalid: Wrong HTTP URL"
    )
    stranger = {"type": "text_mention", "offset": 0, "length": 1, "user": {"id": 5}}
    assert await refused(stranger) == "Bad Request: user not found"
    sent = await stage.done("sendMessage", chat_id=chat, text="a", entities="[{broken")
    assert "entities" not in sent
    known = json.dumps([link | {"url": f"tg://user?id={chat}"}])
    sent = await stage.done("sendMessage", chat_id=chat, text="a", entities=known)
    assert sent["entities"][0]["user"]["first_name"] == "Ann"


async def test_hostile_parameters_are_refused_politely(stage):
    base = {"chat_id": stage.ann.id, "text": "x", "message_id": 1}
    number = "9" * 5000
    for method, wish in [
        ("sendMessage", {"reply_markup": '{"inline_keyboard":[[{"text":"\\ud83d"}]]}'}),
        ("sendMessage", {"reply_markup": {"inline_keyboard": [{"text": "a"}]}}),
        ("sendMessage", {"reply_markup": "[" * 100_000}),
        ("sendMessage", {"reply_parameters": [1]}),
        ("sendMessage", {"chat_id": number}),
        ("sendMessage", {"link_preview_options": "{"}),
        ("sendMessage", {"entities": [{"type": "bold", "offset": number, "length": 1}]}),
        ("setMessageReaction", {"reaction": [{"type": "emoji", "emoji": ["👀"]}]}),
        ("setMyCommands", {"scope": {"type": "chat", "chat_id": number}}),
        ("setMyCommands", {"scope": {"type": ["chat"]}}),
        ("getFile", {"file_id": "../../etc"}),
        ("editMessageText", {"message_id": number}),
        ("sendChatAction", {"action": {}}),
        ("answerCallbackQuery", {"callback_query_id": "\ud83d"}),
    ]:
        status, answer = await stage.call(method, **(base | wish))
        assert (status, answer["ok"]) == (400, False), (method, wish)
    sent = await stage.done(
        "sendMessage", **base, link_preview_options={"is_disabled": True, "a": 1}
    )
    assert sent["link_preview_options"] == {"is_disabled": True}
