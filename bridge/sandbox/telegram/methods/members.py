"""Who is in a chat and what they are there: the shape of it, and the methods that ask."""

from __future__ import annotations

from bridge.sandbox.telegram.calls import MethodCall, chat_of
from bridge.sandbox.telegram.content.shapes import bot_json, person_json
from bridge.sandbox.telegram.refusals import bad_request
from bridge.sandbox.telegram.world import Chat, Json, Standing

_RIGHTS = (
    "can_be_edited",
    "can_manage_chat",
    "can_delete_messages",
    "can_manage_video_chats",
    "can_restrict_members",
    "can_promote_members",
    "can_change_info",
    "can_invite_users",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
    "can_pin_messages",
    "can_manage_topics",
)
_NOT_BY_DEFAULT = ("can_be_edited", "can_promote_members")
_SAYING = tuple(
    f"can_send_{kind}"
    for kind in (
        *("messages", "audios", "documents", "photos", "videos", "video_notes", "voice_notes"),
        *("polls", "other_messages"),
    )
)
_DOING = ("add_web_page_previews", "react_to_messages", "edit_tag", "change_info", "invite_users")
_MUTED = (*_SAYING, *(f"can_{each}" for each in _DOING), "can_pin_messages", "can_manage_topics")


def member_json(user: Json, standing: Standing) -> Json:
    """Return a user as a ChatMember of this standing."""
    shape: Json = {"user": user, "status": standing}
    match standing:
        case "creator":
            return shape | {"is_anonymous": False}
        case "administrator":
            rights: Json = {name: name not in _NOT_BY_DEFAULT for name in _RIGHTS}
            return shape | rights | {"is_anonymous": False}
        case "restricted":
            return shape | {"is_member": True, "until_date": 0} | dict.fromkeys(_MUTED, False)
        case "kicked":
            return shape | {"until_date": 0}
        case _:
            return shape


def standing_of(chat: Chat, person_id: int) -> Standing:
    """Return what a person is in a chat."""
    if person_id not in chat.members:
        return "left"
    if person_id == chat.creator_id:
        return "creator"
    return "administrator" if person_id in chat.admins else "member"


async def get_chat_member(call: MethodCall) -> object:
    """Return what somebody is in a chat; people who were never there have left it."""
    chat = chat_of(call)
    user_id = call.params.integer("user_id")
    if user_id <= 0:
        raise bad_request("invalid user_id specified")
    if user_id == call.world.bot.id:
        return member_json(bot_json(call.world.bot), chat.standing)
    person = call.world.people.get(user_id)
    if person is None:
        raise bad_request("User not found")
    return member_json(person_json(person), standing_of(chat, user_id))


async def get_chat_administrators(call: MethodCall) -> object:
    """Return the creator and the administrators of a group, the bot among them if it is one."""
    chat = chat_of(call)
    if chat.type == "private":
        raise bad_request("there are no administrators in the private chat")
    ranked = [(each, standing_of(chat, each)) for each in chat.members]
    found = [
        member_json(person_json(call.world.people[each]), standing)
        for each, standing in ranked
        if standing != "member"
    ]
    if chat.standing == "administrator":
        found.append(member_json(bot_json(call.world.bot), chat.standing))
    return found
