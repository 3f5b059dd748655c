"""The people's files over HTTP, for a web page: to look at, to save, and to send.

What anybody sent is given out so that it cannot run in the page: only pictures, sound and films
that are known by their bytes are shown, everything else is saved. To send, a request needs a
header that other sites cannot set unasked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.sandbox.telegram.content import attachments
from bridge.sandbox.telegram.content.file_types import UNKNOWN, mime_of, opus_seconds
from bridge.sandbox.telegram.content.images import NoPicture, WrongDimensions
from bridge.sandbox.telegram.people import people_actions
from bridge.sandbox.telegram.people.albums import AlbumItem, share_album
from bridge.sandbox.telegram.people.page_requests import Wrong, guarded, number, text, where_of
from bridge.sandbox.telegram.server import json_response
from bridge.sandbox.telegram.updates import UpdateQueue
from bridge.sandbox.telegram.world import Attachment, Json, World

HEADER = "x-sandbox"
MOST_BYTES = 50 << 20
"""Of all files in one request."""
MOST_FILES = 10
_AROUND = 1 << 20
"""What may stand in a request around its files."""
_SHOWN = frozenset(
    {"image/jpeg", "image/png", "image/gif", "image/webp", "video/mp4", "video/webm"}
    | {"audio/ogg", "audio/mpeg", "audio/mp4", "audio/x-wav", "audio/flac"}
)
_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class _File:
    """One file that a page sends."""

    name: str
    said: str
    content: bytes

    @property
    def mime(self) -> str:
        return mime_of(self.content, self.name, self.said)


@dataclass(frozen=True)
class PeopleFiles:
    """The page's way to files."""

    world: World
    updates: UpdateQueue

    def routes(self) -> list[Route]:
        """Return the routes below /sandbox: files to get, and where to send some."""
        return [
            Route("/sandbox/files/{file_id}", guarded(self.give), methods=["GET"]),
            Route("/sandbox/upload", guarded(self.upload), methods=["POST"]),
        ]

    async def give(self, request: Request) -> Response:
        """Send one file of either side; 404 when its bytes are not there."""
        stored = self.world.files.get(request.path_params["file_id"])
        if stored is None or len(stored.content) < stored.size:
            return json_response({"error": "There are no bytes of this file."}, 404)
        kind = mime_of(stored.content)
        if kind in _SHOWN:
            return _part(stored.content, kind, request.headers.get("range", ""))
        saved = {"Content-Disposition": "attachment"}  # the page's link has the name
        return Response(stored.content, media_type=UNKNOWN, headers=_HEADERS | saved)

    async def upload(self, request: Request) -> Response:
        """Let a person send files: the field `wish` says in JSON who, where and as what."""
        if request.headers.get(HEADER) != "upload":
            return json_response({"error": "This is for the sandbox's page."}, 403)
        length = request.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > MOST_BYTES + _AROUND:
            return json_response({"error": "At most 50 MB at once."}, 413)
        try:
            async with request.form(max_files=MOST_FILES + 1, max_fields=3) as form:
                wish, files = _wish(form), await _files(form)
            return json_response({"message_ids": self._send(wish, files)})
        except HTTPException as problem:
            return json_response({"error": problem.detail}, 400)
        except NoPicture:
            return json_response({"error": "This is no picture: send it as a file."}, 400)
        except WrongDimensions:
            why = "This picture is too large or too narrow for a photo: send it as a file."
            return json_response({"error": why}, 400)
        except ValueError as problem:
            return json_response({"error": str(problem)}, 400)

    def _send(self, wish: Json, files: Sequence[_File]) -> list[int]:
        if not self.world.bots:
            raise Wrong("There is no bot yet.")
        person, where = self.world.person(number(wish, "person_id")), where_of(wish)
        people_actions.open_chat(self.world, person, where.chat_id)
        caption, way = text(wish, "caption"), _WAYS.get(text(wish, "as"))
        if way is None:
            raise Wrong(f"Files are sent as one of {', '.join(_WAYS)}.")
        if len(files) == 1:
            carried = way(self.world, files[0])
            sent = people_actions.write(
                self.world, self.updates, person, caption, where, attachment=carried
            )
            return [sent.message_id]
        if way is _voice:
            raise Wrong("Voice messages are sent one by one.")
        captions = [caption, *[""] * (len(files) - 1)]
        kind = _kind_in_album if way is _media else _kind_of_file
        items = [
            AlbumItem(
                kind=kind(each),
                content=each.content,
                name=each.name,
                mime=each.mime,
                caption=words,
                size=None,
            )
            for each, words in zip(files, captions, strict=True)
        ]
        return share_album(self.world, self.updates, person, where, items)


def _part(content: bytes, kind: str, wanted: str) -> Response:
    """Return all of it, or the one part that is asked for: players jump to and fro."""
    asked = _RANGE.fullmatch(wanted)
    if asked is None:
        ranges = {"Accept-Ranges": "bytes"}
        return Response(content, media_type=kind, headers=_HEADERS | ranges)
    size, (first, last) = len(content), asked.groups()
    begin = int(first) if first else max(0, size - int(last or 0))
    end = min(int(last) + 1, size) if first and last else size
    if begin >= end:
        return Response(status_code=416, headers=_HEADERS | {"Content-Range": f"bytes */{size}"})
    part = {"Content-Range": f"bytes {begin}-{end - 1}/{size}", "Accept-Ranges": "bytes"}
    return Response(content[begin:end], 206, _HEADERS | part, kind)


def _wish(form: FormData) -> Json:
    sent = form.get("wish")
    try:
        wish: object = json.loads(sent) if isinstance(sent, str) else None
    except (ValueError, RecursionError):
        wish = None
    if not isinstance(wish, dict):
        raise Wrong("A JSON object is expected as the wish.")
    return wish


async def _files(form: FormData) -> list[_File]:
    files = [
        _File(each.filename or "file", each.content_type or "", await each.read())
        for each in form.getlist("file")
        if not isinstance(each, str)
    ]
    if not files:
        raise Wrong("No file was sent.")
    if not all(each.content for each in files):
        raise Wrong("An empty file cannot be sent.")
    return files


def _media(world: World, file: _File) -> Attachment:
    if file.mime == "image/gif":
        return attachments.animation(world, file.name, file.content, file.mime)
    if _kind_in_album(file) == "photo":
        return attachments.photo(world, file.content)
    return attachments.video(world, file.name, file.content, file.mime)


def _file(world: World, file: _File) -> Attachment:
    if _kind_of_file(file) == "audio":
        return attachments.audio(world, file.name, file.content, file.mime)
    return attachments.document(world, file.name, file.content, file.mime)


def _voice(world: World, file: _File) -> Attachment:
    if opus_seconds(file.content) is None:
        raise Wrong("A voice message is OGG with Opus in it: send this as a file.")
    return attachments.voice(world, file.content)


_WAYS: dict[str, Callable[[World, _File], Attachment]] = {
    "media": _media,
    "file": _file,
    "voice": _voice,
}


def _kind_in_album(file: _File) -> Literal["photo", "video"]:
    family = file.mime.partition("/")[0]
    if family == "image":
        return "photo"
    if family == "video":
        return "video"
    raise Wrong(f"{file.name} is neither a picture nor a film: send it as a file.")


def _kind_of_file(file: _File) -> Literal["audio", "document"]:
    return "audio" if file.mime.startswith("audio/") else "document"
