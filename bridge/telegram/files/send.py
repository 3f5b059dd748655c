"""Files up to a chat: one call for a file, or for several that are shown together."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from pathlib import Path

from telegram import InputFile, InputMedia, InputMediaDocument, InputMediaPhoto
from telegram.error import BadRequest

from bridge.model import ChatKey
from bridge.telegram.api.client import BotClient
from bridge.telegram.api.placement import Place
from bridge.telegram.post import units

MOST_IN_ALBUM = 10
MOST_CAPTION_UNITS = 1024


class Shape(StrEnum):
    """As what Telegram shows a file, in the Bot API's words."""

    PHOTO = "photo"
    ANIMATION = "animation"
    DOCUMENT = "document"
    VOICE = "voice"


@dataclass(frozen=True)
class OutgoingFile:
    """A file that goes with an answer."""

    key: str
    """Names it among the files of its answer, also for a later process."""
    shape: Shape
    name: str
    caption: str = ""
    path: Path | None = None
    file_id: str = ""
    """By which Telegram has it already."""
    address: str = ""
    """From where it was fetched."""
    known_as: tuple[str, ...] = ()
    """Digests by which it is remembered once Telegram has it."""

    def __repr__(self) -> str:
        return f"Outgoing({self.shape}, {self.key})"


Batch = tuple[OutgoingFile, ...]
"""What goes out in one call."""


def batches(files: Sequence[OutgoingFile]) -> Sequence[Batch]:
    """Group photos into albums and documents into albums; everything else goes by itself. Pure."""
    return [batch for shape, group in groupby(files, _shape) for batch in _split(shape, [*group])]


def _shape(file: OutgoingFile) -> Shape:
    return file.shape


def _split(shape: Shape, files: Sequence[OutgoingFile]) -> Iterator[Batch]:
    most = MOST_IN_ALBUM if shape in (Shape.PHOTO, Shape.DOCUMENT) else 1
    for start in range(0, len(files), most):
        yield tuple(files[start : start + most])


async def send(
    calls: BotClient,
    key: ChatKey,
    batch: Batch,
    reply_to: int | None = None,
    near: int | None = None,
) -> tuple[int, Sequence[str]]:
    """Send it; the last message's id, and by what Telegram knows each file from now on.

    The slot was taken before; `near` is a message of its topic. Raises what `BotClient.guarded` raises.
    """

    async def call(place: Place) -> tuple[int, Sequence[str]]:
        where = {"chat_id": key.chat_id, **place.parameters}
        with ExitStack() as stack:
            medium = [_medium(one, stack, attach=len(batch) > 1) for one in batch]
            if len(batch) == 1:
                (only,) = batch
                given = {only.shape.value: medium[0], "caption": _cut(only.caption) or None}
                sent = [await calls.raw(f"send{only.shape}", **where, **given)]
            else:
                album = [_in_album(*pair) for pair in zip(batch, medium, strict=True)]
                sent = await calls.raw("sendmediagroup", **where, media=album)
        return _result(sent, batch)

    return await calls.guarded(
        key, "Sending a file", lambda: calls.placement.placed(key, call, reply_to, near)
    )


async def is_ours(calls: BotClient, key: ChatKey, post: int, caption: str) -> None:
    """Show a file's caption in a message: only a file of ours takes it.

    Raises PostGone when it is none, and what else `BotClient.guarded` raises.
    """

    async def call() -> None:
        where = {"chat_id": key.chat_id, "message_id": post}
        try:
            await calls.raw("editmessagecaption", **where, caption=_cut(caption))
        except BadRequest as error:
            if "message is not modified" not in str(error).casefold():
                raise

    await calls.guarded(key, "Looking for a file", call)


def _medium(one: OutgoingFile, stack: ExitStack, *, attach: bool) -> str | InputFile:
    if one.file_id or one.path is None:
        return one.file_id
    content = stack.enter_context(one.path.open("rb"))
    return InputFile(content, one.name, attach=attach, read_file_handle=False)


def _in_album(one: OutgoingFile, medium: str | InputFile) -> InputMedia:
    kind = InputMediaPhoto if one.shape is Shape.PHOTO else InputMediaDocument
    return kind(medium, caption=_cut(one.caption) or None)


def _cut(caption: str) -> str:
    if units(caption) <= MOST_CAPTION_UNITS:
        return caption
    cut = caption.encode("utf-16-le")[: 2 * (MOST_CAPTION_UNITS - 1)]
    return cut.decode("utf-16-le", "ignore") + "…"


def _result(sent: object, batch: Batch) -> tuple[int, Sequence[str]]:
    """Raises KeyError, TypeError and ValueError for an answer of another shape."""
    messages = sent if isinstance(sent, list) else []
    ids = [_file_id(message, one) for message, one in zip(messages, batch, strict=True)]
    return int(messages[-1]["message_id"]), ids


def _file_id(message: object, one: OutgoingFile) -> str:
    found = message.get(one.shape.value) if isinstance(message, dict) else None
    found = found[-1] if isinstance(found, list) and found else found
    file_id = found.get("file_id") if isinstance(found, dict) else None
    return file_id if isinstance(file_id, str) else ""
