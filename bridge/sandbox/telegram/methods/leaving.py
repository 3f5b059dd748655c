"""The bot leaves a group by itself."""

from __future__ import annotations

from bridge.sandbox.telegram.calls import MethodCall, chat_of
from bridge.sandbox.telegram.people.groups import set_standing
from bridge.sandbox.telegram.refusals import bad_request


async def leave_chat(call: MethodCall) -> object:
    """Leave it, and hear of that."""
    chat = chat_of(call)
    if chat.type == "private":
        raise bad_request("chat member status can't be changed in private chats")
    set_standing(call.world, call.updates, chat, "left", None)
    return True
