"""Rich messages: what they may be made of, sending, editing into them and back, drafts."""

from typing import Any

import pytest
import telegram as ptb

from bridge.sandbox.telegram import plain_text
from bridge.sandbox.telegram.content.rich import read_rich
from bridge.sandbox.telegram.refusals import Refused

NOT_MODIFIED = "Bad Request: message is not modified"
EMPTY = "Bad Request: rich message must be non-empty"
INVISIBLE = "Bad Request: RICH_MESSAGE_CONTENT_REQUIRED"
NO_MAIL = "Bad Request: RICH_MESSAGE_EMAIL_INVALID"
NO_LINK = "Bad Request: RICH_MESSAGE_URL_INVALID"
CELL = {"align": "left", "valign": "top"}


def paragraph(text: object) -> dict[str, object]:
    return {"type": "paragraph", "text": text}


def blocks(*all_of_them: object, **more: object) -> dict[str, Any]:
    return {"blocks": list(all_of_them), **more}


def refused(sent: dict[str, Any], *, draft: bool = False) -> str:
    with pytest.raises(Refused) as caught:
        read_rich(sent, draft=draft)
    assert caught.value.status == 400
    return caught.value.description


EVERYTHING = [
    {"type": "heading", "size": 2, "text": ["On ", {"type": "italic", "text": "grain"}]},
    paragraph(["a ", {"type": "bold", "text": [{"type": "code", "text": "b"}, "c"]}]),
    {"type": "pre", "text": "print(1)", "language": "python"},
    {
        "type": "list",
        "items": [
            {"label": "•", "blocks": [paragraph("done")], "has_checkbox": True, "is_checked": True},
            {"label": "2.", "blocks": [paragraph("two")], "value": 2, "type": "1"},
        ],
    },
    {
        "type": "table",
        "cells": [
            [{"text": "h", "is_header": True, **CELL}, {"colspan": 2, **CELL}],
            [{"text": {"type": "url", "text": "x", "url": "https://a.example/"}, **CELL}],
        ],
        "is_bordered": True,
        "is_striped": True,
        "caption": "counts",
    },
    {"type": "blockquote", "blocks": [paragraph("said")], "credit": "Li"},
    {"type": "expandable_blockquote", "text": "long"},
    {"type": "details", "summary": "more", "blocks": [{"type": "divider"}], "is_open": True},
    {"type": "mathematical_expression", "expression": "x^2"},
    paragraph({"type": "mathematical_expression", "expression": "y"}),
    {"type": "footer", "text": "end"},
]


async def test_a_rich_message_is_sent(stage):
    sent_items = [
        {k: v for k, v in each.items() if k != "label"} for each in EVERYTHING[3]["items"]
    ]
    sent = [each | {"items": sent_items} if each["type"] == "list" else each for each in EVERYTHING]
    message = await stage.bot.do_api_request(
        "sendRichMessage",
        api_kwargs={
            "chat_id": stage.ann.id,
            "rich_message": {"blocks": sent, "skip_entity_detection": True, "is_rtl": True},
            "reply_markup": {"inline_keyboard": [[{"text": "Go", "callback_data": "go"}]]},
        },
        return_type=ptb.Message,
    )
    assert message.text is None
    assert message.reply_markup.inline_keyboard[0][0].text == "Go"
    assert message.api_kwargs["rich_message"] == {"blocks": EVERYTHING, "is_rtl": True}
    (post,) = stage.telegram.posts(stage.ann)
    assert (post.text, post.rich) == ("", {"blocks": EVERYTHING, "is_rtl": True})
    words = plain_text(post.rich).splitlines()
    assert words[:4] == ["On grain", "a bc", "print(1)", "done"]
    assert "more" in words
    group = stage.telegram.add_group("Team", [stage.ann])
    await stage.done("sendRichMessage", chat_id=group.id, rich_message={"markdown": "# Hi"})
    assert stage.telegram.posts(group)[0].rich["blocks"][0]["type"] == "heading"
    stage.telegram.mute_bot(group)
    muted = await stage.refused(
        "sendRichMessage", chat_id=group.id, rich_message={"markdown": "Hi"}
    )
    assert muted == "Bad Request: not enough rights to send the rich message to the chat"


async def test_a_text_becomes_rich_and_text_again(stage):
    post = await stage.bot.send_message(stage.ann.id, "plain")
    edit = {"chat_id": stage.ann.id, "message_id": post.message_id}
    rich = {"rich_message": blocks(paragraph("rich"))}
    edited = await stage.done("editMessageText", **edit, **rich)
    assert "text" not in edited
    assert edited["rich_message"] == {"blocks": [paragraph("rich")]}
    again = await stage.refused("editMessageText", **edit, **rich)
    assert again.startswith(NOT_MODIFIED)
    keyboard = {"inline_keyboard": [[{"text": "Go", "callback_data": "go"}]]}
    await stage.done("editMessageText", **edit, **rich, reply_markup=keyboard)
    await stage.done("editMessageText", **edit, **rich)
    both = await stage.refused("editMessageText", **edit, **rich, text="both")
    assert both == "Bad Request: only one of text and rich_message may be used"
    back = await stage.done("editMessageText", **edit, text="rich")
    assert (back["text"], "rich_message" in back) == ("rich", False)
    (shown,) = stage.telegram.posts(stage.ann)
    assert [frame.rich is not None for frame in shown.history] == [False, True, True, True, False]
    neither = await stage.refused("editMessageText", **edit)
    assert neither == "Bad Request: message text is empty"
    await stage.refused("editMessageText", **edit | {"message_id": 1}, **rich)


async def test_rich_messages_share_the_budget_of_messages(limited):
    stage = limited
    rich = {"chat_id": stage.ann.id, "rich_message": {"markdown": "hi"}}
    for _ in range(3):
        await stage.done("sendRichMessage", **rich)
    assert (await stage.call("sendRichMessage", **rich))[0] == 429


async def test_an_old_server_knows_no_rich_messages(stage):
    rich = {"chat_id": stage.ann.id, "rich_message": blocks(paragraph("x"))}
    unknown = "Not Found: method not found"
    stage.telegram.without("sendRichMessageDraft")
    assert await stage.refused("sendRichMessageDraft", **rich, draft_id=1) == unknown
    post = await stage.done("sendRichMessage", **rich)
    stage.telegram.without("rich messages")
    assert await stage.refused("sendRichMessage", **rich) == unknown
    edit = {**rich, "message_id": post["message_id"]}
    assert await stage.refused("editMessageText", **edit) == "Bad Request: message text is empty"
    assert "rich_message" in stage.telegram.calls[-1].params
    edited = await stage.done("editMessageText", **edit, text="plain")
    assert (edited["text"], "rich_message" in edited) == ("plain", False)


async def test_rich_drafts(stage):
    thinking = {"type": "thinking", "text": "Looking it up"}
    draft = {"chat_id": stage.ann.id, "draft_id": 5}
    await stage.done(
        "sendRichMessageDraft", **draft, rich_message=blocks(thinking, paragraph("so")), can_stop=1
    )
    shown = stage.telegram.draft(stage.ann)
    assert (shown.text, shown.can_stop) == ("", True)
    assert [each["type"] for each in shown.rich["blocks"]] == ["thinking", "paragraph"]
    assert stage.telegram.press_stop(stage.ann) == 5
    assert await stage.refused("sendRichMessageDraft", **draft) == EMPTY
    group = {"chat_id": -100, "draft_id": 5, "rich_message": {"markdown": "x"}}
    assert await stage.refused("sendRichMessageDraft", **group) == (
        "Bad Request: TEXTDRAFT_PEER_INVALID"
    )
    await stage.done("sendRichMessageDraft", **draft, rich_message={"html": "<p>so far</p>"})
    await stage.done("sendRichMessage", chat_id=stage.ann.id, rich_message={"markdown": "all"})
    assert stage.telegram.draft(stage.ann) is None


async def test_broken_parameters_are_refused_politely(stage):
    base = {"chat_id": stage.ann.id}
    deep = '{"blocks":[{"type":"paragraph","text":' + "[" * 900 + "]" * 900 + "}]}"
    for wrong in ("{oops", '{"markdown":"\\ud83d"}', "[1]", "5", deep):
        status, answer = await stage.call("sendRichMessage", **base, rich_message=wrong)
        assert (status, answer["ok"]) == (400, False), wrong[:20]
    assert await stage.refused("sendRichMessage", **base) == EMPTY


@pytest.mark.parametrize(
    ("block", "why"),
    [
        ({"text": "x"}, 'InputRichBlock: can\'t find field "type"'),
        ("x", "InputRichBlock: expected an Object"),
        ({"type": "h1", "text": "x"}, "InputRichBlock: unsupported type specified"),
        ({"type": "paragraph"}, 'InputRichBlock: can\'t find field "text"'),
        ({"type": "heading", "text": "x"}, 'InputRichBlock: can\'t find field "size"'),
        ({"type": "heading", "text": "x", "size": 7}, 'field "size" has an invalid value'),
        ({"type": "heading", "text": "x", "size": "2"}, 'field "size" has an invalid value'),
        ({"type": "pre", "text": "x", "language": 5}, 'field "language" has an invalid value'),
        (paragraph(5), "RichText: expected an Object"),
        (paragraph({"type": "bold"}), 'RichText: can\'t find field "text"'),
        (paragraph({"type": "strong", "text": "x"}), "RichText: unsupported type specified"),
        (paragraph({"type": "url", "text": "x"}), 'RichText: can\'t find field "url"'),
        ({"type": "list", "items": [paragraph("x")]}, 'can\'t find field "blocks"'),
        ({"type": "list", "items": "x"}, 'field "items" has an invalid value'),
        ({"type": "table", "cells": [{"text": "x"}]}, 'field "cells" has an invalid value'),
        (
            {"type": "table", "cells": [[{"text": "x", "valign": "top"}]]},
            'RichBlockTableCell: can\'t find field "align"',
        ),
        (
            {"type": "table", "cells": [[{"text": "x", "align": "left"}]]},
            'RichBlockTableCell: can\'t find field "valign"',
        ),
        (
            {"type": "table", "cells": [[{"text": "x", "align": "top", "valign": "top"}]]},
            'field "align" has an invalid value',
        ),
        ({"type": "details", "blocks": []}, 'can\'t find field "summary"'),
        ({"type": "buttons", "buttons": [{"text": "x"}]}, "Text buttons are unallowed"),
        ({"type": "photo", "photo": {}}, "the sandbox takes no photo"),
    ],
)
def test_malformed_blocks(block, why):
    description = refused(blocks(block))
    assert description.startswith("Bad Request: ")
    assert why in description


def test_exactly_one_source():
    assert refused({}) == EMPTY
    assert refused({"markdown": ""}) == EMPTY
    assert refused({"html": " \n "}) == EMPTY
    assert refused(blocks()) == EMPTY
    assert "only one of" in refused({"markdown": "x", "html": "x"})
    assert "must be of type String" in refused({"markdown": ["x"]})
    assert refused(blocks(paragraph(" \u200b"), paragraph([]))) == INVISIBLE
    assert read_rich(blocks({"type": "divider"})) == {"blocks": [{"type": "divider"}]}


def test_thinking_is_for_drafts():
    thinking = blocks({"type": "thinking", "text": "hm"})
    assert refused(thinking) == "Bad Request: RICH_MESSAGE_THINKING_INVALID"
    assert read_rich(thinking, draft=True) == thinking
    assert "unsupported start tag" in refused({"html": "<tg-thinking>hm</tg-thinking>"})
    assert read_rich({"html": "<tg-thinking>hm</tg-thinking>"}, draft=True)


def test_limits():
    long = blocks(paragraph("字" * 32_768))
    assert read_rich(long) == long
    formula = {"type": "mathematical_expression", "expression": "x"}
    too_long = "Bad Request: message is too long"
    assert refused(blocks(paragraph("字" * 32_768), formula)) == too_long
    assert refused({"markdown": "x" * 32_769}) == too_long
    assert read_rich(blocks(*[paragraph("x")] * 500))
    items = [{"blocks": [paragraph("x")]}] * 250
    many = "Bad Request: RICH_MESSAGE_BLOCKS_TOO_MUCH"
    assert refused(blocks(*[paragraph("x")] * 501)) == many
    assert refused(blocks({"type": "list", "items": items})) == many
    cell = {"text": "x", **CELL}
    assert refused(blocks({"type": "table", "cells": [[cell]] * 500})) == many
    assert read_rich(blocks({"type": "table", "cells": [[cell] * 20]}))
    wide = "Bad Request: RICH_MESSAGE_COLUMNS_TOO_MUCH"
    assert refused(blocks({"type": "table", "cells": [[cell] * 21]})) == wide
    spans = [{**cell, "colspan": 11}] * 2
    assert refused(blocks({"type": "table", "cells": [spans]})) == wide


def test_depth():
    def nested(levels: int) -> dict[str, object]:
        inner = paragraph("x")
        for _ in range(levels - 1):
            inner = {"type": "blockquote", "blocks": [inner]}
        return blocks(inner)

    assert read_rich(nested(16)) == nested(16)
    deep = "Bad Request: RICH_MESSAGE_DEPTH_TOO_MUCH"
    assert refused(nested(17)) == deep
    text: object = "x"
    for _ in range(16):
        text = {"type": "bold", "text": text}
    assert refused(blocks(paragraph(text))) == deep


def test_links_and_mail():
    def linked(url: str) -> dict[str, Any]:
        return blocks(paragraph({"type": "url", "text": "x", "url": url}))

    assert read_rich(linked("https://a.example")) == linked("https://a.example/")
    for bad in ("http://localhost:3000", "./README.md", "ftp://a.example", "#anchor", ""):
        assert refused(linked(bad)) == NO_LINK
    assert refused(linked("mailto:x@example.com")) == NO_MAIL
    mail = paragraph("ask x@example.com")
    assert refused(blocks(mail)) == NO_MAIL
    assert read_rich(blocks(mail, skip_entity_detection=True)) == blocks(mail)
    assert read_rich(blocks(paragraph({"type": "code", "text": "x@example.com"})))
    assert read_rich(blocks({"type": "pre", "text": "x@example.com"}))
    address = {"type": "email_address", "text": "x", "email_address": "x@example.com"}
    assert read_rich(blocks(paragraph(address)))
    assert refused(blocks(paragraph({**address, "email_address": "x"}))) == NO_MAIL


def test_what_the_server_finds_by_itself():
    found = read_rich(blocks(paragraph("see /help, @ann_lee and a.example.com")))
    assert found["blocks"][0]["text"] == [
        "see ",
        {"type": "bot_command", "text": "/help", "bot_command": "/help"},
        ", ",
        {"type": "mention", "text": "@ann_lee", "username": "ann_lee"},
        " and ",
        {"type": "url", "text": "a.example.com", "url": "a.example.com"},
    ]


def test_markdown_joins_lines():
    source = "# Title\n\none\ntwo\n\n```py\na\nb\n```\nthree"
    assert read_rich({"markdown": source})["blocks"] == [
        {"type": "heading", "size": 1, "text": "Title"},
        paragraph("one two"),
        {"type": "pre", "text": "a\nb", "language": "py"},
        paragraph("three"),
    ]
    assert read_rich({"html": "<p>a\n b</p>"}) == blocks(paragraph("<p>a b</p>"))
    assert refused({"html": "ü<blink>a</blink>"}) == (
        'Bad Request: can\'t parse entities: unsupported start tag "blink" at byte offset 2'
    )
