"""Speech to words and words to speech; self-hosted deployments have neither."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bridge.coze.client import Coze
from bridge.coze.events import object_of, objects_of, text_of
from bridge.errors.coze import Garbled

MOST_HEARD_BYTES = 10 * 1024 * 1024
MOST_SPOKEN_BYTES = 1024
"""UTF-8 bytes of one piece of speech."""


@dataclass(frozen=True)
class Voice:
    """A voice that can speak."""

    id: str
    language: str
    """Such as `en` or `zh`."""


async def transcribe(coze: Coze, path: Path, name: str) -> str:
    """Return what is said in a recording; empty when nothing is. Raises NotOffered, Forbidden and others."""
    doing = "Writing down a voice message"
    with path.open("rb") as content:
        answer = await coze.call(doing, "POST", "/v1/audio/transcriptions", file=(name, content))
    return text_of(object_of(answer, "data"), "text").strip()


async def speak(coze: Coze, text: str, voice_id: str) -> bytes:
    """Return a piece of text as OGG/Opus, which Telegram shows as a voice message.

    Raises NotOffered, Forbidden and what every call may raise.
    """
    body = {"input": text, "voice_id": voice_id, "response_format": "ogg_opus"}
    content = await coze.fetch("Speaking an answer", "/v1/audio/speech", body, "audio/")
    if not content.startswith(b"OggS"):
        raise Garbled("Speaking an answer", "the answer is no OGG")
    return content


async def voices(coze: Coze) -> Sequence[Voice]:
    """Return the voices of the account and of the system, at most a few hundred."""
    return [voice async for voice in _voices(coze)]


async def _voices(coze: Coze) -> AsyncIterator[Voice]:
    for page in range(1, 6):
        answer = await coze.call(
            "Looking up the voices",
            "GET",
            "/v1/audio/voices",
            query={"page_num": page, "page_size": 100},
        )
        content = object_of(answer, "data")
        for one in objects_of(content, "voice_list"):
            language = text_of(one, "language_code").replace("_", "-").partition("-")[0].lower()
            yield Voice(text_of(one, "voice_id"), language)
        if not content.get("has_more"):
            return
