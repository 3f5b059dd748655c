"""How what we show is written in the Bot API. Pure."""

from functools import lru_cache

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bridge.telegram.post import Keyboard, Rendered


def shown(content: Rendered, keyboard: Keyboard) -> dict[str, object]:
    """Return what a message shows; in an edit, what is left out would be taken away."""
    return {
        "text": content.text,
        "entities": entities(content),
        "link_preview_options": {"is_disabled": True},
        "reply_markup": markup(keyboard),
    }


def entities(content: Rendered) -> list[dict[str, object]]:
    """Return the entities of a text."""
    return [
        {
            "type": one.type,
            "offset": one.offset,
            "length": one.length,
            **({"url": one.url} if one.url else {}),
            **({"language": one.language} if one.language else {}),
        }
        for one in content.entities
    ]


@lru_cache(maxsize=256)
def markup(keyboard: Keyboard) -> InlineKeyboardMarkup | None:
    """Return the buttons under a message; None takes them away."""
    if not keyboard:
        return None
    return InlineKeyboardMarkup(
        [
            [InlineKeyboardButton(one.label, callback_data=one.data) for one in row]
            for row in keyboard
        ]
    )
