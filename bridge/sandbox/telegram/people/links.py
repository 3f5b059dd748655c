"""Links to the bot, as Telegram's apps open them: `t.me/<bot>?start=…` and `?startgroup=…`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from bridge.sandbox.telegram.methods.members import standing_of
from bridge.sandbox.telegram.people import people_actions
from bridge.sandbox.telegram.people.actors import Person
from bridge.sandbox.telegram.people.groups import set_standing
from bridge.sandbox.telegram.people.people_actions import Where
from bridge.sandbox.telegram.updates import UpdateQueue
from bridge.sandbox.telegram.world import Chat, Message, Standing, World

_PAYLOAD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_RIGHTS = frozenset({
    "change_info", "post_messages", "edit_messages", "delete_messages", "restrict_members",
    "invite_users", "pin_messages", "manage_topics", "promote_members", "manage_video_chats",
    "post_stories", "edit_stories", "delete_stories", "manage_direct_messages", "manage_tags",
    "anonymous", "manage_chat",
})  # fmt: skip


@dataclass(frozen=True)
class BotLink:
    """What a link to a bot asks for."""

    username: str
    payload: str
    """Empty where there is none, or one that apps drop."""
    for_group: bool
    as_admin: bool
    """Whether it asks for rights; words that are none are ignored."""


def read_link(address: str) -> BotLink:
    """Return what a link asks for. Raises ValueError for one that leads to no bot."""
    parts = urlsplit(address)
    query = {name: values[0] for name, values in parse_qs(parts.query, True).items()}
    if parts.scheme == "tg" and parts.netloc == "resolve":
        username = query.get("domain", "")
    elif parts.scheme == "https" and parts.netloc in ("t.me", "telegram.me"):
        username = parts.path.strip("/")
    else:
        username = ""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{3,31}", username):
        raise ValueError(f"{address} is no link to a bot.")
    for_group = "startgroup" in query
    payload = query.get("startgroup" if for_group else "start", "")
    payload = payload if _PAYLOAD.fullmatch(payload) else ""
    rights = _RIGHTS.intersection(query.get("admin", "").replace(" ", "+").split("+"))
    return BotLink(username, payload, for_group, bool(rights))


def open_link(
    world: World,
    updates: UpdateQueue,
    person: Person,
    address: str,
    *,
    group: Chat | None = None,
    keeps_payload: bool = True,
) -> Message:
    """Let a person open a link to the bot and press START, or choose the `group`; what they then say.

    `keeps_payload=False` is an app that loses it, as several do: mobile ones that ask for rights, and
    old desktops where the bot has topics. Raises ValueError where apps would do nothing.
    """
    link = read_link(address)
    if link.username.lower() != world.bot.username.lower():
        raise ValueError(f"There is no bot @{link.username} here.")
    payload = f" {link.payload}" if link.payload and keeps_payload else ""
    if not link.for_group:
        return people_actions.write(world, updates, person, f"/start{payload}", Where(person.id))
    if group is None or group.type == "private":
        raise ValueError("This link adds the bot to a group: choose one.")
    if link.as_admin and standing_of(group, person.id) == "member":
        raise ValueError("CHAT_ADMIN_REQUIRED: only administrators give rights.")
    if group.closed or link.as_admin:
        standing: Standing = "administrator" if link.as_admin else "member"
        set_standing(world, updates, group, standing, person)
    words = f"/start@{world.bot.username}{payload}"
    return people_actions.write(world, updates, person, words, Where(group.id))
