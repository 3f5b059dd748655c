"""Speech and transcription."""

import asyncio
import io
import struct
import wave

import pytest

from bridge.sandbox.coze import CozeEmulator, Heard, Spoken
from bridge.sandbox.coze.resources.ogg import SILENT_PACKET, checksum, ogg_seconds, opus_stream
from bridge.sandbox.coze.resources.sounds import CONTENT_TYPES, RATES, said, seconds_of

TRANSCRIPTIONS = "/v1/audio/transcriptions"
SPEECH = "/v1/audio/speech"
EMILY = "7468512265134932019"
THREE_SECONDS = opus_stream([SILENT_PACKET] * 151)


def pages(content: bytes):
    """Each page of an Ogg stream: flags, granule position, number, packets; its CRC is checked."""
    while content:
        mark, version, flags, granule, _, number, crc, count = struct.unpack_from(
            "<4sBBqIIIB", content
        )
        lacing = content[27 : 27 + count]
        size = 27 + count + sum(lacing)
        page, content = content[:size], content[size:]
        assert (mark, version) == (b"OggS", 0)
        assert checksum(page[:22] + bytes(4) + page[26:]) == crc
        packets, place = [], 27 + count
        for length in lacing:
            packets.append(page[place : place + length])
            place += length
        yield flags, granule, number, packets


def test_the_checksum_is_the_one_of_ogg():
    # The first page of a stream as an independent muxer writes it.
    page = (
        b"OggS\0\2" + bytes(8) + b"\x13\x87P\x08" + bytes(4) + b"\xd3\x10\xc9-"
        b"\x01\x13OpusHead\x01\x018\x01\x80\xbb\0\0\0\0\0"
    )
    assert checksum(page[:22] + bytes(4) + page[26:]) == int.from_bytes(page[22:26], "little")


def test_an_opus_stream_page_by_page():
    first, second, *sound = pages(THREE_SECONDS)
    assert first[:3] == (2, 0, 0)
    assert first[3][0] == b"OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0"
    assert second[:3] == (0, 0, 1)
    assert second[3][0].startswith(b"OpusTags")
    assert [(flags, granule // 960, number) for flags, granule, number, _ in sound] == [
        (0, 50, 2),
        (0, 100, 3),
        (0, 150, 4),
        (4, 151, 5),
    ]
    assert {packet for page in sound for packet in page[3]} == {SILENT_PACKET}


@pytest.mark.parametrize(
    ("content", "seconds"),
    [
        (THREE_SECONDS, 3.0135),
        (b"", None),
        (b"OggS", None),
        (b"OggS" + bytes(60), None),
        (opus_stream([SILENT_PACKET])[:30], None),
    ],
)
def test_how_long_a_recording_is(content, seconds):
    assert ogg_seconds(content) == (seconds and pytest.approx(seconds))


def test_a_vorbis_recording():
    head = b"\x01vorbis\0\0\0\0\x01" + struct.pack("<I", 44100)
    first = b"OggS\0\2" + bytes(20) + bytes((1, len(head))) + head
    last = b"OggS\0\4" + struct.pack("<q", 88200) + bytes(12) + b"\0"
    assert ogg_seconds(first + last) == 2.0


def test_a_longer_text_takes_longer():
    assert seconds_of("hello there", 1) < seconds_of("hello there, how are you?", 1)
    assert seconds_of("hello there", 2) == pytest.approx(seconds_of("hello there", 1) / 2)
    assert seconds_of("今天天气怎么样", 1) > seconds_of("weather", 1)


@pytest.mark.parametrize("rate", RATES)
def test_every_format_lasts_as_long_as_asked(rate):
    with wave.open(io.BytesIO(said(2, "wav", rate))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, rate)
        assert file.getnframes() == 2 * rate
        samples = file.readframes(2 * rate)
    assert samples == said(2, "pcm", rate)
    assert max(struct.unpack(f"<{2 * rate}h", samples)) > 5000
    assert ogg_seconds(said(2, "ogg_opus", rate)) == pytest.approx(2, abs=0.02)
    assert len(said(2, "mp3", rate)) == pytest.approx(16_000, rel=0.05)  # of 64 kbit/s


def recording(content=THREE_SECONDS, name="voice.ogg"):
    return {"file": (name, content, "audio/ogg")}


async def test_what_a_recording_says(api, coze: CozeEmulator):
    async def heard(content=THREE_SECONDS):
        return (await api.json("POST", TRANSCRIPTIONS, files=recording(content)))["data"]["text"]

    assert await heard() == "This is a recording of 3 seconds."
    coze.next_transcript("one")
    coze.next_transcript("")
    assert [await heard(), await heard()] == ["one", ""]
    coze.next_transcript("of another")
    coze.transcript(THREE_SECONDS, "by content")
    assert await heard() == "by content"
    assert await heard(b"ID3\x04") == "of another"
    assert await heard(b"ID3\x04") == "This is a recording of the type mp3."
    digest = coze.heard[0].sha256
    assert coze.heard[0] == Heard(
        "voice.ogg",
        len(THREE_SECONDS),
        digest,
        "audio/ogg",
        "This is a recording of 3 seconds.",
    )
    coze.transcript(digest, "by digest")
    assert await heard() == "by digest"


@pytest.mark.parametrize(
    ("files", "code"),
    [
        (recording(), 0),
        (recording(name="voice.oga"), 0),
        (recording(b"#!AMR\n"), 0),
        (recording(b"raw", name="voice.pcm"), 0),
        (recording(b""), 4300),
        ({"audio": ("voice.ogg", THREE_SECONDS)}, 4300),
        ([("file", ("a.ogg", THREE_SECONDS)), ("file", ("b.ogg", THREE_SECONDS))], 4301),
        (recording(b"ID3" + bytes(10 * 1024 * 1024)), 4302),
        (recording(b"\x89PNG\r\n\x1a\n"), 4303),
        (recording(b"words"), 4303),
        (recording(b"OggS"), 4304),
        (recording(opus_stream([SILENT_PACKET] * 90_100)), 4000),
    ],
)
async def test_recordings_that_are_refused(api, coze: CozeEmulator, files, code):
    answer = await api.json("POST", TRANSCRIPTIONS, files=files)
    assert answer["code"] == code
    assert len(coze.heard) == (code == 0)


@pytest.mark.parametrize(("response_format", "content_type"), list(CONTENT_TYPES.items()))
async def test_a_text_is_read_aloud(api, coze: CozeEmulator, response_format, content_type):
    body = {"input": "Hello, how are you?", "voice_id": EMILY, "response_format": response_format}
    answer = await api.call("POST", SPEECH, json=body)
    assert answer.headers["content-type"] == content_type
    assert answer.headers["x-tt-logid"]
    assert answer.content == said(seconds_of(body["input"], 1), response_format, 24000)
    assert coze.spoken == [Spoken("Hello, how are you?", EMILY, response_format)]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, 0),
        ({"input": "中" * 341}, 0),
        ({"speed": 0.2, "sample_rate": 8000, "loudness_rate": 10, "emotion": "happy"}, 0),
        ({"input": ""}, 4000),
        ({"input": None}, 4000),
        ({"input": "中" * 342}, 4000),
        ({"voice_id": None}, 4000),
        ({"voice_id": "1"}, 4200),
        ({"response_format": "flac"}, 4000),
        ({"speed": 3.1}, 4000),
        ({"speed": "1"}, 4000),
        ({"sample_rate": 11025}, 4000),
        ({"sample_rate": 96000}, 4000),
        ({"emotion_scale": 9}, 4000),
    ],
)
async def test_what_is_not_read_aloud(api, coze: CozeEmulator, change, code):
    answer = await api.call("POST", SPEECH, json={"input": "hi", "voice_id": EMILY, **change})
    if code:
        assert answer.json()["code"] == code
        assert coze.spoken == []
    else:
        assert answer.headers["content-type"] == "audio/mpeg"


async def test_the_voices(api):
    async def listed(**query):
        data = (await api.json("GET", "/v1/audio/voices", params=query))["data"]
        return [voice["name"] for voice in data["voice_list"]], data["has_more"]

    assert await listed() == (["Emily", "邻家女孩", "温暖少年", "My own"], False)
    assert await listed(page_size=3) == (["Emily", "邻家女孩", "温暖少年"], True)
    assert await listed(page_size=3, page_num=2) == (["My own"], False)
    assert await listed(filter_system_voice="true") == (["My own"], False)
    assert await listed(model_type="small") == (["温暖少年"], False)
    assert await listed(voice_state="cloned") == (["My own"], False)
    agent = (await api.json("GET", "/v1/bots/7379462189365198898"))["data"]
    assert agent["voice_info_list"][0] == {"voice_id": EMILY, "language_code": "en"}


@pytest.mark.parametrize(
    ("method", "path", "options", "permission"),
    [
        ("POST", TRANSCRIPTIONS, {"files": recording()}, "createTranscription"),
        ("POST", SPEECH, {"json": {"input": "hi", "voice_id": EMILY}}, "createSpeech"),
        ("GET", "/v1/audio/voices", {}, "listVoice"),
    ],
)
async def test_each_needs_its_permission(api, coze, method, path, options, permission):
    coze.add_token("pat_narrow", {"chat"})
    headers = {"Authorization": "Bearer pat_narrow"}
    answer = await api.json(method, path, headers=headers, **options)
    assert (answer["code"], answer["msg"].rpartition(" ")[2]) == (4101, permission)


async def test_faults_of_speech(api, coze: CozeEmulator):
    body = {"input": "hi", "voice_id": EMILY}
    coze.fail(SPEECH, code=4028, msg="Your free quota has been used up.")
    assert await api.code("POST", SPEECH, json=body) == 4028
    coze.delay(SPEECH, 0.05)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await api.call("POST", SPEECH, json=body)
