"""Reply markup: reading it, and finding a pressed button again. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.sandbox.telegram.content.links import WrongLink, checked_link
from bridge.sandbox.telegram.params import Broken, Params
from bridge.sandbox.telegram.refusals import bad_request
from bridge.sandbox.telegram.world import Json

MOST_DATA_BYTES = 64
MOST_COPIED_CHARACTERS = 256
MOST_BUTTONS = 100
_ACTIONS = (
    "url",
    "callback_data",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "disabled",
)
_LOOKS = ("icon_custom_emoji_id", "style")
_OTHER_KINDS = ("keyboard", "remove_keyboard", "force_reply")


def read_markup(params: Params) -> Json | None:
    """Return the reply markup of a call; None without one, also for a keyboard without buttons.

    Raises Refused for broken JSON (unlike broken entities, which are ignored) and for buttons
    that the backend refuses.
    """
    try:
        sent = params.decoded("reply_markup")
    except Broken:
        raise bad_request("Can't parse reply keyboard markup JSON object") from None
    if sent is None:
        return None
    if not isinstance(sent, dict):
        raise bad_request("Object expected as reply markup")
    if "inline_keyboard" in sent:
        rows = _rows(sent["inline_keyboard"])
        return {"inline_keyboard": rows} if rows else None
    return sent if any(kind in sent for kind in _OTHER_KINDS) else None


def read_inline_markup(params: Params) -> Json | None:
    """Return the same where only an inline keyboard may stand: in edits."""
    markup = read_markup(params)
    if markup is not None and "inline_keyboard" not in markup:
        raise bad_request("Inline keyboard expected")
    return markup


def buttons(markup: Json | None) -> Iterator[tuple[int, int, Json]]:
    """Yield row, column (both from 0) and button for every button of an inline keyboard."""
    rows = markup.get("inline_keyboard") if markup else None
    for row, line in enumerate(rows if isinstance(rows, list) else []):
        for column, button in enumerate(line):
            yield row, column, button


def _rows(sent: object) -> list[list[Json]]:
    if not isinstance(sent, list) or not all(isinstance(row, list) for row in sent):
        raise bad_request("Can't parse inline keyboard: an Array of Array of buttons is expected")
    rows = [[_button(each) for each in row] for row in sent if row]
    if sum(len(row) for row in rows) > MOST_BUTTONS:
        raise bad_request("Reply markup is too long")
    return rows


def _button(sent: object) -> Json:
    if not isinstance(sent, dict) or not isinstance(sent.get("text"), str):
        raise bad_request("Can't parse inline keyboard button: a text is expected")
    return {"text": sent["text"]} | read_action(sent, "inline keyboard button")


def read_action(sent: Json, title: str) -> Json:
    """Return what a button does and how it looks, without its text. Raises Refused."""
    action = next((name for name in _ACTIONS if name in sent), None)
    if action is None:
        raise bad_request(f"Can't parse {title}: Text buttons are unallowed in the inline keyboard")
    button: Json = {action: _argument(action, sent[action])}
    return button | {name: sent[name] for name in _LOOKS if name in sent}


def _argument(action: str, sent: object) -> object:
    if action == "callback_data":
        if not isinstance(sent, str) or not 1 <= len(sent.encode()) <= MOST_DATA_BYTES:
            raise bad_request("BUTTON_DATA_INVALID")
    elif action == "url":
        try:
            return checked_link(sent if isinstance(sent, str) else "")
        except WrongLink:
            raise bad_request("BUTTON_URL_INVALID") from None
    elif action == "copy_text":
        copied = sent.get("text") if isinstance(sent, dict) else None
        if not isinstance(copied, str) or not 1 <= len(copied) <= MOST_COPIED_CHARACTERS:
            raise bad_request("BUTTON_COPY_TEXT_INVALID")
    return sent
