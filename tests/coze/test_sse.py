"""Server-sent events parse the same however the bytes were cut."""

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.coze.sse import LARGEST_EVENT, Decoder, EventTooLarge, ServerSentEvent, events

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
EVENTS = st.lists(
    st.tuples(st.sampled_from(["a", "conversation.message.delta", "done"]), TEXTS), max_size=6
)


def decoded(pieces: list[bytes]) -> list[ServerSentEvent]:
    decoder = Decoder()
    found = [event for piece in pieces for event in decoder.feed(piece)]
    return found + list(decoder.end())


def cut(content: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(content) + 1) for place in places} | {0, len(content)})
    return [content[a:b] for a, b in pairwise(ends)]


@given(EVENTS, st.lists(st.integers(0, 5000)), st.booleans(), st.booleans(), st.booleans())
@example([("a", "x\u2028y\u0085z\u2029")], [3, 9, 10, 11, 12], True, True, True)
def test_cuts_line_ends_comments_and_the_missing_end_change_nothing(
    wanted: list[tuple[str, str]], places: list[int], crlf: bool, noise: bool, unfinished: bool
) -> None:
    end = "\r\n" if crlf else "\n"
    lines: list[str] = []
    for name, text in wanted:
        lines += [": a comment", "id: 7", "retry:1", "unknown"] if noise else []
        lines += [f"event:{name}", f"data:{json.dumps({'text': text}, ensure_ascii=False)}", ""]
    content = end.join(lines) + end
    if unfinished:
        content = content.rstrip("\r\n")
    found = decoded(cut(content.encode(), places))
    assert [(event.name, json.loads(event.data)["text"]) for event in found] == wanted


def test_one_space_is_dropped_and_several_data_lines_are_joined() -> None:
    assert decoded([b"event: a\ndata:  x\ndata:y\n\n"]) == [ServerSentEvent("a", " x\ny")]


def test_an_event_without_end_has_a_size() -> None:
    decoder = Decoder()
    with pytest.raises(EventTooLarge):
        for _ in range(LARGEST_EVENT // 65536 + 2):
            list(decoder.feed(b"x" * 65536))


def test_the_last_event_needs_no_newline() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"event:error\nda"
        yield b'ta:{"code":1}'

    async def collect() -> list[ServerSentEvent]:
        return [event async for event in events(pieces())]

    assert asyncio.run(collect()) == [ServerSentEvent("error", '{"code":1}')]
