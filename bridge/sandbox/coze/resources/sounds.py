"""What the speech endpoint says: a beep for each word, or silence of the right length."""

import io
import math
import struct
import wave

from bridge.sandbox.coze.resources.ogg import OPUS_RATE, PACKET_SAMPLES, SILENT_PACKET, opus_stream

CONTENT_TYPES = {
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
    "ogg_opus": "audio/ogg",
}
RATES = (8000, 16000, 22050, 24000, 32000, 44100, 48000)
"""In Hz."""
_LETTER_SECONDS = 0.07
_IDEOGRAPH_SECONDS = 0.22
_SHORTEST_SECONDS = 0.3
_BEEP_SECONDS = 0.25
"""From the start of one beep to that of the next; it sounds for two thirds of it."""
_SAMPLE_BYTES = 2
_TONES = (523.25, 783.99, 659.25, 880.0, 587.33)
_LOUDNESS = 9000
_MP3_RATES = {44100: (3, 0), 48000: (3, 1), 32000: (3, 2), 22050: (2, 0), 24000: (2, 1),
              16000: (2, 2), 8000: (0, 2)}  # fmt: skip
"""The version and rate bits of an MPEG audio header."""


def seconds_of(text: str, speed: float) -> float:
    """Return how long it takes to say a text, roughly: an ideograph takes as long as three letters."""
    ideographs = sum("\u3000" <= character <= "\uffef" for character in text)
    letters = len(text) - ideographs
    seconds = letters * _LETTER_SECONDS + ideographs * _IDEOGRAPH_SECONDS
    return max(_SHORTEST_SECONDS, seconds / speed)


def said(seconds: float, response_format: str, rate: int) -> bytes:
    """Return a recording of that length in one of CONTENT_TYPES, mono, at one of RATES.

    wav and pcm beep; nothing sounds in ogg_opus and mp3, whose encoders are no part of this.
    """
    if response_format == "ogg_opus":
        count = math.ceil(seconds * OPUS_RATE / PACKET_SAMPLES)
        return opus_stream([SILENT_PACKET] * count, rate)
    if response_format == "mp3":
        return _silent_mp3(seconds, rate)
    beeps = _beeps(seconds, rate)
    return beeps if response_format == "pcm" else _wav(beeps, rate)


def _beeps(seconds: float, rate: int) -> bytes:
    """Samples of 16 bits, little-endian: a little tune, over and over."""
    tune = b"".join(_beep(tone, rate) for tone in _TONES)
    size = int(seconds * rate) * _SAMPLE_BYTES
    return (tune * (size // len(tune) + 1))[:size]


def _beep(tone: float, rate: int) -> bytes:
    """One tone, in Hz, which swells and fades so that it does not click, and a rest."""
    count = int(_BEEP_SECONDS * rate)
    samples = bytearray()
    for number in range(count):
        part = number / count * 1.5
        swell = math.sin(math.pi * part) if part < 1 else 0.0
        wave_now = math.sin(2 * math.pi * tone * number / rate)
        samples += struct.pack("<h", int(_LOUDNESS * swell * wave_now))
    return bytes(samples)


def _wav(samples: bytes, rate: int) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(_SAMPLE_BYTES)
        file.setframerate(rate)
        file.writeframes(samples)
    return content.getvalue()


def _silent_mp3(seconds: float, rate: int) -> bytes:
    """Frames of layer III at 64 kbit/s whose side information says that nothing sounds."""
    version, rate_bits = _MP3_RATES[rate]
    full = version == 3
    samples, bitrate_bits = (1152, 5) if full else (576, 8)
    head = bytes((0xFF, 0xE3 | version << 3, bitrate_bits << 4 | rate_bits << 2, 0xC0))
    frame = head.ljust(samples // 8 * 64_000 // rate, b"\0")
    return frame * math.ceil(seconds * rate / samples)
