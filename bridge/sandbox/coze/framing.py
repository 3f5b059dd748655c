"""Framing: the exact bytes of the stream, and the views of a run that travel in it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

FrameKind = Literal["event", "raw", "cut", "eof"]


@dataclass(frozen=True)
class Frame:
    """One piece of a run's stream."""

    kind: FrameKind
    data: bytes = b""
    name: str = ""
    """The event's name."""
    shown: str = ""
    """Its content, for the journal."""


def compact(value: Mapping[str, object]) -> str:
    """Return JSON on one line, with `&`, `<` and `>` escaped as the real encoder does."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def event_bytes(name: str, data: str, *, spaced: bool = False, number: int | None = None) -> bytes:
    """Return one event's bytes with one empty line behind it; a lone surrogate becomes `?`.

    There is no space after the colons unless it is `spaced`, and no `id` without a `number`.
    """
    gap = " " if spaced else ""
    head = "" if number is None else f"id:{gap}{number}\n"
    return f"{head}event:{gap}{name}\ndata:{gap}{data}\n\n".encode("utf-8", "replace")


def event_frame(name: str, data: str, shown: str = "") -> Frame:
    """Return an event of the protocol."""
    return Frame("event", event_bytes(name, data), name, shown or data)


def torn_frame(name: str, data: str) -> Frame:
    """Return an event whose stream ends right behind the JSON, without even a newline."""
    return Frame("event", f"event:{name}\ndata:{data}".encode("utf-8", "replace"), name, data)


def raw_frame(text: str) -> Frame:
    """Return a frame whose bytes are no event."""
    return Frame("raw", text.encode())


CUT = Frame("cut")
EOF = Frame("eof")


def error_data(code: int | str, msg: str) -> str:
    """Return the data of an `error` event and of a bare chat.failed."""
    if isinstance(code, str):
        return f'{{"code": {json.dumps(code)},"msg": {json.dumps(msg, ensure_ascii=False)}}}'
    return compact({"code": code, "msg": msg})
