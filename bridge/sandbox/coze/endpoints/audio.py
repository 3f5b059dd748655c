"""Speech and transcription."""

from collections.abc import Mapping

from bridge.sandbox.coze.endpoints.fields import (
    number,
    optional_text,
    required_text,
    whole,
    whole_in_query,
)
from bridge.sandbox.coze.endpoints.forms import Part, invalid_file, one_file
from bridge.sandbox.coze.http_handler import Answer, Binary, Call, Endpoint, Envelope
from bridge.sandbox.coze.refusals import Refusal, bad
from bridge.sandbox.coze.resources.file_types import sound_format
from bridge.sandbox.coze.resources.ogg import ogg_seconds
from bridge.sandbox.coze.resources.sounds import CONTENT_TYPES, RATES, said, seconds_of
from bridge.sandbox.coze.resources.transcripts import Heard, Spoken, default_text
from bridge.sandbox.coze.resources.uploads import extension
from bridge.sandbox.coze.resources.voices import VOICES, voice_of, voice_view
from bridge.sandbox.coze.state import State

LARGEST_RECORDING = 10 * 1024 * 1024
LONGEST_RECORDING = 30 * 60
"""In seconds."""
LONGEST_INPUT = 1024
"""In bytes of UTF-8."""


async def transcriptions(state: State, call: Call) -> Answer:
    """Write down what a recording says; raises Refusal 4000 when it is too long, 4300-4304."""
    part = await one_file(call.form, LARGEST_RECORDING)
    sound = sound_format(part.head) or ("pcm" if extension(part.name) == "pcm" else "")
    if not sound:
        raise Refusal(4303, "the file type is not supported")
    seconds = await _seconds(part) if sound == "ogg" else None
    if seconds is not None and seconds >= LONGEST_RECORDING:
        raise bad("the recording must be shorter than 30 minutes")
    text = state.hearing.text(part.sha256, default_text(seconds, sound))
    heard = Heard(
        name=part.name,
        bytes=part.size,
        sha256=part.sha256,
        content_type=part.content_type,
        text=text,
    )
    state.hearing.heard.append(heard)
    return Envelope({"text": text})


async def _seconds(part: Part) -> float:
    await part.file.seek(0)
    seconds = ogg_seconds(await part.file.read())
    if seconds is None:
        raise invalid_file()
    return seconds


async def speech(state: State, call: Call) -> Answer:
    """Read a text aloud: the recording itself, not an envelope; raises Refusal 4000 or 4200."""
    text = required_text(call.body, "input")
    if len(text.encode("utf-8", "replace")) > LONGEST_INPUT:
        raise bad(f"input is longer than {LONGEST_INPUT} bytes")
    voice_id = required_text(call.body, "voice_id")
    if voice_of(voice_id) is None:
        raise Refusal(4200, f"Requested resource voice_id={voice_id} does not exist")
    response_format = optional_text(call.body, "response_format") or "mp3"
    if response_format not in CONTENT_TYPES:
        raise bad(f"response_format must be one of {', '.join(CONTENT_TYPES)}")
    speed = number(call.body, "speed", 1.0, 0.2, 3.0)
    rate = whole(call.body, "sample_rate", 24_000, RATES[0], RATES[-1])
    if rate not in RATES:
        raise bad(f"sample_rate must be one of {', '.join(map(str, RATES))}")
    number(call.body, "loudness_rate", 0.0, -50.0, 100.0)
    number(call.body, "emotion_scale", 4.0, 1.0, 5.0)
    optional_text(call.body, "emotion")
    state.hearing.spoken.append(Spoken(text, voice_id, response_format))
    content = said(seconds_of(text, speed), response_format, rate)
    return Binary(content, CONTENT_TYPES[response_format])


async def voices(state: State, call: Call) -> Answer:
    """Return the voices, page by page."""
    page = whole_in_query(call.query, "page_num", 1, 1_000_000)
    size = whole_in_query(call.query, "page_size", 100, 100)
    cloned_only = _choice(call.query, "filter_system_voice", ("true", "false")) == "true"
    model_type = _choice(call.query, "model_type", ("big", "small"))
    voice_state = _choice(call.query, "voice_state", ("init", "cloned", "all"))
    found = [
        view
        for view in map(voice_view, VOICES)
        if not (cloned_only and view["is_system_voice"])
        and model_type in ("", view["model_type"])
        and voice_state in ("", "all", view["state"])
    ]
    start = (page - 1) * size
    shown = found[start : start + size]
    return Envelope({"voice_list": shown, "has_more": start + size < len(found)})


def _choice(query: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    value = query.get(name) or ""
    if value and value not in choices:
        raise bad(f"{name} must be one of {', '.join(choices)}")
    return value


ENDPOINTS = (
    Endpoint(
        ("POST",), "/v1/audio/transcriptions", transcriptions, ("createTranscription",), form=True
    ),
    Endpoint(("POST",), "/v1/audio/speech", speech, ("createSpeech",)),
    Endpoint(("GET",), "/v1/audio/voices", voices, ("listVoice",)),
)
