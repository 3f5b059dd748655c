"""A call's parameters, read once at the door: query string, form, multipart or JSON object.

Everything arrives as text; the server reads numbers and booleans out of it as leniently as here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

from bridge.sandbox.telegram.refusals import Refused, bad_request
from bridge.sandbox.telegram.world import Json

MOST_BYTES = 1 << 20
"""Of everything but files in one request."""
MOST_FILES = 50
MOST_FILE_BYTES = 50 << 20
_TRUE = ("true", "yes", "1")
_INTEGER = re.compile(r"\s*(-?[0-9]{1,30})")
_JSON_NAMES = frozenset(
    {"allowed_updates", "caption_entities", "commands", "entities", "link_preview_options"}
    | {"media", "reaction"}
    | {"reply_markup", "reply_parameters", "rich_message", "scope"}
)
_INTEGER_NAMES = frozenset(
    {"chat_id", "draft_id", "limit", "max_connections", "message_id", "message_thread_id"}
    | {"duration", "height", "offset", "reply_to_message_id", "timeout", "user_id", "width"}
)
_BOOLEAN_NAMES = frozenset(
    {"allow_sending_without_reply", "can_stop", "disable_notification", "drop_pending_updates"}
    | {"disable_content_type_detection", "is_big", "keep_on_stop", "protect_content"}
    | {"show_alert"}
)


class Broken(ValueError):
    """A parameter should be JSON and is not."""


@dataclass(frozen=True)
class Upload:
    """A file that came with a call."""

    name: str
    mime_type: str
    """As the client said."""
    content: bytes


@dataclass(frozen=True)
class Params:
    """Named texts, and how to read them; and named files."""

    values: Mapping[str, str]
    files: Mapping[str, Upload] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Return whether it was sent and is not empty."""
        return bool(self.values.get(name))

    def text(self, name: str) -> str:
        """Return the text; empty when not sent."""
        return self.values.get(name, "")

    def integer(self, name: str, default: int = 0, low: int = -(2**63), high: int = 2**63) -> int:
        """Return the number at the beginning of it, clamped; 0 for nonsense, `default` when not sent."""
        if not self.has(name):
            return default
        found = _INTEGER.match(self.values[name])
        return max(low, min(high, int(found[1]) if found else 0))

    def boolean(self, name: str) -> bool:
        """Return whether it says true, yes or 1, in any case."""
        return self.text(name).strip().lower() in _TRUE

    def decoded(self, name: str) -> object:
        """Return the JSON value of it, None when not sent. Raises Broken, also for lone surrogates."""
        if not self.has(name):
            return None
        try:
            value: object = json.loads(self.values[name], parse_constant=_no_constant)
            json.dumps(value, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as problem:
            raise Broken(name) from problem
        return value

    def without(self, names: Set[str]) -> Params:
        """Return the others, as a server sees them that does not know these."""
        kept = {name: value for name, value in self.values.items() if name not in names}
        return Params(kept, self.files)

    def shown(self) -> Json:
        """Return all of it with numbers, booleans and JSON in place of their text, where they parse.

        Of a file only its name and its size in bytes.
        """
        files: Json = {
            name: {"file_name": file.name, "file_size": len(file.content)}
            for name, file in self.files.items()
        }
        return {name: self._shown(name) for name in self.values} | files

    def _shown(self, name: str) -> object:
        value = self.values[name]
        if name in _JSON_NAMES:
            try:
                return self.decoded(name)
            except Broken:
                return value
        if name in _INTEGER_NAMES and re.fullmatch(r"-?[0-9]{1,19}", value):
            return int(value)
        return self.boolean(name) if name in _BOOLEAN_NAMES else value


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


async def read_params(request: Request) -> Params:
    """Return the parameters of a request; a name that occurs twice keeps its first value.

    Raises Refused for a body that is not what its content type says, for one that has over 1 MiB
    beside its files, for more than 50 files and for a file over 50 MB.
    """
    sent = await _body(request)
    values: dict[str, str] = {}
    for name, value in [*_pairs(request.scope["query_string"]), *sent.pairs]:
        values.setdefault(name, value)
    return Params(values, sent.files)


@dataclass(frozen=True)
class _Body:
    pairs: list[tuple[str, str]]
    files: dict[str, Upload] = field(default_factory=dict)


async def _body(request: Request) -> _Body:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _multipart(request)
    body = await request.body()
    if len(body) > MOST_BYTES:
        raise _too_large()
    if kind == "application/x-www-form-urlencoded":
        return _Body(_pairs(body))
    if kind == "application/json":
        return _Body(_object(body))
    return _Body([])


def _pairs(encoded: bytes) -> list[tuple[str, str]]:
    """Form fields; bytes that are not UTF-8 become lone surrogates, to be refused later."""
    return parse_qsl(encoded.decode("latin-1"), keep_blank_values=True, errors="surrogateescape")


async def _multipart(request: Request) -> _Body:
    body = _Body([])
    files = 0
    try:
        async with request.form(max_files=10 * MOST_FILES, max_part_size=2 * MOST_BYTES) as form:
            for name, value in form.multi_items():
                if isinstance(value, str):
                    body.pairs.append((name, value))
                    continue
                files += 1
                if (value.size or 0) > MOST_FILE_BYTES or files > MOST_FILES:
                    raise _too_large()
                kind = (value.content_type or "").partition(";")[0].strip().lower()
                file = Upload(value.filename or "", kind, await value.read())
                body.files.setdefault(name, file)
    except HTTPException as problem:
        if "exceeded maximum size" in problem.detail or problem.detail.startswith("Too many"):
            raise _too_large() from problem
        raise bad_request(problem.detail) from problem
    if sum(len(name) + len(value.encode()) for name, value in body.pairs) > MOST_BYTES:
        raise _too_large()
    return body


def _too_large() -> Refused:
    return Refused(413, "Request Entity Too Large")


def _object(body: bytes) -> list[tuple[str, str]]:
    if not body:
        return []
    try:
        decoded: object = json.loads(body)
    except (ValueError, RecursionError):
        raise bad_request("can't parse JSON object") from None
    if not isinstance(decoded, dict):
        raise bad_request("JSON object expected")
    return [
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in decoded.items()
        if value is not None
    ]
