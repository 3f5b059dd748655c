"""Where a raw update belongs: its chat, whose act it is, and whether it concerns all. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.telegram.updates.parse import WANTED, chat_of


@dataclass(frozen=True)
class Route:
    """Where a raw update belongs."""

    chat_id: int
    sender_id: int
    act: bool
    """Whether it may take its time: a command, a pressed button."""
    all: bool
    """Whether it concerns the whole chat, such as its becoming another."""
    edit: bool = False


_OF_ALL = (
    "migrate_to_chat_id",
    "migrate_from_chat_id",
    "forum_topic_closed",
    "forum_topic_reopened",
)


def route_of(content: Mapping[str, object]) -> Route:
    """Return where a raw update belongs; one that cannot be told is of nobody."""
    kind = next((name for name in WANTED if name in content), "")
    found = content.get(kind)
    body = found if isinstance(found, dict) else {}
    text = body.get("text") or body.get("caption")
    of_all = kind == "my_chat_member" or any(name in body for name in _OF_ALL)
    spoken = kind in ("message", "edited_message")
    act = not spoken or (isinstance(text, str) and text.startswith("/"))
    return Route(
        chat_id=chat_of(content),
        sender_id=_sender_of(body),
        act=act,
        all=of_all,
        edit=kind == "edited_message",
    )


def _sender_of(body: Mapping[str, object]) -> int:
    for name in ("sender_chat", "from"):
        found = body.get(name)
        sender_id = found.get("id") if isinstance(found, dict) else None
        if isinstance(sender_id, int):
            return sender_id
    return 0
