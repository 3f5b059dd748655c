"""Take an answer out of the JSON object that is all a flow's end node gives. Pure but for the order.

`{"output": "Hello"}` is no answer to read; what begins so is held back until it is whole.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace

from bridge.coze.events import (
    Completed,
    Delta,
    Done,
    Ended,
    Event,
    MessageKind,
    RunMessage,
    read_object,
)

MOST_HELD = 8_000
"""Characters that are held back; what goes on beyond is shown as it comes."""
_BEGINS = re.compile(r'\s*\{\s*(?:"|\Z)|\s*\Z')


def inside(text: str) -> str:
    """Return the only text of a JSON object with one member; any other text as it is."""
    content = read_object(text) if _BEGINS.match(text) else None
    if content is None or len(content) != 1:
        return text
    (found,) = content.values()
    return found if isinstance(found, str) and found.strip() else text


async def unwrapped(arriving: AsyncIterator[Event]) -> AsyncGenerator[Event, None]:
    """Yield events with their answers taken out of such objects."""
    held: dict[str, RunMessage] = {}
    plain: set[str] = set()
    async for event in arriving:
        if isinstance(event, Delta) and _is_answer(event.message) and event.message.text:
            message = event.message
            before = held.pop(message.id, None)
            whole = replace(message, text=(before.text if before else "") + message.text)
            short = len(whole.text) <= MOST_HELD
            if short and message.id not in plain and _BEGINS.match(whole.text):
                held[message.id] = whole
                continue
            plain.add(message.id)
            yield Delta(whole)
        elif isinstance(event, Completed) and _is_answer(event.message):
            held.pop(event.message.id, None)
            yield Completed(replace(event.message, text=inside(event.message.text)))
        else:
            if isinstance(event, Ended | Done):
                for message in held.values():
                    yield Completed(replace(message, text=inside(message.text)))
                held.clear()
            yield event


def _is_answer(message: RunMessage) -> bool:
    return message.kind is MessageKind.ANSWER and message.content_type == "text"
