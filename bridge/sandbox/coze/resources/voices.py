"""The voices of the speech endpoint."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Voice:
    """One voice."""

    voice_id: str
    name: str
    language_code: str
    language_name: str
    preview_text: str
    model_type: str
    """`big` or `small`."""
    system: bool = True
    """False for one that was cloned."""


VOICES = (
    Voice(
        voice_id="7468512265134932019",
        name="Emily",
        language_code="en",
        language_name="English",
        preview_text="Hello, nice to meet you.",
        model_type="big",
    ),
    Voice(
        voice_id="7426720361733046281",
        name="邻家女孩",
        language_code="zh",
        language_name="中文",
        preview_text="你好，很高兴认识你。",
        model_type="big",
    ),
    Voice(
        voice_id="7426720361733013513",
        name="温暖少年",
        language_code="zh",
        language_name="中文",
        preview_text="你好，今天过得怎么样？",
        model_type="small",
    ),
    Voice(
        voice_id="7468518846874271795",
        name="My own",
        language_code="en",
        language_name="English",
        preview_text="This is my voice.",
        model_type="big",
        system=False,
    ),
)
AGENT_VOICES = (VOICES[0], VOICES[1])
"""The voices that were chosen for every agent, one of each language."""


def voice_of(voice_id: str) -> Voice | None:
    """Return the voice of that id, None for an unknown one."""
    return next((voice for voice in VOICES if voice.voice_id == voice_id), None)


def voice_view(voice: Voice) -> dict[str, object]:
    """Return a voice as the list shows it."""
    return {
        "voice_id": voice.voice_id,
        "name": voice.name,
        "is_system_voice": voice.system,
        "language_code": voice.language_code,
        "language_name": voice.language_name,
        "preview_text": voice.preview_text,
        "preview_audio": "",
        "available_training_times": 0 if voice.system else 9,
        "create_time": 1735689600,
        "update_time": 1735689600,
        "model_type": voice.model_type,
        "state": "init" if voice.system else "cloned",
    }
