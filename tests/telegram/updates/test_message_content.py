"""What a message carries beside its text reaches the agent; what cannot be read says so."""

import json
from collections.abc import Mapping
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram import Bot, User

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
from bridge.telegram.updates.rich_text import linked, rich_mentions, rich_text

Json = dict[str, object]
PERSON: Json = {"id": 5, "is_bot": False, "first_name": "Ann"}
BOT: Json = {"id": 42, "is_bot": True, "first_name": "Lab", "username": "lab_bridge_bot"}
PRIVATE: Json = {"id": 5, "type": "private", "first_name": "Ann"}
GROUP: Json = {"id": -1001, "type": "supergroup", "title": "Group"}


@cache
def a_bot() -> Bot:
    bot = Bot("42:SANDBOX")
    bot._bot_user = User(42, "Lab", True, username="lab_bridge_bot")
    return bot


def item(message: Mapping[str, object], chat: Json = PRIVATE, kind: str = "message") -> Event:
    whole = {"message_id": 9, "date": 1_800_000_000, "chat": chat, "from": PERSON, **message}
    return read({"update_id": 1, kind: whole}, a_bot())


def asked(message: Mapping[str, object], chat: Json = PRIVATE) -> str:
    found = item(message, chat)
    assert isinstance(found, Question), found
    return found.message.text


def paragraph(*parts: object) -> Json:
    return {"type": "paragraph", "text": list(parts)}


RICH: Json = {
    "blocks": [
        {"type": "heading", "text": "Title", "size": 2},
        paragraph("a ", {"type": "bold", "text": "bold"}, " word"),
        {
            "type": "list",
            "items": [
                {"label": "•", "blocks": [paragraph("one")]},
                {"label": "2.", "blocks": [paragraph("two")]},
                {
                    "label": "•",
                    "has_checkbox": True,
                    "is_checked": True,
                    "blocks": [paragraph("did")],
                },
            ],
        },
        {"type": "pre", "text": "x = 1\n```", "language": "python"},
        {
            "type": "table",
            "cells": [
                [{"text": "A", "align": "left", "valign": "top"}, {"text": "B"}],
                [
                    {"text": "1|2"},
                    {"text": {"type": "url", "text": "open", "url": "https://x.example"}},
                ],
            ],
        },
        {"type": "blockquote", "blocks": [paragraph("said")], "credit": "Bo"},
        {"type": "mathematical_expression", "expression": "x^2"},
        {"type": "details", "summary": "More", "blocks": [paragraph("inside")]},
        {"type": "something_new", "text": "still read"},
    ]
}


def test_a_rich_message_is_markdown() -> None:
    assert asked({"rich_message": RICH}) == "\n\n".join(
        [
            "## Title",
            "a **bold** word",
            "- one\n2. two\n- [x] did",
            "````python\nx = 1\n```\n````",
            "| A | B |\n| --- | --- |\n| 1\\|2 | [open](https://x.example) |",
            "> said",
            "— Bo",
            "$$\nx^2\n$$",
            "More\n\ninside",
            "still read",
        ]
    )


def test_a_rich_message_that_is_answered_is_quoted() -> None:
    answered = {"message_id": 8, "date": 1, "chat": PRIVATE, "from": BOT, "rich_message": RICH}
    found = item({"text": "what does row 2 mean?", "reply_to_message": answered})
    assert isinstance(found, Question)
    assert found.message.quote is not None
    assert "| 1\\|2 |" in found.message.quote.text


def test_a_forwarded_rich_message_says_whose_it_is() -> None:
    origin = {"type": "hidden_user", "date": 1, "sender_user_name": "Bo"}
    assert asked({"rich_message": RICH, "forward_origin": origin}).startswith(
        "(Forwarded from Bo:)\n> ## Title"
    )


@pytest.mark.parametrize(
    "mention",
    [
        {"type": "mention", "text": "@lab_bridge_bot", "username": "lab_bridge_bot"},
        {"type": "mention", "text": "@Lab_Bridge_Bot", "username": "@Lab_Bridge_Bot"},
        {"type": "text_mention", "text": "Lab", "user": BOT},
        {"type": "bot_command", "text": "/x@lab_bridge_bot", "bot_command": "/x@lab_bridge_bot"},
    ],
)
def test_a_mention_inside_of_a_rich_message_speaks_to_us(mention: Json) -> None:
    blocks = [{"type": "list", "items": [{"label": "•", "blocks": [paragraph("hi ", mention)]}]}]
    assert isinstance(item({"rich_message": {"blocks": blocks}}, GROUP), Question)
    other = [paragraph("hi ", {"type": "mention", "text": "@other", "username": "other"})]
    assert isinstance(item({"rich_message": {"blocks": other}}, GROUP), Overheard)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["type", "text", "blocks", "items", "cells", "url", "label", "caption",
                             "username", "user", "summary", "expression", "size", "credit"]),
            inner, max_size=4,
        )
    ),
    max_leaves=25,
)  # fmt: skip


@given(JSON)
def test_any_json_is_read_as_a_rich_message(content: object) -> None:
    assert isinstance(rich_text(content), str)
    list(rich_mentions(content))


def test_depth_ends() -> None:
    text: object = "deep"
    for _ in range(5000):
        text = {"type": "bold", "text": text}
    assert rich_text({"blocks": [{"type": "paragraph", "text": text}]}) == ""
    list(rich_mentions({"blocks": [{"type": "paragraph", "text": text}]}))


def test_a_checklist_is_read() -> None:
    tasks = [{"id": 1, "text": "tea", "completion_date": 5}, {"id": 2, "text": "milk"}]
    assert asked({"checklist": {"title": "Buy", "tasks": tasks}}) == (
        "(A checklist: Buy)\n- [x] tea\n- [ ] milk"
    )


def link(offset: int, length: int, url: str = "https://example.com/a") -> Json:
    return {"type": "text_link", "offset": offset, "length": length, "url": url}


@pytest.mark.parametrize("field", ["text", "caption"])
def test_addresses_behind_words_reach_the_agent(field: str) -> None:
    more: Json = {"document": {"file_id": "f", "file_unique_id": "u"}} if field == "caption" else {}
    entities = "entities" if field == "text" else "caption_entities"
    message = {field: "summarise this article", entities: [link(10, 12)], **more}
    assert asked(message) == "summarise [this article](https://example.com/a)"


@pytest.mark.parametrize(
    ("text", "entity", "shown"),
    [
        ("😀 this", link(3, 4), "😀 [this](https://example.com/a)"),
        ("[x]", link(0, 3), "[\\[x\\]](https://example.com/a)"),
        ("https://example.com/a", link(0, 21), "https://example.com/a"),
        ("example.com/a", link(0, 13), "https://example.com/a"),
        ("here", link(0, 4, "https://x.example/a_(b)"), "[here](<https://x.example/a_(b)>)"),
        ("here", link(0, 400), "[here](https://example.com/a)"),
    ],
)
def test_links_stand_at_their_place(text: str, entity: Json, shown: str) -> None:
    assert asked({"text": text, "entities": [entity]}) == shown


def test_links_of_what_is_answered_forwarded_and_asked_by_a_command() -> None:
    answered = {"message_id": 8, "date": 1, "chat": PRIVATE, "from": PERSON, "text": "see here",
                "entities": [link(4, 4)]}  # fmt: skip
    found = item({"text": "what is it?", "reply_to_message": answered})
    assert isinstance(found, Question)
    assert found.message.quote is not None
    assert found.message.quote.text == "see [here](https://example.com/a)"
    origin = {"type": "hidden_user", "date": 1, "sender_user_name": "Bo"}
    text = {"text": "see here", "entities": [link(4, 4)]}
    assert "(https://example.com/a)" in asked({**text, "forward_origin": origin})
    command = {"type": "bot_command", "offset": 0, "length": 4}
    assert asked({"text": "/ask see here", "entities": [command, link(9, 4)]}) == (
        "see [here](https://example.com/a)"
    )
    mention = {"type": "mention", "offset": 0, "length": 15}
    group = {"text": "@lab_bridge_bot see here", "entities": [mention, link(20, 4)]}
    assert asked(group, GROUP) == "see [here](https://example.com/a)"


@pytest.mark.parametrize("end", [".", "?", "!"])
def test_a_link_stays_where_our_name_stands_at_the_end(end: str) -> None:
    text = f"here @lab_bridge_bot{end}"
    entities = [link(0, 4), *mentions(text, "@lab_bridge_bot")]
    assert asked({"text": text, "entities": entities}, GROUP) == (
        f"[here](https://example.com/a){end}"
    )


def test_a_link_on_a_word_of_our_name_is_found_in_its_place() -> None:
    text = "@lab_bridge_bot bot"
    entities = [*mentions(text, "@lab_bridge_bot"), link(16, 3)]
    assert asked({"text": text, "entities": entities}, GROUP) == "[bot](https://example.com/a)"
    command = {"type": "bot_command", "offset": 0, "length": 4}
    assert asked({"text": "/ask s", "entities": [command, link(5, 1)]}) == (
        "[s](https://example.com/a)"
    )


def test_broken_entities_cost_no_words() -> None:
    assert asked({"text": "hello", "entities": [{"type": "bold"}]}).startswith("hello\n")


@given(st.text(max_size=12), st.integers(0, 12), st.integers(0, 12))
def test_any_words_with_a_link_keep_all_words(text: str, offset: int, length: int) -> None:
    if not text.strip():
        return
    found = item({"text": text, "entities": [link(offset, length)]})
    assert isinstance(found, Question | Ignored)


def test_a_label_cannot_break_out_of_a_link() -> None:
    assert linked("a](b", "https://x.example") == "[a\\](b](https://x.example)"
    assert linked("click", "javascript alert") == "click"


OLD_POLL: Json = {
    "id": "1", "question": "Tea?", "options": [{"text": "yes", "voter_count": 0}],
    "total_voter_count": 0, "is_closed": False, "is_anonymous": True, "type": "regular",
}  # fmt: skip


def test_one_broken_part_does_not_cost_the_message() -> None:
    """A server older than the library lacks what that requires of a poll."""
    answered = {"message_id": 8, "date": 1, "chat": PRIVATE, "from": PERSON, "poll": OLD_POLL}
    text = asked({"text": "what does this mean?", "reply_to_message": answered})
    assert text == "what does this mean?\n(A part of this message could not be read.)"


def test_a_message_that_is_one_broken_part_is_told_about() -> None:
    assert isinstance(item({"poll": OLD_POLL}), Unreadable)


def test_what_is_answered_in_another_chat_has_an_author_and_words() -> None:
    origin = {"type": "channel", "date": 1, "message_id": 3,
              "chat": {"id": -1009, "type": "channel", "title": "News"}}  # fmt: skip
    place = {"latitude": 1.5, "longitude": 2.5}
    found = item({"text": "where?", "external_reply": {"origin": origin, "location": place}})
    assert isinstance(found, Question)
    assert found.message.quote is not None
    assert found.message.quote.author == "News"
    assert "1.500000" in found.message.quote.text


def test_a_place_that_moves_asks_nothing() -> None:
    place = {"latitude": 1.5, "longitude": 2.5, "live_period": 900}
    assert isinstance(item({"location": place}), Question)
    moved = item({"location": place, "edit_date": 1_800_000_010}, kind="edited_message")
    assert isinstance(moved, Ignored)


@pytest.mark.parametrize(
    ("text", "length", "name"),
    [
        ("/etc/hosts what is this?", 4, None),
        ("/help", 5, "help"),
        ("/help me", 5, "help"),
        ("/help\nme", 5, "help"),
        ("/tmp", 4, "tmp"),
        ("/usr/bin", 4, None),
        ("/new.conf is broken", 4, None),
    ],
)
def test_a_path_is_no_command(text: str, length: int, name: str | None) -> None:
    command = {"type": "bot_command", "offset": 0, "length": length}
    found = item({"text": text, "entities": [command]})
    if name is None:
        assert isinstance(found, Question)
        assert found.message.text == text
    else:
        assert isinstance(found, CommandCall)
        assert found.name == name


def mentions(text: str, *names: str) -> list[Json]:
    return [{"type": "mention", "offset": text.index(name), "length": len(name)} for name in names]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("@lab_bridge_bot @ops_helper_bot are you both here?", True),
        ("@ops_helper_bot, @lab_bridge_bot are you both here?", True),
        ("@lab_bridge_bot and @ops_helper_bot: hello", True),
        ("@lab_bridge_bot are you here with @ops_helper_bot?", False),
    ],
)
def test_our_name_stays_beside_another(text: str, kept: bool) -> None:
    entities = mentions(text, "@lab_bridge_bot", "@ops_helper_bot")
    found = asked({"text": text, "entities": entities}, GROUP)
    assert ("@lab_bridge_bot" in found) is kept


def test_an_edit_says_whether_it_speaks_to_us() -> None:
    text = "@lab_bridge_bot hello"
    edited = item(
        {"text": text, "entities": mentions(text, "@lab_bridge_bot"), "edit_date": 1_800_000_005},
        GROUP,
        "edited_message",
    )
    assert isinstance(edited, MessageEdited)
    assert not edited.heard


def test_what_nobody_can_read_is_said_once() -> None:
    assert isinstance(item({"gift_from_the_future": {"id": 1}}), Unreadable)
    assert json.dumps(RICH)
