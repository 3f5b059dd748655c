"""The messages a request brings: their shapes, and the checks of multimodal content."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from bridge.sandbox.coze.endpoints.fields import (
    Fields,
    as_object,
    meta_data,
    object_field,
    objects,
    optional_text,
    text_map,
)
from bridge.sandbox.coze.refusals import Refusal, bad
from bridge.sandbox.coze.resources.runs import Values
from bridge.sandbox.coze.resources.uploads import Shelf
from bridge.sandbox.coze.scripts.steps import Attachment

ROLES = ("user", "assistant")
TYPES = ("question", "answer", "function_call", "tool_output", "tool_response")
CONTENT_TYPES = ("text", "object_string")
MEDIA = ("image", "file", "audio")


@dataclass(frozen=True)
class Incoming:
    """A message as a request brings it."""

    role: str
    type: str
    """"" when the request leaves it out."""
    content: str
    content_type: str
    meta_data: Mapping[str, str]
    text: str
    """The text a person would read in it."""
    attachments: tuple[Attachment, ...] = ()


def incoming(fields: Fields, shelf: Shelf) -> Incoming:
    """Read one message of a request; raises Refusal 4000, 4003 or 4005."""
    role = optional_text(fields, "role") or ""
    if role not in ROLES:
        raise bad("role must be user or assistant")
    kind = optional_text(fields, "type") or ""
    if kind and kind not in TYPES:
        raise bad(f"message type {kind} is not supported")
    content_type = optional_text(fields, "content_type") or "text"
    if content_type not in CONTENT_TYPES:
        raise bad(f"content_type {content_type} is not supported")
    content = optional_text(fields, "content") or ""
    if not content:
        raise Refusal(4005, "message content is empty")
    text, attachments = content, tuple[Attachment, ...]()
    if content_type == "object_string":
        text, attachments = _objects(content, shelf)
    return Incoming(
        role=role,
        type=kind,
        content=content,
        content_type=content_type,
        meta_data=meta_data(fields),
        text=text,
        attachments=attachments,
    )


def incoming_messages(items: Sequence[Fields], shelf: Shelf, most: int) -> list[Incoming]:
    """Return the messages of one request, at most `most`, else Refusal 4004.

    A message of media alone needs a text message beside it, else Refusal 4000.
    """
    if len(items) > most:
        raise Refusal(4004, f"the number of messages exceeds {most}")
    messages = [incoming(item, shelf) for item in items]
    alone = any(message.attachments and not message.text for message in messages)
    if alone and not any(message.content_type == "text" for message in messages):
        raise bad("a message of files only must be sent together with a text message")
    return messages


def _objects(content: str, shelf: Shelf) -> tuple[str, tuple[Attachment, ...]]:
    try:
        parsed: object = json.loads(content)
    except ValueError:
        raise Refusal(4005, "content is not a valid object_string") from None
    if not isinstance(parsed, list) or not parsed:
        raise Refusal(4005, "content is not a valid object_string")
    texts: list[str] = []
    media: list[tuple[str, Fields]] = []
    for item in cast("list[object]", parsed):
        fields = as_object(item)
        kind = optional_text(fields, "type") or ""
        if kind == "text":
            texts.append(_text_item(fields))
        elif kind in MEDIA:
            media.append((kind, fields))
        else:
            raise Refusal(4005, f"object_string item type {kind!r} is not supported")
    if len(texts) > 1:
        raise bad("object_string may hold one text item only")
    attachments = [
        _media_item(fields, kind, shelf)
        for kind, fields in media
        if not (shelf.deaf and kind == "audio")
    ]
    if not media:
        raise bad("object_string with a text item needs at least one file or image item")
    return (texts[0] if texts else ""), tuple(attachments)


def _text_item(fields: Fields) -> str:
    text = optional_text(fields, "text")
    if not text:
        raise Refusal(4005, "object_string text item is empty")
    return text


def _media_item(fields: Fields, kind: str, shelf: Shelf) -> Attachment:
    file_id, url = optional_text(fields, "file_id"), optional_text(fields, "file_url")
    if file_id:
        upload = shelf.find(file_id)
        if upload is None:
            raise bad(f"file_id {file_id} does not exist")
        if kind not in ("file", upload.kind):
            raise bad(f"file_id {file_id} is no {kind} file")
        return Attachment(kind, upload.name, file_id)
    if url:
        if not re.match(r"https?://[^\s/]+", url):
            raise bad("file_url is not a valid address")
        return Attachment(kind, url)
    raise Refusal(4005, f"object_string {kind} item needs file_id or file_url")


@dataclass(frozen=True)
class ChatRequest:
    """The body of `POST /v3/chat`, read and checked."""

    bot_id: str
    user_id: str
    stream: bool
    auto_save_history: bool
    messages: list[Incoming]
    meta_data: Mapping[str, str]
    values: Values = field(default_factory=Values)


def values_of(fields: Fields, studio: bool) -> Values:
    """Return the values of a chat request; raises Refusal 4000.

    The self-hosted server takes any name in `extra_params`.
    """
    variables = text_map(fields, "custom_variables")
    for name in variables:
        if not re.fullmatch(r"[A-Za-z_]+", name):
            raise bad("custom_variables names are letters and underscores")
    extra = text_map(fields, "extra_params")
    for name in extra:
        if name not in ("latitude", "longitude") and not studio:
            raise bad(f"extra_params {name} is not supported")
    return Values(object_field(fields, "parameters") or {}, variables, extra)


def check_rest(fields: Fields) -> None:
    """Check the other optional fields of a chat request; raises Refusal 4000."""
    object_field(fields, "shortcut_command")
    status = optional_text(fields, "publish_status") or "published_online"
    if status not in ("published_online", "unpublished_draft"):
        raise bad("publish_status is not supported")
    if status == "unpublished_draft" and optional_text(fields, "bot_version"):
        raise bad("bot_version may not be used with a draft")


def message_items(fields: Fields) -> Sequence[Fields]:
    """Return the raw `additional_messages`."""
    return objects(fields, "additional_messages")
