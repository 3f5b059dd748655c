"""Parse raw JSON into the library's update, without the parts of a message that it cannot read.

A Bot API server may be older than the library, and lack what that requires: then one broken part
must not cost the whole message.
"""

from collections.abc import Mapping

from telegram import Bot, Update
from telegram import Message as RawMessage

_BROKEN = (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError)
"""What the library raises for a part that it cannot read."""
_PARTS = ("poll", "checklist", "quote", "external_reply", "reply_to_message", "story", "game",
          "giveaway", "invoice", "link_preview_options", "forward_origin", "via_bot", "entities",
          "caption_entities")  # fmt: skip
"""Of a message, what it can be read without."""


def parsed(content: Mapping[str, object], bot: Bot) -> tuple[Update, bool]:
    """Return an update, and whether parts of its message were left out since they are broken.

    Raises whatever the library raises for one that is broken elsewhere.
    """
    try:
        return Update.de_json(dict(content), bot), False
    except _BROKEN:
        left = _without_broken_parts(content, bot)
        if left is None:
            raise
        return Update.de_json(left, bot), True


def _without_broken_parts(content: Mapping[str, object], bot: Bot) -> dict[str, object] | None:
    for name in ("message", "edited_message"):
        message = content.get(name)
        if isinstance(message, dict):
            return {**content, name: _readable(message, bot, deep=1)}
    return None


def _readable(message: Mapping[str, object], bot: Bot, deep: int) -> dict[str, object]:
    """Return a raw message without the parts that the library cannot read."""
    bare = {name: value for name, value in message.items() if name not in _PARTS}
    kept = dict(bare)
    for name in _PARTS:
        part = message.get(name)
        if isinstance(part, dict) and name == "reply_to_message" and deep:
            part = _readable(part, bot, deep - 1)
        if part is not None and _is_readable({**bare, name: part}, bot):
            kept[name] = part
    return kept


def _is_readable(message: dict[str, object], bot: Bot) -> bool:
    try:
        RawMessage.de_json(message, bot)
    except _BROKEN:
        return False
    return True
