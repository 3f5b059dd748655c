"""Which of a group's messages are for us, and what is left of them: a table of cases."""

from collections.abc import Mapping
from typing import Any

import pytest
from telegram import Bot, User

from bridge.model import Quote
from bridge.telegram.updates.addressing import wakes, without_word
from bridge.telegram.updates.events import (
    CommandCall,
    Event,
    Ignored,
    MessageEdited,
    Overheard,
    Question,
    Unreadable,
)
from bridge.telegram.updates.parse import read

US = {"id": 42, "is_bot": True, "first_name": "Sandbox", "username": "sandbox_bot"}
ANN = {"id": 5, "is_bot": False, "first_name": "Ann", "language_code": "en"}
BO = {"id": 6, "is_bot": False, "first_name": "Bo"}
OTHER_BOT = {"id": 43, "is_bot": True, "first_name": "Other", "username": "other_bot"}
GROUP = {"id": -1002, "type": "supergroup", "title": "Group"}
FORUM = GROUP | {"is_forum": True}
CHANNEL = {"id": -1003, "type": "channel", "title": "News"}
ANONYMOUS = {
    "id": 1087968824,
    "is_bot": True,
    "first_name": "Group",
    "username": "GroupAnonymousBot",
}
CHANNEL_BOT = {"id": 136817688, "is_bot": True, "first_name": "Channel", "username": "Channel_Bot"}
TELEGRAM = {"id": 777000, "is_bot": False, "first_name": "Telegram"}
PHOTO = [{"file_id": "a", "file_unique_id": "b", "width": 1, "height": 1}]
DOCUMENT = {"file_id": "a", "file_unique_id": "b"}
OPENED = {"forum_topic_created": {"name": "Ideas", "icon_color": 7322096}}
HELLO_US = "@sandbox_bot hello"


def mark(text: str, kind: str, words: str, nth: int = 0, **more: object) -> dict[str, object]:
    """An entity over some words of a text, by UTF-16 units."""
    place = -1
    for _ in range(nth + 1):
        place = text.index(words, place + 1)
    before = len(text[:place].encode("utf-16-le")) // 2
    return {"type": kind, "offset": before, "length": len(words.encode("utf-16-le")) // 2, **more}


def message(text: str = "", **fields: Any) -> dict[str, Any]:
    """A group's message of Ann's."""
    plain: dict[str, Any] = {"message_id": 7, "date": 1_700_000_000, "chat": GROUP, "from": ANN}
    return plain | ({"text": text} if text else {}) | fields


def named(text: str, name: str = "@sandbox_bot", **fields: Any) -> dict[str, Any]:
    """A message in which a name is marked as a mention."""
    return message(text, entities=[mark(text, "mention", name)], **fields)


def ordered(text: str, command: str, **fields: Any) -> dict[str, Any]:
    """A message in which a command is marked."""
    return message(text, entities=[mark(text, "bot_command", command)], **fields)


def answered(by: Mapping[str, Any], text: str = "before", **fields: Any) -> dict[str, Any]:
    """What a message answers."""
    return {
        "message_id": 3,
        "date": 1_600_000_000,
        "chat": GROUP,
        "from": by,
        "text": text,
    } | fields


def told(raw: Mapping[str, Any], kind: str = "message") -> Event:
    bot = Bot("42:SANDBOX")
    bot._bot_user = User.de_json(dict(US), bot)
    return read({"update_id": 1, kind: raw}, bot)


def described(item: Event) -> str:
    match item:
        case Question(said):
            return f"ask {said.text}"
        case Overheard(said):
            return f"heard {said.text}"
        case CommandCall():
            return f"order {item.name} {item.argument}".strip() + ("" if item.surely else " ?")
        case Unreadable():
            return "unreadable"
        case MessageEdited(said):
            return f"edit {said.text}"
        case _:
            return "nothing"


LONG = "👩‍👩‍👧‍👦🇩🇪"
CASES: dict[str, tuple[dict[str, Any], str]] = {
    # by name
    "a plain line": (message("hello all"), "heard hello all"),
    "a mention at the beginning": (named(HELLO_US), "ask hello"),
    "in any case": (named("@SandBox_BOT hello", "@SandBox_BOT"), "ask hello"),
    "at the end": (named("hello @sandbox_bot"), "ask hello"),
    "at the end, with a sign": (named("why, @sandbox_bot?"), "ask why?"),
    "in the middle": (named("tell @sandbox_bot hi"), "ask tell @sandbox_bot hi"),
    "with a comma behind": (named("@sandbox_bot, hello"), "ask hello"),
    "with a colon behind": (named("@sandbox_bot: hello"), "ask hello"),
    "on a line of its own": (named("@sandbox_bot\nhello"), "ask hello"),
    "alone": (named("@sandbox_bot"), "ask @sandbox_bot"),
    "another bot": (named("@other_bot hello", "@other_bot"), "heard @other_bot hello"),
    "a name that begins like ours": (
        named("@sandbox_bot2 hello", "@sandbox_bot2"), "heard @sandbox_bot2 hello"),
    "our name that nobody marked": (message(HELLO_US), f"heard {HELLO_US}"),
    "our name inside a link": (
        message("t.me/@sandbox_bot", entities=[mark("t.me/@sandbox_bot", "url", "t.me/@sandbox_bot")]),
        "heard t.me/@sandbox_bot"),
    "our name in code": (
        message(HELLO_US, entities=[mark(HELLO_US, "code", "@sandbox_bot")]), f"heard {HELLO_US}"),
    "two names, the second ours": (
        message("@other_bot @sandbox_bot hi", entities=[
            mark("@other_bot @sandbox_bot hi", "mention", "@other_bot"),
            mark("@other_bot @sandbox_bot hi", "mention", "@sandbox_bot")]),
        "ask @other_bot @sandbox_bot hi"),
    "by id": (
        message("Sandbox hi", entities=[mark("Sandbox hi", "text_mention", "Sandbox", user=US)]),
        "ask hi"),
    "by the id of another": (
        message("Bo hi", entities=[mark("Bo hi", "text_mention", "Bo", user=BO)]), "heard Bo hi"),
    # places count UTF-16 units
    "behind emoji": (named("😀😀 @sandbox_bot hi"), "ask 😀😀 @sandbox_bot hi"),
    "behind a family": (named(f"{LONG} @sandbox_bot"), f"ask {LONG}"),
    "before emoji": (named("@sandbox_bot 😀"), "ask 😀"),
    "in Hebrew": (named("שלום @sandbox_bot"), "ask שלום"),
    "at the beginning of Hebrew": (named("@sandbox_bot מה שלומך?"), "ask מה שלומך?"),
    "in Arabic": (named("مرحبا @sandbox_bot كيف"), "ask مرحبا @sandbox_bot كيف"),
    "with marks of direction": (named("\u200f@sandbox_bot hi"), "ask \u200f@sandbox_bot hi"),
    "in Chinese": (named("你好@sandbox_bot"), "ask 你好"),
    "at the end, with a Chinese sign": (named("为什么 @sandbox_bot？"), "ask 为什么？"),
    "a place counted in letters is another": (
        message("😀 @sandbox_bot", entities=[{"type": "mention", "offset": 2, "length": 12}]),
        "heard 😀 @sandbox_bot"),
    "a place beyond the end": (
        message("hi", entities=[{"type": "mention", "offset": 90, "length": 12}]), "heard hi"),
    "a place before the beginning": (
        message("hi", entities=[{"type": "mention", "offset": -5, "length": 12}]), "heard hi"),
    "half an emoji": (
        message("😀x", entities=[{"type": "mention", "offset": 1, "length": 1}]), "heard 😀x"),
    # as an answer
    "an answer to us": (message("and then?", reply_to_message=answered(US)), "ask and then?"),
    "an answer to Bo": (message("and then?", reply_to_message=answered(BO)), "heard and then?"),
    "an answer to another bot": (
        message("no", reply_to_message=answered(OTHER_BOT)), "heard no"),
    "in a topic that we opened": (
        message("hi", chat=FORUM, is_topic_message=True, message_thread_id=3,
                reply_to_message=answered(US, "", **OPENED)), "heard hi"),
    "in a topic, an answer to us": (
        message("hi", chat=FORUM, is_topic_message=True, message_thread_id=2,
                reply_to_message=answered(US)), "ask hi"),
    "an answer to Bo that names us": (
        named("@sandbox_bot", reply_to_message=answered(BO, "What is TeX?")), "ask"),
    "an answer to Bo that asks us": (
        named("@sandbox_bot true?", reply_to_message=answered(BO)), "ask true?"),
    # commands
    "a command": (ordered("/new", "/new"), "order new ?"),
    "a command that names us": (ordered("/new@sandbox_bot", "/new@sandbox_bot"), "order new"),
    "in any case, too": (ordered("/NEW@Sandbox_Bot", "/NEW@Sandbox_Bot"), "order new"),
    "another bot's command": (ordered("/new@other_bot", "/new@other_bot"), "nothing"),
    "another bot's, as an answer to us": (
        ordered("/new@other_bot", "/new@other_bot", reply_to_message=answered(US)), "nothing"),
    "an unknown one": (ordered("/weather Rome", "/weather"), "order weather Rome ?"),
    "an unknown one, as an answer to us": (
        ordered("/weather", "/weather", reply_to_message=answered(US)), "order weather"),
    "a question": (ordered("/ask why?", "/ask"), "ask why?"),
    "a question with our name": (
        ordered("/ask@sandbox_bot why?", "/ask@sandbox_bot"), "ask why?"),
    "no question": (ordered("/ask", "/ask"), "order ask ?"),
    "a question about Bo's words": (
        ordered("/ask", "/ask", reply_to_message=answered(BO)), "ask"),
    "a command that is not at the beginning": (ordered("so /new", "/new"), "heard so /new"),
    "one that is not, and names us": (
        ordered("so /new@sandbox_bot", "/new@sandbox_bot"), "ask so /new@sandbox_bot"),
    "our name and a command": (
        message("@sandbox_bot /settings", entities=[
            mark("@sandbox_bot /settings", "mention", "@sandbox_bot"),
            mark("@sandbox_bot /settings", "bot_command", "/settings")]), "order settings"),
    "a slash that is no command": (message("/ hello"), "heard / hello"),
    "a private command": (
        ordered("/weather", "/weather", chat={"id": 5, "type": "private"}), "order weather"),
    # captions
    "a caption that names us": (
        message(photo=PHOTO, caption=HELLO_US,
                caption_entities=[mark(HELLO_US, "mention", "@sandbox_bot")]),
        "ask hello"),
    "a caption that does not": (
        message(photo=PHOTO, caption="hello"),
        "heard hello"),
    "a caption with a question": (
        message(document=DOCUMENT, caption="/ask why?",
                caption_entities=[mark("/ask why?", "bot_command", "/ask")]), "ask why?"),
    "a picture": (message(photo=PHOTO), "heard "),
    "a picture as an answer to us": (
        message(photo=PHOTO, reply_to_message=answered(US)), "ask "),
    "the rest of an album": (
        message(photo=PHOTO, media_group_id="13"), "heard "),
    # who writes
    "what another bot says": (named(HELLO_US, **{"from": OTHER_BOT}), "nothing"),
    "another bot's answer to us": (
        message("hi", **{"from": OTHER_BOT}, reply_to_message=answered(US)), "nothing"),
    "we ourselves": (named(HELLO_US, **{"from": US}), "nothing"),
    "an anonymous administrator": (
        named(HELLO_US, **{"from": ANONYMOUS}, sender_chat=GROUP), "ask hello"),
    "a channel": (named(HELLO_US, **{"from": CHANNEL_BOT}, sender_chat=CHANNEL), "ask hello"),
    "a channel's post": (
        named(HELLO_US, **{"from": TELEGRAM}, sender_chat=CHANNEL, is_automatic_forward=True),
        "nothing"),
    "nobody": ({name: value for name, value in named(HELLO_US).items() if name != "from"}, "nothing"),
    "an answer to a channel's post that names us": (
        named(HELLO_US, reply_to_message=answered(TELEGRAM, sender_chat=CHANNEL)), "ask hello"),
    # what was passed on
    "a forward": (
        message("news", forward_origin={"type": "user", "date": 1, "sender_user": BO}),
        "heard (Forwarded from Bo:)\n> news"),
    "a forward of a hidden person": (
        message("a\nb", forward_origin={"type": "hidden_user", "date": 1, "sender_user_name": "X"}),
        "heard (Forwarded from X:)\n> a\n> b"),
    "a forward of a channel": (
        message("news", forward_origin={
            "type": "channel", "date": 1, "chat": CHANNEL, "message_id": 2}),
        "heard (Forwarded from News:)\n> news"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_a_message_is_for_us(name: str) -> None:
    raw, expected = CASES[name]
    assert described(told(raw)).rstrip() == expected.rstrip()


def test_there_are_many_cases() -> None:
    assert len(CASES) >= 60


def test_an_edit_is_read_as_the_message_was() -> None:
    raw = named(HELLO_US, edit_date=1_700_000_060)
    assert described(told(raw, "edited_message")) == "edit hello"


@pytest.mark.parametrize(
    ("fields", "quote"),
    [
        ({}, None),
        ({"reply_to_message": answered(BO, "What?")}, Quote("Bo", "What?")),
        ({"reply_to_message": answered(US, "That.")}, Quote("", "That.")),
        ({"reply_to_message": answered(ANONYMOUS, "Us", sender_chat=GROUP)}, Quote("Group", "Us")),
        ({"reply_to_message": answered(OTHER_BOT, "Beep")}, Quote("Other", "Beep")),
        ({"reply_to_message": answered(BO, "", photo=PHOTO)}, Quote("Bo", "(photo.jpg)")),
        ({"reply_to_message": answered(BO, "", photo=PHOTO, caption="Me")}, Quote("Bo", "Me")),
        (
            {
                "reply_to_message": answered(BO, "one two"),
                "quote": {"text": "two", "position": 4},
            },
            Quote("Bo", "two"),
        ),
        ({"quote": {"text": "elsewhere", "position": 0}}, Quote("?", "elsewhere")),
        ({"reply_to_message": answered(US, "", **OPENED)}, None),
    ],
)
def test_what_it_answers_comes_along(fields: dict[str, Any], quote: Quote | None) -> None:
    item = told(named(HELLO_US, **fields))
    assert isinstance(item, Question)
    assert item.message.quote == quote


def test_who_speaks_in_the_groups_name_leads_it() -> None:
    speaks = [
        told(named(HELLO_US, **{"from": ANONYMOUS}, sender_chat=GROUP)),
        told(named(HELLO_US, **{"from": CHANNEL_BOT}, sender_chat=CHANNEL)),
        told(named(HELLO_US)),
    ]
    found = [one.message.sender for one in speaks if isinstance(one, Question)]
    assert [(one.id, one.name, one.is_admin) for one in found] == [
        (-1002, "Group", True), (-1003, "News", False), (5, "Ann", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "word", "rest"),
    [
        ("Computer, lights on", "computer", "lights on"),
        ("COMPUTER: lights", "Computer", "lights"),
        ("computers are fast", "computer", None),
        ("hey computer", "computer", None),
        ("hey computer what", "hey computer", "what"),
        ("小助手今天怎么样", "小助手", "今天怎么样"),
        ("小助手，你好", "小助手", "你好"),
        ("Straße frei?", "STRASSE", "frei?"),
        ("😀bot hi", "😀bot", "hi"),
        ("computer", "computer", "computer"),
        ("anything", "", None),
        ("", "computer", None),
    ],
)
def test_a_wake_word_begins_the_text(text: str, word: str, rest: str | None) -> None:
    assert wakes(text, word) is (rest is not None)
    if rest is not None:
        assert without_word(text, word) == rest


def test_every_kind_of_item_is_covered() -> None:
    assert isinstance(told({"message_id": 1, "date": 1, "chat": GROUP}), Ignored)
