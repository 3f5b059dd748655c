"""Turns as rows: the one place where their columns become the model's words and back."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.model import (
    Attachment,
    AttachmentKind,
    ChatKey,
    CozeIdentity,
    Line,
    Message,
    Part,
    Quote,
    Sender,
    State,
    Turn,
)
from bridge.store.chats import chosen, memory, read_memory, read_preferences
from bridge.store.tables import chats, turns
from bridge.store.turns.outcome_json import load

_groups = chats.alias("groups")


@cache
def with_chat() -> Select[Any]:
    """Select turns with their chats' memory and choices, and their groups' choices; made once."""
    here = (turns.c.chat_id == chats.c.chat_id) & (turns.c.thread_id == chats.c.thread_id)
    group = (turns.c.chat_id == _groups.c.chat_id) & (_groups.c.thread_id == 0)
    columns = (*memory(chats), *chosen(chats), *chosen(_groups, "group"))
    return select(turns, *columns).join(chats, here).outerjoin(_groups, group)


def of_chat(key: ChatKey) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Select those of one chat."""
    return (turns.c.chat_id == key.chat_id, turns.c.thread_id == key.thread_id)


def part_of(message: Message) -> dict[str, object]:
    """Return a message as it is kept in its turn; what it lacks is left out."""
    part: dict[str, object] = {
        "message_id": message.id,
        "text": message.text,
        "written_at": message.written_at,
    }
    if message.quote is not None:
        part["quote"] = asdict(message.quote)
    if message.album:
        part["album"] = message.album
    if message.attachments:
        part["attachments"] = [asdict(one) for one in message.attachments]
    if message.location is not None:
        part["location"] = list(message.location)
    if message.shown_by:
        part["shown_by"] = message.shown_by
    return part


def turn_of(row: Row[Any]) -> Turn:
    """Return a row as the model's turn: the one place where the JSON columns are read."""
    return Turn(
        id=row.id,
        chat=ChatKey(row.chat_id, row.thread_id),
        state=State(row.state),
        parts=parts_of(row.parts),
        sender=Sender(row.sender_id, row.sender_name, row.language),
        correlation_id=row.correlation_id,
        conversation_id=row.conversation_id,
        asked=row.asked,
        run_id=row.run_id,
        posts=tuple(int(post) for post in row.posts),
        preferences=read_preferences(row).over(read_preferences(row, "group")),
        final=load(row.final),
        edited=row.edited,
        stopping=row.stopping,
        heard=tuple(Line(str(one["speaker"]), str(one["text"])) for one in row.heard or ()),
        member_id=row.member_id,
        came_at=row.created_at,
        agent=row.agent,
        moved_from=row.moved_from,
    )


def identity_of(row: Row[Any]) -> CozeIdentity:
    """Return the memory of a turn's chat at Coze; a member of a group may have one of their own."""
    return read_memory(row, ChatKey(row.chat_id, row.thread_id))


def parts_of(stored: Sequence[Mapping[str, object]]) -> tuple[Part, ...]:
    """Return the messages of a turn as they are kept."""
    return tuple(
        Part(
            message_id=int(str(part["message_id"])),
            text=str(part["text"]),
            written_at=_time(part.get("written_at")),
            quote=_quote(part.get("quote")),
            album=str(part.get("album", "")),
            attachments=_attachments(part.get("attachments")),
            location=_location(part.get("location")),
            shown_by=str(part.get("shown_by", "")),
        )
        for part in stored
    )


def _quote(stored: object) -> Quote | None:
    if not isinstance(stored, dict):
        return None
    return Quote(str(stored["author"]), str(stored["text"]))


def _attachments(stored: object) -> tuple[Attachment, ...]:
    if not isinstance(stored, list):
        return ()
    return tuple(Attachment(**{**one, "kind": AttachmentKind(one["kind"])}) for one in stored)


def _location(stored: object) -> tuple[float, float] | None:
    if not isinstance(stored, list) or len(stored) != 2:
        return None
    latitude, longitude = stored
    return float(latitude), float(longitude)


def _time(stored: object) -> float | None:
    return stored if isinstance(stored, float) else None


async def change(tx: AsyncConnection, turn_id: int, **values: object) -> None:
    """Change some columns of a turn."""
    await tx.execute(update(turns).where(turns.c.id == turn_id).values(**values))
