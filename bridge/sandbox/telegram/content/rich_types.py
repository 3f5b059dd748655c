"""What a rich message may be made of: every block and text by its type, with its members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "string", "integer", "boolean", "blocks", "items", "cells", "buttons"]


@dataclass(frozen=True)
class Member:
    """One member of a block or text."""

    kind: Kind
    required: bool = True
    among: tuple[str | int, ...] = ()
    """The values that it may have; empty: any."""


_TEXT = Member("text")
_WORD = Member("string")
_FLAG = Member("boolean", required=False)
_CREDIT = Member("text", required=False)
_SIDES = ("left", "center", "right")

BLOCKS: dict[str, dict[str, Member]] = {
    "paragraph": {"text": _TEXT},
    "heading": {"text": _TEXT, "size": Member("integer", among=(1, 2, 3, 4, 5, 6))},
    "pre": {"text": _TEXT, "language": Member("string", required=False)},
    "footer": {"text": _TEXT},
    "divider": {},
    "mathematical_expression": {"expression": _WORD},
    "anchor": {"name": _WORD},
    "list": {"items": Member("items")},
    "blockquote": {"blocks": Member("blocks"), "credit": _CREDIT},
    "expandable_blockquote": {"text": _TEXT, "credit": _CREDIT},
    "pullquote": {"text": _TEXT, "credit": _CREDIT},
    "table": {
        "cells": Member("cells"),
        "is_bordered": _FLAG,
        "is_striped": _FLAG,
        "is_compact": _FLAG,
        "caption": _CREDIT,
    },
    "details": {"summary": _TEXT, "blocks": Member("blocks"), "is_open": _FLAG},
    "buttons": {
        "buttons": Member("buttons"),
        "align": Member("string", required=False, among=_SIDES),
    },
    "thinking": {"text": _TEXT},
}
ONLY_IN_DRAFTS = ("thinking",)
WITH_FILES = (
    *("map", "collage", "slideshow", "animation", "audio", "document", "photo", "video"),
    "voice_note",
)
"""Blocks that exist and that the sandbox does not take."""

ITEM: dict[str, Member] = {
    "blocks": Member("blocks"),
    "has_checkbox": _FLAG,
    "is_checked": _FLAG,
    "value": Member("integer", required=False),
    "type": Member("string", required=False, among=("a", "A", "i", "I", "1")),
}
CELL: dict[str, Member] = {
    "text": _CREDIT,
    "is_header": _FLAG,
    "colspan": Member("integer", required=False),
    "rowspan": Member("integer", required=False),
    "align": Member("string", among=_SIDES),
    "valign": Member("string", among=("top", "middle", "bottom")),
}
_SIMPLE = (
    *("bold", "italic", "underline", "strikethrough", "spoiler", "subscript", "superscript"),
    *("marked", "code"),
)
_WITH_A_WORD = {
    "url": "url",
    "email_address": "email_address",
    "phone_number": "phone_number",
    "bank_card_number": "bank_card_number",
    "mention": "username",
    "hashtag": "hashtag",
    "cashtag": "cashtag",
    "bot_command": "bot_command",
    "anchor_link": "anchor_name",
    "reference": "name",
    "reference_link": "reference_name",
}
TEXTS: dict[str, dict[str, Member]] = (
    {name: {"text": _TEXT} for name in _SIMPLE}
    | {name: {"text": _TEXT, word: _WORD} for name, word in _WITH_A_WORD.items()}
    | {
        "date_time": {"text": _TEXT, "unix_time": Member("integer"), "date_time_format": _WORD},
        "custom_emoji": {"custom_emoji_id": _WORD, "alternative_text": _WORD},
        "mathematical_expression": {"expression": _WORD},
        "anchor": {"name": _WORD},
    }
)
SHOWN_WORDS = ("expression", "alternative_text")
"""Strings that are seen, and so count as characters."""
SOLID = ("code", *_WITH_A_WORD)
"""Texts in which the server does not look for links and the like."""

FOUND = {
    "url": ("url", "url"),
    "mention": ("mention", "username"),
    "hashtag": ("hashtag", "hashtag"),
    "cashtag": ("cashtag", "cashtag"),
    "bot_command": ("bot_command", "bot_command"),
}
"""What the server makes of what it finds by itself: a type and the name of its word."""
